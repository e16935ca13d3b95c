/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.BitSet;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Ranges of pages hold what a set of bits holds. */
class PageRangesTest {

  @Test
  void itIsTheSameSetAsBits() {
    Random random = new Random(20260101);
    for (int round = 0; round < 200; round++) {
      PageRanges ranges = new PageRanges();
      BitSet bits = new BitSet();
      for (int step = 0; step < 50; step++) {
        int from = random.nextInt(64);
        int to = from + random.nextInt(20);
        if (random.nextInt(3) == 0) {
          ranges.remove(from, to);
          bits.clear(from, to);
        } else {
          ranges.add(from, to);
          bits.set(from, to);
        }
        assertEquals(bits.cardinality(), ranges.count());
        assertEquals(
            runs(bits), ranges.ranges(), "as few ranges as can be, and none that is empty");
        for (int page = 0; page < 90; page++) {
          assertEquals(bits.get(page), ranges.contains(page), "page " + page);
        }
      }
    }
  }

  /** First bit to the bit after the last, for each run of bits that are set. */
  private static Map<Long, Long> runs(BitSet bits) {
    Map<Long, Long> runs = new TreeMap<>();
    for (int from = bits.nextSetBit(0); from >= 0; ) {
      int to = bits.nextClearBit(from);
      runs.put((long) from, (long) to);
      from = bits.nextSetBit(to);
    }
    return runs;
  }
}
