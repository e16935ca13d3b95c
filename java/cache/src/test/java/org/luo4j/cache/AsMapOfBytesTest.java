/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What Guava's suite does not look at in {@link WarmCache#asMap}: values that are not equal to
 * their own copies, and threads.
 */
class AsMapOfBytesTest {

  @TempDir Path folder;

  private WarmCache<String, byte[]> cache;
  private ConcurrentMap<String, byte[]> map;

  @BeforeEach
  void open() throws IOException {
    cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(64 << 10)
            .file(folder.resolve("bytes"))
            .open();
    map = cache.asMap();
    map.put("key", bytes(1, 2));
  }

  @AfterEach
  void close() {
    cache.close();
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  @Test
  void whatBecomesOfAnArrayAfterwardsChangesNothing() {
    byte[] value = bytes(1);
    map.put("put", value);
    map.putIfAbsent("putIfAbsent", value);
    map.computeIfAbsent("computeIfAbsent", key -> value);
    map.compute("compute", (key, present) -> value);
    map.merge("merge", value, (present, given) -> given);
    value[0] = 2;
    map.get("put")[0] = 3;
    for (Map.Entry<String, byte[]> entry : map.entrySet()) {
      entry.getValue()[0] = 4;
    }
    for (String key : List.of("put", "putIfAbsent", "computeIfAbsent", "compute", "merge")) {
      assertArrayEquals(bytes(1), map.get(key), key);
    }
  }

  @Test
  void valuesAreComparedByTheirBytes() {
    assertTrue(map.containsValue(bytes(1, 2)));
    assertFalse(map.containsValue(bytes(1)));
    assertTrue(map.values().contains(bytes(1, 2)));
    assertTrue(map.entrySet().contains(Map.entry("key", bytes(1, 2))));
    assertFalse(map.entrySet().contains(Map.entry("key", bytes(1))));
    assertFalse(map.entrySet().contains(Map.entry("other", bytes(1, 2))));

    assertFalse(map.replace("key", bytes(1), bytes(3)));
    assertFalse(map.replace("other", bytes(1, 2), bytes(3)));
    assertTrue(map.replace("key", bytes(1, 2), bytes(3)));
    assertArrayEquals(bytes(3), map.get("key"));
    assertFalse(map.remove("key", bytes(1, 2)));
    assertFalse(map.remove("key", null));
    assertTrue(map.remove("key", bytes(3)));
    assertTrue(map.isEmpty());
  }

  @Test
  void anEntryIsRemovedOnlyWithItsValue() {
    Set<Map.Entry<String, byte[]>> entries = map.entrySet();
    assertFalse(entries.remove(Map.entry("key", bytes(1))));
    assertFalse(entries.remove(Map.entry("other", bytes(1, 2))));
    assertArrayEquals(bytes(1, 2), map.get("key"));
    assertTrue(entries.remove(Map.entry("key", bytes(1, 2))));
    assertEquals(0, cache.size());
  }

  @Test
  void keysAndValuesRemoveWhatTheyShow() {
    map.put("twin", bytes(1, 2));
    Collection<byte[]> values = map.values();
    assertFalse(values.remove(bytes(9)));
    assertTrue(values.remove(bytes(1, 2)));
    assertEquals(1, cache.size(), "one of two that have the value");
    assertTrue(values.removeIf(value -> value.length == 2));
    assertEquals(0, cache.size());

    map.put("a", bytes(1));
    map.put("b", bytes(2));
    map.put("c", bytes(3));
    Set<String> keys = map.keySet();
    assertFalse(keys.remove("d"));
    assertTrue(keys.remove("a"));
    assertTrue(keys.retainAll(Set.of("b")));
    assertEquals(Set.of("b"), keys);
    keys.clear();
    assertEquals(0, cache.size());
  }

  /** A function may change the array that it is given, and give it back. */
  @Test
  void aValueMayBeComputedInPlace() {
    assertArrayEquals(bytes(2, 2), map.compute("key", (key, value) -> increment(value)));
    assertArrayEquals(bytes(3, 2), map.computeIfPresent("key", (key, value) -> increment(value)));
    assertArrayEquals(bytes(4, 2), map.merge("key", bytes(9), (value, nine) -> increment(value)));
    map.replaceAll((key, value) -> increment(value));
    assertArrayEquals(bytes(5, 2), map.get("key"));
    assertNull(
        map.compute(
            "key",
            (key, value) -> {
              increment(value);
              return null;
            }));
    assertTrue(map.isEmpty());
    assertNull(map.compute("key", (key, value) -> null));
    assertNull(map.computeIfPresent("key", (key, value) -> bytes(1)));
    assertTrue(map.isEmpty());
  }

  private static byte[] increment(byte[] value) {
    value[0]++;
    return value;
  }

  /** Such as one of a HashMap's fields in their order. */
  @Test
  void aValueNeedNotEncodeToTheSameBytesAgain() throws IOException {
    AtomicInteger encoded = new AtomicInteger();
    Codec<Integer> codec =
        Codec.of(
            "salted",
            value -> bytes(value, encoded.incrementAndGet()),
            written -> (int) written[0]);
    try (WarmCache<String, Integer> salted =
        WarmCache.builder(Codec.STRING, codec)
            .capacity(64 << 10)
            .file(folder.resolve("salted"))
            .open()) {
      ConcurrentMap<String, Integer> ints = salted.asMap();
      ints.put("key", 1);
      assertEquals(2, ints.compute("key", (key, value) -> value + 1));
      assertEquals(5, ints.merge("key", 3, Integer::sum));
      assertEquals(6, ints.computeIfPresent("key", (key, value) -> value + 1));
      ints.replaceAll((key, value) -> value + 1);
      assertEquals(7, ints.get("key"));
      assertNull(ints.computeIfPresent("key", (key, value) -> null));
    }
  }

  @Test
  void whatAFunctionThrowsChangesNothing() {
    assertThrows(ArithmeticException.class, () -> map.compute("key", (key, value) -> fail()));
    assertThrows(ArithmeticException.class, () -> map.computeIfAbsent("new", key -> fail()));
    assertThrows(
        ArithmeticException.class, () -> map.merge("key", bytes(1), (value, one) -> fail()));
    assertThrows(NullPointerException.class, () -> map.replaceAll((key, value) -> null));
    assertThrows(
        IllegalArgumentException.class, () -> map.compute("key", (key, value) -> new byte[9000]));
    assertArrayEquals(bytes(1, 2), map.get("key"));
    assertEquals(1, map.size());
    map.put("new", bytes(1)); // no lock was left held
  }

  private static byte[] fail() {
    throw new ArithmeticException();
  }

  @Test
  void computationsOfManyThreadsAllCount() throws Exception {
    int threads = 4;
    int calls = 5000;
    CountDownLatch ready = new CountDownLatch(threads);
    AtomicInteger computed = new AtomicInteger();
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try (WarmCache<String, Integer> counters =
        WarmCache.builder(Codec.STRING, Codec.INT)
            .capacity(64 << 10)
            .file(folder.resolve("counters"))
            .open()) {
      ConcurrentMap<String, Integer> counts = counters.asMap();
      Callable<Void> each =
          () -> {
            ready.countDown();
            ready.await();
            for (int i = 0; i < calls; i++) {
              counts.compute("compute", (key, value) -> value == null ? 1 : value + 1);
              counts.merge("merge", 1, Integer::sum);
              counts.computeIfAbsent("absent-" + i, key -> computed.incrementAndGet());
              counts.remove("absent-" + (i - 100));
            }
            return null;
          };
      List<Future<Void>> results = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        results.add(executor.submit(each));
      }
      for (Future<Void> result : results) {
        result.get();
      }
      assertEquals(threads * calls, counts.get("compute"));
      assertEquals(threads * calls, counts.get("merge"));
      assertTrue(computed.get() >= calls);
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void computeIfAbsentCallsOneOfManyThreads() throws Exception {
    int threads = 8;
    CountDownLatch ready = new CountDownLatch(threads);
    AtomicInteger calls = new AtomicInteger();
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<Future<byte[]>> results = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        results.add(
            executor.submit(
                () -> {
                  ready.countDown();
                  ready.await();
                  return map.computeIfAbsent("once", key -> bytes(calls.incrementAndGet()));
                }));
      }
      for (Future<byte[]> result : results) {
        assertArrayEquals(bytes(1), result.get());
      }
      assertEquals(1, calls.get());
    } finally {
      executor.shutdownNow();
    }
  }

  /** An expired entry counts in the map's size until it is cleaned away. */
  @Test
  void streamsHaveNoFixedSize() throws IOException {
    AtomicLong now = new AtomicLong(1_000_000);
    try (WarmCache<String, byte[]> expiring =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(64 << 10)
            .file(folder.resolve("expiring"))
            .clock(now::get)
            .open()) {
      expiring.put("stays", bytes(1));
      expiring.put("expires", bytes(2), Duration.ofSeconds(1));
      now.addAndGet(2000);
      assertEquals(2, expiring.size());
      assertEquals(List.of("stays"), expiring.asMap().keySet().stream().toList());
      assertEquals(1, expiring.asMap().values().stream().toList().size());
      assertEquals(1, expiring.asMap().entrySet().stream().count());
    }
  }
}
