/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;

/** The cache against a map, and over restarts, crashes and an emulated kexec. */
class WarmCacheTest {

  private static final long MIB = 1 << 20;

  @TempDir Path folder;

  private WarmCache.Builder<String, byte[]> builder(long capacity) {
    return WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(capacity);
  }

  private WarmCache<String, byte[]> open(long capacity) throws IOException {
    return builder(capacity).file(folder.resolve("cache")).open();
  }

  private static byte[] value(SplittableRandom random, int most) {
    byte[] value = new byte[random.nextInt(most + 1)];
    random.nextBytes(value);
    return value;
  }

  /**
   * Live bytes stay below nine tenths, so that nothing may be missing, with overwrites of 10 times.
   */
  @ParameterizedTest
  @ValueSource(ints = {0, 100, 1000, 20_000})
  void belowNineTenthsNothingIsEverDropped(int most) throws IOException {
    long capacity = most < 1000 ? MIB : 4 * MIB;
    int keys = (int) (capacity * 85 / 100 / Math.max(64, most / 2 + 40));
    SplittableRandom random = new SplittableRandom(most);
    Map<String, byte[]> model = new HashMap<>();
    long written = 0;
    try (WarmCache<String, byte[]> cache = open(capacity)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      while (written < 10 * capacity) {
        String key = "key-" + random.nextInt(keys);
        switch (random.nextInt(10)) {
          case 0 -> assertEquals(model.remove(key) != null, cache.remove(key));
          case 1, 2, 3 -> assertArrayEquals(model.get(key), cache.getIfPresent(key));
          default -> {
            byte[] value = value(random, most);
            cache.put(key, value);
            model.put(key, value);
            written += 12 + key.length() + value.length;
          }
        }
      }
      assertEquals(0, cache.stats().evictions());
      assertEquals(model.size(), cache.size());
      model.forEach((key, value) -> assertArrayEquals(value, cache.getIfPresent(key), key));
    }
  }

  @Test
  void beyondItEvictsAndNeverLies() throws IOException {
    SplittableRandom random = new SplittableRandom(2);
    Map<String, byte[]> model = new HashMap<>();
    List<String> told = new ArrayList<>();
    try (WarmCache<String, byte[]> cache =
        builder(MIB)
            .file(folder.resolve("cache"))
            .removalListener((key, value, cause) -> told.add(key))
            .open()) {
      for (int i = 0; i < 100_000; i++) {
        String key = "key-" + random.nextInt(20_000);
        byte[] found = cache.getIfPresent(key);
        if (found != null) {
          assertArrayEquals(model.get(key), found, key);
        } else {
          byte[] value = value(random, 400);
          cache.put(key, value);
          model.put(key, value);
          assertArrayEquals(value, cache.getIfPresent(key), key);
        }
      }
      assertTrue(cache.size() > 2000, "entries: " + cache.size());
      assertEquals(cache.stats().evictions(), told.size());
      assertTrue(told.size() > 10_000);
    }
  }

