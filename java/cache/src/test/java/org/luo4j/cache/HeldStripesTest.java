/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;

/**
 * What is thrown while a thread is pinned, or holds a stripe, leaves neither: else no period begins
 * any more, and changes wait for good.
 */
class HeldStripesTest {

  private static final int CAPACITY = 64 << 10;

  @TempDir Path folder;
  private MemFd memfd;
  private MemoryRegion region;
  private Memory memory;
  private Reader reader;
  private Writer writer;
  private boolean clockFails;

  /** As an OutOfMemoryError, which any allocation may throw. */
  private static final class Injected extends Error {
    private static final long serialVersionUID = 1;
  }

  @BeforeEach
  void open() {
    LiveUpdate luo =
        LiveUpdate.builder()
            .bridge(BridgeType.EMULATOR)
            .emulatorDirectory(folder.resolve("machine"))
            .open();
    CacheFormat.Layout layout = CacheFormat.Layout.of(CAPACITY, 64);
    memfd = luo.createMemFd(MemFdOptions.named("cache").size(layout.memoryBytes()));
    region = memfd.map();
    CacheFormat.create(region, layout, true, 1, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
    memory = new Memory(region);
    reader =
        new Reader(
            memory,
            layout,
            new CacheClock(
                memory,
                () -> {
                  if (clockFails) {
                    throw new Injected();
                  }
                  return 1000;
                }),
            false);
    writer = new Writer(reader, layout);
  }

  @AfterEach
  void close() {
    region.close();
    memfd.close();
  }

  /** A period begins unless a reader of the one before is left. */
  private void assertNobodyIsLeft() {
    for (int i = 0; i < 3; i++) {
      assertTrue(reader.pins.advance(), "a stripe is held, or a reader pinned");
    }
    for (int stripe = 0; stripe < Pins.STRIPES; stripe++) {
      Pins.Pin pin = reader.pins.hold(stripe);
      assertNotNull(pin, "the stripe is held");
      pin.held = 0;
    }
  }

  private void put(int key, int length, int expiry) {
    byte[] bytes = Codec.INT.encode(key);
    byte[] value = new byte[length];
    writer.put(bytes, reader.hash(bytes), value, expiry, Entry.check(bytes, value, expiry));
  }

  /** What throws wherever a thread uses what it holds a stripe for. */
  private void breakStripes() throws ReflectiveOperationException {
    Field stripes = Overwrites.class.getDeclaredField("stripes");
    stripes.setAccessible(true);
    stripes.set(writer.overwrites(), Array.newInstance(stripes.getType().getComponentType(), 0));
  }

  @Test
  void keepGivesItsStripeBack() throws Exception {
    breakStripes();
    assertThrows(
        IndexOutOfBoundsException.class, () -> writer.overwrites().keep(reader.small, 0, 64));
    assertNobodyIsLeft();
  }

  @Test
  void anOverwriteGivesItsStripeBack() throws Exception {
    put(1, 10, 0);
    breakStripes();
    byte[] key = Codec.INT.encode(1);
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> writer.overwrites().tryPut(key, reader.hash(key), new byte[10], 0, 0, 0));
    assertNobodyIsLeft();
  }

  @Test
  void aChangeUnderTheLockGivesItsStripeBack() throws Exception {
    put(1, 10, 0);
    breakStripes();
    assertThrows(IndexOutOfBoundsException.class, () -> put(1, 10, 0));
    assertNobodyIsLeft();
  }

  /** Else an Error in the midst of it would have two entries take one place. */
  @Test
  void afterAnErrorAStripeHasNoPlaces() {
    for (int key = 100; key < 400; key++) {
      put(key, 10, 0); // overwrites take no place at a ring's end
    }
    put(1, 10, 0);
    put(2, 10, 1 << 20);
    put(1, 10, 0);
    for (int i = 0; i < 4; i++) {
      assertTrue(writer.newPeriod());
    }
    assertEquals(Overwrites.Result.DONE, overwrite(1));
    for (int i = 0; i < 4; i++) {
      assertTrue(writer.newPeriod());
    }
    clockFails = true;
    assertThrows(Injected.class, () -> overwrite(2));
    clockFails = false;
    assertEquals(Overwrites.Result.NOT_HERE, overwrite(1));
    assertNobodyIsLeft();
  }

