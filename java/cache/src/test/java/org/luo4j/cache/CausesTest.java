/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which entries go, why they are said to have gone, and what is counted. */
class CausesTest {

  private static final long CAPACITY = 64 << 10;
  private static final long LIMIT = CAPACITY / 10 * 9;

  @TempDir Path folder;
  private Scene scene;
  private final List<String> told = new ArrayList<>();
  private int puts;

  @BeforeEach
  void open() throws IOException {
    open(64);
  }

  private void open(int averageEntry) throws IOException {
    scene = new Scene(folder.resolve("scene"), CacheFormat.Layout.of(CAPACITY, averageEntry));
    listen();
  }

  private void listen() {
    scene.writer.onRemoval(
        (key, value, cause) ->
            told.add(new String(key, StandardCharsets.US_ASCII) + value.length + cause));
  }

  @AfterEach
  void close() {
    scene.image().checkCounts();
    scene.image().contents();
    scene.image().checkDead();
    scene.close();
  }

  private void put(String key, int length) {
    scene.put(key, Scene.value(1, length));
  }

  private void putExpired(String key, int length) {
    scene.put(key, Scene.value(1, length), scene.reader.clock.after(100));
    scene.now += 200;
  }

  private void check(long evictions, String... causes) {
    assertEquals(List.of(causes), told);
    assertEquals(evictions, scene.writer.evictions());
    told.clear();
  }

  private boolean isInMain(String key) {
    return (scene.image().item(key).slot() & Index.MAIN_BIT) != 0;
  }

  // ---- causes ----

  @ParameterizedTest
  @ValueSource(ints = {20, 21, 300, 3000})
  void anOverwriteReplaces(int length) {
    put("a", 20);
    put("a", length);
    check(0, "a20REPLACED");
    put("a", 20);
    check(0, "a" + length + "REPLACED");
  }

  @Test
  void anOverwriteInAHoleReplaces() {
    put("b", 20);
    put("a", 20);
    assertTrue(scene.remove("b"));
    scene.newPeriods();
    long head = scene.reader.small.head();
    put("a", 22); // of the same size
    assertEquals(head, scene.reader.small.head());
    check(0, "b20EXPLICIT", "a20REPLACED");
  }

  @Test
  void whatIsRemovedIsToldOnce() {
    put("a", 20);
    assertTrue(scene.remove("a"));
    assertFalse(scene.remove("a"));
    check(0, "a20EXPLICIT");
    put("a", 30);
    long slot = scene.writer.slotOf(Scene.bytes("a"), scene.hash("a"));
    assertTrue(scene.writer.tryRemove(Scene.bytes("a"), scene.hash("a"), slot));
    check(0, "a30EXPLICIT");
    assertFalse(scene.writer.tryRemove(Scene.bytes("a"), scene.hash("a"), slot));
    assertTrue(scene.writer.tryRemove(Scene.bytes("a"), scene.hash("a"), Index.EMPTY));
    check(0);
  }

  @Test
  void whatHasExpiredIsNeitherRemovedNorReplaced() {
    putExpired("a", 20);
    assertFalse(scene.remove("a"));
    check(1, "a20EXPIRED");
    putExpired("a", 21);
    long slot = scene.writer.slotOf(Scene.bytes("a"), scene.hash("a"));
    assertTrue(scene.writer.tryRemove(Scene.bytes("a"), scene.hash("a"), slot));
    check(2, "a21EXPIRED");
    putExpired("a", 22);
    put("a", 22);
    check(3, "a22EXPIRED");
    assertTrue(scene.remove("a"));
    check(3, "a22EXPLICIT");
  }

  /** An overwrite without the lock counts nothing: it leaves what has expired to the lock. */
  @Test
  void whatHasExpiredIsCountedWhoeverOverwritesIt() throws IOException {
    long[] now = {1_000_000};
    try (WarmCache<Integer, Long> cache =
        WarmCache.builder(Codec.INT, Codec.LONG)
            .capacity(CAPACITY)
            .clock(() -> now[0])
            .file(folder.resolve("cache"))
            .open()) {
      for (int i = 0; i < 200; i++) {
        cache.put(1000 + i, 0L); // beyond what is cleaned first, where nothing is overwritten
      }
      for (long i = 0; i < 100; i++) {
        cache.put(1, i);
      }
      assertEquals(0, cache.stats().evictions());
      for (int i = 1; i <= 20; i++) {
        cache.put(1, -1L, Duration.ofSeconds(1));
        now[0] += 2000;
        cache.put(1, 7L);
        assertEquals(i, cache.stats().evictions());
      }
    }
  }

