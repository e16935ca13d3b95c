/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/**
 * Slow loaders: WarmCache's {@code get(key, loader)} beside Caffeine's, by many threads at once.
 *
 * <ul>
 *   <li>{@code different-keys}: each thread loads a key of its own. Best: as long as one loader.
 *   <li>{@code same-key}: all threads ask for one key. Best: one load.
 *   <li>{@code nested}: each thread's loader asks the same cache for another key with a loader.
 *       Best: as long as two loaders, and two loads a thread.
 * </ul>
 */
final class LoaderBenchmark {

  private static final Set<String> OPTIONS =
      Set.of("output", "scenarios", "threads", "load-ms", "repetitions", "limit-s");

  /** Entries that Caffeine may hold; none is evicted. */
  private static final int CAPACITY = 10_000;

  /** What loads; the same for both caches. */
  private interface Loading {
    String get(String key, Function<String, String> loader);
  }

  private enum Contender {
    CAFFEINE,
    CAFFEINE_PRESIZED,
    WARMCACHE;

    String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    Result run(Scenario scenario, int threads, long loadMillis, long limit) throws Exception {
      return switch (this) {
        case CAFFEINE -> caffeine(16, scenario, threads, loadMillis, limit);
        case CAFFEINE_PRESIZED -> caffeine(CAPACITY, scenario, threads, loadMillis, limit);
        case WARMCACHE -> warmCache(scenario, threads, loadMillis, limit);
      };
    }
  }

  private enum Scenario {
    DIFFERENT_KEYS,
    SAME_KEY,
    NESTED;

    String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * One run.
   *
   * @param failure null, or why not all threads have their value
   */
  private record Result(long nanos, int loads, String failure) {}

  private LoaderBenchmark() {}

  /** Runs it; the options are in {@code OPTIONS}. */
  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    int threads = (int) arguments.number("threads", 200);
    long loadMillis = arguments.number("load-ms", 300);
    long limit = arguments.number("limit-s", 20);
    long repetitions = arguments.number("repetitions", 3);
    List<Scenario> scenarios =
        arguments.list("scenarios", "different-keys,same-key,nested").stream()
            .map(name -> Scenario.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_')))
            .toList();
    boolean failed = false;
    try (Session session = new Session(Path.of(arguments.get("output")), "loaders.log")) {
      for (int repetition = 0; repetition < repetitions; repetition++) {
        for (Scenario scenario : scenarios) {
          for (Contender contender : Contender.values()) {
            Result result = contender.run(scenario, threads, loadMillis, limit);
            failed |= result.failure != null;
            session.say(
                "%s, %s: %d ms, %d loads%s",
                contender.label(),
                scenario.label(),
                result.nanos / 1_000_000,
                result.loads,
                result.failure == null ? "" : ", FAILED: " + result.failure);
            Tsv.append(
                session.output,
                Tsv.LOADERS,
                contender.label(),
                scenario.label(),
                threads,
                loadMillis,
                repetition,
                result.nanos,
                result.loads,
                result.failure == null ? "" : result.failure);
          }
        }
      }
    }
    if (failed) {
      Runtime.getRuntime().halt(0); // does not wait for threads that hang
    }
  }

  /**
   * Caffeine, whose loaders exclude each other where their keys share a bin of its table: so also
   * with a table that is large from the start. Its documentation forbids nested loaders.
   */
  private static Result caffeine(
      int initialCapacity, Scenario scenario, int threads, long loadMillis, long limit)
      throws InterruptedException {
    Cache<String, String> cache =
        Caffeine.newBuilder().initialCapacity(initialCapacity).maximumSize(CAPACITY).build();
    return run(cache::get, scenario, threads, loadMillis, limit);
  }

  private static Result warmCache(Scenario scenario, int threads, long loadMillis, long limit)
      throws IOException, InterruptedException {
    Path directory = Folders.temporary("loaders");
    WarmCache<String, String> cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(1 << 22)
            .file(directory.resolve("warmcache"))
            .open();
    try {
      Result result = run(cache::get, scenario, threads, loadMillis, limit);
      if (result.failure == null) { // else threads are in it still
        cache.close();
      }
      return result;
    } finally {
      Folders.delete(directory);
    }
  }

  private static Result run(
      Loading cache, Scenario scenario, int threads, long loadMillis, long limit)
      throws InterruptedException {
    AtomicInteger loads = new AtomicInteger();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Function<String, String> slow =
        key -> {
          loads.incrementAndGet();
          sleep(loadMillis);
          return "value of " + key;
        };
    Function<String, String> outer = key -> slow.apply(key) + cache.get("inner of " + key, slow);
    CountDownLatch ready = new CountDownLatch(threads);
    CountDownLatch start = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(threads);
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      String key = scenario == Scenario.SAME_KEY ? "key" : "key " + i;
      Function<String, String> loader = scenario == Scenario.NESTED ? outer : slow;
      Thread thread =
          new Thread(
              () -> {
                try {
                  ready.countDown();
                  start.await();
                  if (!cache.get(key, loader).startsWith("value of " + key)) {
                    throw new IllegalStateException("a wrong value for " + key);
                  }
                } catch (Throwable e) {
                  failure.compareAndSet(null, e);
                } finally {
                  done.countDown();
                }
              },
              "loader " + i);
      thread.setDaemon(true);
      all.add(thread);
    }
    all.forEach(Thread::start);
    ready.await();
    long began = System.nanoTime();
    start.countDown();
    boolean ended = done.await(limit, TimeUnit.SECONDS);
    long nanos = System.nanoTime() - began;
    if (!ended) {
      return new Result(
          nanos, loads.get(), done.getCount() + " threads without a value after " + limit + " s");
    }
    Throwable thrown = failure.get();
    return new Result(nanos, loads.get(), thrown == null ? null : Child.describe(thrown));
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
