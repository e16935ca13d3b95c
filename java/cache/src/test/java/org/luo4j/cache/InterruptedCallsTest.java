/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each public call on an interrupted thread does what it does on others, and the flag stays. */
class InterruptedCallsTest {

  /** Public methods that open or close memory. */
  private static final Set<String> OF_MEMORY =
      Set.of("builder", "openAsFound", "close", "discardRefused");

  /** A call of a cache that has "key" with the value "value", and what it gives. */
  interface Call {
    Object on(WarmCache<String, String> cache) throws Exception;
  }

  @TempDir Path folder;
  private WarmCache<String, String> cache;
  private final AtomicLong told = new AtomicLong();

  @BeforeEach
  void open() throws IOException {
    cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .removalListener((key, value, cause) -> told.incrementAndGet())
            .recordStats()
            .open();
  }

  @AfterEach
  void close() {
    Thread.interrupted();
    cache.close();
  }

  static Map<String, Call> calls() {
    Map<String, Call> calls = new TreeMap<>();
    calls.put("start", c -> c.start().isWarm());
    calls.put("shape", c -> c.shape().capacity());
    calls.put("getIfPresent", c -> c.getIfPresent("key"));
    calls.put("read", c -> c.read("key", value -> value.remaining()));
    calls.put("verify", c -> c.verify());
    calls.put("verify, told", c -> c.verify((done, total) -> {}));
    calls.put("check", c -> c.check((done, total) -> {}));
    calls.put("visit", c -> c.visit((key, value, expires) -> {}, (done, total) -> {}));
    calls.put("get", c -> c.get("key", key -> "never"));
    calls.put("get, loads", c -> c.get("none", key -> "loaded"));
    calls.put("get, loads another", c -> c.get("a", a -> c.get("b", b -> "loaded")));
    calls.put("put", c -> put(c, () -> c.put("key", "other")));
    calls.put("put, age", c -> put(c, () -> c.put("key", "other", Duration.ofDays(1))));
    calls.put("putUntil", c -> c.putUntil("key", "other", 0));
    calls.put("putIfAbsent", c -> c.putIfAbsent("key", "other"));
    calls.put("replace", c -> c.replace("key", "other"));
    calls.put("replace, old", c -> c.replace("key", "value", "other"));
    calls.put("remove", c -> c.remove("key"));
    calls.put("remove, value", c -> c.remove("key", "value"));
    calls.put("asMap", c -> c.asMap());
    calls.put("invalidateAll", c -> put(c, c::invalidateAll));
    calls.put("size", c -> c.size());
    calls.put("memoryBytes", c -> c.memoryBytes());
    calls.put("liveBytes", c -> c.liveBytes());
    calls.put("stats", c -> c.stats().corruptions());
    return calls;
  }

  static Map<String, Call> mapCalls() {
    Map<String, Call> calls = new TreeMap<>();
    calls.put("clear", c -> put(c, c.asMap()::clear));
    calls.put("compute", c -> c.asMap().compute("key", (key, value) -> value + "!"));
    calls.put("computeIfAbsent", c -> c.asMap().computeIfAbsent("none", key -> "loaded"));
    calls.put("computeIfPresent", c -> c.asMap().computeIfPresent("key", (key, value) -> null));
    calls.put("containsKey", c -> c.asMap().containsKey("key"));
    calls.put("containsValue", c -> c.asMap().containsValue("value"));
    calls.put("entrySet", c -> c.asMap().entrySet().stream().toList());
    calls.put("forEach", c -> put(c, () -> c.asMap().forEach((key, value) -> {})));
    calls.put("get", c -> c.asMap().get("key"));
    calls.put("getOrDefault", c -> c.asMap().getOrDefault("none", "default"));
    calls.put("isEmpty", c -> c.asMap().isEmpty());
    calls.put("keySet", c -> c.asMap().keySet().removeIf(key -> true));
    calls.put("merge", c -> c.asMap().merge("key", "!", String::concat));
    calls.put("put", c -> c.asMap().put("key", "other"));
    calls.put("putAll", c -> put(c, () -> c.asMap().putAll(Map.of("a", "1", "b", "2"))));
    calls.put("putIfAbsent", c -> c.asMap().putIfAbsent("none", "value"));
    calls.put("remove", c -> c.asMap().remove("key"));
    calls.put("replace", c -> c.asMap().replace("key", "value", "other"));
    calls.put("replaceAll", c -> put(c, () -> c.asMap().replaceAll((key, value) -> "all")));
    calls.put("size", c -> c.asMap().size());
    calls.put("values", c -> values(c.asMap()));
    return calls;
  }

