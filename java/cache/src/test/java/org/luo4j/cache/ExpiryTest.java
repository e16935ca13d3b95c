/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What keeps a value's own age, and how long what has expired is counted. */
class ExpiryTest {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  @TempDir Path folder;
  private final AtomicLong now = new AtomicLong(1_000_000);

  private WarmCache.Builder<String, String> builder(String file) {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(64 << 10)
        .file(folder.resolve(file))
        .clock(now::get);
  }

  /** Each call that puts a value where there is one. */
  private static Map<String, Runnable> changes(WarmCache<String, String> cache, String key) {
    ConcurrentMap<String, String> map = cache.asMap();
    Map<String, Runnable> all = new LinkedHashMap<>();
    all.put("put", () -> cache.put(key, "value"));
    all.put("replace", () -> cache.replace(key, "value"));
    all.put("replace a value", () -> cache.replace(key, "value", "value"));
    all.put("the map's put", () -> map.put(key, "value"));
    all.put("compute", () -> map.compute(key, (same, value) -> value));
    all.put("computeIfPresent", () -> map.computeIfPresent(key, (same, value) -> value));
    all.put("merge", () -> map.merge(key, "value", (value, more) -> value));
    all.put("replaceAll", () -> map.replaceAll((same, value) -> value));
    return all;
  }

  @Test
  void anAgeIsNotKeptByTheNextValue() throws IOException {
    for (boolean expires : new boolean[] {false, true}) {
      WarmCache.Builder<String, String> builder = builder("cache " + expires);
      if (expires) {
        builder.expireAfterWrite(MINUTE.multipliedBy(3));
      }
      try (WarmCache<String, String> cache = builder.open()) {
        changes(cache, "key")
            .forEach(
                (name, change) -> {
                  cache.put("key", "value", MINUTE);
                  change.run();
                  now.addAndGet(2 * MINUTE.toMillis());
                  assertEquals("value", cache.getIfPresent("key"), name);
                  now.addAndGet(2 * MINUTE.toMillis());
                  assertEquals(expires ? null : "value", cache.getIfPresent("key"), name);
                });
      }
    }
  }

  /** What an earlier start has put keeps the age that it was put with, or none. */
  @Test
  void anotherAgeHoldsForWhatIsPutFromThenOn() throws IOException {
    try (WarmCache<String, String> cache = builder("cache").open()) {
      cache.put("without", "value");
      cache.put("hour", "value", Duration.ofHours(1));
    }
    try (WarmCache<String, String> cache = builder("cache").expireAfterWrite(MINUTE).open()) {
      cache.put("new", "value");
      now.addAndGet(2 * MINUTE.toMillis());
      assertEquals("value", cache.getIfPresent("without"));
      assertEquals("value", cache.getIfPresent("hour"));
      assertNull(cache.getIfPresent("new"));
      now.addAndGet(Duration.ofHours(1).toMillis());
      assertEquals("value", cache.getIfPresent("without"));
      assertNull(cache.getIfPresent("hour"));
    }
  }

  /** As it puts nothing. */
  @Test
  void anAgeIsKeptByPutIfAbsent() throws IOException {
    try (WarmCache<String, String> cache = builder("cache").open()) {
      cache.put("key", "value", MINUTE);
      cache.putIfAbsent("key", "value");
      now.addAndGet(2 * MINUTE.toMillis());
      assertNull(cache.getIfPresent("key"));
    }
  }

  @Test
  void whatHasExpiredCountsUntilItIsRemovedOrReplaced() throws IOException {
    try (WarmCache<String, String> cache = builder("cache").open()) {
      cache.put("removed", "value", MINUTE);
      cache.put("replaced", "value", MINUTE);
      now.addAndGet(2 * MINUTE.toMillis());
      assertNull(cache.getIfPresent("removed"));
      assertNull(cache.getIfPresent("replaced"));
      assertEquals(2, cache.size(), "lookups leave it");
      assertFalse(cache.remove("removed"));
      assertEquals(1, cache.size());
      cache.put("replaced", "value");
      assertEquals(1, cache.size());
    }
  }

  @Test
  void whatHasExpiredCountsUntilTheCleaningMeetsIt() throws IOException {
    try (WarmCache<String, String> cache = builder("cache").open()) {
      cache.put("key", "value", MINUTE);
      now.addAndGet(2 * MINUTE.toMillis());
      assertNull(cache.getIfPresent("key"));
      cache.put("other", "value");
      for (int i = 0; cache.size() > 1; i++) {
        assertFalse(i > 100_000, "the cleaning does not meet it");
        cache.put("other", "v".repeat(i % 500)); // of other sizes, which go round the memory
      }
    }
  }

