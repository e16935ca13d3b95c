/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** A function of read that does not return keeps nobody for ever. */
class StalledReaderTest {

  private static final int CAPACITY = 64 << 10;
  private static final byte[] VALUE = new byte[4000];

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();
  private final List<String> told = new ArrayList<>();
  private final CountDownLatch reading = new CountDownLatch(1);
  private final CountDownLatch leave = new CountDownLatch(1);
  private WarmCache<String, byte[]> cache;
  private FutureTask<Long> reader;

  /** Starts a thread whose read of the entry "read" stalls. The value's first word is 42. */
  @BeforeEach
  void stall() throws Exception {
    JniLibrary.assumeBuilt();
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "jni");
    cache = open();
    byte[] value = VALUE.clone();
    value[0] = 42;
    cache.put("read", value);
    reader = new FutureTask<>(() -> cache.read("read", this::readLate));
    new Thread(reader, "stalled").start();
    reading.await();
  }

  private WarmCache<String, byte[]> open() throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(CAPACITY)
        .file(folder.resolve("cache"))
        .removalListener((key, value, cause) -> told.add(key + " " + cause))
        .open();
  }

  private Long readLate(ByteBuffer value) {
    reading.countDown();
    boolean interrupted = false;
    while (true) {
      try {
        leave.await();
        return value.getLong(0);
      } catch (InterruptedException e) {
        interrupted = true;
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }

  @AfterEach
  void end() {
    leave.countDown();
    if (cache != null) {
      cache.close();
    }
    properties.close();
  }

  /** Puts until one is dropped: the key of that one. */
  private String putUntilDropped() {
    for (int i = 0; ; i++) {
      assertTrue(i < 10_000, "no put needs the memory that is read");
      cache.put("key " + i, VALUE);
      if (cache.stats().droppedPuts() > 0) {
        return "key " + i;
      }
    }
  }

  @Test
  void whatNeedsItsMemoryIsDroppedCountedAndTold() throws Exception {
    assertEquals(0, cache.stats().droppedPuts());
    String dropped = putUntilDropped();
    assertEquals(1, cache.stats().droppedPuts());
    assertNull(cache.getIfPresent(dropped));
    assertTrue(told.contains(dropped + " SIZE"), () -> told.toString());
    // The next ones do not wait once more: this would take hours.
    for (int i = 0; i < 10_000; i++) {
      cache.put("more", VALUE);
    }
    assertEquals(10_001, cache.stats().droppedPuts());
    assertNull(cache.getIfPresent("more"));
    leave.countDown();
    assertEquals(42, reader.get());
    cache.put("afterwards", VALUE);
    assertEquals(10_001, cache.stats().droppedPuts());
    assertEquals(VALUE.length, cache.getIfPresent("afterwards").length);
    assertTrue(cache.verify().isClean());
  }

  /** An old value that cannot be replaced is removed: it would be wrong to find it afterwards. */
  @Test
  void aDroppedReplacementLeavesNoOldValue() {
    putUntilDropped();
    for (String key : List.copyOf(cache.asMap().keySet())) {
      cache.put(key, new byte[VALUE.length + 1]);
      byte[] found = cache.getIfPresent(key);
      if (cache.stats().droppedPuts() > 1) {
        assertNull(found);
        return;
      }
      assertEquals(VALUE.length + 1, found.length);
    }
    fail("no replacement needs the memory that is read");
  }

  @Test
  void closeReturnsAndTheReaderIsTold() throws Exception {
    cache.close(); // does not return before, where it waits for the reader
    leave.countDown();
    ExecutionException e = assertThrows(ExecutionException.class, reader::get);
    assertTrue(e.getCause() instanceof IllegalStateException, () -> e.getCause().toString());
    assertTrue(e.getCause().getMessage().contains("closed"), e.getCause().getMessage());
    cache = open();
    assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
    assertEquals(42, cache.getIfPresent("read")[0]);
    assertTrue(cache.verify().isClean());
  }

  @Test
  void closeReturnsWherePutsWereDropped() throws Exception {
    putUntilDropped();
    cache.close();
    assertEquals(1, cache.stats().droppedPuts());
    leave.countDown();
    assertThrows(ExecutionException.class, reader::get);
    cache = open();
    assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
    assertTrue(cache.verify().isClean());
  }
}