  private static Object put(WarmCache<String, String> cache, Runnable change) {
    change.run();
    return new TreeMap<>(cache.asMap());
  }

  private static Object values(ConcurrentMap<String, String> map) {
    Iterator<String> values = map.values().iterator();
    String value = values.next();
    values.remove();
    return value + map.size();
  }

  /** What a call gives, and what it leaves. */
  private String outcome(Call call) throws Exception {
    cache.invalidateAll();
    cache.put("key", "value");
    told.set(0);
    Object given = call.on(cache);
    return given + ", then " + new TreeMap<>(cache.asMap()) + ", told " + told;
  }

  private void assertWorks(Map<String, Call> calls) throws Exception {
    for (Map.Entry<String, Call> call : calls.entrySet()) {
      String expected = outcome(call.getValue());
      Thread.currentThread().interrupt();
      String outcome = outcome(call.getValue());
      assertTrue(Thread.interrupted(), call.getKey() + " took the flag");
      assertEquals(expected, outcome, call.getKey());
    }
  }

  @Test
  void allPublicMethodsAreLookedAt() {
    Set<String> names = new TreeSet<>();
    Arrays.stream(WarmCache.class.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
        .map(Method::getName)
        .filter(name -> !OF_MEMORY.contains(name))
        .forEach(names::add);
    Set<String> called = new TreeSet<>();
    calls().keySet().forEach(name -> called.add(name.replaceAll(",.*", "")));
    assertEquals(names, called);
  }

  @Test
  void theCachesCallsWorkAndKeepTheFlag() throws Exception {
    assertWorks(calls());
  }

  @Test
  void theMapsCallsWorkAndKeepTheFlag() throws Exception {
    assertWorks(mapCalls());
  }

  /** Cleaning waits for a reader; the interrupted thread that puts waits with it. */
  @Test
  void aPutThatWaitsForAReaderWorksAndKeepsTheFlag() throws Exception {
    CountDownLatch reading = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    cache.put("read", "value");
    FutureTask<Integer> reader =
        new FutureTask<>(
            () ->
                cache.read(
                    "read",
                    value -> {
                      reading.countDown();
                      try {
                        return leave.await(60, TimeUnit.SECONDS) ? value.remaining() : -1;
                      } catch (InterruptedException e) {
                        return -2;
                      }
                    }));
    Thread readerThread = new Thread(reader, "reader");
    readerThread.start();
    assertTrue(reading.await(60, TimeUnit.SECONDS));
    FutureTask<Boolean> writer =
        new FutureTask<>(
            () -> {
              Thread.currentThread().interrupt();
              for (int i = 0; i < 2000; i++) {
                cache.put("key " + i % 100, "v".repeat(i % 400));
                if (i == 50) {
                  leave.countDown();
                }
              }
              return Thread.currentThread().isInterrupted();
            });
    Thread writerThread = new Thread(writer, "writer");
    writerThread.start();
    assertTrue(writer.get(60, TimeUnit.SECONDS));
    assertEquals(5, reader.get(60, TimeUnit.SECONDS));
    assertEquals("v".repeat(1999 % 400), cache.getIfPresent("key 99"));
  }
}
