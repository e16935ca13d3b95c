/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** A cache whose file is cut short while it is open, where JNI absorbs the faults. */
class MemoryLostTest {

  private static final int CAPACITY = 64 << 10;

  /** Calls that say what the cache is, and not what is in it. */
  private static final Set<String> WITHOUT_MEMORY =
      Set.of("start", "shape", "asMap", "memoryBytes", "stats");

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();

  @BeforeEach
  void useJni() {
    JniLibrary.assumeBuilt();
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "jni");
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private Path file() {
    return folder.resolve("cache");
  }

  private WarmCache<String, String> open(boolean listening) throws IOException {
    WarmCache.Builder<String, String> builder =
        WarmCache.builder(Codec.STRING, Codec.STRING).capacity(CAPACITY).file(file());
    return (listening ? builder.removalListener((key, value, cause) -> {}) : builder).open();
  }

  private void cut(long size) throws IOException {
    try (RandomAccessFile cut = new RandomAccessFile(file().toFile(), "rw")) {
      cut.setLength(size);
    }
  }

  /** What is wrong with a call on a cache whose memory is gone; null where it says so. */
  private String wrong(String name, InterruptedCallsTest.Call call, boolean listening)
      throws IOException {
    Files.deleteIfExists(file());
    try (WarmCache<String, String> cache = open(listening)) {
      cache.put("key", "value");
      cut(0);
      for (int i = 0; i < 2; i++) {
        try {
          Object given = call.on(cache);
          if (!WITHOUT_MEMORY.contains(name)) {
            return name + " gives " + given;
          }
        } catch (MemoryLostException e) {
          if (!e.getMessage().contains("Close the cache and open it again")) {
            return name + " says " + e.getMessage();
          }
        } catch (Exception e) {
          return name + " throws " + e;
        }
      }
    }
    return Files.size(file()) == 0 ? null : name + " has written to the file";
  }

  private void assertEachSaysSo(Map<String, InterruptedCallsTest.Call> calls, boolean listening)
      throws IOException {
    List<String> wrong = new ArrayList<>();
    for (Map.Entry<String, InterruptedCallsTest.Call> each : calls.entrySet()) {
      String found = wrong(each.getKey(), each.getValue(), listening);
      if (found != null) {
        wrong.add(found);
      }
    }
    assertEquals(List.of(), wrong);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyCallSaysSo(boolean listening) throws IOException {
    assertEachSaysSo(InterruptedCallsTest.calls(), listening);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyCallOfTheMapSaysSo(boolean listening) throws IOException {
    assertEachSaysSo(InterruptedCallsTest.mapCalls(), listening);
  }

  /** Where a part of the file is left, what was in it is not taken for the whole. */
  @Test
  void theNextOpenHeals() throws IOException {
    for (long left : new long[] {0, 4096, CAPACITY / 2}) {
      Files.deleteIfExists(file());
      try (WarmCache<String, String> cache = open(false)) {
        cache.put("key", "value");
        cut(left);
        assertThrows(MemoryLostException.class, cache::verify);
        assertThrows(MemoryLostException.class, () -> cache.put("key", "other"));
      }
      try (WarmCache<String, String> cache = open(false)) {
        assertEquals(Start.Kind.COLD, cache.start().kind());
        assertEquals(null, cache.getIfPresent("key"));
        cache.put("key", "again");
        assertTrue(cache.verify().isClean());
      }
      try (WarmCache<String, String> cache = open(false)) {
        assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
        assertEquals("again", cache.getIfPresent("key"));
        cache.discardRefused();
      }
    }
  }

  @Test
  void anotherCacheIsNotLostWithIt() throws IOException {
    try (WarmCache<String, String> other =
            WarmCache.builder(Codec.STRING, Codec.STRING)
                .capacity(CAPACITY)
                .file(folder.resolve("other"))
                .open();
        WarmCache<String, String> cache = open(false)) {
      other.put("key", "value");
      cache.put("key", "value");
      cut(0);
      assertThrows(MemoryLostException.class, () -> cache.getIfPresent("key"));
      assertEquals("value", other.getIfPresent("key"));
      other.put("key", "other");
      assertEquals(Map.of("key", "other"), new TreeMap<>(other.asMap()));
    }
  }

  @Test
  void closedIsNotLost() throws IOException {
    WarmCache<String, String> cache = open(false);
    cut(0);
    cache.close();
    IllegalStateException closed =
        assertThrows(IllegalStateException.class, () -> cache.getIfPresent("key"));
    assertFalse(closed instanceof MemoryLostException);
    assertTrue(closed.getMessage().contains("closed"), closed.getMessage());
  }
}
