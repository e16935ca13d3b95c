/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.Start;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A JVM that attaches to a cache, checks it against the journal, and works until it is killed.
 * Tells each phase in a line. Arguments: folder, series, epoch (this and the next are this
 * process's own), seed, what to do after how many ms of work: "close" (and end), "clear" (and go
 * on) or "work" (on).
 */
final class Victim {

  /** The exit code of one that has found something and told it. */
  static final int FOUND = 3;

  private Victim() {}

  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    Series series = Series.of(args[1]);
    int epoch = Integer.parseInt(args[2]);
    long seed = Long.parseLong(args[3]);
    String then = args[4];
    long millis = Long.parseLong(args[5]);
    Journal journal = Journal.map(folder.resolve("journal"), series.keys());
    Contest contest = Contest.of(series, journal, new Ticks(epoch), Contest.Outside.NOTHING);

    say("attaching");
    long before = System.nanoTime();
    WarmCache<Integer, byte[]> cache =
        series.open(
            folder.resolve("cache"), contest.ticks()::now, OnRefusal.KEEP, contest.listener());
    long micros = (System.nanoTime() - before) / 1000;
    say("attached " + cache.start().kind() + " " + micros);
    if (cache.start().kind() == Start.Kind.COLD && journal.wasOpened()) {
      contest.findings().add(Kind.START, "cold: " + cache.start().reason());
    }
    journal.opened();
    long entries = contest.check(cache, epoch);
    tell(contest);
    say("checked " + entries);

    say("working");
    boolean works = then.equals("work");
    long end = System.nanoTime() + Duration.ofMillis(millis).toNanos();
    work(cache, contest, epoch, seed, () -> works || System.nanoTime() < end);
    if (then.equals("clear")) {
      say("clearing");
      Clearing.clear(cache, contest, epoch + 1);
      contest.check(cache, epoch + 1);
      tell(contest);
      say("working");
      work(cache, contest, epoch + 1, seed, () -> true);
    }
    say("closing");
    cache.close();
    say("closed");
  }

  private static void work(
      WarmCache<Integer, byte[]> cache, Contest contest, int epoch, long seed, BooleanSupplier goOn)
      throws InterruptedException {
    int count = contest.series().threads();
    ExecutorService threads = Executors.newFixedThreadPool(count);
    try {
      List<Worker> workers = new ArrayList<>();
      for (int thread = 0; thread < count; thread++) {
        workers.add(new Worker(cache, contest, thread, epoch, seed, goOn));
      }
      threads.invokeAll(workers);
    } finally {
      threads.shutdown();
    }
    tell(contest);
  }

  /** Tells what was found, and ends when there is something; the cache stays as it is. */
  private static void tell(Contest contest) {
    if (!contest.findings().isEmpty()) {
      contest.findings().takeTexts().forEach(Victim::say);
      Runtime.getRuntime().halt(FOUND);
    }
  }

  private static void say(String line) {
    System.out.println(line);
  }
}