  @Test
  void cleaningMeetsWhatHasExpired() {
    put("first", 20);
    putExpired("a", 20);
    for (int i = 0; told.isEmpty(); i++) {
      put("fill" + i, 100);
    }
    check(1, "a20EXPIRED");
    assertNull(scene.get("a"));
    assertNotNull(scene.get("first"));
  }

  @Test
  void whatHasExpiredIsDroppedAndTheRestIsSaidToBeThere() {
    put("stays", 20);
    scene.put("later", Scene.value(1, 20), scene.reader.clock.after(10_000));
    putExpired("past", 20);
    assertFalse(scene.writer.dropExpired(false), "one can expire yet");
    check(1, "past20EXPIRED");
    assertNotNull(scene.get("later"));
    scene.now += 20_000;
    assertTrue(scene.writer.dropExpired(false));
    check(2, "later20EXPIRED");
    assertTrue(scene.writer.dropExpired(false));
    scene.put("early", Scene.value(1, 20), scene.reader.clock.after(10_000));
    assertTrue(scene.writer.dropExpired(true));
    check(3, "early20EXPIRED");
    assertNotNull(scene.get("stays"));
  }

  /** Expiry counts from another base then, by which what is left could not be read. */
  @Test
  void whatCanExpireIsDroppedWhenNoExpiryCanBeMadeAnyMore() {
    put("stays", 20);
    scene.put("late", Scene.value(1, 20), scene.reader.clock.after(1000));
    scene.writer.renewBase();
    check(0);
    assertNotNull(scene.get("late"));
    assertEquals(0, scene.reader.clock.base());
    scene.now += 0xFFFF_FFFFL << 6;
    assertEquals(0, scene.reader.clock.after(1000));
    scene.writer.renewBase();
    check(1, "late20EXPIRED");
    assertNotNull(scene.get("stays"));
    scene.put("new", Scene.value(1, 20), scene.reader.clock.after(1000));
    assertNotNull(scene.get("new"));
    scene.now += 2000;
    assertNull(scene.get("new"));
  }

  /** Else one that began before would write an expiry of the base before. */
  @Test
  void withANewBaseNothingIsOverwrittenUntilMoreIsPut() {
    for (int i = 0; i < 60; i++) {
      put("fill" + i, 100); // beyond what is cleaned first, where nothing is overwritten
      put("large" + i, 700);
    }
    int large = (int) scene.layout.smallBytes() / 4;
    for (String key : new String[] {"small", "main"}) {
      int length = key.equals("small") ? 20 : large;
      for (int i = 0; i < 2; i++) {
        put(key, length);
      }
      scene.newPeriods();
      scene.newPeriods();
      assertEquals(Overwrites.Result.DONE, scene.overwrite(key, Scene.value(2, length)), key);
      scene.newPeriods();
      scene.now += 0xFFFF_FFFFL << 6;
      scene.writer.renewBase();
      scene.newPeriods();
      assertNotEquals(Overwrites.Result.DONE, scene.overwrite(key, Scene.value(3, length)), key);
      assertArrayEquals(Scene.value(2, length), scene.get(key));
    }
  }

  @Test
  void ofSomeThatAreRemovedIsToldWhichHadExpired() {
    put("a", 20);
    putExpired("b", 30);
    for (long place = scene.layout.index(); scene.reader.index.isPlace(place); ) {
      place = scene.writer.removeSome(place);
    }
    told.sort(null);
    check(1, "a20EXPLICIT", "b30EXPIRED");
    assertEquals(0, scene.reader.entries());
  }

  private void fillUp(int length) {
    for (int i = 0; scene.reader.liveBytes() + Entry.bytes(8, length) <= LIMIT; i++) {
      put(String.format("%08d", i), length);
    }
    assertEquals(0, scene.writer.evictions());
  }

  @Test
  void nineTenthsOfTheCapacityAreKeptAndNoByteMore() {
    fillUp(1000 - 12 - 8);
    int left = (int) (LIMIT - scene.reader.liveBytes());
    assertEquals(LIMIT % 1000, left);
    put("12345678", left / 8 * 8 - 20);
    assertEquals(LIMIT / 8 * 8, scene.reader.liveBytes());
    check(0);
    put("0", 1);
    assertEquals(1, scene.writer.evictions());
    assertTrue(told.get(0).endsWith("980SIZE"), told.get(0));
  }

  @Test
  void nineTenthsToTheByteAreKept() throws IOException {
    scene.close();
    scene = new Scene(folder.resolve("large"), CacheFormat.Layout.of(80 << 10, 512));
    listen();
    int most = (80 << 10) / 10 * 9 / 512;
    assertEquals((80 << 10) / 10 * 9, most * 512);
    for (int i = 0; i < most; i++) {
      put("key" + i, 10);
    }
    check(0);
    put("one more", 10);
    assertEquals(1, told.size());
    assertEquals(1, scene.writer.evictions());
    assertEquals(most, scene.reader.entries());
  }

