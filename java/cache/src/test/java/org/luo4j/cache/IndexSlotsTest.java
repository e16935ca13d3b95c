/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.MemoryRegion;

/** The slots of an index, without entries. */
class IndexSlotsTest {

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(64 << 10, 512);
  private static final long START = LAYOUT.index();
  private static final long END = START + LAYOUT.buckets() * CacheFormat.BUCKET_BYTES;

  @TempDir Path folder;
  private MemoryRegion region;
  private Memory memory;
  private Index index;

  @BeforeEach
  void map() throws IOException {
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("index"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      region = MemoryRegion.ofFile(file, 0, LAYOUT.memoryBytes());
    }
    memory = new Memory(region);
    index = new Index(memory, LAYOUT);
  }

  @AfterEach
  void unmap() {
    memory.close();
    region.close();
    memory = null; // JUnit keeps the last test's object, which would keep the mapping
    region = null;
    index = null;
  }

  @Test
  void placesAreThoseOfSlots() {
    assertEquals(LAYOUT.buckets() * 8, index.slots());
    assertTrue(index.isPlace(START));
    assertTrue(index.isPlace(START + 8));
    assertTrue(index.isPlace(END - 8));
    for (long place : new long[] {START - 8, END, START + 4, START + 1, 0, -8, Long.MAX_VALUE}) {
      assertFalse(index.isPlace(place), "place " + place);
    }
    assertEquals(0, index.slotsBefore(START));
    assertEquals(1, index.slotsBefore(START + 8));
    assertEquals(index.slots(), index.slotsBefore(END));
  }

