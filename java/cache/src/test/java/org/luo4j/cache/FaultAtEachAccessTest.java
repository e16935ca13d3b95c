/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/**
 * The memory goes at each access of each call, one at a time. The call says so, a listener is told
 * of nothing that was not there, no lock stays held, close ends, and the next cache is whole.
 */
class FaultAtEachAccessTest {

  /** Calls that need no memory. */
  private static final Set<String> WITHOUT_MEMORY =
      Set.of("start", "shape", "asMap", "memoryBytes", "stats");

  /** What a key may have: what was put before the call, or by it. */
  private static final Map<String, Set<String>> VALUES =
      Map.of(
          "key", Set.of("value", "other", "value!", "all"),
          "more", Set.of("than one", "all"),
          "none", Set.of("loaded", "value"),
          "a", Set.of("1", "loaded"),
          "b", Set.of("2", "loaded"));

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();
  private final ExecutorService other = Executors.newSingleThreadExecutor();
  private final Set<String> told = new LinkedHashSet<>();
  private final List<String> wrong = new ArrayList<>();
  private FailingMemory memory;
  private int failures;

  @AfterEach
  void end() throws InterruptedException {
    properties.close();
    other.shutdownNow();
    assertTrue(other.awaitTermination(10, TimeUnit.SECONDS));
  }

  private WarmCache.Builder<String, String> builder() {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(64 << 10)
        .file(folder.resolve("cache"));
  }

  private WarmCache<String, String> open(boolean listening) throws IOException {
    Files.deleteIfExists(folder.resolve("cache"));
    WarmCache.Builder<String, String> builder =
        builder().memories(region -> memory = new FailingMemory(region));
    if (listening) {
      builder.removalListener(
          (key, value, cause) -> {
            told.add(key);
            if (isWrong(key, value)) {
              wrong.add("a listener is told of " + key + "=" + value);
            }
          });
    }
    WarmCache<String, String> cache = builder.open();
    cache.put("key", "value");
    cache.put("more", "than one");
    return cache;
  }

  private static boolean isWrong(String key, String value) {
    return !VALUES.getOrDefault(key, Set.of()).contains(value);
  }

  /** Null, or how a call on lost memory does not say so. */
  private static String unsaid(WarmCache<String, String> cache, InterruptedCallsTest.Call call) {
    try {
      return "gives " + call.on(cache);
    } catch (MemoryLostException e) {
      return null;
    } catch (Throwable e) {
      return "throws " + e;
    }
  }

  /** Has the memory go at an access of a call; whether the call made so many. */
  private boolean fail(
      String name, InterruptedCallsTest.Call call, int at, int late, boolean listening)
      throws Exception {
    String where = name + ", access " + at + ": ";
    WarmCache<String, String> cache = open(listening);
    try {
      memory.failAt(at, late);
      String unsaid = unsaid(cache, call);
      if (!memory.isGone()) {
        return false;
      }
      failures++;
      if (unsaid != null) {
        wrong.add(where + unsaid);
      }
      // Another thread would wait for a lock that this one has kept.
      String later =
          other.submit(() -> unsaid(cache, c -> c.remove("key"))).get(60, TimeUnit.SECONDS);
      if (later != null) {
        wrong.add(where + "remove in another thread " + later);
      }
    } finally {
      other.submit(cache::close).get(60, TimeUnit.SECONDS);
    }
    try (WarmCache<String, String> next = builder().open()) {
      if (!next.verify().isClean()) {
        wrong.add(where + "the next cache finds " + next.verify());
      }
      for (Map.Entry<String, String> each : new TreeMap<>(next.asMap()).entrySet()) {
        if (isWrong(each.getKey(), each.getValue())) {
          wrong.add(where + "the next cache has " + each);
        }
      }
      next.discardRefused();
    }
    return true;
  }

  @ParameterizedTest(name = "{0}, the error comes {1} accesses late, a listener: {2}")
  @CsvSource({"jni, 0, false", "jni, 0, true", "emulator, 0, false", "emulator, 2, true"})
  void isSaid(String bridge, int late, boolean listening) throws Exception {
    JniLibrary.assumeBuilt();
    properties.set(LiveUpdate.BRIDGE_PROPERTY, bridge);
    int step = "jni".equals(bridge) ? 1 : 5; // a cache without native code takes longer to open
    int number = 0;
    Map<String, InterruptedCallsTest.Call> calls = new TreeMap<>(InterruptedCallsTest.calls());
    InterruptedCallsTest.mapCalls().forEach((name, call) -> calls.put("map, " + name, call));
    calls.keySet().removeAll(WITHOUT_MEMORY);
    for (Map.Entry<String, InterruptedCallsTest.Call> each : calls.entrySet()) {
      int at = 1 + number++ % step;
      while (fail(each.getKey(), each.getValue(), at, late, listening)) {
        at += step;
      }
    }
    assertEquals("jni".equals(bridge), memory.isGuarded());
    assertEquals(List.of(), wrong);
    assertTrue(failures > 500, () -> failures + " failures");
    assertEquals(listening, !told.isEmpty());
  }
}
