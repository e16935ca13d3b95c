/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.MemoryRegion;

/**
 * Half-done and damaged states, written word by word and opened. {@link KillStatesTest} makes those
 * that kills leave; these are of each kind, and what no kill leaves.
 */
class RecoveryTest {

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(64 << 10, 64);
  private static final CodecNames NAMES = CodecNames.of(Codec.BYTES, Codec.BYTES);

  @TempDir Path folder;
  private CacheImage image;
  private Map<String, byte[]> contents;

  @BeforeEach
  void makeImage() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      for (int i = 0; i < 30; i++) {
        scene.put("key" + i, Scene.value(i, 20 + i * 9));
      }
      scene.remove("key3");
      scene.put("large", Scene.value(99, 3000));
      image = scene.image();
    }
    contents = image.contents();
    assertEquals(CacheFormat.OPEN, image.word(CacheFormat.STATE_AT));
  }

  private Path file() {
    return folder.resolve("cache");
  }

  private WarmCache<byte[], byte[]> open() throws IOException {
    return WarmCache.builder(Codec.BYTES, Codec.BYTES)
        .capacity(LAYOUT.capacity())
        .averageEntryBytes(LAYOUT.averageEntry())
        .clock(() -> 1_000_000)
        .onRefusal(OnRefusal.FAIL)
        .file(file())
        .open();
  }

  /** Opens the image after a crash, and closes it: what it is by then. */
  private CacheImage recovered() throws IOException {
    Files.write(file(), image.bytes());
    try (WarmCache<byte[], byte[]> cache = open()) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
    }
    CacheImage recovered = new CacheImage(LAYOUT, Files.readAllBytes(file()));
    recovered.checkNothingUnderWay();
    assertEquals(0, recovered.word(CacheFormat.RECOUNT_AT));
    recovered.checkCounts();
    recovered.walk();
    return recovered;
  }

  private static void assertContents(Map<String, byte[]> expected, Map<String, byte[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((key, value) -> assertArrayEquals(value, found.get(key), key));
  }

  private void setRecord(long place, long slot, long old, long entries, long live) {
    image.setWord(CacheFormat.CHANGE_OLD_AT, old);
    image.setWord(CacheFormat.CHANGE_SLOT_AT, slot);
    image.setWord(CacheFormat.CHANGE_ENTRIES_AT, entries);
    image.setWord(CacheFormat.CHANGE_LIVE_AT, live);
    image.setWord(CacheFormat.CHANGE_PLACE_AT, place);
  }

  // ---- a change ----

  /** Half an insert: the slot is there, and as many of the counts as have been stored. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void theCountsOfAnInsertAreStored(int stored) throws IOException {
    CacheImage.Item item = image.item("key9");
    long entries = image.word(CacheFormat.ENTRIES_AT);
    long live = image.word(CacheFormat.LIVE_AT);
    setRecord(item.place(), item.slot(), Index.EMPTY, entries, live);
    image.setWord(CacheFormat.ENTRIES_AT, stored > 0 ? entries : entries - 1);
    image.setWord(CacheFormat.LIVE_AT, stored > 1 ? live : live - 112);
    assertContents(contents, recovered().contents());
  }

  @Test
  void anInsertWithoutItsSlotIsNone() throws IOException {
    CacheImage.Item item = image.item("key9");
    long live = image.word(CacheFormat.LIVE_AT);
    setRecord(item.place(), item.slot(), Index.EMPTY, image.word(CacheFormat.ENTRIES_AT), live);
    image.setWord(CacheFormat.ENTRIES_AT, image.word(CacheFormat.ENTRIES_AT) - 1);
    image.setWord(CacheFormat.LIVE_AT, live - (12 + 4 + 101 + 7) / 8 * 8);
    image.setWord(item.place(), Index.EMPTY);
    contents.remove("key9");
    assertContents(contents, recovered().contents());
  }

  /** A use is counted in the slot, by any thread. */
  @Test
  void aSlotThatWasUsedMeanwhileIsTheSame() throws IOException {
    CacheImage.Item item = image.item("key9");
    long entries = image.word(CacheFormat.ENTRIES_AT);
    setRecord(item.place(), item.slot(), Index.EMPTY, entries, image.word(CacheFormat.LIVE_AT));
    image.setWord(item.place(), item.slot() + (1L << Index.USES_SHIFT));
    image.setWord(CacheFormat.ENTRIES_AT, entries - 1);
    image.setWord(CacheFormat.LIVE_AT, 0);
    assertContents(contents, recovered().contents());
  }

  @Test
  void aSlotThatWasOverwrittenMeanwhileIsCountedWithAllOthers() throws IOException {
    CacheImage.Item item = image.item("key9");
    setRecord(item.place(), item.slot() ^ 1, item.slot() ^ 2, 1, 1);
    image.setWord(CacheFormat.ENTRIES_AT, 5);
    image.setWord(CacheFormat.LIVE_AT, 500);
    assertContents(contents, recovered().contents());
  }

  /** The counts in the header are of no use then. */
  @ParameterizedTest
  @CsvSource({"4088", "4100", "12864", "9223372036854775800", "-8", "1"})
  void aRecordOfNoSlotHasTheSlotsCounted(long place) throws IOException {
    setRecord(place, 0, 0, 1, 1);
    image.setWord(CacheFormat.ENTRIES_AT, 5);
    image.setWord(CacheFormat.LIVE_AT, 500);
    assertEquals(12864, LAYOUT.index() + LAYOUT.buckets() * CacheFormat.BUCKET_BYTES);
    assertContents(contents, recovered().contents());
  }

  @ParameterizedTest
  @CsvSource({"-1, 100", "2000, 100", "3, -1", "3, 65537"})
  void aRecordOfImpossibleCountsHasTheSlotsCounted(long entries, long live) throws IOException {
    CacheImage.Item item = image.item("key9");
    setRecord(item.place(), item.slot(), Index.EMPTY, entries, live);
    image.setWord(CacheFormat.ENTRIES_AT, 5);
    assertContents(contents, recovered().contents());
  }

  @Test
  void countsThatAreNotKnownAreMade() throws IOException {
    image.setWord(CacheFormat.RECOUNT_AT, 1);
    image.setWord(CacheFormat.ENTRIES_AT, 5);
    image.setWord(CacheFormat.LIVE_AT, 500);
    assertContents(contents, recovered().contents());
  }

  // ---- a move ----

  /** The other place of an item, which is empty. */
  private long target(CacheImage.Item item) {
    Index index = new Index(null, LAYOUT);
    long hash = Entry.hash(Scene.bytes(item.key()), image.word(CacheFormat.SEED_AT));
    long first = index.first(hash);
    long second = index.other(first, Index.tag(hash));
    long bucket = item.place() < first || item.place() >= first + 64 ? first : second;
    for (long place = bucket + 56; ; place -= 8) {
      if (image.word(place) == 0) {
        return place;
      }
    }
  }

  private void setMove(long from, long to, long slot) {
    image.setWord(CacheFormat.MOVE_FROM_AT, from);
    image.setWord(CacheFormat.MOVE_TO_AT, to);
    image.setWord(CacheFormat.MOVE_SLOT_AT, slot);
  }

  @Test
  void aSlotInNeitherPlaceIsPutWhereItWasToGo() throws IOException {
    CacheImage.Item item = image.item("key9");
    setMove(item.place(), target(item), item.slot());
    image.setWord(item.place(), Index.EMPTY);
    long target = target(item);
    CacheImage recovered = recovered();
    assertContents(contents, recovered.contents());
    assertEquals(target, recovered.item("key9").place());
  }

  @Test
  void aSlotThatIsStillInItsPlaceStaysThere() throws IOException {
    CacheImage.Item item = image.item("key9");
    setMove(item.place(), target(item), image.item("key8").slot()); // of the move before
    CacheImage recovered = recovered();
    assertContents(contents, recovered.contents());
    assertEquals(item.place(), recovered.item("key9").place());
  }

  @Test
  void aSlotThatHasArrivedStaysThere() throws IOException {
    CacheImage.Item item = image.item("key9");
    long target = target(item);
    setMove(item.place(), target, item.slot() ^ 1L << Index.USES_SHIFT);
    image.setWord(target, item.slot());
    image.setWord(item.place(), Index.EMPTY);
    assertContents(contents, recovered().contents());
  }

  @ParameterizedTest
  @CsvSource({"0, 4088", "0, 4100", "0, 12864", "0, -8", "4088, 0", "4100, 0", "-8, 0"})
  void aMoveFromOrToNoSlotIsForgotten(long from, long to) throws IOException {
    long empty = target(image.item("key9"));
    long place = image.item("key8").place();
    setMove(from == 0 ? empty : from, to == 0 ? place : to, image.item("key8").slot());
    assertContents(contents, recovered().contents());
  }

  // ---- a clear ----

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 31})
  void aClearThatWasCutOffIsFinished(int slots) throws IOException {
    image.setWord(CacheFormat.CLEARING_AT, CacheFormat.CLEARING);
    clearSlots(slots);
    assertContents(Map.of(), recovered().contents());
  }

  @Test
  void aClearOfOneRingIsFinished() throws IOException {
    image.setWord(CacheFormat.CLEARING_AT, CacheFormat.CLEARING);
    clearSlots(100);
    image.setWord(CacheFormat.ENTRIES_AT, 0);
    image.setWord(CacheFormat.SMALL_TAIL_AT, image.word(CacheFormat.SMALL_HEAD_AT));
    CacheImage recovered = recovered();
    assertContents(Map.of(), recovered.contents());
    assertTrue(recovered.word(CacheFormat.MAIN_HEAD_AT) > 0);
    assertEquals(
        recovered.word(CacheFormat.MAIN_HEAD_AT), recovered.word(CacheFormat.MAIN_TAIL_AT));
  }

  private void clearSlots(int slots) {
    int cleared = 0;
    for (CacheImage.Item item : image.items()) {
      if (cleared++ < slots) {
        image.setWord(item.place(), Index.EMPTY);
      }
    }
  }

  // ---- the header ----

  @Test
  void aDamagedBitRemovesNothing() throws IOException {
    for (int bit = 0; bit < 64; bit++) {
      image.setWord(CacheFormat.CLEARING_AT, 1L << bit);
      assertContents(contents, recovered().contents());
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 0", "2000, 0", "0, -1", "0, 65537", "7, 700"})
  void wrongCountsAreMadeAnew(long entries, long live) throws IOException {
    image.setWord(CacheFormat.ENTRIES_AT, entries);
    image.setWord(CacheFormat.LIVE_AT, live);
    assertContents(contents, recovered().contents());
  }

  /** Whichever of the three words is damaged, and where a process was killed between two. */
  @ParameterizedTest
  @ValueSource(ints = {CacheFormat.ENTRIES_AT, CacheFormat.LIVE_AT, CacheFormat.COUNTS_CHECK_AT})
  void aDamagedBitOfACountIsSeen(int at) throws IOException {
    long whole = image.word(at);
    for (int bit = 0; bit < 64; bit++) {
      image.setWord(at, whole ^ 1L << bit);
      assertContents(contents, recovered().contents());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 8",
    "8, -8",
    "16, 4",
    "4, 0",
    "1152921504606846984, 1152921504606846976",
    "16777216, 0"
  })
  void impossibleRingsAreRefused(long head, long tail) throws IOException {
    for (int[] ring :
        new int[][] {
          {CacheFormat.SMALL_HEAD_AT, CacheFormat.SMALL_TAIL_AT},
          {CacheFormat.MAIN_HEAD_AT, CacheFormat.MAIN_TAIL_AT}
        }) {
      CacheImage whole = image.copy();
      image.setWord(ring[0], head);
      image.setWord(ring[1], tail);
      refused("is said to reach from " + tail + " to " + head);
      image = whole;
    }
  }

  private void refused(String reason) throws IOException {
    Files.write(file(), image.bytes());
    IOException e = assertThrows(IOException.class, this::open);
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertArrayEquals(image.bytes(), Files.readAllBytes(file()));
  }

  /** Slots say in which opening they were written, modulo 128. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 126, 127, 128, 255, 1000, Integer.MAX_VALUE, -2, -1})
  void anyNumberOfOpeningsIsGoneOnFrom(int openings) throws IOException {
    image.setWord(CacheFormat.OPENINGS_AT, CacheFormat.openings(openings));
    Files.write(file(), image.bytes());
    for (int i = 1; i < 3; i++) {
      try (WarmCache<byte[], byte[]> cache = open()) {
        contents.forEach(
            (key, value) -> assertArrayEquals(value, cache.getIfPresent(Scene.bytes(key)), key));
        byte[] value = Scene.value(i, 40);
        cache.put(Scene.bytes("new"), value);
        assertArrayEquals(value, cache.getIfPresent(Scene.bytes("new")));
        contents.put("new", value);
        assertTrue(cache.verify().isClean());
      }
      CacheImage left = new CacheImage(LAYOUT, Files.readAllBytes(file()));
      assertEquals(CacheFormat.openings(openings + i), left.word(CacheFormat.OPENINGS_AT));
      assertContents(contents, left.contents());
    }
  }

  /** What lies beyond a head that went back is not taken for what is written there next. */
  @Test
  void slotsBeyondTheHeadNameNothing() throws IOException {
    long head = image.word(CacheFormat.SMALL_HEAD_AT);
    CacheImage.Item last = image.item("key29");
    long position = (last.slot() & (1L << 42) - 1) << 3;
    image.setWord(CacheFormat.SMALL_HEAD_AT, position);
    Files.write(file(), image.bytes());
    try (WarmCache<byte[], byte[]> cache = open()) {
      assertNull(cache.getIfPresent(Scene.bytes("key29")));
      cache.put(Scene.bytes("key31"), last.value()); // of the same size, in its place
      assertEquals(
          head, new CacheImage(LAYOUT, Files.readAllBytes(file())).word(CacheFormat.SMALL_HEAD_AT));
      assertNull(cache.getIfPresent(Scene.bytes("key29")));
      assertArrayEquals(last.value(), cache.getIfPresent(Scene.bytes("key31")));
      assertEquals(1, cache.verify().damaged());
      assertEquals(contents.size(), cache.size());
    }
    new CacheImage(LAYOUT, Files.readAllBytes(file())).checkCounts();
  }

  /** Nor does it name the next entry of its key that is written there. */
  @Test
  void aSlotOfAnEarlierOpeningIsNotOfWhatIsWrittenInItsPlace() throws IOException {
    CacheImage.Item last = image.item("key29");
    image.setWord(CacheFormat.SMALL_HEAD_AT, (last.slot() & (1L << 42) - 1) << 3);
    Files.write(file(), image.bytes());
    try (WarmCache<byte[], byte[]> cache = open()) {
      cache.put(Scene.bytes("key29"), Scene.value(1, last.value().length));
      assertEquals(1, cache.verify().damaged());
      assertArrayEquals(
          Scene.value(1, last.value().length), cache.getIfPresent(Scene.bytes("key29")));
      assertEquals(contents.size(), cache.size());
      assertTrue(cache.remove(Scene.bytes("key29")));
      assertNull(cache.getIfPresent(Scene.bytes("key29")));
    }
  }

  /**
   * Beyond a head that went back lie entries whose slots say this opening, 128 openings later. They
   * are found no more when a filler has taken their place.
   */
  @Test
  void aFillerOfTheFirstLapLeavesNothingAlive() throws IOException {
    long firstOfGap;
    try (Scene scene = new Scene(folder.resolve("other"), LAYOUT)) {
      for (int i = 0; scene.reader.small.head() < LAYOUT.smallBytes() - 500; i++) {
        scene.put("fill" + i, Scene.value(i, 70));
      }
      firstOfGap = scene.reader.small.head();
      scene.put("gap1", Scene.value(1, 100));
      scene.put("gap2", Scene.value(2, 100));
      scene.put("gap3", Scene.value(3, 100));
      image = scene.image();
      assertTrue(scene.reader.small.head() < LAYOUT.smallBytes());
    }
    image.setWord(CacheFormat.SMALL_HEAD_AT, firstOfGap);
    image.setWord(CacheFormat.OPENINGS_AT, CacheFormat.openings(128));
    Files.write(file(), image.bytes());
    try (WarmCache<byte[], byte[]> cache = open()) {
      cache.put(Scene.bytes("large"), Scene.value(4, 1000));
      for (String key : new String[] {"gap1", "gap2", "gap3"}) {
        assertNull(cache.getIfPresent(Scene.bytes(key)), key);
      }
      assertArrayEquals(Scene.value(4, 1000), cache.getIfPresent(Scene.bytes("large")));
    }
  }

  // ---- damaged entries ----

  /** Each entry is damaged in a way of its own; counts are right when the rings have gone round. */
  @Test
  void damagedEntriesLeaveAndTheCountsAreRightAgain() throws IOException {
    int[] damage = {0};
    for (CacheImage.Item item : image.items()) {
      int at = item.at();
      switch (damage[0]++ % 6) {
        case 0 -> image.setInt(at + 8, image.intAt(at + 8) + 8); // longer
        case 1 -> image.setInt(at + 8, image.intAt(at + 8) - 8);
        case 2 -> image.setInt(at + 4, 77); // its expiry
        case 3 -> image.setInt(at + 16, ~image.intAt(at + 16)); // its value
        case 4 -> image.setInt(at, 0); // dead
        default -> {}
      }
    }
    Files.write(file(), image.bytes());
    try (WarmCache<byte[], byte[]> cache = open()) {
      assertEquals(contents.size(), cache.size());
      Map<String, byte[]> put = new HashMap<>();
      for (int i = 0; i < 600; i++) {
        String key = "new" + i % 100;
        put.put(key, Scene.value(i, 100 + i % 30 * 9));
        cache.put(Scene.bytes(key), put.get(key));
        assertTrue(cache.size() >= 0 && cache.liveBytes() >= 0);
      }
      put.forEach(
          (key, value) -> assertArrayEquals(value, cache.getIfPresent(Scene.bytes(key)), key));
      assertTrue(cache.stats().corruptions() > 0);
      cache.verify(); // slots that name dead entries
      assertTrue(cache.verify().isClean());
    }
    CacheImage left = new CacheImage(LAYOUT, Files.readAllBytes(file()));
    left.checkCounts();
    left.contents();
  }

  /** A damaged length is more than was counted, so that live bytes would go below 0. */
  @Test
  void aDamagedLengthDoesNotMakeTheCountsImpossible() throws IOException {
    try (Scene scene = new Scene(folder.resolve("other"), LAYOUT)) {
      scene.put("first", Scene.value(1, 20));
      scene.put("kept", Scene.value(1, 7000)); // in the main ring
      for (int i = 0; i < 40; i++) {
        scene.put("fill" + i, Scene.value(i, 100));
        scene.remove("fill" + i);
      }
      scene.remove("kept");
      image = scene.image();
    }
    CacheImage.Item first = image.item("first");
    // As long as it and all that are behind it.
    image.setInt(first.at() + 8, image.intAt(first.at() + 8) + 128 * 30);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      assertNull(scene.writer.damage());
      for (int i = 0; i < 400; i++) {
        scene.put("new" + i % 50, Scene.value(i, 100 + i % 49 * 8));
        assertTrue(scene.reader.liveBytes() >= 0);
      }
      assertTrue(scene.reader.corrupt.sum() > 0);
      scene.image().checkCounts();
      assertEquals(0, scene.memory.getLong(CacheFormat.RECOUNT_AT));
    }
  }

  /** All that there is has been evicted then: what else was counted is not there. */
  @Test
  void aPutCountsAnewWhereMoreIsSaidToBeLiveThanThereIs() throws IOException {
    try (Scene scene = new Scene(folder.resolve("other"), LAYOUT)) {
      for (int i = 0; i < 3; i++) {
        scene.put("key" + i, Scene.value(i, 20));
      }
      scene.put("large", Scene.value(3, 3000));
      image = scene.image();
    }
    image.setWord(CacheFormat.LIVE_AT, LAYOUT.capacity());
    image.setWord(CacheFormat.ENTRIES_AT, (LAYOUT.index() + LAYOUT.buckets() * 64 - 4096) / 8);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      assertNull(scene.writer.damage(), "as much as may be");
      scene.put("new", Scene.value(1, 20));
      assertArrayEquals(Scene.value(1, 20), scene.get("new"));
      scene.image().checkCounts();
      assertEquals(1, scene.reader.entries());
    }
  }

  /** Where the next one is, only the slots say. */
  @Test
  void whatIsBehindAnEntryWithoutAnEndStays() throws IOException {
    try (Scene scene = new Scene(folder.resolve("other"), LAYOUT)) {
      for (int i = 0; i < 30; i++) {
        scene.put("key" + i, Scene.value(i, 100));
      }
      scene.put("large", Scene.value(99, 3000)); // in the main ring
      image = scene.image();
    }
    contents = image.contents();
    image.setInt(image.item("key0").at() + 8, 3 << 23 | (1 << 23) - 1);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      int puts = 0;
      while (scene.reader.corrupt.sum() == 0) {
        String key = "new" + puts;
        contents.put(key, Scene.value(puts++, 100));
        scene.put(key, contents.get(key));
      }
      contents.remove("key0");
      assertContents(contents, scene.image().contents());
      assertEquals(1, scene.reader.corrupt.sum());
      assertEquals(0, scene.writer.evictions());
      scene.image().checkCounts();
      scene.image().walk();
      assertEquals(0, scene.memory.getLong(CacheFormat.RECOUNT_AT));
    }
  }

  /** What a damaged length has the tail pass is in no ring: its slot is emptied. */
  @Test
  void slotsOfWhatTheTailHasPassedAreEmptied() throws IOException {
    image.setWord(CacheFormat.SMALL_TAIL_AT, 40 + 48); // of the first two
    image.setWord(CacheFormat.RECOUNT_AT, 1);
    contents.remove("key0");
    contents.remove("key1");
    assertContents(contents, recovered().contents());
  }

  /** A process that dies after that leaves word that the counts are not known. */
  @Test
  void theNextOpenCountsWhatADamagedEntryHasLeft() throws IOException {
    CacheImage.Item first = image.item("key0");
    image.setInt(first.at() + 8, image.intAt(first.at() + 8) + 48);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      scene.put("key0", Scene.value(1, 100));
      scene.put("new", Scene.value(1, 100));
      assertEquals(1, scene.reader.corrupt.sum());
      image = scene.image();
      assertEquals(1, image.word(CacheFormat.RECOUNT_AT));
    }
    assertNotNull(recovered().contents().get("new"));
  }

  /** Has an entry's checksum hold no more; its lengths are right. */
  private void damage(CacheImage.Item item) {
    image.setInt(item.at() + 20, ~image.intAt(item.at() + 20));
  }

  /** Two buckets are full, and the victim of an insert is damaged: it is not counted any more. */
  @Test
  void aDamagedVictimIsNotCounted() throws IOException {
    CacheFormat.Layout layout = CacheFormat.Layout.of(64 << 10, 512);
    String key;
    try (Scene scene = new Scene(folder.resolve("other"), layout)) {
      int next = 0;
      while (true) {
        key = scene.key(next, first -> first == 2, second -> second == 3);
        next = Integer.parseInt(key) + 1;
        if (scene.reader.index.freeSlot(scene.hash(key)) < 0) {
          break;
        }
        scene.put(key, Scene.value(next, 16));
      }
      image = scene.image();
    }
    CacheImage.Item victim = image.items().get(0);
    damage(victim);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      scene.put(key, Scene.value(1, 16));
      assertNotNull(scene.get(key));
      assertNull(scene.get(victim.key()));
      assertEquals(1, scene.reader.corrupt.sum());
      assertEquals(0, scene.writer.evictions());
      scene.image().checkCounts();
    }
  }

  /** A process that dies in a verification has not counted anew yet. */
  @Test
  void theNextOpenCountsWhatAVerificationHasRemoved() throws IOException {
    CacheImage.Item item = image.item("key9");
    long key8 = image.item("key8").place();
    damage(item);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      assertEquals(false, scene.writer.dropDamaged(key8));
      assertTrue(scene.writer.dropDamaged(item.place()));
      assertEquals(false, scene.writer.dropDamaged(item.place()), "it is gone");
      assertEquals(1, scene.reader.corrupt.sum());
      image = scene.image();
    }
    contents.remove("key9");
    assertContents(contents, recovered().contents());
  }

  /** Nobody knows what it counted as: that is counted when all has been removed. */
  @Test
  void aDamagedEntryThatIsRemovedWithOthersIsNotTold() throws IOException {
    damage(image.item("key9"));
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      Set<String> told = new HashSet<>();
      scene.writer.onRemoval((key, value, cause) -> told.add(new String(key, US_ASCII) + cause));
      for (long place = LAYOUT.index(); scene.reader.index.isPlace(place); ) {
        place = scene.writer.removeSome(place);
      }
      contents.remove("key9");
      assertEquals(
          contents.keySet().stream().map(key -> key + "EXPLICIT").collect(Collectors.toSet()),
          told);
      assertEquals(1, scene.reader.corrupt.sum());
      assertEquals(Map.of(), scene.image().contents());
      assertEquals(1, scene.memory.getLong(CacheFormat.RECOUNT_AT));
      scene.writer.recount();
      scene.image().checkCounts();
      assertEquals(0, scene.memory.getLong(CacheFormat.RECOUNT_AT));
    }
  }

  @Test
  void aDamagedEntryThatIsReplacedIsCountedAndNotTold() throws IOException {
    damage(image.item("key9"));
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      List<String> told = new ArrayList<>();
      scene.writer.onRemoval((key, value, cause) -> told.add(new String(key, US_ASCII) + cause));
      scene.put("key9", Scene.value(1, 50));
      scene.put("key8", Scene.value(2, 50));
      assertEquals(List.of("key8REPLACED"), told);
      assertEquals(1, scene.reader.corrupt.sum());
      assertArrayEquals(Scene.value(1, 50), scene.get("key9"));
      assertEquals(1, scene.memory.getLong(CacheFormat.RECOUNT_AT));
      scene.writer.recount();
      scene.image().checkCounts();
    }
  }

  /** What they held is gone with what can be counted. */
  @Test
  void slotsOfDeadEntriesAreEmptiedAndCountedAsDamage() throws IOException {
    for (int at : new int[] {image.item("key1").at(), image.item("key2").at()}) {
      image.setInt(at, 0);
    }
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      scene.writer.recount();
      assertEquals(2, scene.reader.corrupt.sum());
      contents.remove("key1");
      contents.remove("key2");
      assertContents(contents, scene.image().contents());
      scene.image().checkCounts();
      scene.memory.putLong(CacheFormat.RECOUNT_AT, 1);
      scene.writer.clear();
      assertEquals(0, scene.memory.getLong(CacheFormat.RECOUNT_AT), "nothing is counted as it is");
      scene.image().checkCounts();
    }
  }

  /** All entries that were there then have been met by then. */
  @Test
  void theCountsAreMadeAnewWhenTheRingHasGoneRoundAfterDamage() throws IOException {
    damage(image.item("key0"));
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      int puts = 0;
      assertFalse(scene.remove("key0"));
      assertEquals(1, scene.reader.corrupt.sum());
      long tail = scene.reader.small.tail();
      assertEquals(1, scene.memory.getLong(CacheFormat.RECOUNT_AT));
      scene.memory.putLong(CacheFormat.RECOUNT_AT, 2); // as only who counts sets it to 0
      while (scene.reader.small.tail() < tail + LAYOUT.smallBytes()) {
        scene.put("new" + puts % 9, Scene.value(1, 100 + puts++ % 64));
      }
      assertEquals(0, scene.memory.getLong(CacheFormat.RECOUNT_AT));
      scene.image().checkCounts();
      assertEquals(1, scene.reader.corrupt.sum());
    }
  }

  /** Its place, if it were used again, would reach into the next entry. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void thePlaceOfADamagedLengthIsNotUsedAgain(boolean withLock) throws IOException {
    try (Scene scene = new Scene(folder.resolve("other"), LAYOUT)) {
      for (int i = 0; i < 60; i++) {
        scene.put("fill" + i, Scene.value(i, 40));
      }
      scene.put("damaged", Scene.value(1, 100));
      scene.put("next", Scene.value(2, 300));
      image = scene.image();
    }
    CacheImage.Item item = image.item("damaged");
    image.setInt(item.at() + 8, image.intAt(item.at() + 8) + 100);
    try (Scene scene = Scene.left(folder.resolve("left"), image)) {
      scene.reader.countOpening();
      for (int i = 0; i < 5; i++) {
        scene.put("another", Scene.value(i, 200)); // leaves places of the size
      }
      for (int i = 0; i < 12; i++) {
        scene.newPeriods();
        if (withLock) {
          scene.put("damaged", Scene.value(i, 200));
        } else {
          byte[] value = Scene.value(i, 200);
          byte[] key = Scene.bytes("damaged");
          Overwrites.Result result =
              scene
                  .writer
                  .overwrites()
                  .tryPut(key, scene.hash("damaged"), value, 0, 0, Entry.check(key, value, 0));
          // Who holds the lock gives the damaged one up.
          assertEquals(i > 0 ? Overwrites.Result.DONE : Overwrites.Result.NOT_HERE, result);
          if (i == 0) {
            scene.put("damaged", value);
          }
        }
        assertArrayEquals(Scene.value(2, 300), scene.get("next"));
      }
    }
  }

  // ---- making a cache ----

  private MemoryRegion region(byte[] bytes) throws IOException {
    Files.write(file(), bytes);
    try (FileChannel channel =
        FileChannel.open(file(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return MemoryRegion.ofFile(channel, 0, bytes.length);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aMakingThatWasCutOffIsBegunAgain(boolean isZero) throws IOException {
    byte[] before = isZero ? new byte[image.bytes().length] : image.bytes();
    CodecNames cutOff = new CodecNames("bytes", null); // after the fields before the names
    try (MemoryRegion region = region(before)) {
      assertThrows(
          NullPointerException.class,
          () -> CacheFormat.create(region, LAYOUT, isZero, 2, 5, cutOff));
      assertEquals(CacheFormat.BEING_MADE, region.getLong(CacheFormat.MAGIC_AT));
      assertEquals(2, region.getLong(CacheFormat.SEED_AT));
      assertTrue(CacheFormat.isUnmade(region));
    }
    assertEmptyAfterCutOff();
  }

  private void assertEmptyAfterCutOff() throws IOException {
    try (WarmCache<byte[], byte[]> cache = open()) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      assertTrue(cache.start().reason().contains("cut off"), cache.start().reason());
      assertEquals(0, cache.size());
      contents.keySet().forEach(key -> assertNull(cache.getIfPresent(Scene.bytes(key)), key));
      cache.put(Scene.bytes("new"), Scene.value(1, 20));
      assertTrue(cache.verify().isClean());
    }
    CacheImage made = new CacheImage(LAYOUT, Files.readAllBytes(file()));
    assertEquals(1, made.contents().size());
    made.checkCounts();
  }

  /** The old header is gone before anything else is: this memory ends where its index begins. */
  @Test
  void whatIsWrittenOverIsNoCacheFromTheFirstStoreOn() throws IOException {
    byte[] header = Arrays.copyOf(image.bytes(), CacheFormat.HEADER_BYTES);
    try (MemoryRegion region = region(header)) {
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> CacheFormat.create(region, LAYOUT, false, 2, 5, NAMES));
      assertTrue(CacheFormat.isUnmade(region));
      assertEquals(0, region.getLong(CacheFormat.SEED_AT));
    }
  }

  @Test
  void memoryWhoseHeaderIsZeroOrBegunIsUnmade() throws IOException {
    try (MemoryRegion region = region(new byte[CacheFormat.HEADER_BYTES])) {
      assertTrue(CacheFormat.isUnmade(region));
      for (int at = 0; at < CacheFormat.HEADER_BYTES; at += 8) {
        region.putLong(at, 1L << 40);
        assertEquals(false, CacheFormat.isUnmade(region), "word " + at);
        region.putLong(CacheFormat.MAGIC_AT, CacheFormat.BEING_MADE);
        assertTrue(CacheFormat.isUnmade(region), "word " + at);
        region.putLong(CacheFormat.MAGIC_AT, 0);
        region.putLong(at, 0);
      }
    }
  }
}