  @Test
  void aRestartFindsEverythingWarm() throws IOException {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      for (int i = 0; i < 1000; i++) {
        cache.put("key-" + i, new byte[] {(byte) i, (byte) (i >> 8)});
      }
      assertThrows(
          LuoException.OwnerAlive.class,
          () -> builder(MIB).file(folder.resolve("cache")).ownerTimeout(Duration.ZERO).open(),
          "a second owner");
    }
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals(1000, cache.size());
      for (int i = 0; i < 1000; i++) {
        assertArrayEquals(new byte[] {(byte) i, (byte) (i >> 8)}, cache.getIfPresent("key-" + i));
      }
      cache.put("more", new byte[1]);
    }
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      assertEquals(1001, cache.size());
    }
  }

  @Test
  void anotherCapacityOrCodecIsColdWithTheReason() throws IOException {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      cache.put("key", new byte[1]);
    }
    try (WarmCache<String, byte[]> cache = open(2 * MIB)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(cache.start().reason().contains("capacity"), cache.start().reason());
      assertTrue(cache.discardRefused());
    }
    try (WarmCache<Long, byte[]> cache =
        WarmCache.builder(Codec.LONG, Codec.BYTES)
            .capacity(2 * MIB)
            .file(folder.resolve("cache"))
            .open()) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(
          cache.start().reason().contains("written with the key codec 'utf-8', not 'i64';"),
          cache.start().reason());
    }
  }

  @Test
  void aFlippedBitOfAnOldEntryIsAMissAndCounted() throws IOException {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      cache.put("key", "a value that is easy to find".getBytes());
    }
    try (RandomAccessFile file = new RandomAccessFile(folder.resolve("cache").toFile(), "rw")) {
      byte[] all = new byte[(int) file.length()];
      file.readFully(all);
      int at = new String(all, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("easy");
      file.seek(at);
      file.write('E');
    }
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      assertTrue(cache.start().isWarm());
      assertNull(cache.getIfPresent("key"));
      assertEquals(1, cache.stats().corruptions());
      cache.put("other", new byte[1]);
      assertFalse(cache.remove("key"));
      assertEquals(2, cache.size(), "not known to be less");
      assertTrue(cache.verify((done, total) -> {}).isClean());
      assertEquals(1, cache.size());
    }
  }

  @Test
  void entriesExpireByTheCachesOwnClockAlsoOverARestart() throws IOException {
    AtomicLong now = new AtomicLong(1_000_000);
    WarmCache.Builder<String, byte[]> first =
        builder(MIB)
            .file(folder.resolve("cache"))
            .clock(now::get)
            .expireAfterWrite(Duration.ofSeconds(10));
    try (WarmCache<String, byte[]> cache = first.open()) {
      cache.put("ten", new byte[1]);
      cache.put("hour", new byte[1], Duration.ofHours(1));
      now.addAndGet(9_999);
      assertTrue(cache.getIfPresent("ten") != null);
    }
    try (WarmCache<String, byte[]> cache =
        builder(MIB).file(folder.resolve("cache")).clock(now::get).open()) {
      now.addAndGet(128);
      assertNull(cache.getIfPresent("ten"));
      assertTrue(cache.getIfPresent("hour") != null);
      now.addAndGet(3_600_000);
      assertNull(cache.getIfPresent("hour"));
      now.set(0);
      assertNull(cache.getIfPresent("hour"), "what has expired stays so when the clock goes back");
    }
  }

  @Test
  void loadersRunOnceAndEntriesHaveALimit() throws IOException {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      assertArrayEquals(new byte[] {1}, cache.get("key", key -> new byte[] {1}));
      assertArrayEquals(new byte[] {1}, cache.get("key", key -> new byte[] {2}));
      assertNull(cache.get("none", key -> null));
      assertThrows(NullPointerException.class, () -> cache.put("key", null));
      byte[] eighth = new byte[(int) (MIB / 8) - 24];
      cache.put("eight", eighth);
      assertArrayEquals(eighth, cache.getIfPresent("eight"));
      String message =
          assertThrows(
                  IllegalArgumentException.class, () -> cache.put("key", new byte[(int) (MIB / 8)]))
              .getMessage();
      assertTrue(message.contains("an eighth of the capacity"), message);
      assertArrayEquals(new byte[] {1}, cache.getIfPresent("key"));
      cache.invalidateAll();
      assertEquals(0, cache.size());
      assertNull(cache.getIfPresent("key"));
    }
  }

  @Test
  void aKexecCarriesItOver() throws IOException {
    LiveUpdate before = emulated();
    WarmCache<String, byte[]> cache = builder(MIB).session(before, "cache").open();
    for (int i = 0; i < 500; i++) {
      cache.put("key-" + i, new byte[i]);
    }
    before.emulateKexec();
    LiveUpdate after = emulated();
    WarmCache<String, byte[]> warm = builder(MIB).session(after, "cache").open();
    assertEquals(Start.Kind.WARM_AFTER_KEXEC, warm.start().kind());
    for (int i = 0; i < 500; i++) {
      assertArrayEquals(new byte[i], warm.getIfPresent("key-" + i));
    }
    warm.put("second", new byte[2]);
    after.emulateKexec();
    try (WarmCache<String, byte[]> again = builder(MIB).session(emulated(), "cache").open()) {
      assertArrayEquals(new byte[2], again.getIfPresent("second"));
      assertEquals(501, again.size());
    }
  }

  private LiveUpdate emulated() {
    return LiveUpdate.builder()
        .bridge(BridgeType.EMULATOR)
        .emulatorDirectory(folder.resolve("machine"))
        .open();
  }

  @Test
  void sevenOfTheLargestEntriesAreKeptOverAnyNumberOfOverwrites() throws IOException {
    SplittableRandom random = new SplittableRandom(7);
    byte[][] model = new byte[7][];
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      for (int i = 0; i < 2000; i++) {
        int key = random.nextInt(7);
        model[key] = new byte[(int) (MIB / 8) - 24 - random.nextInt(50)];
        model[key][i] = 1;
        cache.put("" + key, model[key]);
      }
      assertEquals(0, cache.stats().evictions());
      for (int key = 0; key < 7; key++) {
        assertArrayEquals(model[key], cache.getIfPresent("" + key));
      }
    }
  }

  @Test
  void overwritingAFullCacheEvictsNothing() throws IOException {
    int entries = (int) (MIB / 10 * 9 / 1016);
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      for (int i = 0; i < 10 * entries; i++) {
        cache.put(String.format("%04d", i % entries), new byte[1000]);
      }
      assertEquals(0, cache.stats().evictions());
      assertEquals(entries, cache.size());
      assertEquals(1016L * entries, cache.liveBytes());
    }
  }

  @Test
  void aValueReadInPlaceStaysWhileOthersAreWrittenAndIsReadOnly() throws Exception {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      cache.put("key", "still here".getBytes());
      String read =
          cache.read(
              "key",
              value -> {
                Thread writer =
                    new Thread(
                        () -> {
                          cache.put("key", "not any more".getBytes());
                          for (int i = 0; i < 50; i++) {
                            cache.put("other " + i % 100, new byte[1000]);
                          }
                        });
                writer.start();
                try {
                  writer.join();
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
                assertTrue(value.isReadOnly());
                byte[] bytes = new byte[value.remaining()];
                value.get(bytes);
                return new String(bytes);
              });
      assertEquals("still here", read);
      assertArrayEquals("not any more".getBytes(), cache.getIfPresent("key"));
      assertNull(cache.read("none", value -> "called"));
    }
  }

  @Test
  void aReaderThatWouldWaitForItselfIsToldSo() throws IOException {
    try (WarmCache<String, byte[]> cache = open(MIB)) {
      cache.put("key", new byte[10]);
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () ->
                      cache.read(
                          "key",
                          value -> {
                            for (int i = 0; i < 10_000; i++) {
                              cache.put("other " + i % 500, new byte[1000 + i % 100]);
                            }
                            return null;
                          }))
              .getMessage();
      assertTrue(message.contains("must not change a cache"), message);
      cache.put("key", new byte[20]);
      assertEquals(20, cache.getIfPresent("key").length);
      assertTrue(cache.verify().isClean());
    }
  }

  @Test
  void listenersAreToldWhyAndMayUseTheCache() throws IOException {
    AtomicLong now = new AtomicLong(1_000_000);
    List<String> told = new ArrayList<>();
    List<WarmCache<String, byte[]>> self = new ArrayList<>();
    try (WarmCache<String, byte[]> cache =
        builder(MIB)
            .file(folder.resolve("cache"))
            .clock(now::get)
            .recordStats()
            .removalListener(
                (key, value, cause) -> {
                  told.add(key + value.length + cause);
                  assertNull(self.get(0).getIfPresent("none"));
                })
            .open()) {
      self.add(cache);
      cache.put("a", new byte[1]);
      cache.put("a", new byte[2]);
      assertTrue(cache.remove("a"));
      cache.put("b", new byte[3], Duration.ofSeconds(1));
      now.addAndGet(2000);
      assertEquals(false, cache.remove("b"));
      cache.put("c", new byte[4]);
      cache.invalidateAll();
      assertEquals(List.of("a1REPLACED", "a2EXPLICIT", "b3EXPIRED", "c4EXPLICIT"), told);
      assertEquals(4, cache.stats().misses());
    }
  }

  @Test
  void aClosedCacheSaysSo() throws IOException {
    WarmCache<String, byte[]> cache = open(MIB);
    cache.close();
    cache.close();
    for (Executable call :
        List.<Executable>of(
            () -> cache.getIfPresent("key"),
            () -> cache.put("key", new byte[1]),
            () -> cache.remove("key"),
            () -> cache.read("key", value -> 1),
            cache::size,
            cache::invalidateAll,
            cache::discardRefused,
            cache::verify)) {
      String message = assertThrows(IllegalStateException.class, call).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  /** What it has dropped until then is not counted any more. */
  @Test
  void aVerificationWhoseProgressThrowsLeavesRightCounts() throws IOException {
    Path file = folder.resolve("counted");
    int entries = 1000;
    long liveBytes;
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(32 << 20).file(file).open()) {
      for (int i = 0; i < entries; i++) {
        cache.put(String.format("%04d", i), "easy to find".getBytes());
      }
      liveBytes = cache.liveBytes();
    }
    byte[] all = Files.readAllBytes(file);
    Files.write(
        file,
        new String(all, StandardCharsets.ISO_8859_1)
            .replace("easy", "Easy")
            .getBytes(StandardCharsets.ISO_8859_1));
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(32 << 20).file(file).open()) {
      assertThrows(
          IllegalStateException.class,
          () ->
              cache.verify(
                  (done, total) -> {
                    throw new IllegalStateException("of the test");
                  }));
      assertTrue(cache.size() > 0 && cache.size() < entries, () -> "size " + cache.size());
      assertEquals(liveBytes / entries * cache.size(), cache.liveBytes());
    }
  }
}
