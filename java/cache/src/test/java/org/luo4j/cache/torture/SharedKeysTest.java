/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.cache.Codec;
import org.luo4j.cache.OnDecodeFailure;
import org.luo4j.cache.WarmCache;
import org.luo4j.testing.Effort;

/**
 * Several threads write the same few keys, and nothing is ever evicted. What a thread writes it
 * writes in order, so none may see an older value of a writer after a newer one of the same writer
 * for that key; and what is there in the end is somebody's last.
 */
class SharedKeysTest {

  private static final int KEYS = 5;
  private static final int WRITERS = 3;
  private static final int READERS = 2;

  /** Other keys' entries. Overwrites of the oldest entries take the write lock. */
  private static final int OLDER = 3_000;

  private static final int CALLS = Effort.of(30_000, 3_000);
  private static final int PATIENCE_MINUTES = 5;

  @TempDir Path folder;
  private final AtomicInteger writing = new AtomicInteger(WRITERS);

  /** What a thread knows of each writer's values for each key: the newest that it has seen. */
  private static final class Known {

    private final long[][] newest = new long[KEYS][WRITERS];

    void wrote(int key, int writer, long number) {
      newest[key][writer] = number;
    }

    void look(WarmCache<Integer, byte[]> cache, int key) {
      long version = version(key, cache.getIfPresent(key));
      int writer = writer(version);
      assertTrue(
          number(version) >= newest[key][writer],
          () -> number(version) + " of " + writer + " after " + newest[key][writer]);
      newest[key][writer] = number(version);
    }
  }

  @Test
  void overwritesOfOneSizeStayInOrder() throws Exception {
    valuesStayInOrder(64, 64);
  }

  @Test
  void valuesOfChangingSizeStayInOrder() throws Exception {
    valuesStayInOrder(Values.SMALLEST, 300);
  }

  private void valuesStayInOrder(int least, int most) throws Exception {
    List<Known> writers = new ArrayList<>();
    try (WarmCache<Integer, byte[]> cache = open(Codec.BYTES, key -> Values.of(key, 0, least))) {
      List<Callable<Void>> threads = new ArrayList<>();
      for (int writer = 0; writer < WRITERS; writer++) {
        Known known = new Known();
        writers.add(known);
        int self = writer;
        threads.add(() -> writing(() -> write(cache, self, known, least, most)));
      }
      for (int reader = 0; reader < READERS; reader++) {
        Known known = new Known();
        threads.add(() -> whileWriting(call -> known.look(cache, call % KEYS)));
      }
      run(threads);
      assertLast(cache, writers);
      assertEquals(0, cache.stats().evictions());
    }
    try (WarmCache<Integer, byte[]> cache = reopen(Codec.BYTES)) {
      assertLast(cache, writers);
    }
  }

  private static void write(
      WarmCache<Integer, byte[]> cache, int writer, Known known, int least, int most) {
    SplittableRandom random = new SplittableRandom(writer);
    for (int number = 1; number <= CALLS; number++) {
      int key = random.nextInt(KEYS);
      byte[] value = Values.of(key, (long) writer << 32 | number, random.nextInt(least, most + 1));
      switch (random.nextInt(4)) {
        case 0 -> assertNotNull(cache.replace(key, value));
        case 1 ->
            cache
                .asMap()
                .compute(
                    key,
                    (same, before) -> {
                      version(same, before);
                      return value;
                    });
        default -> cache.put(key, value);
      }
      known.wrote(key, writer, number);
      known.look(cache, key);
    }
  }

  /** Each key has the last value for it of one of the writers. */
  private static void assertLast(WarmCache<Integer, byte[]> cache, List<Known> writers) {
    assertEquals(KEYS + OLDER, cache.size());
    for (int key = 0; key < KEYS; key++) {
      long version = version(key, cache.getIfPresent(key));
      int writer = writer(version);
      assertEquals(writers.get(writer).newest[key][writer], number(version));
    }
  }

  @Test
  void countersThatSeveralThreadsIncrementLoseNone() throws Exception {
    try (WarmCache<Integer, Long> cache = open(Codec.LONG, key -> 0L)) {
      List<Callable<Void>> threads = new ArrayList<>();
      for (int writer = 0; writer < WRITERS; writer++) {
        threads.add(() -> writing(() -> count(cache)));
      }
      for (int reader = 0; reader < READERS; reader++) {
        long[] seen = new long[KEYS];
        threads.add(() -> whileWriting(call -> notBack(cache, call % KEYS, seen)));
      }
      run(threads);
      assertEquals((long) WRITERS * CALLS, sum(cache));
    }
    try (WarmCache<Integer, Long> cache = reopen(Codec.LONG)) {
      assertEquals((long) WRITERS * CALLS, sum(cache));
    }
  }

  private static void count(WarmCache<Integer, Long> cache) {
    for (int call = 0; call < CALLS; call++) {
      cache.asMap().merge(call % KEYS, 1L, Long::sum);
    }
  }

  private static void notBack(WarmCache<Integer, Long> cache, int key, long[] seen) {
    Long now = cache.getIfPresent(key);
    assertNotNull(now, "lost");
    assertTrue(now >= seen[key], () -> now + " after " + seen[key]);
    seen[key] = now;
  }

  private static long sum(WarmCache<Integer, Long> cache) {
    return cache.asMap().values().stream().mapToLong(Long::longValue).sum();
  }

  /** The version of a value that must be there, whole, and the key's. */
  private static long version(int key, byte[] value) {
    assertNotNull(value, "lost");
    Values.Seen seen = Values.seen(value);
    assertNotNull(seen, "torn");
    assertEquals(key, seen.key());
    return seen.version();
  }

  private static int writer(long version) {
    return (int) (version >>> 32);
  }

  private static long number(long version) {
    return version & 0xFFFF_FFFFL;
  }

  private Void writing(Runnable write) {
    try {
      write.run();
    } finally {
      writing.decrementAndGet();
    }
    return null;
  }

  private Void whileWriting(IntConsumer look) {
    for (int call = 0; writing.get() > 0; call++) {
      look.accept(call & Integer.MAX_VALUE);
    }
    return null;
  }

  /** A new cache that has older entries, and a first value for each of the keys. */
  private <V> WarmCache<Integer, V> open(Codec<V> values, IntFunction<V> first) throws IOException {
    WarmCache<Integer, V> cache = reopen(values);
    for (int key = KEYS + OLDER - 1; key >= 0; key--) {
      cache.put(key, first.apply(key));
    }
    return cache;
  }

  private <V> WarmCache<Integer, V> reopen(Codec<V> values) throws IOException {
    return WarmCache.builder(Codec.INT, values)
        .capacity(1 << 20)
        .averageEntryBytes(64)
        .file(folder.resolve("cache"))
        .recordStats()
        .onDecodeFailure(OnDecodeFailure.THROW)
        .open();
  }

  private void run(List<Callable<Void>> threads) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(threads.size());
    try {
      for (Future<Void> done : executor.invokeAll(threads, PATIENCE_MINUTES, TimeUnit.MINUTES)) {
        done.get();
      }
    } finally {
      executor.shutdownNow();
    }
  }
}
