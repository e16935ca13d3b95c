/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.Start;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A cache that is closed and opened again while threads use it, in one JVM. They go on with the
 * closed cache until it throws; meanwhile the new one is verified.
 */
final class Closes implements Round {

  private static final int THREADS = 4;
  private static final int CLOSES_OF_A_ROUND = 4;
  private static final int ROUNDS_OF_A_SERIES = 5;
  private static final int MOST_MICROS = 4_000;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20};

  private final Path file;
  private Contest contest;
  private int epoch;
  private int left;

  Closes(Path folder) {
    file = folder.resolve("cache");
  }

  @Override
  public void run(SplittableRandom random, Tally tally) throws Exception {
    if (left-- == 0) {
      newSeries(random);
    }
    WarmCache<Integer, byte[]> cache = open(tally);
    tally.checked(contest.check(cache, epoch));
    for (int close = 0; close < CLOSES_OF_A_ROUND; close++) {
      Workers workers = new Workers(cache, contest, epoch, random.nextLong(), Workers::isClosed);
      LockSupport.parkNanos(random.nextInt(MOST_MICROS) * 1000L);
      cache.close();
      epoch++;
      cache = open(tally);
      tally.count("calls", workers.await());
      tally.checked(contest.check(cache, epoch));
    }
    cache.close();
    contest.findings().takeTexts().forEach(tally.findings()::addText);
  }

  private void newSeries(SplittableRandom random) throws IOException {
    left = ROUNDS_OF_A_SERIES;
    long capacity = CAPACITIES[random.nextInt(CAPACITIES.length)];
    Series series = Series.random(random, capacity, THREADS, random.nextBoolean());
    contest =
        Contest.of(series, Journal.inMemory(series.keys()), new Ticks(1), Contest.Outside.NOTHING);
    epoch = 1;
    Files.deleteIfExists(file);
  }

  private WarmCache<Integer, byte[]> open(Tally tally) throws IOException {
    contest.ticks().advance();
    WarmCache<Integer, byte[]> cache =
        contest.series().open(file, contest.ticks()::now, OnRefusal.KEEP, contest.listener());
    if (cache.start().isWarm() != contest.journal().wasOpened()) {
      contest.findings().add(Kind.START, "is " + cache.start());
    }
    if (cache.start().kind() == Start.Kind.WARM_AFTER_CRASH) {
      tally.count("closed without the lock"); // whose holder did not run for a second
    }
    contest.journal().opened();
    contest.verify(cache);
    return cache;
  }
}
