/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/**
 * Functions of users that do not return keep nobody for ever: neither those that put meanwhile, nor
 * close.
 */
class StalledFunctionTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final int VALUE_BYTES = 4000;

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();
  private final List<String> told = new ArrayList<>();
  private final ExecutorService thread = Executors.newSingleThreadExecutor();
  private final CountDownLatch stalls = new CountDownLatch(1);
  private final CountDownLatch mayReturn = new CountDownLatch(1);

  @BeforeEach
  void useJni() {
    JniLibrary.assumeBuilt();
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "jni");
  }

  @AfterEach
  void end() throws InterruptedException {
    mayReturn.countDown();
    thread.shutdown();
    assertTrue(thread.awaitTermination(1, TimeUnit.MINUTES));
    properties.close();
  }

  /** A cache that has "key". */
  private WarmCache<String, byte[]> filled() throws IOException {
    WarmCache<String, byte[]> cache = open();
    cache.put("key", value());
    return cache;
  }

  private WarmCache<String, byte[]> open() throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(64 << 10)
        .file(folder.resolve("cache"))
        .removalListener((key, value, cause) -> told.add(key + " " + cause))
        .open();
  }

  private static byte[] value() {
    byte[] value = new byte[VALUE_BYTES];
    Arrays.fill(value, (byte) 7);
    return value;
  }

  private void stall() {
    stalls.countDown();
    try {
      mayReturn.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private byte lastByte(ByteBuffer value) {
    stall();
    return value.get(VALUE_BYTES - 1);
  }

  /** Has another thread read "key" in place, and waits until it is at it. */
  private Future<Byte> stalledRead(WarmCache<String, byte[]> cache) throws InterruptedException {
    Future<Byte> read = thread.submit(() -> cache.read("key", this::lastByte));
    stalls.await();
    return read;
  }

  /** Puts until one is dropped: the key of that one. */
  private static String putUntilDropped(WarmCache<String, byte[]> cache) {
    assertEquals(0, cache.stats().droppedPuts());
    long begun = System.nanoTime();
    for (int i = 0; ; i++) {
      assertTrue(i < 10_000, "no put needs the memory that is read");
      cache.put("key " + i, value());
      if (cache.stats().droppedPuts() > 0) {
        assertTrue(System.nanoTime() - begun >= SECOND, "it waited for the reader");
        assertEquals(1, cache.stats().droppedPuts());
        return "key " + i;
      }
    }
  }

  @Test
  void aDroppedPutRemovesTheValueThatWasThere() throws Exception {
    try (WarmCache<String, byte[]> cache = filled()) {
      Future<Byte> read = stalledRead(cache);
      int dropped = Integer.parseInt(putUntilDropped(cache).substring("key ".length()));
      String present = "key " + (dropped - 1);
      for (int i = 0; cache.stats().droppedPuts() == 1; i++) {
        assertTrue(i < 10_000, "no put of it is dropped");
        assertNotNull(cache.getIfPresent(present));
        cache.put(present, new byte[VALUE_BYTES + 64 * (i % 2)]);
      }
      assertNull(cache.getIfPresent(present));
      mayReturn.countDown();
      read.get();
    }
  }

  @Test
  void whatNeedsItsMemoryIsDroppedCountedAndTold() throws Exception {
    try (WarmCache<String, byte[]> cache = filled()) {
      Future<Byte> read = stalledRead(cache);
      String dropped = putUntilDropped(cache);
      assertNull(cache.getIfPresent(dropped));
      assertTrue(told.contains(dropped + " SIZE"), () -> told.toString());
      // The next ones do not wait once more: this would take hours.
      for (int i = 0; i < 10_000; i++) {
        cache.put("more", value());
      }
      assertEquals(10_001, cache.stats().droppedPuts());
      assertNull(cache.getIfPresent("more"));
      mayReturn.countDown();
      assertEquals((byte) 7, read.get());
      for (int i = 0; i < 2000; i++) {
        cache.put("afterwards", value());
      }
      assertEquals(10_001, cache.stats().droppedPuts());
      assertEquals(VALUE_BYTES, cache.getIfPresent("afterwards").length);
      assertTrue(cache.verify().isClean());
    }
  }

  /** An old value that cannot be replaced is removed: it would be wrong to find it afterwards. */
  @Test
  void aDroppedReplacementLeavesNoOldValue() throws Exception {
    try (WarmCache<String, byte[]> cache = filled()) {
      stalledRead(cache);
      putUntilDropped(cache);
      for (String key : List.copyOf(cache.asMap().keySet())) {
        cache.put(key, new byte[VALUE_BYTES + 1]);
        byte[] found = cache.getIfPresent(key);
        if (cache.stats().droppedPuts() > 1) {
          assertNull(found);
          return;
        }
        assertEquals(VALUE_BYTES + 1, found.length);
      }
      fail("no replacement needs the memory that is read");
    }
  }

  /** Closes the cache while a call stalls, which then says so. */
  private void closedUnder(WarmCache<String, byte[]> cache, Future<?> call, boolean waits)
      throws Exception {
    long begun = System.nanoTime();
    cache.close(); // does not return before, where it waits for the call
    long took = System.nanoTime() - begun;
    assertTrue(!waits || took >= SECOND, took + " ns");
    try (WarmCache<String, byte[]> next = open()) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, next.start().kind());
      assertEquals(7, next.getIfPresent("key")[0]);
      assertTrue(next.verify().isClean());
      mayReturn.countDown();
      Throwable thrown = assertThrows(ExecutionException.class, call::get).getCause();
      assertEquals(7, next.getIfPresent("key")[0]);
      assertNull(next.getIfPresent("computed"));
      assertNotNull(thrown);
      assertEquals(IllegalStateException.class, thrown.getClass());
      assertTrue(thrown.getMessage().contains("closed"), thrown.getMessage());
    }
  }

  @Test
  void closeTakesTheMemoryFromAReader() throws Exception {
    WarmCache<String, byte[]> cache = filled();
    byte[] seen = {1};
    Future<Byte> read = thread.submit(() -> cache.read("key", value -> seen[0] = lastByte(value)));
    stalls.await();
    closedUnder(cache, read, true);
    assertEquals(0, seen[0]);
  }

  @Test
  void closeReturnsWherePutsWereDropped() throws Exception {
    WarmCache<String, byte[]> cache = filled();
    Future<Byte> read = stalledRead(cache);
    putUntilDropped(cache);
    cache.close();
    assertEquals(1, cache.stats().droppedPuts());
    mayReturn.countDown();
    assertThrows(ExecutionException.class, read::get);
    try (WarmCache<String, byte[]> next = open()) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, next.start().kind());
      assertTrue(next.verify().isClean());
    }
  }

  /** Without native code the memory cannot be taken away, and the function has a copy. */
  @Test
  void withoutNativeCodeAReaderHasACopy() throws Exception {
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    WarmCache<String, byte[]> cache = filled();
    Future<Byte> read = stalledRead(cache);
    cache.close();
    mayReturn.countDown();
    assertEquals((byte) 7, read.get());
  }

  @Test
  void closeDoesNotWaitForAComputation() throws Exception {
    WarmCache<String, byte[]> cache = filled();
    Future<byte[]> computed =
        thread.submit(
            () ->
                cache
                    .asMap()
                    .compute(
                        "computed",
                        (key, none) -> {
                          stall();
                          return value();
                        }));
    stalls.await();
    closedUnder(cache, computed, false);
  }

  /** It runs under the write lock, which it may never give back. */
  @Test
  void callsThatWaitForACodecEndWithClose() throws Exception {
    Codec<byte[]> stalling =
        Codec.of(
            "stalling",
            value -> value,
            bytes -> {
              stall();
              return bytes;
            });
    WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, stalling)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .open();
    cache.put("key", value());
    Future<byte[]> stalled = thread.submit(() -> cache.asMap().put("key", new byte[1]));
    stalls.await();
    FutureTask<Void> waits = new FutureTask<>(() -> cache.put("other", value()), null);
    Thread waiting = new Thread(waits, "waits");
    waiting.start();
    while (waiting.getState() != Thread.State.TIMED_WAITING && !waits.isDone()) {
      Thread.onSpinWait();
    }
    cache.close();
    Throwable thrown =
        assertThrows(ExecutionException.class, () -> waits.get(1, TimeUnit.MINUTES)).getCause();
    assertEquals(IllegalStateException.class, thrown.getClass());
    assertThrows(IllegalStateException.class, () -> cache.put("later", value()));
    assertThrows(IllegalStateException.class, () -> cache.remove("key"));
    mayReturn.countDown();
    assertThrows(ExecutionException.class, stalled::get);
  }
}
