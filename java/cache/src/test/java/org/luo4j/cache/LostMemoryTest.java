/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.JniLibrary;

/** The file of a cache that is open is cut short or deleted. */
@EnabledOnOs(OS.LINUX)
class LostMemoryTest {

  private static final int CAPACITY = 1 << 20;

  @TempDir Path folder;

  private static WarmCache<String, String> open(Path file) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING).capacity(CAPACITY).file(file).open();
  }

  private static WarmCache<String, String> filled(Path file) throws IOException {
    WarmCache<String, String> cache = open(file);
    for (int i = 0; i < 1000; i++) {
      cache.put("key " + i, "value " + i);
    }
    return cache;
  }

  /** The calls that use entries. */
  private static Map<String, Callable<Object>> calls(WarmCache<String, String> cache) {
    ConcurrentMap<String, String> map = cache.asMap();
    Map<String, Callable<Object>> calls = new LinkedHashMap<>();
    calls.put("getIfPresent", () -> cache.getIfPresent("key 1"));
    calls.put("getIfPresent of none", () -> cache.getIfPresent("none"));
    calls.put("get", () -> cache.get("key 2", key -> "loaded"));
    calls.put("get of none", () -> cache.get("none", key -> "loaded"));
    calls.put("read", () -> cache.read("key 3", value -> 1));
    calls.put("put", () -> put(cache, "other"));
    calls.put("put of the same size", () -> put(cache, "value 4"));
    calls.put("putUntil", () -> cache.putUntil("key 5", "other", Long.MAX_VALUE));
    calls.put("putIfAbsent", () -> cache.putIfAbsent("none", "other"));
    calls.put("replace", () -> cache.replace("key 6", "other"));
    calls.put("replace a value", () -> cache.replace("key 6", "value 6", "other"));
    calls.put("remove", () -> cache.remove("key 7"));
    calls.put("remove a value", () -> cache.remove("key 7", "value 7"));
    calls.put("size", cache::size);
    calls.put("liveBytes", cache::liveBytes);
    calls.put("verify", cache::verify);
    calls.put("check", () -> cache.check((done, total) -> {}));
    calls.put("visit", () -> cache.visit((key, value, expires) -> {}, (done, total) -> {}));
    calls.put("map's get", () -> map.get("key 8"));
    calls.put("map's size", map::size);
    calls.put("map's isEmpty", map::isEmpty);
    calls.put("map's containsValue", () -> map.containsValue("none"));
    calls.put("map's iterator", () -> map.entrySet().iterator().hasNext());
    calls.put("map's compute", () -> map.compute("key 9", (key, value) -> "other"));
    calls.put("map's merge", () -> map.merge("key 9", "other", String::concat));
    calls.put(
        "invalidateAll",
        () -> {
          cache.invalidateAll();
          return "";
        });
    return calls;
  }

  private static Object put(WarmCache<String, String> cache, String value) {
    cache.put("key 4", value, Duration.ofDays(1));
    return "";
  }

  private static void cut(Path file, long size) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.setLength(size);
    }
  }

  private ChildJvm.Ended child(Class<?> main, String bridge, long size) throws Exception {
    JniLibrary.assumeBuilt();
    ChildJvm.Ended ended =
        ChildJvm.of(main)
            .classPath(
                Stream.concat(
                        ChildJvm.classPath().stream(),
                        Stream.of(ChildJvm.location(main), ChildJvm.location(WarmCache.class)))
                    .toList())
            .property(LiveUpdate.BRIDGE_PROPERTY, bridge)
            .run(folder.resolve("cache").toString(), "" + size);
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("COLD", ended.answer("opened again: "));
    return ended;
  }

  private static void openAgain(Path file) throws IOException {
    try (WarmCache<String, String> again = open(file)) {
      again.put("key", "new");
      System.out.println("opened again: " + again.start().kind());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 4096, 1_000_000})
  void everyCallSaysSoAndTheNextOpenWorks(long size) throws Exception {
    ChildJvm.Ended ended = child(Loser.class, "jni", size);
    assertEquals(List.of(), ended.linesWith("WRONG"), ended::toString);
  }

  /** Another process, which may end by a signal: it tells what does not throw as it should. */
  static final class Loser {
    public static void main(String[] args) throws Exception {
      Path file = Path.of(args[0]);
      WarmCache<String, String> cache = filled(file);
      cut(file, Long.parseLong(args[1]));
      tell(cache, MemoryLostException.class, "memory is gone");
      cache.close();
      cache.close();
      tell(cache, IllegalStateException.class, "closed");
      openAgain(file);
    }

    private static void tell(WarmCache<String, String> cache, Class<?> expected, String message) {
      calls(cache)
          .forEach(
              (name, call) -> {
                try {
                  System.out.println("WRONG: " + name + " gives " + call.call());
                } catch (Throwable e) {
                  boolean isRight = e.getClass() == expected && e.getMessage().contains(message);
                  System.out.println((isRight ? "" : "WRONG: ") + name + ": " + e);
                }
              });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jna", "emulator"})
  void closeGivesTheFileUpWithoutAGuardToo(String bridge) throws Exception {
    child(Closer.class, bridge, 0);
    Files.delete(folder.resolve("cache"));
    child(Closer.class, bridge, 1_000_000);
  }

  /** Another process, which meets the lost memory in close. */
  static final class Closer {
    public static void main(String[] args) throws Exception {
      Path file = Path.of(args[0]);
      WarmCache<String, String> cache = filled(file);
      cut(file, Long.parseLong(args[1]));
      cache.close();
      openAgain(file);
    }
  }

  @Test
  void aDeletedFileIsUsedUntilTheCacheIsClosed() throws IOException {
    Path file = folder.resolve("cache");
    try (WarmCache<String, String> cache = filled(file)) {
      Files.delete(file);
      assertEquals("value 1", cache.getIfPresent("key 1"));
      cache.put("key 1", "other");
      try (WarmCache<String, String> next = open(file)) {
        assertFalse(next.start().isWarm());
        next.put("key 2", "next");
        assertEquals("other", cache.getIfPresent("key 1"));
        assertEquals("value 2", cache.getIfPresent("key 2"));
      }
    }
    try (WarmCache<String, String> next = open(file)) {
      assertTrue(next.start().isWarm());
      assertEquals("next", next.getIfPresent("key 2"));
    }
  }
}
