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
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.luo4j.testing.Logged;

/** What an open makes of the memory that it finds, and what it leaves in it. */
class OpeningTest {

  private static final long CREATED = 1_000_000_000;
  private static final long CAPACITY = 64 << 10;
  private static final long DAY = 86_400_000;
  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(CAPACITY, 64);

  @TempDir Path folder;
  private long now = CREATED;

  private Path file() {
    return folder.resolve("cache");
  }

  private Path aside() {
    return folder.resolve("cache.refused");
  }

  private WarmCache<String, String> open(long capacity, OnRefusal what) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(capacity)
        .file(file())
        .clock(() -> now)
        .onRefusal(what)
        .open();
  }

  private WarmCache<String, String> open() throws IOException {
    return open(CAPACITY, OnRefusal.KEEP);
  }

  private ByteBuffer left() throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(file())).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void theHeaderSaysWhoHasIt() throws IOException {
    for (int i = 1; i < 4; i++) {
      try (WarmCache<String, String> cache = open()) {
        ByteBuffer header = left();
        assertEquals(CacheFormat.OPEN, header.getLong(CacheFormat.STATE_AT));
        assertEquals(ProcessHandle.current().pid(), header.getLong(CacheFormat.OWNER_AT));
        assertEquals(PidNamespace.id(), header.getLong(CacheFormat.OWNER_NAMESPACE_AT));
        assertEquals(CacheFormat.openings(i), header.getLong(CacheFormat.OPENINGS_AT));
        assertEquals(CREATED, header.getLong(CacheFormat.CREATED_AT));
        assertEquals(CacheFormat.MARK, header.getLong(header.capacity() - 8));
        assertEquals(i > 1, cache.start().isWarm());
        assertEquals(LAYOUT.memoryBytes(), cache.memoryBytes());
      }
      assertEquals(CacheFormat.CLOSED, left().getLong(CacheFormat.STATE_AT));
      assertEquals(ProcessHandle.current().pid(), CacheHeader.read(file()).isClosed() ? pid() : 0);
    }
  }

  @Test
  void aPidNamespaceIsKnownByItsInode() {
    assertEquals(4026531836L, PidNamespace.id("pid:[4026531836]"));
    for (String other :
        List.of("", "pid:[]", "pid:[x]", "net:[4026531836]", "pid:[" + "9".repeat(30))) {
      assertEquals(0, PidNamespace.id(other), other);
    }
  }

  private long pid() throws IOException {
    return left().getLong(CacheFormat.OWNER_AT);
  }

  /** Each cache hashes in its own way, so that nobody can choose keys of one bucket. */
  @Test
  void eachCacheHasASeedOfItsOwn() throws IOException {
    open().close();
    long first = left().getLong(CacheFormat.SEED_AT);
    Files.delete(file());
    open().close();
    assertTrue(first != left().getLong(CacheFormat.SEED_AT));
  }

  /** As a version before the trailer left it. */
  @Test
  void memoryWithoutATrailerIsWarmAndMarked() throws IOException {
    try (WarmCache<String, String> cache = open()) {
      cache.put("key", "value");
    }
    byte[] whole = Files.readAllBytes(file());
    Files.write(file(), Arrays.copyOf(whole, whole.length - CacheFormat.TRAILER_BYTES));
    assertEquals(1, CacheHeader.read(file()).entries());
    try (WarmCache<String, String> cache = open(CAPACITY, OnRefusal.FAIL)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals("value", cache.getIfPresent("key"));
      assertEquals(CacheFormat.MARK, left().getLong(whole.length - 8));
    }
    assertEquals(whole.length, Files.size(file()));
  }

  @Test
  void whatWasNotClosedIsWarmAfterACrash() throws IOException {
    byte[] crashed;
    try (WarmCache<String, String> cache = open()) {
      cache.put("key", "value");
      crashed = Files.readAllBytes(file());
    }
    try (WarmCache<String, String> cache = open()) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals("in " + file(), cache.start().reason());
    }
    Files.write(file(), crashed);
    try (WarmCache<String, String> cache = open()) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
      assertEquals("in " + file(), cache.start().reason());
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  /** Counts that damage has made unknown, or wrong, are counted by the next open. */
  @ParameterizedTest
  @CsvSource({"true, 1, 1", "false, 1, 1", "true, 0, 1", "false, 0, 1"})
  void countsAreMadeAnewWhereTheMemorySaysSo(boolean closed, long recount, long size)
      throws IOException {
    try (WarmCache<String, String> cache = open()) {
      cache.put("key", "value");
    }
    ByteBuffer bytes = left();
    bytes.putLong(CacheFormat.STATE_AT, closed ? CacheFormat.CLOSED : CacheFormat.OPEN);
    bytes.putLong(CacheFormat.ENTRIES_AT, 5);
    bytes.putLong(CacheFormat.RECOUNT_AT, recount);
    Files.write(file(), bytes.array());
    try (WarmCache<String, String> cache = open()) {
      assertEquals(size, cache.size());
      assertEquals(0, left().getLong(CacheFormat.RECOUNT_AT));
    }
  }

  /** Expiry goes on from there, whatever is done with the cache before the process is killed. */
  @Test
  void theTimeOfAnOpenIsStored() throws IOException {
    open().close();
    now += 5000;
    try (WarmCache<String, String> cache = open()) {
      assertEquals(0, cache.size());
      assertEquals(CREATED + 5000, left().getLong(CacheFormat.LATEST_AT));
      assertEquals(0, cache.size());
    }
    now += 5000;
    open().close();
    assertEquals(CREATED + 10_000, left().getLong(CacheFormat.LATEST_AT));
  }

  // ---- a long time ----

  private void fill() throws IOException {
    try (WarmCache<String, String> cache = open()) {
      cache.put("stays", "value");
      cache.put("soon", "value", Duration.ofSeconds(1));
      cache.put("late", "value", Duration.ofDays(2920));
    }
    assertEquals(0, left().getLong(CacheFormat.BASE_AT));
  }

  /** An expiry may be larger than what it can hold by then. */
  @Test
  void afterMoreThanAnyAgeAllThatExpiresIsGone() throws IOException {
    fill();
    now += 2921 * DAY;
    try (WarmCache<String, String> cache = open()) {
      assertEquals(1, cache.size());
      assertEquals(2, cache.stats().evictions());
      assertEquals("value", cache.getIfPresent("stays"));
      assertEquals(2921 * DAY / 64 * 64, left().getLong(CacheFormat.BASE_AT));
      cache.put("again", "value", Duration.ofDays(2920));
      now += 2919 * DAY;
      assertEquals("value", cache.getIfPresent("again"));
      now += 2 * DAY;
      assertNull(cache.getIfPresent("again"));
    }
  }

  /** The base moves only when nothing is left that is counted from it. */
  @Test
  void afterHalfOfWhatAnExpiryHoldsExpiredEntriesAreDropped() throws IOException {
    fill();
    now += 1600 * DAY;
    try (WarmCache<String, String> cache = open()) {
      assertEquals(2, cache.size());
      assertEquals(1, cache.stats().evictions());
      assertEquals("value", cache.getIfPresent("late"));
      assertEquals(0, left().getLong(CacheFormat.BASE_AT));
      cache.remove("late");
    }
    try (WarmCache<String, String> cache = open()) {
      assertEquals(1600 * DAY / 64 * 64, left().getLong(CacheFormat.BASE_AT));
      assertEquals(1, cache.size());
    }
  }

  /** Damage: all that can expire goes, and what is put then lives for its age. */
  @Test
  void aBaseOfTheFutureIsNotBelieved() throws IOException {
    for (int bit : new int[] {20, 40, 62, 63}) {
      try (WarmCache<String, String> cache = open()) {
        cache.invalidateAll();
        cache.put("stays", "value");
        cache.put("aged", "value", Duration.ofDays(1));
      }
      ByteBuffer bytes = left();
      bytes.putLong(CacheFormat.BASE_AT, bytes.getLong(CacheFormat.BASE_AT) | 1L << bit);
      Files.write(file(), bytes.array());
      try (WarmCache<String, String> cache = open()) {
        assertEquals("value", cache.getIfPresent("stays"));
        assertNull(cache.getIfPresent("aged"));
        cache.put("new", "value", Duration.ofDays(1));
        assertEquals("value", cache.getIfPresent("new"));
        now += DAY + 100;
        assertNull(cache.getIfPresent("new"), "bit " + bit);
      }
    }
  }

  @Test
  void beforeThatNothingIsDropped() throws IOException {
    fill();
    now += 1500 * DAY;
    try (WarmCache<String, String> cache = open()) {
      assertEquals(3, cache.size());
      assertEquals(0, cache.stats().evictions());
      assertNull(cache.getIfPresent("soon"));
    }
  }

  // ---- what is refused ----

  @Test
  void aCacheThatIsMadeInOldMemoryIsEmpty() throws IOException {
    try (WarmCache<String, String> cache = open()) {
      for (int i = 0; i < 500; i++) {
        cache.put("key" + i, "value");
      }
    }
    ByteBuffer bytes = left();
    bytes.putLong(CacheFormat.MAGIC_AT, CacheFormat.BEING_MADE);
    Files.write(file(), bytes.array());
    try (WarmCache<String, String> cache = open(CAPACITY, OnRefusal.FAIL)) {
      assertEquals(
          new Start(Start.Kind.COLD, "the making of the old memory was cut off"), cache.start());
      for (int i = 0; i < 500; i++) {
        assertNull(cache.getIfPresent("key" + i));
      }
      assertEquals(0, cache.size());
      assertEquals(CREATED, left().getLong(CacheFormat.CREATED_AT));
    }
    assertFalse(Files.exists(aside()), "nothing is lost");
  }

  @Test
  void whatIsRefusedIsSetAsideOrWrittenOver() throws IOException {
    fill();
    ByteBuffer bytes = left();
    bytes.putLong(CacheFormat.MAGIC_AT, 7);
    for (OnRefusal what : OnRefusal.values()) {
      Files.write(file(), bytes.array());
      if (what == OnRefusal.FAIL) {
        String message = assertThrows(IOException.class, () -> open(CAPACITY, what)).getMessage();
        assertTrue(
            message.startsWith("the old memory holds no cache. Open it with onRefusal(KEEP)"),
            message);
        assertArrayEquals(bytes.array(), Files.readAllBytes(file()));
        continue;
      }
      try (Logged log = new Logged(WarmCache.class);
          WarmCache<String, String> cache = open(CAPACITY, what)) {
        assertEquals(1, log.lines().size());
        assertTrue(
            log.lines().get(0).startsWith("WARNING a cache starts cold: " + cache.start().reason()),
            "" + log.lines());
        assertEquals(
            what == OnRefusal.KEEP,
            log.lines().get(0).contains("call discardRefused"),
            "only what is kept can be freed, or be warm again");
        String fate = what == OnRefusal.KEEP ? "it is kept as " + aside() : "it was written over";
        assertEquals(
            new Start(Start.Kind.COLD, "the old memory holds no cache; " + fate), cache.start());
        assertEquals(0, cache.size());
      }
      assertEquals(what == OnRefusal.KEEP, Files.deleteIfExists(aside()));
    }
  }

  @ParameterizedTest
  @CsvSource({"true, WARM_AFTER_RESTART", "false, WARM_AFTER_CRASH"})
  void whatIsTakenBackSaysWhyAndWasClosedOrNot(boolean closed, Start.Kind kind) throws IOException {
    fill();
    ByteBuffer bytes = left();
    bytes.putLong(CacheFormat.STATE_AT, closed ? CacheFormat.CLOSED : CacheFormat.OPEN);
    Files.write(file(), bytes.array());
    open(2 * CAPACITY, OnRefusal.KEEP).close();
    long larger = Files.size(file());
    try (WarmCache<String, String> cache = open()) {
      assertEquals(kind, cache.start().kind());
      assertEquals(
          "in "
              + file()
              + ", which had been set aside as "
              + aside()
              + ", as "
              + file()
              + " has "
              + larger
              + " bytes, a cache of this capacity "
              + LAYOUT.memoryBytes()
              + ": it was made with capacity "
              + 2 * CAPACITY
              + " and averageEntryBytes 64; now they are "
              + CAPACITY
              + " and 64",
          cache.start().reason());
      assertEquals("value", cache.getIfPresent("stays"));
      assertEquals(CacheFormat.OPEN, left().getLong(CacheFormat.STATE_AT));
    }
    Files.delete(file());
    Files.write(aside(), bytes.array());
    try (Logged log = new Logged(WarmCache.class);
        WarmCache<String, String> cache = open(CAPACITY, OnRefusal.FAIL)) {
      assertEquals(
          List.of(
              "WARNING a cache was taken back: "
                  + cache.start().reason()
                  + ". Its values are those of when it was set aside: where they are too old call"
                  + " invalidateAll"),
          log.lines());
      assertEquals(kind, cache.start().kind());
      assertEquals(
          "in " + file() + ", which had been set aside as " + aside(), cache.start().reason());
      assertEquals("value", cache.getIfPresent("stays"));
    }
    assertFalse(Files.exists(aside()));
  }

  /** It stays where it is, for who opens it as it was made. */
  @Test
  void whatWasSetAsideAndIsRefusedTooIsLeft() throws IOException {
    fill();
    ByteBuffer bytes = left();
    bytes.putInt(CacheFormat.SEED_AT, 7); // its checksum does not hold
    Files.delete(file());
    Files.write(aside(), bytes.array());
    try (WarmCache<String, String> cache = open()) {
      assertEquals(new Start(Start.Kind.COLD, file() + " is new"), cache.start());
    }
    assertArrayEquals(bytes.array(), Files.readAllBytes(aside()));
  }

  /** A copy of an old cache has its time of creation; its entries may live as long as in any. */
  @Test
  void aNewCacheCountsExpiryFromNowOn() throws IOException {
    long created = now - 2000 * DAY;
    CacheShape shape = new CacheShape(CAPACITY, 64, "a", "b", created);
    byte[] key = {1};
    try (WarmCache<byte[], byte[]> cache =
        WarmCache.builder(shape).file(file()).clock(() -> now).open()) {
      assertEquals(2000 * DAY / 64 * 64, left().getLong(CacheFormat.BASE_AT));
      cache.put(key, key, Duration.ofDays(2900));
      now += 2899 * DAY;
      assertArrayEquals(key, cache.getIfPresent(key));
    }
  }

  @Test
  void theTimeOfACloseIsStored() throws IOException {
    try (WarmCache<String, String> cache = open()) {
      now += 700;
      assertEquals(0, cache.size());
    }
    assertEquals(CREATED + 700, left().getLong(CacheFormat.LATEST_AT));
  }
}
