/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.BootClock;
import org.luo4j.MemoryRegion;

/** A cache's time: over restarts and kexecs, and while the wall clock is set. */
class CacheClockTest {

  private static final long CREATED = 1_000_000_000;
  private static final long HORIZON = 0xFFFF_FFFFL * 64;
  private static final long DAY = 86_400_000;

  @TempDir Path folder;
  private MemoryRegion region;
  private Memory memory;

  /** The cache's own clock. */
  private long now = CREATED;

  @BeforeEach
  void map() throws IOException {
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("header"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      region = MemoryRegion.ofFile(file, 0, CacheFormat.HEADER_BYTES + CacheFormat.TRAILER_BYTES);
    }
    memory = new Memory(region);
    memory.putLong(CacheFormat.CREATED_AT, CREATED);
  }

  @AfterEach
  void unmap() {
    memory.close();
    region.close();
    memory = null; // JUnit keeps the last test's object, which would keep the mapping
    region = null;
  }

  private CacheClock own() {
    return new CacheClock(memory, () -> now);
  }

  /** The time of the cache, in ms since it was created. */
  private long time(CacheClock clock) {
    clock.store();
    return memory.getLong(CacheFormat.LATEST_AT) - memory.getLong(CacheFormat.CREATED_AT);
  }

  // ---- the cache's own clock ----

  @Test
  void itBeginsWhenTheCacheIsCreated() {
    CacheClock clock = own();
    assertEquals(0, time(clock));
    now += 7;
    assertEquals(7, time(clock));
    assertFalse(clock.hasJumped());
    assertEquals(0, memory.getLong(CacheFormat.BOOT_CLOCK_AT), "the boot clock tells it nothing");
  }

  @Test
  void itStandsStillWhereTheClockIsSetBack() {
    CacheClock clock = own();
    now += 600;
    assertEquals(600, time(clock));
    now -= 5000;
    assertEquals(600, time(clock));
    now += 423;
    assertEquals(1023, time(clock));
    now -= 1;
    assertEquals(1023, time(clock));
  }

  @Test
  void itGoesOnOverARestart() {
    CacheClock clock = own();
    now += 600;
    clock.store();
    now += 50; // nobody has it open
    CacheClock next = own();
    assertEquals(650, time(next));
    now -= 10_000;
    assertEquals(650, time(next));
    now += 100;
    assertEquals(750, time(own()), "by as much as the clock shows");
    now -= 400;
    assertEquals(750, time(own()), "it never goes back");
  }

  /** A process that is killed stores nothing at its end. */
  @Test
  void theTimeIsStoredOnceASecond() {
    CacheClock clock = own();
    clock.store();
    now += 999;
    assertFalse(clock.isPast(16));
    assertEquals(CREATED, memory.getLong(CacheFormat.LATEST_AT));
    now += 1;
    assertFalse(clock.isPast(16));
    assertEquals(CREATED + 1000, memory.getLong(CacheFormat.LATEST_AT));
    now += 999;
    assertTrue(clock.isPast(16));
    assertEquals(CREATED + 1000, memory.getLong(CacheFormat.LATEST_AT));
    now += 1;
    assertTrue(clock.isPast(16));
    assertEquals(CREATED + 2000, memory.getLong(CacheFormat.LATEST_AT));
  }

  /** What was put by a time must not be younger than that after a crash. */
  @Test
  void anEntryThatExpiresHasTheTimeStored() {
    CacheClock clock = own();
    now += 10;
    clock.after(1);
    assertEquals(CREATED + 10, memory.getLong(CacheFormat.LATEST_AT));
  }

  // ---- expiry ----

  /** The age is rounded up to 64 ms, and never cut short. */
  @ParameterizedTest
  @CsvSource({
    "1, 64",
    "63, 64",
    "64, 128",
    "1000, 1024",
    "1023, 1024",
    "252288000000, 252288000064"
  })
  void anEntryLivesForItsAge(long age, long expires) {
    CacheClock clock = own();
    int expiry = clock.after(age);
    now += expires - 1;
    assertFalse(clock.isPast(expiry));
    now += 1;
    assertTrue(clock.isPast(expiry));
  }