  @Test
  void aSlotIsOfAHashInItsTwoBucketsOnly() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 50; i++) {
      long hash = random.nextLong();
      long tag = Index.tag(hash);
      long first = index.first(hash);
      long second = index.other(first, tag);
      for (long place = START; place < END; place += 8) {
        long bucket = START + (place - START) / 64 * 64;
        boolean isOne = bucket == first || bucket == second;
        assertEquals(isOne, index.isPlaceOf(place, tag << Index.TAG_SHIFT | 5, hash));
        assertFalse(index.isPlaceOf(place, (tag ^ 1) << Index.TAG_SHIFT | 5, hash));
      }
    }
    assertEquals(1, Index.tag(0xF_FFFF_FFFF_FFFFL), "no slot is 0");
    assertEquals(1, Index.tag(1L << 52));
    assertEquals(4095, Index.tag(-1));
  }

  @Test
  void slotsInUseAreGoneThroughInOrder() {
    assertEquals(-1, index.next(0));
    memory.putLong(START - 8, 5); // of the header
    memory.putLong(END, 5); // of a ring
    assertEquals(-1, index.next(0));
    for (long place : new long[] {START, START + 80, END - 8}) {
      memory.putLong(place, 7);
    }
    assertEquals(START, index.next(0));
    assertEquals(START, index.next(START));
    assertEquals(START + 80, index.next(START + 8));
    assertEquals(END - 8, index.next(START + 88));
    assertEquals(-1, index.next(END));
    index.clear();
    assertEquals(-1, index.next(0));
    assertEquals(5, memory.getLong(START - 8));
    assertEquals(5, memory.getLong(END));
  }

  /** Uses are counted in a slot by any thread: they do not make it another's. */
  @Test
  void aSlotIsReplacedUnlessItNamesAnotherEntry() {
    long slot = 5L << Index.TAG_SHIFT | 42;
    long used = slot | 2L << Index.USES_SHIFT;
    memory.putLong(START, used);
    assertTrue(index.replace(START, slot, 77));
    assertEquals(77, memory.getLong(START));
    assertFalse(index.replace(START, slot, 78));
    assertEquals(77, memory.getLong(START));
    assertTrue(Index.isSame(slot, used));
    for (int bit = 0; bit < 64; bit++) {
      boolean isUse = bit == 50 || bit == 51;
      assertEquals(isUse, Index.isSame(slot, slot ^ 1L << bit), "bit " + bit);
    }
  }

  /** A lookup that found nothing knows whether a slot was moved meanwhile. */
  @Test
  void aMoveIsSeenByWhoFoundNothing() {
    memory.putLong(START + 8, 77);
    int before = index.moves();
    assertTrue(index.isStill(before));
    index.move(START + 8, END - 8);
    assertEquals(0, memory.getLong(START + 8));
    assertEquals(77, memory.getLong(END - 8));
    assertEquals(0, memory.getLong(CacheFormat.MOVE_FROM_AT));
    assertFalse(index.isStill(before));
    assertTrue(index.isStill(index.moves()));
    assertFalse(index.isStill(index.moves() + 1), "one is under way");
    assertFalse(index.isStill(index.moves() - 1));
  }

  /**
   * The stack or the heap may end at any access: then lookups go on, and the slot is in one place.
   */
  @Test
  void aMoveThatAnErrorEndsIsFinishedLater() {
    FailingMemory failing = new FailingMemory(region);
    Index failed = new Index(failing, LAYOUT);
    int at = 0;
    boolean ended = true;
    while (ended) {
      memory.putLong(START + 8, 77);
      memory.putLong(END - 8, 0);
      failing.throwAt(++at, new AssertionError("injected"));
      try {
        failed.move(START + 8, END - 8);
        ended = false;
      } catch (AssertionError e) {
        assertEquals("injected", e.getMessage());
      }
      failing.failAt(0, 0);
      assertTrue(failed.isStill(failed.moves()), "access " + at);
      failed.finishMove();
      assertEquals(77, memory.getLong(START + 8) + memory.getLong(END - 8), "access " + at);
      assertEquals(0, memory.getLong(CacheFormat.MOVE_FROM_AT));
    }
    assertTrue(at > 5, at + " accesses");
  }

  // ---- a free slot ----

  private void fill(long bucket, long tag) {
    for (long place = bucket; place < bucket + 64; place += 8) {
      memory.putLong(place, tag << Index.TAG_SHIFT | place);
    }
  }

  /** A hash whose two buckets differ. */
  private long hash(int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    while (true) {
      long hash = random.nextLong();
      if (index.first(hash) != index.other(index.first(hash), Index.tag(hash))) {
        return hash;
      }
    }
  }

  /** A tag by which a slot of one bucket can move to another. */
  private long tag(long from, long to) {
    for (long tag = 1; ; tag++) {
      if (index.other(from, tag) == to) {
        return tag;
      }
    }
  }

  /** A bucket that is none of some. */
  private static long another(long... buckets) {
    for (long bucket = START; ; bucket += 64) {
      boolean isOne = false;
      for (long each : buckets) {
        isOne |= each == bucket;
      }
      if (!isOne) {
        return bucket;
      }
    }
  }

  @Test
  void theFirstEmptySlotOfTheFirstBucketIsFree() {
    long hash = hash(1);
    long first = index.first(hash);
    assertEquals(first, index.freeSlot(hash));
    memory.putLong(first, 1);
    assertEquals(first + 8, index.freeSlot(hash));
    fill(first, 1);
    memory.putLong(first + 56, 0);
    assertEquals(first + 56, index.freeSlot(hash));
    assertEquals(0, index.moves());
  }

  @Test
  void elseOneOfTheSecondBucketIs() {
    long hash = hash(2);
    long first = index.first(hash);
    long second = index.other(first, Index.tag(hash));
    fill(first, 1);
    memory.putLong(second, 1);
    assertEquals(second + 8, index.freeSlot(hash));
    assertEquals(0, index.moves());
  }

  @Test
  void elseASlotIsMovedToItsOtherBucket() {
    long hash = hash(3);
    long first = index.first(hash);
    long second = index.other(first, Index.tag(hash));
    long third = another(first, second);
    fill(first, tag(first, first));
    fill(second, tag(second, second));
    long slot = tag(first, third) << Index.TAG_SHIFT | 99;
    memory.putLong(first + 24, slot);
    memory.putLong(third, 1);
    assertEquals(first + 24, index.freeSlot(hash));
    assertEquals(0, memory.getLong(first + 24));
    assertEquals(slot, memory.getLong(third + 8));
    assertEquals(2, index.moves());
  }

  /** The last one first, so that each is always in one of its places. */
  @Test
  void elseOneIsMovedToMakeRoomForAnother() {
    long hash = hash(4);
    long first = index.first(hash);
    long second = index.other(first, Index.tag(hash));
    long third = another(first, second);
    long fourth = another(first, second, third);
    fill(first, tag(first, first));
    fill(second, tag(second, second));
    fill(third, tag(third, third));
    long slot = tag(second, third) << Index.TAG_SHIFT | 99;
    long behind = tag(third, fourth) << Index.TAG_SHIFT | 98;
    memory.putLong(second + 40, slot);
    memory.putLong(third + 16, behind);
    assertEquals(second + 40, index.freeSlot(hash));
    assertEquals(0, memory.getLong(second + 40));
    assertEquals(slot, memory.getLong(third + 16));
    assertEquals(behind, memory.getLong(fourth));
    assertEquals(4, index.moves());
  }

  @Test
  void whereAllAreFullNoneIsFreeAndNothingIsMoved() {
    for (long bucket = START; bucket < END; bucket += 64) {
      fill(bucket, 1 + bucket % 4000);
    }
    for (int i = 0; i < 20; i++) {
      assertEquals(-1, index.freeSlot(hash(i)));
    }
    assertEquals(0, index.moves());
    for (long place = START; place < END; place += 8) {
      assertTrue(memory.getLong(place) != 0);
    }
  }
}