  /** As a clock does that shows 1970 until it is set. An expiry cannot hold so much. */
  @Test
  void aJumpOfTheClockOverManyYearsLeavesWhatIsPutLaterItsAge() throws IOException {
    long years = Duration.ofDays(365 * 50).toMillis();
    for (boolean listens : new boolean[] {false, true}) {
      List<String> told = new ArrayList<>();
      WarmCache.Builder<String, String> builder =
          builder("cache " + listens).expireAfterWrite(MINUTE);
      if (listens) {
        builder.removalListener((key, value, cause) -> told.add(key + " " + cause));
      }
      try (WarmCache<String, String> cache = builder.open()) {
        cache.put("stays", "value", Duration.ofDays(2920));
        Map<String, Runnable> all = changes(cache, "key");
        all.put("an age of its own", () -> cache.put("key", "value", MINUTE));
        all.put("a time", () -> cache.putUntil("key", "value", now.get() + MINUTE.toMillis()));
        all.put("putIfAbsent", () -> cache.putIfAbsent("new", "value"));
        for (Map.Entry<String, Runnable> change : all.entrySet()) {
          cache.put("key", "value", Duration.ofDays(2920));
          now.addAndGet(years);
          assertNull(cache.getIfPresent("key"), "its age is over");
          change.getValue().run();
          cache.putIfAbsent("key", "value"); // where the change needs a value that is there
          assertEquals("value", cache.getIfPresent("key"), change.getKey());
          now.addAndGet(MINUTE.toMillis() - 1);
          assertEquals("value", cache.getIfPresent("key"), change.getKey());
          now.addAndGet(65);
          assertNull(cache.getIfPresent("key"), change.getKey());
        }
        assertNull(cache.getIfPresent("stays"), "a base of later must not bring it back");
        cache.put("last", "value");
      }
      assertEquals(listens, told.contains("stays EXPIRED"), told.toString());
      try (WarmCache<String, String> cache = builder("cache " + listens).open()) {
        assertEquals("value", cache.getIfPresent("last"));
        now.addAndGet(2 * MINUTE.toMillis());
        assertNull(cache.getIfPresent("last"));
      }
    }
  }

  /** In the midst of a lookup another thread renews the base. */
  @Test
  void aLookupThatMeetsANewBaseGivesNothingThatHasExpired() throws Exception {
    ExecutorService other = Executors.newSingleThreadExecutor();
    AtomicReference<Callable<?>> atNextLook = new AtomicReference<>();
    Thread me = Thread.currentThread();
    try (WarmCache<String, String> cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .clock(
                () -> {
                  Callable<?> hook =
                      Thread.currentThread() == me ? atNextLook.getAndSet(null) : null;
                  try {
                    if (hook != null) {
                      other.submit(hook).get(1, TimeUnit.MINUTES);
                    }
                  } catch (Exception e) {
                    throw new AssertionError(e);
                  }
                  return now.get();
                })
            .open()) {
      Callable<?> renew =
          () -> {
            now.addAndGet(Duration.ofDays(365 * 50).toMillis());
            cache.put("new", "value", MINUTE);
            return null;
          };
      cache.put("key", "value", MINUTE);
      atNextLook.set(renew);
      assertNull(cache.getIfPresent("key"));
      assertEquals("value", cache.getIfPresent("new"));
      cache.put("key", "value", MINUTE);
      Iterator<Map.Entry<String, String>> entries = cache.asMap().entrySet().iterator();
      atNextLook.set(renew);
      while (entries.hasNext()) {
        assertEquals("new", entries.next().getKey());
      }
      assertNull(atNextLook.get());
    } finally {
      other.shutdown();
      assertTrue(other.awaitTermination(1, TimeUnit.MINUTES));
    }
  }

  /** An expiry says how much later than the base; with another base it would mean another time. */
  @Test
  void anOverwriteWithAnExpiryOfAnotherBaseIsNotMade() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), CacheFormat.Layout.of(64 << 10, 64))) {
      Reader reader = scene.reader;
      byte[] key = Scene.bytes("key");
      byte[] value = new byte[10];
      long base = reader.clock.base();
      for (long other : new long[] {base + 64, base}) {
        boolean isMade = false;
        for (int i = 0; i < 100; i++) {
          scene.put("fill" + i, new byte[10]);
          scene.put("key", value);
          scene.writer.newPeriod();
          int check = Entry.check(key, value, 100);
          isMade |=
              scene.writer.overwrites().tryPut(key, scene.hash("key"), value, 100, other, check)
                  == Overwrites.Result.DONE;
        }
        assertEquals(other == base, isMade);
      }
    }
  }
}
