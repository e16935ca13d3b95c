/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.luo4j.cache.torture.Findings.Kind;

/** Caches that JVMs left when they were killed or closed them, each damaged in many ways. */
final class Damages {

  private final Path folder;
  private final Findings findings = new Findings();
  private final Map<String, Integer> starts = new TreeMap<>();
  private int casesDone;
  private String lastCommand = "";

  Damages(Path folder) {
    this.folder = folder;
  }

  Findings findings() {
    return findings;
  }

  int casesDone() {
    return casesDone;
  }

  /** What runs cases of the last cache again, on the files that are kept. */
  String lastCommand() {
    return lastCommand;
  }

  /** Makes a cache and has a JVM go through cases of it. */
  void run(long seed, long capacity, int cases) throws IOException, InterruptedException {
    Kills kills = new Kills(folder, seed, capacity);
    kills.makeCache();
    kills.findings().takeTexts().forEach(findings::addText);
    List<String> which =
        List.of(kills.series().text(), Integer.toString(kills.nextEpoch()), Long.toString(seed));
    lastCommand =
        "to run a case again: java -cp ... "
            + DamagedCases.class.getName()
            + " FILES "
            + String.join(" ", which)
            + " CASE 1";
    for (int next = 0; next < cases; ) {
      next = goOn(which, next, cases);
    }
    casesDone += cases;
  }

  /** Has a JVM go on with a case; gives the number of the case after the last one. */
  private int goOn(List<String> which, int first, int cases)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of(folder.toString()));
    arguments.addAll(which);
    arguments.addAll(List.of(Integer.toString(first), Integer.toString(cases - first)));
    int last = first;
    try (Jvm jvm = new Jvm(folder, DamagedCases.class, arguments)) {
      String line;
      while ((line = jvm.readLine()) != null) {
        String[] words = line.split(" ", 2);
        if (words[0].equals("case")) {
          last = Integer.parseInt(words[1]);
        } else if (words[0].equals("start")) {
          starts.merge(words[1], 1, Integer::sum);
        } else {
          findings.addText(words[0] + " case " + last + ": " + words[1]);
        }
      }
      int exit = jvm.exitCode();
      if (jvm.isHung()) {
        findings.add(Kind.HANG, "case " + last + " did not end");
      } else if (exit != 0) {
        findings.add(Kind.CRASH, "case " + last + ": exit code " + exit + ": " + jvm.errors());
      }
    }
    return last + 1;
  }

  /** How caches started, and what was found. */
  String summary() {
    return casesDone + " damaged files, starts " + starts + ": " + findings.summary();
  }
}
