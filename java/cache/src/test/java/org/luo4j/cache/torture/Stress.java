/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongPredicate;
import org.luo4j.cache.CacheStats;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;

/**
 * Threads that put, replace, remove, read and expire against each other, in series of different
 * caches; after each nothing may be missing or wrong. What scripts/stress.sh runs.
 */
final class Stress {

  static final int THREADS = 8;

  private static final long PATIENCE_MINUTES = 10;

  /** Calls of a thread from one tick of the clock to the next. */
  private static final long CALLS_PER_TICK = 5_000;

  private static final long CALLS_OF_A_SERIES = 400_000;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20, 8 << 20};

  private final Path file;
  private final SplittableRandom random;
  private final Findings findings = new Findings();
  private int series;
  private long calls;
  private long entries;
  private long evictions;
  private long hits;

  Stress(Path file, long seed) {
    this.file = file;
    this.random = new SplittableRandom(seed);
  }

  long evictions() {
    return evictions;
  }

  Findings findings() {
    return findings;
  }

  /** Options: --seconds and --seed, each with a number. */
  public static void main(String[] options) throws Exception {
    long seconds = 600;
    long seed = new SplittableRandom().nextLong() >>> 32;
    for (int i = 0; i < options.length; i += 2) {
      switch (options[i]) {
        case "--seconds" -> seconds = Long.parseLong(options[i + 1]);
        case "--seed" -> seed = Long.parseLong(options[i + 1]);
        default -> throw new IllegalArgumentException("unknown option '" + options[i] + "'");
      }
    }
    Path folder = Folders.create();
    Stress stress = new Stress(folder.resolve("cache"), seed);
    System.out.println("seed " + seed + ", " + Texts.duration(seconds) + " in " + folder);
    long end = System.nanoTime() + seconds * 1_000_000_000;
    boolean within = true;
    while (System.nanoTime() < end && stress.findings.isEmpty()) {
      long capacity = CAPACITIES[stress.random.nextInt(CAPACITIES.length)];
      String text =
          stress.run(capacity, within, call -> call < CALLS_OF_A_SERIES && System.nanoTime() < end);
      within = !within;
      if (stress.series % 10 == 0 || !stress.findings.isEmpty()) {
        System.out.println("last series " + text + "; " + stress.summary());
      }
    }
    stress.findings.takeTexts().forEach(text -> System.out.println("VIOLATION " + text));
    if (stress.findings.isEmpty()) {
      Folders.delete(folder);
    } else {
      System.out.println("the file is kept in " + folder);
    }
    System.out.println("stress: seed " + seed + ", " + stress.summary());
    System.exit(stress.findings.isEmpty() ? 0 : 1);
  }

  /**
   * Works on a cache, new or what the series before left; gives how it was used.
   *
   * @param goOn whether a thread goes on after so many calls
   */
  String run(long capacity, boolean within, LongPredicate goOn)
      throws IOException, InterruptedException, ExecutionException {
    Files.deleteIfExists(file);
    Series used = Series.random(random, capacity, THREADS, within);
    Contest contest =
        new Contest(
            used,
            Journal.inMemory(used.keys()),
            new Ticks(1),
            Contest.Outside.NOTHING,
            findings,
            new int[used.keys()]);
    try (WarmCache<Integer, byte[]> cache = open(contest)) {
      work(cache, contest, goOn);
      contest.check(cache, 2);
      CacheStats stats = cache.stats();
      evictions += stats.evictions();
      if (within && !used.expiring() && stats.evictions() > 0) {
        findings.add(
            Findings.Kind.LOST, stats.evictions() + " evictions below nine tenths of capacity");
      }
      hits += stats.hits();
    }
    // The same in another process's eyes: checksums are verified, counts are read anew.
    try (WarmCache<Integer, byte[]> cache = open(contest)) {
      entries += contest.check(cache, 3);
    }
    series++;
    return used.text();
  }

  private WarmCache<Integer, byte[]> open(Contest contest) throws IOException {
    return contest.series().open(file, contest.ticks()::now, OnRefusal.KEEP, contest.listener());
  }

  private void work(WarmCache<Integer, byte[]> cache, Contest contest, LongPredicate goOn)
      throws InterruptedException, ExecutionException {
    long seed = random.nextLong();
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try {
      List<Worker> workers = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        long[] call = new long[1];
        boolean ticks = thread == 0 && contest.series().expiring();
        workers.add(
            new Worker(
                cache,
                contest,
                thread,
                1,
                seed,
                () -> {
                  if (ticks && call[0] % CALLS_PER_TICK == 0) {
                    contest.ticks().advance();
                  }
                  return goOn.test(call[0]++);
                }));
      }
      for (Future<Void> done : threads.invokeAll(workers, PATIENCE_MINUTES, TimeUnit.MINUTES)) {
        if (done.isCancelled()) {
          hang();
        }
        done.get();
      }
      for (Worker worker : workers) {
        calls += worker.calls();
      }
    } finally {
      threads.shutdown();
    }
  }

  /** A thread that hangs may hold the cache's lock: no more can be done here. */
  private static void hang() {
    System.err.println("HANG: threads did not end after " + PATIENCE_MINUTES + " min; they are at");
    Thread.getAllStackTraces()
        .forEach((thread, frames) -> System.err.println(thread + " " + Arrays.toString(frames)));
    System.err.flush();
    Runtime.getRuntime().halt(1);
  }

  String summary() {
    return series
        + " series, "
        + calls
        + " calls, "
        + hits
        + " hits, "
        + evictions
        + " evictions, "
        + entries
        + " entries checked: "
        + findings.summary();
  }
}
