/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A function of {@code compute} and its like that changes the cache while it runs. */
class RecursiveUpdateTest {

  private static final Duration LONG = Duration.ofSeconds(20);

  @TempDir Path folder;
  private WarmCache<String, String> cache;
  private ConcurrentMap<String, String> map;
  private final AtomicInteger calls = new AtomicInteger();

  @BeforeEach
  void open() throws IOException {
    cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .open();
    map = cache.asMap();
    map.put("key", "before");
  }

  @AfterEach
  void close() {
    cache.close();
  }

  /** Each call of the map that gives its function "key", which does something in it. */
  private Map<String, Consumer<Runnable>> computations() {
    Map<String, Consumer<Runnable>> all = new LinkedHashMap<>();
    all.put("compute", work -> map.compute("key", (key, value) -> after(work)));
    all.put("computeIfPresent", work -> map.computeIfPresent("key", (key, value) -> after(work)));
    all.put("merge", work -> map.merge("key", "more", (value, more) -> after(work)));
    all.put("replaceAll", work -> map.replaceAll((key, value) -> after(work)));
    return all;
  }

  private static String after(Runnable work) {
    work.run();
    return "computed";
  }

  /** Each call that changes "key". */
  private Map<String, Runnable> changes() {
    Map<String, Runnable> all = new LinkedHashMap<>();
    all.put("put", () -> cache.put("key", next()));
    all.put("put with an age", () -> cache.put("key", next(), Duration.ofDays(1)));
    all.put("putUntil", () -> cache.putUntil("key", next(), 0));
    all.put("putIfAbsent", () -> cache.putIfAbsent("key", next()));
    all.put("replace", () -> cache.replace("key", next()));
    all.put("replace a value", () -> cache.replace("key", "before", next()));
    all.put("remove", () -> cache.remove("key"));
    all.put("remove a value", () -> cache.remove("key", "before"));
    all.put("the map's put", () -> map.put("key", next()));
    all.put("the map's remove", () -> map.remove("key"));
    all.put("compute", () -> map.compute("key", (key, value) -> next()));
    all.put("merge", () -> map.merge("key", "more", (value, more) -> next()));
    all.put("replaceAll", () -> map.replaceAll((key, value) -> next()));
    return all;
  }

  private String next() {
    return "other " + calls.incrementAndGet();
  }

  @Test
  void changingItsOwnKeyIsAnExceptionThatNamesTheKeyAndChangesNothing() {
    computations()
        .forEach(
            (name, computation) ->
                changes()
                    .forEach(
                        (change, run) ->
                            assertTimeoutPreemptively(
                                LONG, () -> isRefused(name + ", " + change, computation, run))));
  }

  private void isRefused(String what, Consumer<Runnable> computation, Runnable change) {
    String message =
        assertThrows(IllegalStateException.class, () -> computation.accept(change), what)
            .getMessage();
    assertTrue(message.startsWith("recursive update of key 'key': "), message);
    assertEquals("before", cache.getIfPresent("key"), what);
    assertEquals(1, cache.size(), what);
  }

  @Test
  void whatItChangedOfOtherKeysBeforeStays() {
    assertThrows(
        IllegalStateException.class,
        () ->
            map.compute(
                "key",
                (key, value) -> {
                  map.put("other", "put");
                  map.put("key", "put");
                  return "computed";
                }));
    assertEquals(Map.of("key", "before", "other", "put"), Map.copyOf(map));
    assertEquals("computed", map.compute("key", (key, value) -> "computed"));
    map.put("key", "put later");
    assertEquals("put later", map.get("key"));
  }

  @Test
  void aFunctionThatCatchesItGoesOn() {
    map.compute(
        "key",
        (key, value) -> {
          assertThrows(IllegalStateException.class, () -> map.remove("key"));
          return value + "!";
        });
    assertEquals("before!", map.get("key"));
  }

  @Test
  void otherKeysCanBeChangedAndAllCanBeRead() {
    map.put("gone", "1");
    computations()
        .forEach(
            (name, computation) -> {
              if (!name.equals("replaceAll")) { // whose function is called for the other keys too
                computation.accept(
                    () -> {
                      cache.put("put", name);
                      cache.remove("gone");
                      map.merge("merged", name, String::concat);
                      assertEquals(name, cache.get("loaded by " + name, key -> name));
                      assertTrue(map.containsKey("key"));
                      assertEquals(map.get("key"), cache.get("key", key -> "not loaded"));
                    });
                assertEquals("computed", map.get("key"), name);
                assertEquals(name, map.get("put"));
              }
            });
    assertEquals("computecomputeIfPresentmerge", map.get("merged"));
    assertNull(map.get("gone"));
  }

  @Test
  void neitherMayAFunctionInAFunctionChangeTheOuterKey() {
    assertTimeoutPreemptively(
        LONG,
        () ->
            assertThrows(
                IllegalStateException.class,
                () ->
                    map.compute(
                        "key",
                        (key, value) ->
                            map.compute(
                                "inner",
                                (inner, none) -> {
                                  map.put("key", next());
                                  return "inner";
                                }))));
    assertEquals(Map.of("key", "before"), Map.copyOf(map));
    map.compute(
        "key",
        (key, value) -> {
          map.compute("inner", (inner, none) -> "1");
          map.put("inner", "2"); // the inner function has ended
          return assertThrows(IllegalStateException.class, () -> map.put("key", "3")).getMessage();
        });
    assertEquals("2", map.get("inner"));
  }

  /** It is called again, as for any other thread's change. */
  @Test
  void anotherThreadsChangeOfTheKeyIsNoRecursion() {
    String computed =
        map.compute(
            "key",
            (key, value) -> {
              if (calls.incrementAndGet() == 1) {
                CompletableFuture.runAsync(() -> cache.put("key", "another's")).join();
              }
              return value + "!";
            });
    assertEquals("another's!", computed);
    assertEquals(2, calls.get());
  }

  @Test
  void afterTheCacheWasClearedItIsCalledAgainWithoutAValue() {
    String computed =
        map.compute(
            "key",
            (key, value) -> {
              cache.invalidateAll();
              return "from " + value;
            });
    assertEquals("from null", computed);
  }

  /** It is a loader, whose key is not compared: what it puts stays, and is what the call gives. */
  @Test
  void aLoaderThatPutsItsOwnKeyFindsItThere() {
    String loaded =
        assertTimeoutPreemptively(
            LONG,
            () ->
                map.computeIfAbsent(
                    "new",
                    key -> {
                      cache.put("new", next());
                      return "loaded";
                    }));
    assertEquals("other 1", loaded);
    assertEquals("other 1", map.get("new"));
    assertTimeoutPreemptively(
        LONG,
        () ->
            assertThrows(
                IllegalStateException.class,
                () -> map.compute("absent", (key, value) -> map.computeIfAbsent(key, k -> "1"))));
    assertNull(map.get("absent"));
  }

  @Test
  void aKeyOfBytesIsNamedInHexadecimal() throws IOException {
    try (WarmCache<byte[], String> bytes =
        WarmCache.builder(Codec.BYTES, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("bytes"))
            .open()) {
      byte[] key = {1, (byte) 0xab};
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () ->
                      bytes
                          .asMap()
                          .compute(
                              key,
                              (same, value) -> {
                                bytes.put(new byte[] {1, (byte) 0xab}, "put");
                                return "computed";
                              }))
              .getMessage();
      assertTrue(message.startsWith("recursive update of key '0x01ab': "), message);
    }
  }
}