  /** Which has made room, so that the new one is put as that of a new key. */
  @Test
  void aPutThatEvictsItsOwnKeysEntryIsDone() {
    fillUp(480);
    CacheImage.Item oldest =
        scene.image().items().stream()
            .filter(item -> (item.slot() & Index.MAIN_BIT) == 0)
            .min(Comparator.comparing(item -> item.slot() & Ring.PLACE_MASK))
            .orElseThrow();
    scene.put(oldest.key(), Scene.value(2, 1500));
    assertEquals(oldest.key() + "480SIZE", told.get(0));
    assertArrayEquals(Scene.value(2, 1500), scene.get(oldest.key()));
    assertEquals(told.size(), scene.writer.evictions());
  }

  @Test
  void anEntryCountsAsTheAverageAtLeast() throws IOException {
    scene.close();
    open(512);
    put("a", 1);
    assertEquals(512, scene.reader.liveBytes());
    put("a", 495);
    assertEquals(512, scene.reader.liveBytes());
    put("a", 500);
    assertEquals(520, scene.reader.liveBytes());
    scene.remove("a");
    assertEquals(0, scene.reader.liveBytes());
    put("b", 1);
    for (int i = 1; i <= LIMIT / 512; i++) {
      assertEquals(0, scene.writer.evictions());
      put("c" + i, 1);
    }
    assertEquals(1, scene.writer.evictions());
    assertEquals(LIMIT / 512, scene.reader.entries());
  }

  @Test
  void anEntryThatTheIndexHasNoSlotForTakesTheLeastUsedOnesSlot() throws IOException {
    scene.close();
    open(512);
    List<String> keys = new ArrayList<>();
    for (int next = 0; ; ) {
      String key = scene.key(next, first -> first == 2, second -> second == 3);
      next = Integer.parseInt(key) + 1;
      keys.add(key);
      if (keys.size() > 16) {
        break;
      }
      put(key, 10);
    }
    for (int i = 0; i < 16; i++) {
      if (i != 11) {
        scene.get(keys.get(i));
      }
    }
    put(keys.get(16), 10);
    check(1, keys.get(11) + "10SIZE");
    assertNotNull(scene.get(keys.get(16)));
    assertEquals(16, scene.reader.entries());
  }

  @Test
  void anEntryWithSlotsElsewhereStaysThoughItIsUsedLess() throws IOException {
    scene.close();
    open(512);
    List<String> keys = new ArrayList<>();
    for (int next = 0; keys.size() < 17; ) {
      String key = scene.key(next, first -> first == 2, second -> second == 3);
      next = Integer.parseInt(key) + 1;
      keys.add(key);
    }
    String behind = scene.key(0, first -> first == 4, second -> second > 4);
    put(behind, 10);
    assertEquals(4 * 64, scene.image().item(behind).place() - scene.layout.index());
    for (String key : keys.subList(0, 16)) {
      put(key, 10);
      scene.get(key);
    }
    put(keys.get(16), 10);
    assertEquals(1, told.size());
    assertNotNull(scene.get(behind));
    assertNotNull(scene.get(keys.get(16)));
  }

  // ---- which entries go ----

  /** Puts until so many more have been evicted. */
  private void evict(int count) {
    long until = scene.writer.evictions() + count;
    while (scene.writer.evictions() < until) {
      put("fill" + puts++, 480);
    }
  }

  @Test
  void whatWasUsedGoesToTheMainRingAndWhatWasNotIsEvicted() {
    evict(1);
    put("used", 20);
    put("unused", 20);
    assertNotNull(scene.get("used"));
    evict(20);
    assertTrue(told.contains("unused20SIZE"));
    assertNull(scene.get("unused"));
    assertNotNull(scene.get("used"));
    assertTrue(isInMain("used"));
  }

  @Test
  void anEvictedKeyThatComesBackGoesToTheMainRing() {
    evict(1);
    put("ghost", 20);
    assertFalse(isInMain("ghost"));
    evict(20);
    assertNull(scene.get("ghost"));
    put("ghost", 20);
    assertTrue(isInMain("ghost"));
    put("new", 20);
    assertFalse(isInMain("new"));
    scene.remove("ghost");
    put("ghost", 20);
    assertFalse(isInMain("ghost"), "it was remembered once");
  }

  @Test
  void whatTheMainRingEvictsIsNoGhost() {
    evict(1);
    put("main", 20);
    scene.get("main");
    while (!isInMain("main")) {
      put("fill" + puts++, 480);
    }
    while (!told.contains("main20SIZE")) {
      put("large" + puts++, 2500); // until it is the small ring that is below its share
    }
    put("main", 20);
    assertFalse(isInMain("main"));
  }

