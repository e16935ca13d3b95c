/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.util.Map;
import java.util.TreeMap;

/** A set of page numbers, kept as disjoint ranges. Not thread-safe: its owner locks. */
final class PageRanges {

  /** First page of a range to the page after its last. */
  private final TreeMap<Long, Long> ranges = new TreeMap<>();

  /** Adds the pages {@code from} to {@code to - 1}. */
  void add(long from, long to) {
    if (from >= to) {
      return;
    }
    long start = from;
    long end = to;
    Map.Entry<Long, Long> entry = ranges.floorEntry(to);
    while (entry != null && entry.getValue() >= from) {
      start = Math.min(start, entry.getKey());
      end = Math.max(end, entry.getValue());
      ranges.remove(entry.getKey());
      entry = ranges.floorEntry(to);
    }
    ranges.put(start, end);
  }

  /** Removes the pages {@code from} to {@code to - 1}. */
  void remove(long from, long to) {
    if (from >= to) {
      return;
    }
    Map.Entry<Long, Long> entry = ranges.lowerEntry(to);
    while (entry != null && entry.getValue() > from) {
      long start = entry.getKey();
      long end = entry.getValue();
      ranges.remove(start);
      if (start < from) {
        ranges.put(start, from);
      }
      if (end > to) {
        ranges.put(to, end);
      }
      entry = ranges.lowerEntry(to);
    }
  }

  boolean contains(long page) {
    Map.Entry<Long, Long> entry = ranges.floorEntry(page);
    return entry != null && entry.getValue() > page;
  }

  /** How many pages are in the set. */
  long count() {
    long count = 0;
    for (Map.Entry<Long, Long> entry : ranges.entrySet()) {
      count += entry.getValue() - entry.getKey();
    }
    return count;
  }

  /** First page to the page after the last, for each range in order. */
  Map<Long, Long> ranges() {
    return ranges;
  }
}
