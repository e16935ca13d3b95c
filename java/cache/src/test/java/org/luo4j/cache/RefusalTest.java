/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.Session;
import org.luo4j.testing.Logged;

/** Old memory that cannot be used: cold with the reason, and it stays as it is. */
class RefusalTest {

  private static final long CAPACITY = 1 << 20;

  @TempDir Path folder;

  private WarmCache<String, byte[]> open(OnRefusal onRefusal) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(CAPACITY)
        .file(folder.resolve("cache"))
        .onRefusal(onRefusal)
        .open();
  }

  /** A file that a cache has left, with one entry. */
  private byte[] left() throws IOException {
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      cache.put("key", new byte[] {1, 2, 3});
    }
    return Files.readAllBytes(folder.resolve("cache"));
  }

  static Stream<Arguments> unusable() {
    return Stream.of(
        Arguments.of("format version 2, not 1", edit(b -> b.putInt(CacheFormat.VERSION_AT, 2))),
        Arguments.of("features", edit(b -> b.putInt(CacheFormat.FEATURES_AT, 4))),
        Arguments.of("the other byte order", edit(RefusalTest::swap)),
        Arguments.of("pages of 65536 bytes", edit(b -> b.putInt(CacheFormat.PAGE_AT, 65536))),
        Arguments.of("holds no cache", edit(b -> b.putLong(0, 0x464C457FL))),
        Arguments.of(
            "header is damaged", (UnaryOperator<byte[]>) bytes -> flip(bytes, CacheFormat.SEED_AT)),
        Arguments.of(
            "open when its machine stopped",
            edit(
                b ->
                    b.putLong(CacheFormat.STATE_AT, CacheFormat.OPEN)
                        .putLong(CacheFormat.BOOT_AT, CacheMemory.boot() + 1))),
        Arguments.of("name of a codec", edit(b -> b.putInt(CacheFormat.NAMES_CRC_AT, 7))),
        Arguments.of("number of openings", edit(b -> b.putLong(CacheFormat.OPENINGS_AT, 0))),
        Arguments.of(
            "a ring of", edit(b -> b.putLong(CacheFormat.MAIN_HEAD_AT, Long.MAX_VALUE - 7))),
        Arguments.of(
            "bytes, a cache of this capacity",
            (UnaryOperator<byte[]>) bytes -> Arrays.copyOf(bytes, bytes.length / 2)),
        Arguments.of(
            "bytes, a cache of this capacity",
            (UnaryOperator<byte[]>) bytes -> Arrays.copyOf(bytes, bytes.length + 4096)));
  }

  private static UnaryOperator<byte[]> edit(UnaryOperator<ByteBuffer> edit) {
    return bytes -> {
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      edit.apply(buffer);
      CRC32C crc = new CRC32C();
      crc.update(bytes, 0, CacheFormat.CRC_AT);
      buffer.putInt(CacheFormat.CRC_AT, (int) crc.getValue());
      return bytes;
    };
  }

  private static ByteBuffer swap(ByteBuffer header) {
    for (int at = 0; at < CacheFormat.HEADER_BYTES; at += 8) {
      header.putLong(at, Long.reverseBytes(header.getLong(at)));
    }
    return header;
  }

  private static byte[] flip(byte[] bytes, int at) {
    bytes[at] ^= 1;
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("unusable")
  void isKeptAsItIsUntilTheUserSaysOtherwise(String reason, UnaryOperator<byte[]> edit)
      throws IOException {
    byte[] old = edit.apply(left());
    Path file = folder.resolve("cache");
    Path aside = folder.resolve("cache.refused");
    Files.write(file, old);
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(cache.start().reason().contains(reason), cache.start().reason());
      assertTrue(cache.start().reason().contains(aside.toString()), cache.start().reason());
      assertNull(cache.getIfPresent("key"));
      cache.put("new", new byte[] {4});
      assertArrayEquals(old, Files.readAllBytes(aside));
    }
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertArrayEquals(new byte[] {4}, cache.getIfPresent("new"));
      assertTrue(cache.discardRefused());
      assertFalse(Files.exists(aside));
      assertFalse(cache.discardRefused());
    }
  }

  /** As of a machine that was shut down in order, or a copy. */
  @Test
  void aFileOfAnEarlierBootThatWasClosedIsWarm() throws IOException {
    Path file = folder.resolve("cache");
    for (long boot : new long[] {CacheMemory.boot() + 1, 0}) {
      Files.write(file, edit(header -> header.putLong(CacheFormat.BOOT_AT, boot)).apply(left()));
      try (WarmCache<String, byte[]> cache = open(OnRefusal.FAIL)) {
        assertArrayEquals(new byte[] {1, 2, 3}, cache.getIfPresent("key"));
        assertEquals(
            CacheMemory.boot(),
            ByteBuffer.wrap(Files.readAllBytes(file))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong(CacheFormat.BOOT_AT));
      }
    }
  }

  @Test
  void aClosedCacheDeletesNothingThatWasSetAside() throws IOException {
    Path aside = folder.resolve("cache.refused");
    byte[] old = left();
    Files.write(aside, old);
    WarmCache<String, byte[]> cache = open(OnRefusal.KEEP);
    cache.close();
    assertThrows(IllegalStateException.class, cache::discardRefused);
    assertArrayEquals(old, Files.readAllBytes(aside));
  }

  @Test
  void aSecondTimeTakesThePlaceOfTheFirst() throws IOException {
    byte[] old = flip(left(), CacheFormat.SEED_AT);
    Path file = folder.resolve("cache");
    Path aside = folder.resolve("cache.refused");
    Files.write(aside, Arrays.copyOf(left(), 8192));
    Files.write(file, old);
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(cache.start().reason().contains("in place of"), cache.start().reason());
      assertArrayEquals(old, Files.readAllBytes(aside));
    }
    Files.write(file, old);
    try (WarmCache<String, byte[]> cache = open(OnRefusal.REPLACE)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertEquals(0, cache.size());
    }
    assertArrayEquals(old, Files.readAllBytes(aside));
  }

  /** It has nothing to lose, and must not take the place of memory that has. */
  @Test
  void anEmptyCacheIsNotSetAside() throws IOException {
    try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
      cache.put("key", new byte[] {1});
    }
    sized(2 << 20).close();
    byte[] aside = Files.readAllBytes(folder.resolve("sized.refused"));
    try (WarmCache<String, byte[]> cache = sized(3 << 20)) {
      String reason = cache.start().reason();
      assertTrue(reason.endsWith("; it had no entry, and was written over"), reason);
      cache.put("key", new byte[] {3});
      cache.remove("key");
    }
    sized(4 << 20).close();
    assertArrayEquals(aside, Files.readAllBytes(folder.resolve("sized.refused")));
    try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
      assertArrayEquals(new byte[] {1}, cache.getIfPresent("key"), cache.start().reason());
    }
  }

  /** What the log says of memory that was set aside. */
  private String told(byte[] old) throws IOException {
    Files.deleteIfExists(folder.resolve("cache.refused"));
    Files.write(folder.resolve("cache"), old);
    try (Logged log = new Logged(WarmCache.class);
        WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertArrayEquals(old, Files.readAllBytes(folder.resolve("cache.refused")));
      assertFalse(cache.start().isWarm());
      return log.lines().get(0);
    }
  }

  @Test
  void theWarningSaysWhatTheOldMemoryIsGoodFor() throws IOException {
    byte[] left = left();
    String notes = "It is no cache: if anybody needs it, give the cache another name";
    assertTrue(told("my notes".getBytes()).contains(notes));
    assertTrue(told(Arrays.copyOf("my notes".getBytes(), 5000)).contains(notes));
    assertTrue(told(Arrays.copyOf("my notes".getBytes(), left.length)).contains(notes));
    assertTrue(told(flip(left.clone(), CacheFormat.SEED_AT)).contains("It is of no more use"));
    try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
      cache.put("key", new byte[] {1});
    }
    byte[] larger = Files.readAllBytes(folder.resolve("sized"));
    assertTrue(told(larger).contains("To be warm next time open it as before"));
  }

  private WarmCache<String, byte[]> sized(long capacity) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(capacity)
        .file(folder.resolve("sized"))
        .open();
  }

  @Test
  void whatWasSetAsideIsTakenBackWhenItFits() throws IOException {
    for (int round = 0; round < 3; round++) {
      for (long capacity : new long[] {1 << 20, 2 << 20}) {
        try (WarmCache<String, byte[]> cache = sized(capacity)) {
          assertEquals(round > 0, cache.start().isWarm(), cache.start().reason());
          byte[] expected = {(byte) (round - 1), (byte) (capacity >> 20)};
          assertArrayEquals(round > 0 ? expected : null, cache.getIfPresent("key"));
          cache.put("key", new byte[] {(byte) round, (byte) (capacity >> 20)});
        }
      }
    }
    assertEquals(List.of("sized", "sized.refused"), names());
    try (WarmCache<String, byte[]> cache = sized(3 << 20)) {
      assertFalse(cache.start().isWarm());
    }
    assertEquals(List.of("sized", "sized.refused"), names());
    try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
      assertTrue(cache.start().isWarm(), cache.start().reason());
    }
  }

  /** Also of what was replaced or removed meanwhile, unless the memory was discarded then. */
  @Test
  void whatIsTakenBackHasItsOldValues() throws IOException {
    for (boolean discard : new boolean[] {false, true}) {
      try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
        cache.put("replaced", new byte[] {1});
        cache.put("removed", new byte[] {1});
      }
      try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
        cache.put("replaced", new byte[] {2});
        cache.remove("removed");
        assertEquals(discard, discard && cache.discardRefused());
      }
      try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
        byte[] old = discard ? null : new byte[] {1};
        assertArrayEquals(old, cache.getIfPresent("replaced"));
        assertArrayEquals(old, cache.getIfPresent("removed"));
        assertEquals(!discard, cache.start().isWarm(), cache.start().reason());
      }
    }
  }

  @Test
  void memoryWithoutATrailerIsMadeLargerAndTakenOver() throws IOException {
    byte[] whole = left();
    Path file = folder.resolve("cache");
    Files.write(file, Arrays.copyOf(whole, whole.length - CacheFormat.TRAILER_BYTES));
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertArrayEquals(new byte[] {1, 2, 3}, cache.getIfPresent("key"));
    }
    assertEquals(whole.length, Files.size(file));
  }

  @Test
  void theMemoryOfAnotherSchemaIsTakenBackToo() throws IOException {
    for (int round = 0; round < 2; round++) {
      for (String schema : List.of("schema 1", "schema 2")) {
        Codec<byte[]> codec = Codec.of(schema, bytes -> bytes, bytes -> bytes);
        try (WarmCache<String, byte[]> cache =
            WarmCache.builder(Codec.STRING, codec)
                .capacity(CAPACITY)
                .file(folder.resolve("sized"))
                .open()) {
          assertEquals(round > 0, cache.start().isWarm(), cache.start().reason());
          byte[] value = schema.getBytes();
          assertArrayEquals(round > 0 ? value : null, cache.getIfPresent("key"));
          cache.put("key", value);
        }
      }
    }
    assertEquals(List.of("sized", "sized.refused"), names());
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void whatWasThereIsThereAgainWhereAnotherShapeHasNoRoom() throws IOException {
    left();
    WarmCache.Builder<String, byte[]> larger =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(8L << 40)
            .file(folder.resolve("cache"));
    assertThrows(NoRoomException.class, larger::open);
    assertFalse(Files.exists(folder.resolve("cache.refused")));
    try (WarmCache<String, byte[]> cache = open(OnRefusal.FAIL)) {
      assertArrayEquals(new byte[] {1, 2, 3}, cache.getIfPresent("key"));
    }
  }

  private void setDropped(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(CacheFormat.DROPPED_AT, CacheFormat.DROPPED);
    Files.write(file, bytes);
  }

  /** What was set aside first is to be dropped; what was there last must not be. */
  @Test
  void aProcessKilledWhileAThirdShapeComesKeepsTheSecond() throws IOException {
    Path file = folder.resolve("sized");
    Path aside = folder.resolve("sized.refused");
    Path swap = folder.resolve("sized.swap");
    for (boolean isSecondRenamed : new boolean[] {false, true}) {
      for (long next : new long[] {4 << 20, 2 << 20}) {
        for (long capacity : new long[] {1 << 20, 2 << 20}) {
          try (WarmCache<String, byte[]> cache = sized(capacity)) {
            cache.put("key", new byte[] {(byte) (capacity >> 20)});
          }
        }
        setDropped(aside);
        Files.move(aside, swap);
        if (isSecondRenamed) {
          Files.move(file, aside);
        }
        sized(next).close();
        assertEquals(
            next == 2 << 20 && isSecondRenamed
                ? List.of("sized")
                : List.of("sized", "sized.refused"),
            names());
        try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
          assertArrayEquals(new byte[] {2}, cache.getIfPresent("key"));
        }
        for (String name : names()) {
          Files.delete(folder.resolve(name));
        }
      }
    }
  }

  /** It has no data that could be lost, and would be in the way of what has. */
  @Test
  void memoryOfAnotherSizeWhoseMakingWasCutOffIsNotSetAside() throws IOException {
    for (boolean isMarked : new boolean[] {false, true}) {
      ByteBuffer made = ByteBuffer.allocate(3 << 20).order(ByteOrder.LITTLE_ENDIAN);
      Files.write(
          folder.resolve("sized"), made.putLong(0, isMarked ? CacheFormat.BEING_MADE : 0).array());
      try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
        assertEquals(Start.Kind.COLD, cache.start().kind());
        cache.put("key", new byte[] {1});
      }
      assertEquals(List.of("sized"), names());
      sized(2 << 20).close();
      assertEquals(List.of("sized", "sized.refused"), names());
      try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
        assertArrayEquals(new byte[] {1}, cache.getIfPresent("key"));
        assertTrue(cache.discardRefused());
      }
    }
  }

  @Test
  void aProcessKilledWhileTwoFilesChangePlacesLosesNeither() throws IOException {
    Path file = folder.resolve("sized");
    Path aside = folder.resolve("sized.refused");
    Path swap = folder.resolve("sized.swap");
    for (long capacity : new long[] {1 << 20, 2 << 20}) {
      try (WarmCache<String, byte[]> cache = sized(capacity)) {
        cache.put("key", new byte[] {(byte) (capacity >> 20)});
      }
    }
    for (long capacity : new long[] {1 << 20, 2 << 20, 2 << 20, 1 << 20}) {
      Files.move(file, swap); // killed after the first of three renames
      try (WarmCache<String, byte[]> cache = sized(capacity)) {
        assertArrayEquals(new byte[] {(byte) (capacity >> 20)}, cache.getIfPresent("key"));
      }
      assertEquals(List.of("sized", "sized.refused"), names());
    }
    Files.move(file, aside.resolveSibling("kept")); // and after the second
    Files.deleteIfExists(aside);
    Files.move(aside.resolveSibling("kept"), file);
    try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
      cache.put("key", new byte[] {2});
    }
    Files.move(file, swap);
    Files.move(aside, file);
    try (WarmCache<String, byte[]> cache = sized(1 << 20)) {
      assertArrayEquals(new byte[] {1}, cache.getIfPresent("key"));
    }
    assertEquals(List.of("sized", "sized.refused"), names());
    try (WarmCache<String, byte[]> cache = sized(2 << 20)) {
      assertArrayEquals(new byte[] {2}, cache.getIfPresent("key"));
    }
  }

  /** Nobody is told to go back to what cannot be used again. */
  @ParameterizedTest
  @CsvSource({"true, It is of no more use", "false, To be warm next time open it as before"})
  void theRemedyIsOneThatHelps(boolean isDamaged, String remedy) throws IOException {
    byte[] bytes = left();
    int at = isDamaged ? CacheFormat.CRC_AT : CacheFormat.VERSION_AT;
    bytes[at] ^= 1;
    Files.write(folder.resolve("cache"), bytes);
    IOException e = assertThrows(IOException.class, () -> open(OnRefusal.FAIL).close());
    assertEquals(!isDamaged, e.getMessage().contains(". Open it as it was made, or "), e::toString);
    try (Logged log = new Logged(WarmCache.class);
        WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(log.lines().get(0).contains(". " + remedy + "; to free "), "" + log.lines());
    }
  }

  @Test
  void aCacheThatWasNeverFinishedIsMadeInItsPlace() throws IOException {
    byte[] bytes = left();
    Arrays.fill(bytes, 0, CacheFormat.HEADER_BYTES, (byte) 0);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, CacheFormat.BEING_MADE);
    Files.write(folder.resolve("cache"), bytes);
    try (WarmCache<String, byte[]> cache = open(OnRefusal.KEEP)) {
      assertTrue(cache.start().reason().contains("cut off"), cache.start().reason());
      assertEquals(0, cache.size());
      assertNull(cache.getIfPresent("key"));
      assertTrue(cache.verify().isClean());
    }
  }

  @Test
  void nothingOfWhatIsWrittenOverIsBelieved() throws IOException {
    byte[] bytes = left();
    Arrays.fill(bytes, (byte) 0x28);
    Arrays.fill(bytes, 0, 8, (byte) 0);
    Files.write(folder.resolve("cache"), bytes);
    try (WarmCache<String, byte[]> cache = open(OnRefusal.REPLACE)) {
      assertEquals(0, cache.size());
      for (int i = 0; i < 5000; i++) {
        cache.put("key " + i, new byte[500]);
        assertEquals(500, cache.getIfPresent("key " + i).length);
      }
      assertTrue(cache.verify().isClean());
      assertEquals(0, cache.stats().corruptions());
    }
  }

  @Test
  void aForeignMemfdStaysInASessionOfItsOwnOverTheNextKexecToo() throws IOException {
    LiveUpdate first = emulated();
    Session foreign = first.createSession("cache");
    try (MemFd memory = foreign.preserveNew(MemFdOptions.named("foreign").size(4096), 1);
        MemoryRegion region = memory.map()) {
      region.putLong(0, 42);
    }
    first.emulateKexec();

    LiveUpdate second = emulated();
    WarmCache<String, byte[]> cold = session(second);
    assertEquals(Start.Kind.COLD, cold.start().kind());
    assertTrue(cold.start().reason().contains("4096 bytes"), cold.start().reason());
    assertTrue(cold.start().reason().contains("cache.refused"), cold.start().reason());
    cold.put("key", new byte[] {1});
    second.emulateKexec();

    LiveUpdate third = emulated();
    WarmCache<String, byte[]> warm = session(third);
    assertEquals(Start.Kind.WARM_AFTER_KEXEC, warm.start().kind());
    assertArrayEquals(new byte[] {1}, warm.getIfPresent("key"));
    third.emulateKexec();

    LiveUpdate last = emulated();
    try (Session aside = last.retrieveSession("cache.refused");
        MemFd memory = aside.retrieve(1);
        MemoryRegion region = memory.map()) {
      assertEquals(42, region.getLong(0));
    }
  }

  private WarmCache<String, byte[]> session(LiveUpdate luo) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(CAPACITY)
        .session(luo, "cache")
        .open();
  }

  private LiveUpdate emulated() {
    return LiveUpdate.builder()
        .bridge(BridgeType.EMULATOR)
        .emulatorDirectory(folder.resolve("machine"))
        .open();
  }
}
