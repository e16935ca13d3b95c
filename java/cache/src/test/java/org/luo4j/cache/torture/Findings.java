/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** What was found that must not be. Used by any thread. */
final class Findings {

  /** What kind of violation. */
  enum Kind {
    /** Another key's value, an older version, or one that was removed or has expired. */
    WRONG,
    /** Nothing, where a value must be. */
    LOST,
    /** Bytes that no put ever gave. */
    TORN,
    /** What {@code verify} or the statistics call damaged though nobody damaged it. */
    VERIFY,
    /** A size that is not the number of entries. */
    SIZE,
    /** A start that is not what happened before. */
    START,
    /** Two owners at once, or a message that names another process than the owner. */
    OWNER,
    /** An exception that is not documented, or one without a cause. */
    EXCEPTION,
    /** A JVM that ended by itself. */
    CRASH,
    /** No progress until the watchdog's patience ended, or an attach over its limit. */
    HANG
  }

  private static final int TEXTS = 20;

  private final Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
  private final List<String> texts = new ArrayList<>();

  synchronized void add(Kind kind, String text) {
    counts.merge(kind, 1, Integer::sum);
    if (texts.size() < TEXTS) {
      texts.add(kind + " " + text);
    }
  }

  synchronized boolean isEmpty() {
    return counts.isEmpty();
  }

  synchronized int count(Kind kind) {
    return counts.getOrDefault(kind, 0);
  }

  synchronized int total() {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** What was found since this was called last, a line each; of many, the first ones. */
  synchronized List<String> takeTexts() {
    List<String> taken = List.copyOf(texts);
    texts.clear();
    return taken;
  }

  /** Takes in a line of another's texts; false when it is none. */
  boolean addText(String line) {
    int space = line.indexOf(' ');
    for (Kind kind : Kind.values()) {
      if (space > 0 && kind.name().equals(line.substring(0, space))) {
        add(kind, line.substring(space + 1));
        return true;
      }
    }
    return false;
  }

  /** "wrong 0, lost 0, ..." */
  synchronized String summary() {
    StringBuilder text = new StringBuilder();
    for (Kind kind : Kind.values()) {
      text.append(text.isEmpty() ? "" : ", ")
          .append(kind.name().toLowerCase(java.util.Locale.ROOT))
          .append(' ')
          .append(count(kind));
    }
    return text.toString();
  }
}
