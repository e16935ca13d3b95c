/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.selftest;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs the contract suite over each bridge, a JVM for each, and reports. One thread. */
public final class SelfTest {

  private static final int MINUTES = 10;
  private static final int TAIL = 20;

  /** Starts a JVM. */
  @FunctionalInterface
  public interface Jvms {
    ProcessBuilder of(String main, List<String> properties, List<String> arguments);
  }

  private static final class Count {
    int passed;
    int failed;
    int skipped;
  }

  private final Jvms jvms;
  private final boolean hasDevice;
  private final PrintWriter out;
  private final Count all = new Count();

  /** {@code hasDevice} says whether the kernel's device can be opened. */
  public SelfTest(Jvms jvms, boolean hasDevice, PrintWriter out) {
    this.jvms = jvms;
    this.hasDevice = hasDevice;
    this.out = out;
  }

  /** Runs all of it; whether nothing failed. */
  public boolean run(List<String> bridges) throws IOException, InterruptedException {
    for (String bridge : bridges) {
      run(bridge);
    }
    out.printf("%d passed, %d failed, %d skipped%n", all.passed, all.failed, all.skipped);
    out.flush();
    return all.failed == 0;
  }

  private void run(String bridge) throws IOException, InterruptedException {
    Map<ContractGroup, Count> counts = new EnumMap<>(ContractGroup.class);
    List<String> reasons = new ArrayList<>();
    List<String> groups = new ArrayList<>();
    for (ContractGroup group : ContractGroup.values()) {
      String skipped = group.skipped(bridge, hasDevice);
      if (skipped == null) {
        groups.add(group.name());
        counts.put(group, new Count());
      } else {
        all.skipped++;
        reasons.add("SKIP " + bridge + " " + group + ": " + skipped);
      }
    }
    List<String> tail = new ArrayList<>();
    Process process =
        jvms.of(ContractRun.class.getName(), List.of("luo4j.contract.bridge=" + bridge), groups)
            .redirectErrorStream(true)
            .start();
    Thread killer = new Thread(() -> kill(process), "luo-selftest-limit");
    killer.setDaemon(true);
    killer.start();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split("\t", -1);
        if (words.length == 5 && words[0].equals(ContractRun.MARK)) {
          count(bridge, words, counts, reasons);
        } else if (tail.size() < TAIL || tail.remove(0) != null) {
          tail.add(line);
        }
      }
    }
    int exit = process.waitFor();
    counts.forEach(
        (group, count) ->
            out.printf(
                "%-9s %-9s %3d passed, %d failed, %d skipped%n",
                bridge, group, count.passed, count.failed, count.skipped));
    reasons.forEach(out::println);
    if (exit != 0) {
      all.failed++;
      out.println("FAIL " + bridge + ": its JVM ended with " + exit + "; its last lines:");
      tail.forEach(line -> out.println("  | " + line));
    }
    out.flush();
  }

  private void count(
      String bridge, String[] words, Map<ContractGroup, Count> counts, List<String> reasons) {
    ContractGroup group = ContractGroup.valueOf(words[2]);
    for (Count count : List.of(counts.computeIfAbsent(group, g -> new Count()), all)) {
      switch (words[1]) {
        case "PASS" -> count.passed++;
        case "SKIP" -> count.skipped++;
        default -> count.failed++;
      }
    }
    if (!words[1].equals("PASS")) {
      reasons.add(words[1] + " " + bridge + " " + group + "." + words[3] + ": " + words[4]);
    }
  }

  private static void kill(Process process) {
    try {
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
    }
  }
}
