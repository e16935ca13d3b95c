/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/** What scripts/torture.sh runs; its --help says what the options mean. */
final class Torture {

  private static final int ROUNDS_OF_A_SERIES = 40;
  private static final int CASES_OF_A_CACHE = 200;

  private static final long SOAK_SECONDS = 3600;

  /** The exit code where a mode cannot be run here. */
  private static final int IMPOSSIBLE = 2;

  private long rounds;
  private long secondsLimit = Long.MAX_VALUE;
  private long seed = new SplittableRandom().nextLong() >>> 32;
  private long capacity;
  private String mode = "kill";
  private int processes = 1;
  private boolean keepGoing;

  private Torture(String[] options) {
    for (int i = 0; i < options.length; i++) {
      switch (options[i]) {
        case "--rounds" -> rounds = Long.parseLong(options[++i]);
        case "--seconds-limit" -> secondsLimit = Long.parseLong(options[++i]);
        case "--minutes" -> secondsLimit = 60 * Long.parseLong(options[++i]);
        case "--seed" -> seed = Long.parseLong(options[++i]);
        case "--capacity" -> capacity = Long.parseLong(options[++i]);
        case "--processes" -> processes = Integer.parseInt(options[++i]);
        case "--damage",
            "--close",
            "--stopped",
            "--full",
            "--limit",
            "--truncate",
            "--clock",
            "--soak" ->
            mode = options[i].substring(2);
        case "--keep-going" -> keepGoing = true;
        default -> throw new IllegalArgumentException("unknown option '" + options[i] + "'");
      }
    }
  }

  public static void main(String[] options) throws Exception {
    Torture torture = new Torture(options);
    Path folder = Folders.create();
    // Also one that is stopped, and would wait for ever.
    Thread end =
        new Thread(
            () -> ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly));
    Runtime.getRuntime().addShutdownHook(end);
    int exit;
    try {
      boolean good =
          switch (torture.mode) {
            case "kill" -> torture.kill(folder);
            case "damage" -> torture.damage(folder);
            default -> torture.run(folder);
          };
      exit = good ? 0 : 1;
    } finally {
      Folders.deleteAll(folder);
    }
    System.exit(exit);
  }

  private static void say(String line) {
    System.out.println(line);
  }

  /** Does rounds of a mode, until there were enough, or something is found. */
  private boolean run(Path folder) throws IOException, InterruptedException {
    boolean soaks = mode.equals("soak");
    long wanted = rounds != 0 ? rounds : soaks ? Long.MAX_VALUE : 1000;
    if (soaks && rounds == 0 && secondsLimit == Long.MAX_VALUE) {
      secondsLimit = SOAK_SECONDS;
    }
    long start = System.nanoTime();
    Path notes = Files.createDirectory(folder.resolve("notes"));
    Deque<Closeable> opened = new ArrayDeque<>();
    Mode torture;
    try {
      torture = mode(folder, notes, opened);
    } catch (IOException e) {
      close(opened);
      say(mode + ": not done: " + e.getMessage());
      System.exit(IMPOSSIBLE);
      return false;
    }
    opened.push(torture);
    Tally tally = torture.tally();
    say("seed " + seed + ", in " + folder);
    int told = 0;
    long next = 60;
    while (tally.roundsDone() < wanted && seconds(start) < secondsLimit) {
      torture.round();
      if (tally.findings().total() > told) {
        keep(notes, tally.findings(), mode + ", seed " + seed + ", " + torture.how());
        told = tally.findings().total();
        if (!keepGoing) {
          break;
        }
      }
      if (seconds(start) >= next) {
        next += 60;
        say(Texts.duration(seconds(start)) + ": " + tally.summary());
      }
    }
    close(opened);
    say(
        mode
            + (processes == 1 ? "" : " (" + processes + " processes)")
            + ": seed "
            + seed
            + ", took "
            + Texts.duration(seconds(start))
            + "; "
            + tally.summary());
    return tally.findings().isEmpty();
  }

  private Mode mode(Path folder, Path notes, Deque<Closeable> opened)
      throws IOException, InterruptedException {
    switch (mode) {
      case "close":
        return processes == 1
            ? new Rounds(Rounds.Kinds.CLOSE, notes, notes, Jvm.Command.ANY, seed)
            : new Successions(notes, seed);
      case "stopped":
        return new Stops(notes, seed);
      case "truncate":
        return new Rounds(Rounds.Kinds.TRUNCATE, notes, notes, Jvm.Command.ANY, seed);
      case "clock":
        return new Clocks(notes, seed);
      case "limit":
        Cgroup cgroup = new Cgroup(Limits.BYTES);
        opened.push(cgroup);
        return new Rounds(
            Rounds.Kinds.LIMIT, notes, notes, Limits.COMMAND.under(cgroup.inside()), seed);
      case "full":
        SmallTmpfs tmpfs =
            new SmallTmpfs(Files.createDirectory(folder.resolve("full")), Fills.BYTES);
        opened.push(tmpfs);
        return new Rounds(
            Rounds.Kinds.FULL,
            notes,
            folder.resolve("full"),
            Jvm.Command.ANY.under(tmpfs.inside()),
            seed);
      default:
        return soak(folder, notes, opened);
    }
  }

  private Mode soak(Path folder, Path notes, Deque<Closeable> opened) throws IOException {
    Path caches = Files.createDirectory(folder.resolve("caches"));
    try {
      SmallTmpfs tmpfs = new SmallTmpfs(caches, Soak.BYTES);
      opened.push(tmpfs);
      return new Soak(
          notes, caches, tmpfs.seenFromOutside(), Jvm.Command.ANY.under(tmpfs.inside()), seed);
    } catch (IOException e) {
      say("soak: the file system is not filled: " + e.getMessage());
      return new Soak(notes, caches, caches, Jvm.Command.ANY, seed);
    }
  }

  private static void close(Deque<Closeable> opened) throws IOException {
    for (Closeable each : opened) {
      each.close();
    }
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