  @Test
  void theLatestExpiryIsTheHorizon() {
    CacheClock clock = own();
    for (long age : new long[] {HORIZON - 1, HORIZON, HORIZON + 1, HORIZON + 1000, 1L << 60}) {
      assertEquals(-1, clock.after(age));
    }
    assertEquals(-2, clock.after(HORIZON - 65));
    now += HORIZON - 1;
    assertFalse(clock.isPast(-1));
    now += 1;
    assertTrue(clock.isPast(-1));
  }

  /** No expiry is 0, which is that of an entry that does not expire. */
  @Test
  void anAgeInDamagedMemoryIsAnExpiryToo() {
    memory.putLong(CacheFormat.BASE_AT, 1 << 20);
    assertEquals(1, own().after(1));
  }

  @Test
  void aTimeOfTheWallClockIsNeverCutShort() {
    CacheClock clock = own();
    assertEquals(0, clock.at(now));
    assertEquals(0, clock.at(now - 1));
    assertEquals(1, clock.at(now + 1));
    assertEquals(1, clock.at(now + 64));
    assertEquals(2, clock.at(now + 65));
    assertEquals(-1, clock.at(Long.MAX_VALUE));
    assertEquals(now + 64, clock.wallOf(1));
    assertEquals(now + HORIZON, clock.wallOf(-1));
  }

  /** By whole seconds, so that a copy of an entry expires in the same 64 ms. */
  @ParameterizedTest
  @CsvSource({"-10400, -10000", "-10600, -11000", "-10500, -10000", "0, 0", "-499, 0"})
  void theWallClockMayHaveBeenSet(long by, long skew) {
    CacheClock clock = own();
    now += 20_000;
    int expiry = clock.after(5000);
    long expires = CREATED + 20_000 + 5000 + 64 - (20_000 + 5000) % 64;
    assertEquals(expires, clock.wallOf(expiry));
    now += by;
    assertEquals(expires + skew, clock.wallOf(expiry));
    assertEquals(expiry, clock.at(clock.wallOf(expiry)));
  }

  // ---- a base ----

  @Test
  void expiryIsCountedFromTheBase() {
    CacheClock clock = own();
    now += 1000;
    clock.newBase();
    assertEquals(1000 / 64 * 64, memory.getLong(CacheFormat.BASE_AT));
    int expiry = clock.after(100);
    assertEquals((1000 % 64 + 100) / 64 + 1, expiry);
    now += 64 * expiry - 1000 % 64 - 1;
    assertFalse(clock.isPast(expiry));
    assertFalse(own().isPast(expiry));
    now += 1;
    assertTrue(clock.isPast(expiry));
    assertTrue(own().isPast(expiry), "also by the next process");
    assertEquals(CREATED + 960 + 64 * expiry, clock.wallOf(expiry));
    assertEquals(expiry + 1, clock.at(clock.wallOf(expiry) + 1));
  }

  @Test
  void aNewBaseIsWantedAtHalfOfTheHorizon() {
    CacheClock clock = own();
    now += HORIZON / 2;
    assertFalse(clock.wantsNewBase());
    now += 1;
    assertTrue(clock.wantsNewBase());
    clock.newBase();
    assertFalse(clock.wantsNewBase());
    now += HORIZON / 2 + 1;
    assertTrue(clock.wantsNewBase());
  }

  /** Then an entry's expiry may lie beyond what it can hold. */
  @Test
  void moreThanAnyAgeIsAJump() {
    own().store();
    now += 2920 * DAY;
    assertFalse(own().hasJumped());
    now += 1;
    CacheClock clock = own();
    assertTrue(clock.hasJumped());
    assertEquals(2920 * DAY + 1, time(clock));
    clock.newBase();
    assertFalse(clock.hasJumped());
    assertFalse(own().hasJumped(), "since then none has passed");
  }

  // ---- the machine's clocks ----

