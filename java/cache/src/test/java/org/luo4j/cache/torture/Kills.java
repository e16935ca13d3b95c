/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.luo4j.cache.Start;
import org.luo4j.cache.torture.Findings.Kind;
import org.luo4j.testing.Effort;

/**
 * Rounds of a JVM that attaches to what the one before it left, checks it, works, and is killed by
 * SIGKILL at a random moment.
 */
final class Kills {

  private static final int THREADS = 4;
  private static final long[] CAPACITIES = {64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20};

  private final Path folder;
  private final SplittableRandom random;
  private final long fixedCapacity;
  private final Findings findings = new Findings();
  private final Map<String, Integer> killsByPhase = new TreeMap<>();
  private long[] attachMicros = new long[1024];
  private int attaches;
  private long entriesChecked;
  private int roundsDone;

  private Series series;
  private int epoch;

  /** How the next JVM must start; null where that is not known. */
  private Start.Kind next;

  /** Keeps cache and journal in the folder; capacity 0 is one of several, at random. */
  Kills(Path folder, long seed, long capacity) {
    this.folder = folder;
    this.random = new SplittableRandom(seed);
    this.fixedCapacity = capacity;
  }

  Findings findings() {
    return findings;
  }

  int roundsDone() {
    return roundsDone;
  }

  long entriesChecked() {
    return entriesChecked;
  }

  Series series() {
    return series;
  }

  /** One that no process had yet, nor any after it. */
  int nextEpoch() {
    return epoch + 2;
  }

  /** Begins with an empty folder and another way to use the cache. */
  void newSeries() throws IOException {
    Folders.empty(folder);
    long capacity =
        fixedCapacity != 0 ? fixedCapacity : CAPACITIES[random.nextInt(CAPACITIES.length)];
    series = Series.random(random, capacity, THREADS, random.nextBoolean());
    epoch = 0;
    next = Start.Kind.COLD;
  }

  /** Rounds until there is a cache to look at. */
  void makeCache() throws IOException, InterruptedException {
    newSeries();
    Path journal = folder.resolve("journal");
    while (findings.isEmpty()
        && (!Files.exists(journal) || !Journal.map(journal, series.keys()).wasOpened())) {
      round();
    }
  }

  /** A round. When something is found the folder has what it was found in. */
  void round() throws IOException, InterruptedException {
    epoch += 2;
    int what = random.nextInt(100);
    String then = what < 80 ? "work" : what < 90 ? "close" : "clear";
    int millis = random.nextInt(100);
    String trigger = "working";
    int first = 0;
    int most = 300_000;
    if (then.equals("close")) {
      first = millis * 1000; // at about the time of the close, which is short
      most = 4_000;
    } else if (then.equals("clear")) {
      trigger = "clearing";
      most = 20_000;
    } else if (what < 10) {
      trigger = "attaching";
      most = 40_000;
    } else if (what < 20) {
      trigger = "attached";
      most = 100_000;
    }
    long delayMicros = Effort.time(first + random.nextInt(most));
    List<String> arguments =
        List.of(
            folder.toString(),
            series.text(),
            Integer.toString(epoch),
            Long.toString(random.nextLong()),
            then,
            Long.toString(Effort.time(millis)));
    try (Jvm jvm = new Jvm(folder, Victim.class, arguments)) {
      String phase = "starting";
      String line;
      while ((line = jvm.readLine()) != null) {
        if (findings.addText(line)) {
          continue;
        }
        phase = line.split(" ")[0];
        hear(line);
        if (phase.equals(trigger)) {
          trigger = "";
          long end = System.nanoTime() + delayMicros * 1000;
          for (long left; (left = end - System.nanoTime()) > 0; ) {
            LockSupport.parkNanos(left);
          }
          jvm.kill();
        }
      }
      end(jvm, phase);
    }
    roundsDone++;
  }

  private void hear(String line) {
    String[] words = line.split(" ");
    if (words[0].equals("checked")) {
      entriesChecked += Long.parseLong(words[1]);
    } else if (words[0].equals("attached")) {
      long micros = Long.parseLong(words[2]);
      if (attaches == attachMicros.length) {
        attachMicros = Arrays.copyOf(attachMicros, 2 * attaches);
      }
      attachMicros[attaches++] = micros;
      if (next != null && !words[1].equals(next.name())) {
        findings.add(Kind.START, "is " + words[1] + ", must be " + next);
      }
    }
  }

  private void end(Jvm jvm, String phase) throws IOException, InterruptedException {
    int exit = jvm.exitCode();
    killsByPhase.merge(phase, 1, Integer::sum);
    boolean killed = exit == 128 + 9;
    boolean ended = exit == 0 && phase.equals("closed");
    if (jvm.isHung()) {
      findings.add(Kind.HANG, "the JVM said nothing after '" + phase + "' and was killed");
    } else if (exit != Victim.FOUND && !killed && !ended) {
      findings.add(Kind.CRASH, "exit code " + exit + " after '" + phase + "': " + jvm.errors());
    }
    switch (phase) {
      case "starting" -> {} // as it was
      case "attaching" -> next = next == Start.Kind.COLD ? null : warm(next);
      case "closing" -> next = null;
      case "closed" -> next = Start.Kind.WARM_AFTER_RESTART;
      default -> next = Start.Kind.WARM_AFTER_CRASH;
    }
  }

  /** What comes after a JVM that may or may not have opened the cache. */
  private static Start.Kind warm(Start.Kind before) {
    return before == Start.Kind.WARM_AFTER_CRASH ? before : null;
  }

  /** Kills by phase, entries checked, what was found, times of attach. */
  String summary() {
    List<String> phases = new ArrayList<>();
    killsByPhase.forEach((phase, kills) -> phases.add(phase + " " + kills));
    long[] sorted = Arrays.copyOf(attachMicros, attaches);
    Arrays.sort(sorted);
    String attach =
        attaches == 0
            ? "no attach"
            : String.format(
                "attach median %.1f ms, max %.1f ms",
                sorted[attaches / 2] / 1000.0, sorted[attaches - 1] / 1000.0);
    return roundsDone
        + " rounds, ended "
        + String.join(", ", phases)
        + "; "
        + entriesChecked
        + " entries checked: "
        + findings.summary()
        + "; "
        + attach;
  }
}