  @Test
  void whatWasRemovedOrHasExpiredIsNoGhost() {
    evict(1);
    put("removed", 20);
    putExpired("expired", 20);
    scene.remove("removed");
    evict(20);
    assertTrue(told.contains("expired20EXPIRED"));
    put("removed", 20);
    put("expired", 20);
    assertFalse(isInMain("removed"));
    assertFalse(isInMain("expired"));
  }

  /** Each use is worth one lap of the main ring, up to three. */
  @Test
  void usesAreCountedUpToThreeAndUsedUp() {
    for (int uses = 0; uses < 6; uses++) {
      String key = "key" + uses;
      put(key, 20);
      for (int i = 0; i < uses; i++) {
        scene.get(key);
      }
      assertEquals(Math.min(3, uses), scene.image().item(key).slot() >>> Index.USES_SHIFT & 3);
    }
    while (!isInMain("key5")) {
      put("fill" + puts++, 480);
    }
    assertEquals(2, scene.image().item("key5").slot() >>> Index.USES_SHIFT & 3);
    assertEquals(0, scene.image().item("key1").slot() >>> Index.USES_SHIFT & 3);
    put("key5", 300);
    assertEquals(2, scene.image().item("key5").slot() >>> Index.USES_SHIFT & 3, "overwritten");
    assertTrue(isInMain("key5"), "it stays there");
  }

  @Test
  void whatWasUsedAtTheMainRingsEndGoesRoundOnceMore() {
    put("key", 20);
    for (int i = 0; i < 3; i++) {
      scene.get("key");
    }
    for (int uses = 2; uses >= 0; uses--) {
      long slot = scene.image().item("key").slot();
      while (Index.isSame(scene.image().item("key").slot(), slot)) {
        put("fill" + puts, 480);
        scene.get("fill" + puts++);
      }
      assertTrue(isInMain("key"));
      assertEquals(uses, scene.image().item("key").slot() >>> Index.USES_SHIFT & 3);
    }
  }

  @Test
  void whatIsLargerThanAQuarterOfTheSmallRingGoesToTheMainRing() {
    int most = (int) scene.layout.smallBytes() / 4 - 12 - 3;
    put("atm", most);
    assertFalse(isInMain("atm"));
    put("ovr", most + 1);
    assertTrue(isInMain("ovr"));
    put("atm", most + 1);
    assertTrue(isInMain("atm"));
  }

  // ---- limits ----

  @Test
  void anEntryOfAnEighthOfTheCapacityIsTheLargest() throws IOException {
    try (WarmCache<byte[], byte[]> cache =
        WarmCache.builder(Codec.BYTES, Codec.BYTES)
            .capacity(CAPACITY)
            .file(folder.resolve("cache"))
            .open()) {
      byte[] key = {1, 2, 3, 4};
      byte[] largest = new byte[(int) CAPACITY / 8 - 12 - key.length];
      cache.put(key, largest);
      assertArrayEquals(largest, cache.getIfPresent(key));
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> cache.put(key, new byte[largest.length + 1]));
      assertTrue(e.getMessage().contains("8192"), e.getMessage());
      assertArrayEquals(largest, cache.getIfPresent(key));
    }
  }

  @Test
  void expiryIsCountedUpToWhatItsFieldHolds() {
    CacheClock clock = scene.reader.clock;
    long horizon = 0xFFFF_FFFFL << 6;
    int units = (int) (scene.now >> 6);
    assertEquals(0, scene.now & 63);
    assertEquals(0, clock.at(scene.now));
    assertEquals(units + 1, clock.at(scene.now + 1));
    assertEquals(units + 1, clock.at(scene.now + 64));
    assertEquals(units + 2, clock.at(scene.now + 65));
    assertEquals(-1, clock.at(Long.MAX_VALUE));
    assertEquals(-1, clock.at(horizon + 1));
    assertEquals(-2, clock.at(0xFFFF_FFFEL << 6));
    assertEquals(horizon, clock.wallOf(-1));
    assertEquals(units + 1, clock.after(0));
    assertEquals(units + 1, clock.after(63));
    assertEquals(units + 2, clock.after(64));
    scene.now = horizon - 1;
    assertEquals(-1, clock.after(1000));
    scene.put("late", Scene.value(1, 20), clock.after(1000));
    assertNotNull(scene.get("late"));
    assertEquals(scene.now, scene.memory.getLong(CacheFormat.LATEST_AT));
    scene.now += 1;
    assertNull(scene.get("late"), "never later than its field can say");
    scene.now -= 2;
    assertNull(scene.get("late"), "the cache's time does not go back");
  }
}
