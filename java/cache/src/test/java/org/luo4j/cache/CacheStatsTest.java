/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a cache counts, and that it says so after it is closed. */
class CacheStatsTest {

  @TempDir Path folder;

  private WarmCache.Builder<String, String> builder() {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(64 << 10)
        .file(folder.resolve("cache"));
  }

  private static void assertCounts(long hits, long misses, WarmCache<?, ?> cache) {
    assertEquals(hits + " hits, " + misses + " misses", text(cache.stats()));
  }

  private static String text(CacheStats stats) {
    return stats.hits() + " hits, " + stats.misses() + " misses";
  }

  @Test
  void eachLookupIsCountedOnce() throws IOException {
    try (WarmCache<String, String> cache = builder().recordStats().open()) {
      cache.put("key", "value");
      assertCounts(0, 0, cache);
      cache.getIfPresent("key");
      assertCounts(1, 0, cache);
      cache.getIfPresent("none");
      assertCounts(1, 1, cache);
      cache.read("key", value -> null);
      assertCounts(2, 1, cache);
      cache.read("none", value -> 1);
      assertCounts(2, 2, cache);
      assertThrows(
          IllegalArgumentException.class,
          () ->
              cache.read(
                  "key",
                  value -> {
                    throw new IllegalArgumentException();
                  }));
      assertCounts(3, 2, cache);
      cache.get("key", key -> "never");
      assertCounts(4, 2, cache);
      cache.get("loaded", key -> "value");
      assertCounts(4, 3, cache);
      cache.get("none", key -> null);
      assertCounts(4, 4, cache);
      assertThrows(
          IllegalStateException.class,
          () -> cache.get("loop", key -> cache.get("loop", same -> "never")));
      assertCounts(4, 6, cache);
      assertThrows(
          IllegalArgumentException.class,
          () ->
              cache.get(
                  "none",
                  key -> {
                    throw new IllegalArgumentException();
                  }));
      assertCounts(4, 7, cache);
      cache.get("outer", key -> cache.get("inner", same -> "value"));
      assertCounts(4, 9, cache);
      assertEquals(4.0 / 13, cache.stats().hitRate());
    }
  }

  /** What a codec throws; null for nothing. */
  private RuntimeException failure;

  private void fail() {
    if (failure != null) {
      throw failure;
    }
  }

  private Codec<String> failing(String name) {
    return Codec.of(
        name,
        text -> {
          if (text.startsWith("bad")) {
            fail();
          }
          return Codec.STRING.encode(text);
        },
        bytes -> {
          fail();
          return Codec.STRING.decode(bytes);
        });
  }

  private static void assertThrown(RuntimeException thrown, Executable call) {
    assertSame(thrown, assertThrows(RuntimeException.class, call));
  }

  /** A lookup that has looked and found no value is a miss, also where it throws. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aLookupThatThrowsIsCountedIfItHasLooked(boolean overMap) throws IOException {
    RuntimeException thrown = new UnsupportedOperationException("thrown");
    WarmCache<String, String> closed;
    try (WarmCache<String, String> cache =
        WarmCache.builder(failing("keys"), failing("values"))
            .capacity(64 << 10)
            .file(folder.resolve("failing"))
            .onDecodeFailure(OnDecodeFailure.THROW)
            .recordStats()
            .open()) {
      closed = cache;
      cache.put("key", "value");
      failure = thrown;
      assertThrown(thrown, () -> cache.getIfPresent("key"));
      assertCounts(0, 1, cache);
      assertThrown(thrown, () -> load(cache, overMap, "key", key -> "never"));
      assertCounts(0, 2, cache);
      assertThrown(thrown, () -> cache.asMap().get("key"));
      assertCounts(0, 2, cache);
      assertThrown(thrown, () -> cache.getIfPresent("bad key"));
      assertThrown(thrown, () -> load(cache, overMap, "bad key", key -> "never"));
      assertThrown(thrown, () -> cache.read("bad key", value -> 1));
      assertCounts(0, 2, cache);
      assertThrown(thrown, () -> load(cache, overMap, "none", key -> "bad value"));
      assertCounts(0, 3, cache);
      assertThrows(
          IllegalArgumentException.class,
          () -> load(cache, overMap, "none", key -> "too large".repeat(10_000)));
      assertCounts(0, 4, cache);
      failure = null;
      assertEquals("value", load(cache, overMap, "key", key -> "never"));
      assertCounts(1, 4, cache);
    }
    assertThrows(IllegalStateException.class, () -> closed.getIfPresent("key"));
    assertThrows(IllegalStateException.class, () -> closed.read("key", value -> 1));
    assertThrows(IllegalStateException.class, () -> load(closed, overMap, "key", key -> "never"));
    assertCounts(1, 4, closed);
  }

  private static String load(
      WarmCache<String, String> cache,
      boolean overMap,
      String key,
      Function<String, String> loader) {
    return overMap ? cache.asMap().computeIfAbsent(key, loader) : cache.get(key, loader);
  }

  /** As in Caffeine: of the map only computeIfAbsent counts. */
  @Test
  void theMapsOtherMethodsCountNone() throws IOException {
    try (WarmCache<String, String> cache = builder().recordStats().open()) {
      cache.put("key", "value");
      ConcurrentMap<String, String> map = cache.asMap();
      for (String key : new String[] {"key", "none"}) {
        map.get(key);
        map.getOrDefault(key, "default");
        map.containsKey(key);
        map.containsValue(key);
        map.compute(key, (same, value) -> value);
        map.computeIfPresent(key, (same, value) -> value);
        map.replace(key, "value");
        map.entrySet().contains(Map.entry(key, "value"));
        map.keySet().contains(key);
        map.forEach((same, value) -> {});
        map.replaceAll((same, value) -> value);
      }
      cache.putIfAbsent("key", "value");
      cache.verify();
      assertCounts(0, 0, cache);
      map.computeIfAbsent("key", key -> "never");
      assertCounts(1, 0, cache);
      map.computeIfAbsent("loaded", key -> "value");
      assertCounts(1, 1, cache);
    }
  }

