/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** What scripts/torture.sh runs; its --help says what the options mean. */
final class Torture {

  private static final int ROUNDS_OF_A_SERIES = 40;
  private static final int CASES_OF_A_CACHE = 200;

  private long rounds;
  private long secondsLimit = Long.MAX_VALUE;
  private long seed = new SplittableRandom().nextLong() >>> 32;
  private long capacity;
  private boolean damage;
  private boolean keepGoing;

  private Torture(String[] options) {
    for (int i = 0; i < options.length; i++) {
      switch (options[i]) {
        case "--rounds" -> rounds = Long.parseLong(options[++i]);
        case "--seconds-limit" -> secondsLimit = Long.parseLong(options[++i]);
        case "--seed" -> seed = Long.parseLong(options[++i]);
        case "--capacity" -> capacity = Long.parseLong(options[++i]);
        case "--damage" -> damage = true;
        case "--keep-going" -> keepGoing = true;
        default -> throw new IllegalArgumentException("unknown option '" + options[i] + "'");
      }
    }
  }

  public static void main(String[] options) throws Exception {
    Torture torture = new Torture(options);
    Path folder = Folders.create();
    boolean good = torture.damage ? torture.damage(folder) : torture.kill(folder);
    Folders.delete(folder);
    System.exit(good ? 0 : 1);
  }

  private static void say(String line) {
    System.out.println(line);
  }

  private boolean kill(Path folder) throws IOException, InterruptedException {
    long wanted = rounds == 0 ? 1000 : rounds;
    long start = System.nanoTime();
    Kills kills = new Kills(folder, seed, capacity);
    say("seed " + seed + ", " + wanted + " rounds in " + folder);
    int told = 0;
    for (int left = 0; kills.roundsDone() < wanted; left--) {
      if (left == 0) {
        kills.newSeries();
        left = ROUNDS_OF_A_SERIES;
      }
      kills.round();
      if (kills.findings().total() > told) {
        keep(folder, kills.findings(), "kill, seed " + seed + ", series " + kills.series().text());
        told = kills.findings().total();
        left = 1; // go on with a new cache
        if (!keepGoing) {
          break;
        }
      }
      if (kills.roundsDone() % 50 == 0) {
        say(Texts.duration(seconds(start)) + ": " + kills.summary());
      }
      if (seconds(start) >= secondsLimit) {
        say("ends before " + wanted + " rounds: --seconds-limit " + secondsLimit);
        break;
      }
    }
    say("kill: seed " + seed + ", took " + Texts.duration(seconds(start)) + "; " + kills.summary());
    return kills.findings().isEmpty();
  }

  private boolean damage(Path folder) throws IOException, InterruptedException {
    long wanted = rounds == 0 ? 10_000 : rounds;
    long start = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    Damages damages = new Damages(folder);
    say("seed " + seed + ", " + wanted + " damaged files in " + folder);
    int told = 0;
    while (damages.casesDone() < wanted) {
      long size = capacity != 0 ? capacity : 64L << 10 << random.nextInt(3);
      int cases = (int) Math.min(CASES_OF_A_CACHE, wanted - damages.casesDone());
      damages.run(random.nextLong(), size, cases);
      if (damages.findings().total() > told) {
        keep(folder, damages.findings(), damages.lastCommand());
        told = damages.findings().total();
        if (!keepGoing) {
          break;
        }
      }
      if (damages.casesDone() % 1000 == 0) {
        say(Texts.duration(seconds(start)) + ": " + damages.summary());
      }
      if (seconds(start) >= secondsLimit) {
        say("ends before " + wanted + " files: --seconds-limit " + secondsLimit);
        break;
      }
    }
    say(
        "damage: seed "
            + seed
            + ", took "
            + Texts.duration(seconds(start))
            + "; "
            + damages.summary());
    return damages.findings().isEmpty();
  }

  private static void keep(Path folder, Findings findings, String how) throws IOException {
    say("VIOLATION, files kept in " + Folders.keep(folder) + "; " + how);
    findings.takeTexts().forEach(text -> say("  " + text));
  }

  private static long seconds(long start) {
    return (System.nanoTime() - start) / 1_000_000_000;
  }
}
