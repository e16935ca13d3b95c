/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the views of the map remove of many: what was met, not what has been put since. */
class RemoveIfTest {

  @TempDir Path folder;

  private final List<String> removed = new ArrayList<>();
  private WarmCache<String, String> cache;

  @BeforeEach
  void open() throws IOException {
    cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .removalListener((key, value, cause) -> removed.add(key + "=" + value + " " + cause))
            .open();
    cache.put("key", "old");
    cache.put("other", "stays");
  }

  @AfterEach
  void close() {
    cache.close();
  }

  private boolean replaceOld(Object met) {
    boolean isOld = met.equals("old") || met.equals(Map.entry("key", "old"));
    if (isOld) {
      cache.put("key", "new"); // as another thread may, between the look and the removal
    }
    return isOld;
  }

  private void assertNewStays(boolean changed) {
    assertFalse(changed);
    assertEquals("new", cache.getIfPresent("key"));
    assertEquals("stays", cache.getIfPresent("other"));
    assertEquals(List.of("key=old REPLACED"), removed);
  }

  @Test
  void aValueThatWasPutSinceStays() {
    assertNewStays(cache.asMap().values().removeIf(this::replaceOld));
  }

  @Test
  void anEntryThatWasPutSinceStays() {
    assertNewStays(cache.asMap().entrySet().removeIf(this::replaceOld));
  }

  /** Those whose {@code contains} puts another value. */
  private Collection<Object> asked(Function<Object, Boolean> contains) {
    return new HashSet<>() {
      private static final long serialVersionUID = 1;

      @Override
      public boolean contains(Object met) {
        return contains.apply(met);
      }
    };
  }

  @Test
  void aCollectionThatIsAskedCostsNoNewValue() {
    assertNewStays(cache.asMap().values().removeAll(asked(this::replaceOld)));
    cache.put("key", "old");
    removed.clear();
    assertNewStays(cache.asMap().values().retainAll(asked(met -> !replaceOld(met))));
    cache.put("key", "old");
    removed.clear();
    assertNewStays(cache.asMap().entrySet().retainAll(asked(met -> !replaceOld(met))));
  }

  @Test
  void whatIsAcceptedIsRemovedAndTold() {
    Map<String, String> model = new HashMap<>();
    for (int i = 0; i < 200; i++) {
      cache.put("key" + i, "value" + i % 10);
      model.put("key" + i, "value" + i % 10);
    }
    model.put("key", "old");
    model.put("other", "stays");
    Map<String, String> map = cache.asMap();
    assertEquals(model, map);
    Set<String> some = Set.of("value1", "value2");
    assertTrue(model.values().removeIf("value3"::equals) & map.values().removeIf("value3"::equals));
    assertEquals(model, map);
    assertTrue(model.values().removeAll(some) & map.values().removeAll(some));
    assertEquals(model, map);
    assertFalse(map.values().removeAll(some));
    List<Map.Entry<String, String>> entries =
        List.of(Map.entry("key", "old"), Map.entry("key0", "old"), Map.entry("key10", "value0"));
    assertTrue(model.entrySet().removeAll(entries) & map.entrySet().removeAll(entries));
    assertEquals(model, map);
    assertFalse(map.entrySet().removeAll(entries));
    List<String> stay = List.of("value4", "value5", "stays");
    assertTrue(model.values().retainAll(stay) & map.values().retainAll(stay));
    assertEquals(model, map);
    assertFalse(map.values().retainAll(stay));
    List<Map.Entry<String, String>> few = List.of(Map.entry("key4", "value4"));
    assertTrue(map.entrySet().retainAll(few));
    assertEquals(Map.of("key4", "value4"), map);
    assertEquals(201, removed.size());
    assertEquals(201, new HashSet<>(removed).size());
  }

  /** The bytes that were met are compared: those of the value may be others each time. */
  @Test
  void aCodecOfManyBytesForAValueIsNoHindrance() throws IOException {
    AtomicInteger number = new AtomicInteger();
    Codec<String> salted =
        Codec.of(
            "salted",
            text -> (number.incrementAndGet() + " " + text).getBytes(),
            bytes -> new String(bytes).replaceAll("^[0-9]+ ", ""));
    try (WarmCache<String, String> many =
        WarmCache.builder(Codec.STRING, salted)
            .capacity(64 << 10)
            .file(folder.resolve("salted"))
            .open()) {
      many.put("a", "x");
      many.put("b", "y");
      assertTrue(many.asMap().values().removeIf("x"::equals));
      assertEquals(Map.of("b", "y"), many.asMap());
    }
  }

  // ---- a codec that gives one array each time ----

  private static Codec<Long> scratch() {
    byte[] array = new byte[8];
    return Codec.of(
        "scratch",
        value -> {
          System.arraycopy(Codec.LONG.encode(value), 0, array, 0, 8);
          return array;
        },
        bytes -> {
          System.arraycopy(bytes, 0, array, 0, 8);
          return Codec.LONG.decode(array);
        });
  }

  @Test
  void aCodecMayGiveOneArrayEachTime() throws IOException {
    Codec<Long> one = scratch();
    for (Codec<Long> values : List.of(scratch(), one)) {
      try (WarmCache<Long, Long> longs =
          WarmCache.builder(one, values)
              .capacity(64 << 10)
              .file(folder.resolve("scratch" + (values == one)))
              .open()) {
        Map<Long, Long> map = longs.asMap();
        longs.put(1L, 10L);
        assertEquals(Map.of(1L, 10L), map);
        assertFalse(longs.replace(1L, 11L, 12L));
        assertTrue(longs.replace(1L, 10L, 11L));
        assertFalse(map.containsValue(777L));
        assertFalse(map.entrySet().contains(Map.entry(1L, 777L)));
        assertTrue(map.entrySet().contains(Map.entry(1L, 11L)));
        assertFalse(longs.remove(1L, 12L));
        assertEquals(11L, longs.putIfAbsent(1L, 5L));
        assertEquals(null, longs.putIfAbsent(2L, 20L));
        assertEquals(20L, longs.replace(2L, 21L));
        assertEquals(32L, map.merge(1L, 21L, Long::sum));
        assertEquals(33L, map.compute(1L, (key, value) -> value + 1));
        assertEquals(
            40L,
            longs.get(
                4L,
                key -> {
                  longs.put(5L, 50L);
                  return longs.get(6L, other -> 60L) - 20;
                }));
        assertTrue(longs.remove(2L, 21L));
        assertEquals(33L, map.put(1L, 200L));
        assertEquals(200L, longs.getIfPresent(1L));
        assertEquals(200L, longs.replace(1L, 300L));
        assertEquals(300L, map.remove(1L));
        assertEquals(null, map.put(1L, 33L));
        assertEquals(Map.of(1L, 33L, 4L, 40L, 5L, 50L, 6L, 60L), map);
        assertTrue(longs.verify((done, total) -> {}).isClean());
        assertEquals(List.of(33L, 40L, 50L, 60L), sorted(map.values()));
      }
    }
  }

  private static List<Long> sorted(Collection<Long> values) {
    Long[] all = values.toArray(new Long[0]);
    Arrays.sort(all);
    return List.of(all);
  }
}
