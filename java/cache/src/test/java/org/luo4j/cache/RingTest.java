/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.MemoryRegion;

/** A ring of 1024 bytes, without a cache around it. */
class RingTest {

  private static final int HEAD_AT = 0;
  private static final int TAIL_AT = 8;
  private static final int BASE = 64;
  private static final int BYTES = 1024;

  @TempDir Path folder;
  private MemoryRegion region;
  private Memory memory;

  @BeforeEach
  void map() throws IOException {
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("ring"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      region = MemoryRegion.ofFile(file, 0, BASE + BYTES + CacheFormat.TRAILER_BYTES);
    }
    region.putLong(CacheFormat.markAt(region.size()), CacheFormat.MARK);
    memory = new Memory(region);
  }

  @AfterEach
  void unmap() {
    memory.close();
    region.close();
    memory = null; // JUnit keeps the last test's object, which would keep the mapping
    region = null;
  }

  private Ring ring(boolean isOld, int openings) {
    return new Ring(memory, BASE, BYTES, HEAD_AT, TAIL_AT, isOld, openings);
  }

  private static void add(Ring ring, int entries) {
    for (int i = 0; i < entries; i++) {
      ring.advance(ring.place(64) + 64);
    }
  }

  @Test
  void whatIsGivenUpIsFreeTwoPeriodsLater() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    long slot = ring.inSlot(0);
    assertEquals(0, ring.position(slot));
    ring.release(128);
    assertEquals(128, memory.getLong(TAIL_AT));
    assertTrue(ring.hasRoom(128, 0));
    assertFalse(ring.hasRoom(128, 8));
    assertFalse(ring.isFree(128));
    ring.newPeriod();
    assertFalse(ring.isFree(128));
    assertEquals(0, ring.position(slot), "a reader may be there");
    ring.newPeriod();
    assertTrue(ring.isFree(128));
    assertEquals(-1, ring.position(slot));
    assertEquals(128, ring.position(ring.inSlot(128)));
    assertFalse(ring.isFree(128 + 8));
  }

  @Test
  void whatIsGivenUpLaterIsNotFreeWithIt() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    ring.release(64);
    ring.newPeriod();
    ring.release(128);
    ring.newPeriod();
    assertEquals(-1, ring.position(ring.inSlot(0)));
    assertEquals(64, ring.position(ring.inSlot(64)));
    ring.newPeriod();
    assertEquals(-1, ring.position(ring.inSlot(64)));
  }

  @Test
  void anEntryThatDoesNotFitTakesAFillerToo() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    ring.release(15 * 64);
    ring.newPeriod();
    ring.newPeriod();
    assertTrue(ring.hasRoom(64, BYTES - 64));
    assertFalse(ring.hasRoom(64, BYTES - 56));
    assertTrue(ring.hasRoom(72, BYTES - 64 - 72));
    assertFalse(ring.hasRoom(72, BYTES - 64 - 64));
    assertEquals(15 * 64, ring.place(64));
    assertEquals(1024, ring.place(72));
    assertEquals(1024, memory.getLong(HEAD_AT));
    assertTrue(Entry.isFiller(memory, BASE + 15 * 64, ring.end(), true));
    ring.advance(1024 + 72);
    assertEquals(BASE, ring.offset(1024));
    assertEquals(1024, ring.position(ring.inSlot(1024)));
    assertEquals(BASE + 72, ring.end(1024, BASE));
    assertEquals(-1, ring.offset(-1));
    assertEquals(-1, ring.position(ring.inSlot(1024 + 72)), "not written yet");
  }

  @Test
  void whatAnOverwriteMayTakeTheTailPassesNot() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    ring.newPeriod();
    ring.newPeriod();
    assertTrue(ring.reusable() >= 64);
    assertTrue(ring.mayPass(), "the first 16th");
    ring.release(64);
    assertFalse(ring.mayPass());
    ring.raiseReusable();
    assertEquals(128, ring.reusable());
    ring.newPeriod();
    assertFalse(ring.mayPass(), "an overwrite that has begun may be there");
    ring.newPeriod();
    assertTrue(ring.mayPass());
    ring.forbidReuse();
    assertEquals(15 * 64, ring.reusable());
    ring.raiseReusable();
    assertEquals(15 * 64, ring.reusable(), "it never decreases");
  }

  @Test
  void whereEntriesAreEvictedOnlyTheYoungHalfIsTaken() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    assertEquals(0, ring.youngFrom());
    ring.evicted();
    assertEquals(15 * 64 - BYTES / 2, ring.youngFrom());
    ring.release(10 * 64);
    assertEquals(10 * 64, ring.youngFrom());
    ring.newPeriod();
    ring.newPeriod();
    add(ring, 9);
    assertEquals(24 * 64 - BYTES / 2, ring.youngFrom());
    ring.release(14 * 64);
    ring.newPeriod();
    ring.newPeriod();
    add(ring, 7);
    ring.release(14 * 64);
    assertEquals(14 * 64, ring.youngFrom(), "none was evicted for a lap");
  }

  @Test
  void oldPositionsAreTrustedOnceTheyAreVerified() {
    add(ring(false, 1), 4);
    Ring ring = ring(true, 2);
    assertEquals(256, ring.head());
    assertFalse(ring.isTrusted(64, BASE + 64));
    ring.trust(64, BASE + 64);
    assertTrue(ring.isTrusted(64, BASE + 64));
    assertFalse(ring.isTrusted(128, BASE + 128));
    add(ring, 1);
    assertTrue(ring.isTrusted(256, BASE + 256));
  }

  @Test
  void aNewPositionIsOfThisOpeningsSlotsOnly() {
    Ring first = ring(false, 1);
    add(first, 4);
    long old = first.inSlot(192);
    long beyond = first.inSlot(256);
    Ring ring = ring(true, 2);
    assertEquals(192, ring.position(old));
    add(ring, 1);
    assertEquals(-1, ring.position(beyond));
    assertEquals(256, ring.position(ring.inSlot(256)));
    assertEquals(256, ring(true, 1).position(beyond), "of that opening");
  }

  /** Addresses of 42 bits stand for the position near the present ones. */
  @Test
  void positionsAreFoundWhereverTheRingIsInItsHistory() {
    for (long start : new long[] {0, 1L << 44, 1L << 45, (1L << 46) - 512, 1L << 59}) {
      long from = start / BYTES * BYTES;
      memory.putLong(HEAD_AT, from);
      memory.putLong(TAIL_AT, from);
      Ring ring = ring(true, 3);
      assertNull(ring.damage());
      add(ring, 15);
      for (int i = 0; i < 15; i++) {
        assertEquals(from + i * 64, ring.position(ring.inSlot(from + i * 64)), "from " + from);
        assertEquals(BASE + i * 64, ring.offset(from + i * 64));
      }
      assertEquals(-1, ring.position(ring.inSlot(from + 15 * 64)));
      assertEquals(-1, ring.position(ring.inSlot(from - 8)));
    }
  }

  @Test
  void impossiblePositionsAreDamage() {
    long[][] possible = {{0, 0}, {8, 0}, {1024, 0}, {1L << 60, (1L << 60) - 1024}};
    long[][] impossible = {
      {0, 8}, {1032, 0}, {4, 0}, {16, 12}, {0, -8}, {8, -8}, {(1L << 60) + 8, 1L << 60}
    };
    for (long[] ends : possible) {
      memory.putLong(HEAD_AT, ends[0]);
      memory.putLong(TAIL_AT, ends[1]);
      assertNull(ring(true, 1).damage(), ends[1] + " to " + ends[0]);
    }
    for (long[] ends : impossible) {
      memory.putLong(HEAD_AT, ends[0]);
      memory.putLong(TAIL_AT, ends[1]);
      assertNotNull(ring(true, 1).damage(), ends[1] + " to " + ends[0]);
    }
  }

  @Test
  void anEntryEndsAtTheHeadAtTheLatest() {
    Ring ring = ring(false, 1);
    add(ring, 3);
    assertEquals(BYTES, ring.bytes());
    assertEquals(BASE + 192, ring.end(0, BASE), "no lookup has seen the head yet");
    Ring other = ring(false, 1);
    add(other, 1);
    assertEquals(BASE + 256, other.end(192, BASE + 192));
    assertEquals(BASE + BYTES, ring.end(0, BASE + BYTES - 64), "and where its memory ends");
  }

  @Test
  void aLapThatHasJustBegunIsFound() {
    Ring ring = ring(false, 1);
    assertEquals(BASE, ring.offset(0));
    assertEquals(BASE + BYTES - 8, ring.offset(BYTES - 8));
    assertEquals(BASE, ring.offset(BYTES));
    assertEquals(BASE + 64, ring.offset(BYTES + 64));
    assertEquals(-1, ring.offset(2 * BYTES));
    add(ring, 32);
    assertEquals(BASE, ring.offset(2 * BYTES));
    assertEquals(BASE, ring.offset(BYTES), "of the lap before");
    assertEquals(-1, ring.offset(BYTES - 8), "of the one before that");
  }

  @Test
  void placesOfDeadEntriesAreThereTwoPeriodsLater() {
    Ring ring = ring(false, 1);
    ring.holes.add(64, 64);
    ring.newPeriod();
    assertEquals(-1, ring.holes.take(64, 0));
    ring.newPeriod();
    assertEquals(64, ring.holes.take(64, 0));
  }

  /** Seldom, as each step costs overwrites places that they could have taken. */
  @Test
  void whatMayBeTakenMovesBySixtyFourths() {
    Ring ring = ring(false, 1);
    add(ring, 15);
    assertEquals(64, ring.reusable());
    ring.release(16);
    ring.raiseReusable();
    assertEquals(64, ring.reusable());
    ring.release(24);
    ring.raiseReusable();
    assertEquals(88, ring.reusable());
  }
}
