/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@link WarmCache#invalidateAll} removes, and tells. */
class InvalidateAllTest {

  @TempDir Path folder;
  private final AtomicLong now = new AtomicLong(1_000_000);

  private WarmCache.Builder<Integer, byte[]> builder(long capacity) {
    return WarmCache.builder(Codec.INT, Codec.BYTES)
        .capacity(capacity)
        .file(folder.resolve("cache"))
        .clock(now::get);
  }

  /** Less and more than is removed at once. */
  @ParameterizedTest
  @ValueSource(ints = {1, 1000, 30_000})
  void eachEntryIsToldOnce(int entries) throws IOException {
    Map<Integer, RemovalCause> told = new ConcurrentHashMap<>();
    try (WarmCache<Integer, byte[]> cache =
        builder(64 << 20)
            .removalListener(
                (key, value, cause) -> {
                  assertEquals(1000, value.length);
                  assertNull(told.put(key, cause), "told twice");
                })
            .open()) {
      for (int i = 0; i < entries; i++) {
        if (i % 3 == 0) {
          cache.put(i, new byte[1000], Duration.ofSeconds(1));
        } else {
          cache.put(i, new byte[1000]);
        }
      }
      now.addAndGet(2000);
      cache.invalidateAll();
      assertEquals(entries, told.size());
      told.forEach(
          (key, cause) ->
              assertEquals(key % 3 == 0 ? RemovalCause.EXPIRED : RemovalCause.EXPLICIT, cause));
      assertEquals((entries + 2) / 3, cache.stats().evictions());
      assertEquals(0, cache.size());
      assertEquals(0, cache.liveBytes());
      told.clear();
      cache.invalidateAll();
      cache.asMap().clear();
      assertEquals(Map.of(), told);
      cache.put(1, new byte[1000]);
      cache.asMap().keySet().clear();
      assertEquals(Map.of(1, RemovalCause.EXPLICIT), told);
      assertTrue(cache.verify().isClean());
    }
  }

  /** The cause is that of Caffeine: nobody could have got an expired value. */
  @Test
  void anExpiredEntryThatIsReplacedIsToldAsExpired() throws IOException {
    List<RemovalCause> told = new ArrayList<>();
    try (WarmCache<Integer, byte[]> cache =
        builder(64 << 10).removalListener((key, value, cause) -> told.add(cause)).open()) {
      cache.put(1, new byte[10], Duration.ofSeconds(1));
      cache.put(1, new byte[10], Duration.ofSeconds(1));
      now.addAndGet(2000);
      assertNull(cache.putIfAbsent(1, new byte[20]));
      cache.put(1, new byte[30]);
      assertEquals(
          List.of(RemovalCause.REPLACED, RemovalCause.EXPIRED, RemovalCause.REPLACED), told);
      assertEquals(1, cache.stats().evictions());
    }
  }

  /** Whatever a listener throws, all others are told. */
  @Test
  void aListenerThatThrowsIsToldOfTheOthers() throws IOException {
    List<Integer> told = new ArrayList<>();
    AssertionError error = new AssertionError("as the listener says");
    try (WarmCache<Integer, byte[]> cache =
        builder(64 << 10)
            .removalListener(
                (key, value, cause) -> {
                  told.add(key);
                  throw error;
                })
            .open()) {
      for (int i = 0; i < 100; i++) {
        cache.put(i, new byte[10]);
      }
      assertSame(error, assertThrows(AssertionError.class, cache::invalidateAll));
      assertEquals(100, told.size());
      assertEquals(0, cache.size());
    }
  }

  /** As listeners in other languages may. */
  @Test
  void aListenerThatThrowsACheckedExceptionIsToldOfTheOthers() throws IOException {
    List<Integer> told = new ArrayList<>();
    try (WarmCache<Integer, byte[]> cache =
        builder(64 << 10)
            .removalListener(
                (key, value, cause) -> {
                  told.add(key);
                  throw DecodeFailureTest.<RuntimeException>unchecked(new IOException("told"));
                })
            .open()) {
      cache.put(1, new byte[10]);
      cache.put(2, new byte[10]);
      cache.invalidateAll();
      assertEquals(2, told.size());
    }
  }

  /**
   * Threads put keys of their own, each once, while another removes all of them: each key was told
   * once, or is there.
   */
  @ParameterizedTest
  @ValueSource(ints = {10, 4000})
  void whatIsPutMeanwhileIsToldOnceOrStays(int valueBytes) throws Exception {
    int threads = 3;
    int keys = 10_000;
    Map<Integer, RemovalCause> told = new ConcurrentHashMap<>();
    AtomicLong twice = new AtomicLong();
    AtomicBoolean done = new AtomicBoolean();
    CyclicBarrier start = new CyclicBarrier(threads + 1);
    ExecutorService pool = Executors.newFixedThreadPool(threads + 1);
    try (WarmCache<Integer, byte[]> cache =
        builder(256 << 20)
            .removalListener(
                (key, value, cause) -> {
                  if (told.put(key, cause) != null) {
                    twice.incrementAndGet();
                  }
                })
            .open()) {
      List<Future<?>> puts = new ArrayList<>();
      for (int thread = 0; thread < threads; thread++) {
        int first = thread * keys;
        puts.add(
            pool.submit(
                () -> {
                  start.await();
                  for (int key = first; key < first + keys; key++) {
                    cache.put(key, new byte[valueBytes]);
                  }
                  return null;
                }));
      }
      Future<?> clearing =
          pool.submit(
              () -> {
                start.await();
                while (!done.get()) {
                  cache.invalidateAll();
                }
                return null;
              });
      for (Future<?> each : puts) {
        each.get(120, TimeUnit.SECONDS);
      }
      done.set(true);
      clearing.get(120, TimeUnit.SECONDS);
      assertEquals(0, twice.get());
      assertEquals(threads * keys - told.size(), cache.size());
      for (int key = 0; key < threads * keys; key++) {
        assertEquals(told.containsKey(key), cache.getIfPresent(key) == null, "key " + key);
      }
      told.values().forEach(cause -> assertEquals(RemovalCause.EXPLICIT, cause));
      assertEquals(0, cache.stats().corruptions());
      assertEquals(0, cache.stats().evictions());
    } finally {
      done.set(true);
      pool.shutdownNow();
    }
  }

  /** A damaged entry is removed and counted, and nobody is told of it. */
  @Test
  void aDamagedEntryIsNotTold() throws IOException {
    try (WarmCache<Integer, byte[]> cache = builder(64 << 10).open()) {
      cache.put(1, "a value that is easy to find".getBytes());
      cache.put(2, new byte[10]);
    }
    try (RandomAccessFile file = new RandomAccessFile(folder.resolve("cache").toFile(), "rw")) {
      byte[] all = new byte[(int) file.length()];
      file.readFully(all);
      file.seek(new String(all, StandardCharsets.ISO_8859_1).indexOf("easy"));
      file.write('E');
    }
    List<Integer> told = new ArrayList<>();
    try (WarmCache<Integer, byte[]> cache =
        builder(64 << 10).removalListener((key, value, cause) -> told.add(key)).open()) {
      cache.invalidateAll();
      assertEquals(List.of(2), told);
      assertEquals(1, cache.stats().corruptions());
      assertEquals(0, cache.size());
      assertEquals(0, cache.liveBytes());
    }
  }
}
