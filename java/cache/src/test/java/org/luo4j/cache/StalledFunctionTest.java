/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.JniLibrary;

/** Functions of users that do not return: what others put meanwhile, and what close does. */
class StalledFunctionTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final int VALUE_BYTES = 1000;

  @TempDir Path folder;

  private final ExecutorService thread = Executors.newSingleThreadExecutor();
  private final CountDownLatch stalls = new CountDownLatch(1);
  private final CountDownLatch mayReturn = new CountDownLatch(1);

  @BeforeEach
  void assumeNativeCode() {
    JniLibrary.assumeBuilt();
  }

  @AfterEach
  void end() throws InterruptedException {
    mayReturn.countDown();
    thread.shutdown();
    assertTrue(thread.awaitTermination(1, TimeUnit.MINUTES));
  }

  private WarmCache<String, byte[]> open() throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(1 << 18)
        .file(folder.resolve("cache"))
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

  @Test
  void putsThatNeedWhatAReaderHoldsAreDroppedAndCounted() throws Exception {
    try (WarmCache<String, byte[]> cache = open()) {
      cache.put("key", value());
      Future<Byte> read = thread.submit(() -> cache.read("key", this::lastByte));
      stalls.await();
      long begun = System.nanoTime();
      for (int i = 0; cache.stats().droppedPuts() == 0; i++) {
        cache.put("key " + i, value());
        assertTrue(System.nanoTime() - begun < 60 * SECOND, "after " + i);
      }
      assertTrue(System.nanoTime() - begun >= SECOND);
      mayReturn.countDown();
      assertEquals((byte) 7, read.get());
      long dropped = cache.stats().droppedPuts();
      for (int i = 0; i < 2000; i++) {
        cache.put("more " + i, value());
      }
      assertEquals(dropped, cache.stats().droppedPuts());
      assertTrue(cache.verify().isClean());
    }
  }

  /** Closes the cache while a call stalls, and returns what the call throws. */
  private Throwable closedUnder(WarmCache<String, byte[]> cache, Future<?> call, boolean waits)
      throws Exception {
    stalls.await();
    long begun = System.nanoTime();
    cache.close();
    long took = System.nanoTime() - begun;
    assertTrue(!waits || took >= SECOND, took + " ns");
    try (WarmCache<String, byte[]> next = open()) {
      assertTrue(next.start().isWarm(), next.start().reason());
      assertEquals(7, next.getIfPresent("key")[0]);
      assertTrue(next.verify().isClean());
      mayReturn.countDown();
      CompletableFuture<Throwable> thrown = new CompletableFuture<>();
      try {
        thrown.complete(new AssertionError("it gave " + call.get()));
      } catch (ExecutionException e) {
        thrown.complete(e.getCause());
      }
      assertEquals(7, next.getIfPresent("key")[0]);
      assertNull(next.getIfPresent("computed"));
      return thrown.get();
    }
  }

  @Test
  void closeTakesTheMemoryFromAReader() throws Exception {
    WarmCache<String, byte[]> cache = open();
    cache.put("key", value());
    byte[] seen = new byte[1];
    Future<Byte> read = thread.submit(() -> cache.read("key", value -> seen[0] = lastByte(value)));
    Throwable thrown = closedUnder(cache, read, true);
    assertEquals(IllegalStateException.class, thrown.getClass());
    assertTrue(thrown.getMessage().contains("closed"), thrown.getMessage());
    assertEquals(0, seen[0]);
  }

  /** Without native code the memory cannot be taken away, and the function has a copy. */
  @Test
  void withoutNativeCodeAReaderHasACopy() throws Exception {
    System.setProperty(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    try {
      WarmCache<String, byte[]> cache = open();
      cache.put("key", value());
      Future<Byte> read = thread.submit(() -> cache.read("key", this::lastByte));
      stalls.await();
      cache.close();
      mayReturn.countDown();
      assertEquals((byte) 7, read.get());
    } finally {
      System.clearProperty(LiveUpdate.BRIDGE_PROPERTY);
    }
  }

  @Test
  void closeDoesNotWaitForAComputation() throws Exception {
    WarmCache<String, byte[]> cache = open();
    cache.put("key", value());
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
    Throwable thrown = closedUnder(cache, computed, false);
    assertNotNull(thrown);
    assertEquals(IllegalStateException.class, thrown.getClass());
    assertTrue(thrown.getMessage().contains("closed"), thrown.getMessage());
  }
}