  @ParameterizedTest
  @ValueSource(longs = {-3_600_000, 0, 3_600_000})
  @EnabledOnOs(OS.LINUX)
  void theBootClockTellsTheTimeOfOneBoot(long set) {
    long created = System.currentTimeMillis() - 5000;
    memory.putLong(CacheFormat.CREATED_AT, created);
    CacheClock clock = new CacheClock(memory, null);
    long before = time(clock);
    assertTrue(before >= 5000 && before < 65_000, before + " ms");
    assertNotEquals(0, memory.getLong(CacheFormat.BOOT_CLOCK_AT));
    long boot = BootClock.find().millis().orElseThrow();
    long told = boot - memory.getLong(CacheFormat.BOOT_SKEW_AT);
    assertTrue(told >= before - 20 && told < before + 60_000, told + " of " + before);
    // As if the wall clock had been set.
    memory.putLong(CacheFormat.WALL_SKEW_AT, memory.getLong(CacheFormat.WALL_SKEW_AT) - set);
    long after = time(new CacheClock(memory, null));
    assertTrue(after >= before && after < before + 60_000, after + " after " + before);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void theWallClockTellsTheTimeOverAKexec() {
    memory.putLong(CacheFormat.CREATED_AT, System.currentTimeMillis());
    long before = time(new CacheClock(memory, null));
    long hour = 3_600_000;
    memory.putLong(CacheFormat.BOOT_CLOCK_AT, memory.getLong(CacheFormat.BOOT_CLOCK_AT) ^ 2);
    memory.putLong(CacheFormat.WALL_SKEW_AT, memory.getLong(CacheFormat.WALL_SKEW_AT) - hour);
    CacheClock clock = new CacheClock(memory, null);
    long after = time(clock);
    assertTrue(after >= before + hour && after < before + hour + 60_000, after + " of " + before);
    // From then on the boot clock does.
    memory.putLong(CacheFormat.WALL_SKEW_AT, memory.getLong(CacheFormat.WALL_SKEW_AT) - hour);
    long later = time(new CacheClock(memory, null));
    assertTrue(later >= after && later < after + 60_000, later + " of " + after);
  }

  /** As where a machine has no clock of its own, and starts in 1970. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void anEarlierWallClockAfterABootIsNotBelieved() {
    memory.putLong(CacheFormat.CREATED_AT, System.currentTimeMillis() - 5000);
    long before = time(new CacheClock(memory, null));
    long decades = 50L * 365 * DAY;
    memory.putLong(CacheFormat.BOOT_CLOCK_AT, memory.getLong(CacheFormat.BOOT_CLOCK_AT) ^ 2);
    memory.putLong(CacheFormat.WALL_SKEW_AT, memory.getLong(CacheFormat.WALL_SKEW_AT) + decades);
    CacheClock clock = new CacheClock(memory, null);
    long after = time(clock);
    assertTrue(after >= before && after < before + 60_000, after + " of " + before);
    assertFalse(clock.hasJumped());
  }

  /** A clock of nanoseconds tells it, between looks at the boot clock once a second. */
  @Test
  void theTimePasses() {
    memory.putLong(CacheFormat.CREATED_AT, System.currentTimeMillis());
    CacheClock clock = new CacheClock(memory, null);
    long before = time(clock);
    long nanos = System.nanoTime();
    long stored = memory.getLong(CacheFormat.LATEST_AT);
    for (long least : new long[] {40, 1_050}) {
      long end = nanos + TimeUnit.MILLISECONDS.toNanos(least);
      while (System.nanoTime() - end < 0) {
        LockSupport.parkNanos(end - System.nanoTime());
      }
      clock.isPast(1);
      long passed = time(clock) - before;
      long real = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanos);
      assertTrue(passed <= real + 30, passed + " ms of " + real);
      assertTrue(passed >= least - 30, passed + " ms of " + least);
    }
    assertTrue(memory.getLong(CacheFormat.LATEST_AT) >= stored + 1000, "stored once a second");
  }
}
