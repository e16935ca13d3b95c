/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A call may end by an Error at any point of it: the stack ends, or the heap. Then no lock and no
 * memory stays held, what is counted is what is there, and all goes on.
 */
class ErrorInAChangeTest {

  private static final int KEYS = 90;

  /** Of a stack of so many bytes the end is soon reached. */
  private static final int STACK = 200 << 10;

  /** In so many of the last frames the calls are made. */
  private static final int FRAMES = 60;

  @TempDir Path folder;

  private final ExecutorService other = Executors.newSingleThreadExecutor();
  private FailingMemory memory;
  private WarmCache<Integer, byte[]> cache;

  private static final class Injected extends Error {
    private static final long serialVersionUID = 1;

    private Injected() {
      super("injected", null, false, false);
    }
  }

  @AfterEach
  void end() throws InterruptedException {
    other.shutdownNow();
    assertTrue(other.awaitTermination(10, TimeUnit.SECONDS));
  }

  private WarmCache.Builder<Integer, byte[]> builder() {
    return WarmCache.builder(Codec.INT, Codec.BYTES)
        .capacity(64 << 10)
        .file(folder.resolve("cache"));
  }

  private void open(boolean listening) throws IOException {
    Files.deleteIfExists(folder.resolve("cache"));
    WarmCache.Builder<Integer, byte[]> builder =
        builder().memories(region -> memory = new FailingMemory(region));
    if (listening) {
      builder.removalListener((key, value, cause) -> {});
    }
    cache = builder.open();
    for (int key = 0; key < KEYS; key++) {
      cache.put(key, value(key, 40));
    }
  }

  /** A value of a key, whatever its length and the number of the put. */
  private static byte[] value(int key, int length) {
    byte[] value = new byte[length];
    Arrays.fill(value, (byte) key);
    return value;
  }

  /** Calls that change the cache or are pinned; each is told how often it was made. */
  private Map<String, IntConsumer> calls() {
    Map<String, IntConsumer> calls = new LinkedHashMap<>();
    calls.put("put", i -> cache.put(i % KEYS, value(i % KEYS, 20 + i % 60)));
    calls.put("overwrite", i -> cache.put(i % KEYS, value(i % KEYS, 40)));
    calls.put("put more", i -> cache.put(KEYS + i % KEYS, value(KEYS + i % KEYS, 20 + i % 60)));
    calls.put("remove", i -> cache.remove(i % KEYS));
    calls.put(
        "compute", i -> cache.asMap().compute(i % KEYS, (key, was) -> value(key, 20 + i % 60)));
    calls.put("read", i -> cache.read(i % KEYS, value -> value.remaining()));
    calls.put("get", i -> cache.get(i % KEYS, key -> value(key, 40)));
    calls.put("iterate", i -> cache.asMap().entrySet().iterator().next());
    calls.put("verify", i -> cache.verify());
    calls.put("size", i -> cache.size());
    calls.put("invalidateAll", i -> cache.invalidateAll());
    return calls;
  }

  /** What is wrong with the cache after an Error, as seen by another thread; it is closed. */
  private List<String> wrong() throws Exception {
    List<String> wrong = new ArrayList<>();
    other
        .submit(
            () -> {
              cache.put(1, value(1, 33));
              if (!Arrays.equals(value(1, 33), cache.getIfPresent(1))) {
                wrong.add("a value that was put is not there");
              }
              // Of all sizes, so that memory is cleaned, for which no thread may be pinned.
              for (int i = 0; i < 3000; i++) {
                cache.put(i % KEYS, value(i % KEYS, 20 + i % 70));
              }
              check(cache, wrong);
              if (cache.stats().droppedPuts() != 0) {
                wrong.add(cache.stats().droppedPuts() + " puts are dropped");
              }
              cache.close();
              return null;
            })
        .get(60, TimeUnit.SECONDS);
    try (WarmCache<Integer, byte[]> next = builder().open()) {
      if (next.start().kind() != Start.Kind.WARM_AFTER_RESTART) {
        wrong.add("the next start is " + next.start());
      }
      check(next, wrong);
    }
    return wrong;
  }

  private static void check(WarmCache<Integer, byte[]> checked, List<String> wrong) {
    long live = checked.liveBytes();
    Verification verified = checked.verify();
    if (!verified.isClean() || verified.entries() != checked.size()) {
      wrong.add(verified + " of " + checked.size() + " entries");
    }
    long[] found = new long[2];
    checked.visit(
        (key, value, expires) -> {
          found[0]++;
          found[1] += Math.max(64, 12 + Codec.INT.encode(key).length + value.length + 7 & ~7);
          if (!Arrays.equals(value(key, value.length), value)) {
            wrong.add("a wrong value of " + key);
          }
        },
        (done, total) -> {});
    if (found[0] != checked.size() || found[1] != live) {
      wrong.add(found[0] + " entries of " + found[1] + " bytes, told " + live);
    }
  }

  /** In each call each access to the memory throws, one at a time. */
  @ParameterizedTest(name = "a listener: {0}")
  @ValueSource(booleans = {false, true})
  void atEachAccess(boolean listening) throws Exception {
    int thrown = 0;
    List<String> wrong = new ArrayList<>();
    int number = 0;
    for (String name : calls().keySet()) {
      int at = 1 + number++ % 3;
      boolean reached = true;
      while (reached) {
        open(listening);
        memory.throwAt(at, new Injected());
        try {
          calls().get(name).accept(at);
        } catch (Injected e) {
          thrown++;
        }
        reached = memory.hasThrown();
        memory.failAt(0, 0);
        for (String each : wrong()) {
          wrong.add(name + ", access " + at + ": " + each);
        }
        at += at < 60 ? 1 : 61; // the loops over the index are long
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(thrown > 200, thrown + " thrown");
  }

  /** Makes a call in each of the last frames of the stack. */
  private int callAtTheEnd(IntConsumer call, int[] ended) {
    int above;
    try {
      above = callAtTheEnd(call, ended);
    } catch (StackOverflowError e) {
      return 0;
    }
    if (above < FRAMES) {
      try {
        call.accept(ended[0] + above);
      } catch (StackOverflowError | InternalError | NoClassDefFoundError e) {
        ended[0]++; // the last two are the JVM's, where it has no stack to link a call
      }
    }
    return above + 1;
  }

  @ParameterizedTest(name = "a listener: {0}")
  @ValueSource(booleans = {false, true})
  void whereTheStackEnds(boolean listening) throws Exception {
    List<String> wrong = new ArrayList<>();
    for (String name : calls().keySet()) {
      open(listening);
      IntConsumer call = calls().get(name);
      for (int i = 0; i < 500; i++) {
        call.accept(i); // so that what the call needs is linked
      }
      int[] ended = new int[1];
      for (int i = 0; i < 40; i++) {
        Thread deep = new Thread(null, () -> callAtTheEnd(call, ended), "deep", STACK);
        deep.start();
        deep.join(60_000);
        assertFalse(deep.isAlive(), name);
      }
      assertNotEquals(0, ended[0], name + ": the stack has not ended in it");
      for (String each : wrong()) {
        wrong.add(name + ": " + each);
      }
    }
    assertEquals(List.of(), wrong);
  }
}