  @Test
  void withoutCountsThereIsNoHitRate() throws IOException {
    try (WarmCache<String, String> cache = builder().open()) {
      cache.put("key", "value");
      cache.getIfPresent("key");
      cache.getIfPresent("none");
      assertCounts(0, 0, cache);
      assertTrue(Double.isNaN(cache.stats().hitRate()));
    }
    try (WarmCache<String, String> cache = builder().recordStats().open()) {
      assertTrue(Double.isNaN(cache.stats().hitRate()));
      cache.getIfPresent("none");
      assertEquals(0, cache.stats().hitRate());
      cache.getIfPresent("key");
      assertEquals(0.5, cache.stats().hitRate());
    }
  }

  @Test
  void anExpiredEntryThatIsRemovedOrReplacedIsAnEviction() throws IOException {
    AtomicLong now = new AtomicLong(1_000_000);
    try (WarmCache<String, String> cache = builder().clock(now::get).open()) {
      cache.put("removed", "value", Duration.ofSeconds(1));
      cache.put("replaced", "value", Duration.ofSeconds(1));
      now.addAndGet(2000);
      cache.put("replaced", "longer value");
      assertEquals(1, cache.stats().evictions());
      cache.remove("removed");
      assertEquals(2, cache.stats().evictions());
      cache.remove("replaced");
      assertEquals(2, cache.stats().evictions());
    }
  }

  @Test
  void aClosedCacheStillSaysWhatItWasAndCounted() throws IOException {
    WarmCache<String, String> cache = builder().recordStats().averageEntryBytes(100).open();
    for (int i = 0; i < 1000; i++) {
      cache.put("key " + i, "v".repeat(100));
    }
    cache.getIfPresent("key 999");
    cache.getIfPresent("none");
    CacheStats stats = cache.stats();
    CacheShape shape = cache.shape();
    Start start = cache.start();
    long bytes = cache.memoryBytes();
    assertTrue(stats.evictions() > 0);
    cache.close();
    for (int i = 0; i < 2; i++) {
      assertEquals(stats, cache.stats());
      assertEquals(0.5, cache.stats().hitRate());
      assertEquals(shape, cache.shape());
      assertEquals(100, cache.shape().averageEntryBytes());
      assertEquals(start, cache.start());
      assertEquals(bytes, cache.memoryBytes());
      builder().averageEntryBytes(100).open().close(); // and while the memory is another's
    }
  }

  /** Also of a thread that waits for another's load, whose value the codec cannot decode. */
  @Test
  void aLookupThatWaitsForALoadIsOneMiss() throws Exception {
    Codec<String> picky =
        Codec.of(
            "picky",
            text -> text.getBytes(StandardCharsets.UTF_8),
            bytes -> {
              throw new IllegalArgumentException("cannot decode");
            });
    try (WarmCache<String, String> cache =
        WarmCache.builder(Codec.STRING, picky)
            .capacity(64 << 10)
            .file(folder.resolve("picky"))
            .recordStats()
            .onDecodeFailure(OnDecodeFailure.THROW)
            .open()) {
      CountDownLatch loading = new CountDownLatch(1);
      CountDownLatch mayEnd = new CountDownLatch(1);
      Thread loader =
          new Thread(
              () ->
                  cache.get(
                      "key",
                      key -> {
                        loading.countDown();
                        try {
                          mayEnd.await();
                        } catch (InterruptedException e) {
                          throw new AssertionError(e);
                        }
                        return "value";
                      }));
      loader.start();
      loading.await();
      FutureTask<String> waiter = new FutureTask<>(() -> cache.get("key", key -> "other"));
      Thread waiting = new Thread(waiter);
      waiting.start();
      while (waiting.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      mayEnd.countDown();
      loader.join();
      assertThrows(ExecutionException.class, waiter::get);
      assertCounts(0, 2, cache);
    }
  }
}
