/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.Map;
import java.util.TreeMap;

/** What a mode has done, by name, and what it found. Used by any thread. */
final class Tally {

  private static final String ENTRIES = "entries checked";
  private static final String COUNT = "count ";

  private final Findings findings = new Findings();
  private final Map<String, Long> counts = new TreeMap<>();
  private long rounds;

  Findings findings() {
    return findings;
  }

  synchronized void roundDone() {
    rounds++;
  }

  synchronized long roundsDone() {
    return rounds;
  }

  void checked(long entries) {
    count(ENTRIES, entries);
  }

  synchronized long entriesChecked() {
    return counts.getOrDefault(ENTRIES, 0L);
  }

  void count(String name) {
    count(name, 1);
  }

  synchronized void count(String name, long more) {
    counts.merge(name, more, Long::sum);
  }

  /** Prints what was counted and found since the last call, for {@link #hear} of another JVM. */
  synchronized void tell() {
    findings.takeTexts().forEach(System.out::println);
    counts.forEach((name, count) -> System.out.println(COUNT + count + " " + name));
    counts.clear();
  }

  /** Takes in a line of {@link #tell}; false when it is none. */
  boolean hear(String line) {
    if (line.startsWith(COUNT)) {
      String[] words = line.split(" ", 3);
      count(words[2], Long.parseLong(words[1]));
      return true;
    }
    return findings.addText(line);
  }

  /** "3 rounds, 10 entries checked: wrong 0, ...; closed by itself 2" */
  synchronized String summary() {
    StringBuilder text =
        new StringBuilder()
            .append(rounds)
            .append(" rounds, ")
            .append(entriesChecked())
            .append(" entries checked: ")
            .append(findings.summary());
    String before = "; ";
    for (Map.Entry<String, Long> each : counts.entrySet()) {
      if (!each.getKey().equals(ENTRIES)) {
        text.append(before).append(each.getKey()).append(' ').append(each.getValue());
        before = ", ";
      }
    }
    return text.toString();
  }
}