  private Overwrites.Result overwrite(int key) {
    byte[] bytes = Codec.INT.encode(key);
    byte[] value = new byte[10];
    return writer
        .overwrites()
        .tryPut(bytes, reader.hash(bytes), value, 0, 0, Entry.check(bytes, value, 0));
  }

  /** The clock is read, and memory is copied, while readers are pinned. */
  @Test
  void readersLeaveWhateverIsThrown() {
    put(1, 10, 1 << 20);
    byte[] key = Codec.INT.encode(1);
    long hash = reader.hash(key);
    clockFails = true;
    assertThrows(Injected.class, () -> reader.get(key, hash));
    assertThrows(Injected.class, () -> reader.read(key, hash, value -> 1));
    assertThrows(Injected.class, () -> reader.entryAt(reader.index.next(0)));
    assertNobodyIsLeft();
    clockFails = false;
    assertThrows(
        Injected.class,
        () ->
            reader.read(
                key,
                hash,
                value -> {
                  throw new Injected();
                }));
    assertNobodyIsLeft();
    long place = reader.index.next(0);
    memory.close();
    assertThrows(IllegalStateException.class, () -> reader.get(key, hash));
    assertThrows(IllegalStateException.class, () -> reader.read(key, hash, value -> 1));
    assertThrows(IllegalStateException.class, () -> reader.entryAt(place));
    assertThrows(IllegalStateException.class, () -> reader.verify(place));
    assertThrows(
        IllegalStateException.class,
        () -> writer.overwrites().tryPut(key, hash, new byte[10], 0, 0, 0));
    assertNobodyIsLeft();
  }

  /** Of a whole cache: after an Error in any of the user's functions all calls go on. */
  @Test
  void errorsInUsersFunctionsLeaveNothingHeld() throws IOException {
    boolean[] fails = new boolean[1];
    Codec<byte[]> codec =
        Codec.of("failing", bytes -> fail(fails[0], bytes), bytes -> fail(fails[0], bytes));
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, codec)
            .capacity(CAPACITY)
            .file(folder.resolve("cache"))
            .clock(
                () -> {
                  fail(fails[0], new byte[0]);
                  return 1000;
                })
            .expireAfterWrite(Duration.ofDays(1))
            .open()) {
      cache.put("key", new byte[10]);
      List<Runnable> calls =
          List.of(
              () -> cache.getIfPresent("key"),
              () -> cache.get("key", key -> new byte[1]),
              () -> cache.get("none", key -> new byte[1]),
              () -> cache.put("key", new byte[10]),
              () -> cache.putIfAbsent("none", new byte[10]),
              () -> cache.replace("key", new byte[10]),
              () -> cache.asMap().put("key", new byte[10]),
              () -> cache.asMap().compute("key", (key, value) -> value),
              () -> cache.read("key", value -> 1),
              () -> cache.visit((key, value, expires) -> {}, (done, total) -> {}),
              () -> cache.asMap().forEach((key, value) -> {}));
      for (Runnable call : calls) {
        fails[0] = true;
        assertThrows(Injected.class, call::run);
        fails[0] = false;
        assertArrayEquals(new byte[10], cache.getIfPresent("key"));
      }
      // More than fits: it is cleaned, which waits for all readers and stripes.
      for (int i = 0; i < 5000; i++) {
        cache.put("other " + i % 300, new byte[i % 300]);
      }
      cache.invalidateAll();
      assertEquals(0, cache.size());
      assertTrue(cache.verify().isClean());
    }
  }

  private static byte[] fail(boolean fails, byte[] bytes) {
    if (fails) {
      throw new Injected();
    }
    return bytes;
  }
}
