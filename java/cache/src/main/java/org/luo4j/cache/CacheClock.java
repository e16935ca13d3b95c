/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.luo4j.BootClock;

/**
 * The time by which a cache's entries expire. It begins when the cache is created, never goes back,
 * and follows the machine's boot clock: nobody sets that, it goes on in suspend, and all processes
 * of a boot see the same. Only over a boot or a kexec does the wall clock say how much time has
 * passed. So it does not matter what the wall clock shows, then or later.
 *
 * <pre>
 *   cache's time   0 ......... 40 min | restart: 42 min | kexec: 45 min ............
 *   told by          boot clock       |  boot clock     |  wall clock | boot clock
 * </pre>
 *
 * <p>The header holds the latest time seen, and by how much the two other clocks are ahead of the
 * cache's. A cache may be given a clock of its own in milliseconds; then that one tells the time,
 * while it is open and over restarts. Where it is set back the cache's time stands still.
 *
 * <p>Any thread.
 */
final class CacheClock {

  /** Where a cache has a clock of its own, or the boot clock is looked at: once in so many ns. */
  private static final long ANCHOR_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long SECOND = 1_000;

  /** Two clocks are read again where this thread was held up for longer between them. */
  private static final long MAX_APART_NANOS = 500_000;

  private static final int MAX_READS = 100;

  /** No entry is given more: {@link WarmCache}. */
  static final long MAX_AGE = TimeUnit.DAYS.toMillis(2920);

  /** What an entry's expiry can hold, in ms after the base: 8.7 years. */
  private static final long HORIZON = 0xFFFF_FFFFL << CacheFormat.EXPIRY_SHIFT;

  private final Memory memory;
  private final @Nullable LongSupplier own;
  private final BootClock boot;
  private final long bootClock;
  private final long created;

  /** The boot clock less the cache's time; of no meaning where the boot clock is not known. */
  private final long bootSkew;

  /** The time from which expiry counts. Changed while nobody makes or writes an entry's expiry. */
  private volatile long base;

  private boolean jumped;

  /** The time that was stored last. */
  private long stored;

  /** What the clock below shows, and the cache's time then. */
  private record Anchor(long source, long time) {}

  private volatile Anchor anchor;

  /**
   * Goes on from what the header says.
   *
   * @param own the cache's own clock in ms, or null
   */
  CacheClock(Memory memory, @Nullable LongSupplier own) {
    this.memory = memory;
    this.own = own;
    this.boot = BootClock.find();
    Reading read = own == null ? read() : new Reading(own.getAsLong(), OptionalLong.empty());
    OptionalLong booted = read.booted;
    this.bootClock = booted.isPresent() ? hash(BootClock.id()) : 0;
    this.created = memory.getLong(CacheFormat.CREATED_AT);
    this.base = memory.getLong(CacheFormat.BASE_AT);
    long latest = memory.getLong(CacheFormat.LATEST_AT);
    long before = latest == 0 ? 0 : latest - created;
    long told;
    if (booted.isPresent()
        && bootClock != 0
        && bootClock == memory.getLong(CacheFormat.BOOT_CLOCK_AT)) {
      told = booted.getAsLong() - memory.getLong(CacheFormat.BOOT_SKEW_AT);
    } else {
      told = wall() - memory.getLong(CacheFormat.WALL_SKEW_AT) - created;
      jumped = told - before > MAX_AGE;
    }
    long time = Math.max(before, told);
    // Such a base is damaged: nobody knows when what can expire does.
    jumped |= base < 0 || base > time;
    bootSkew = booted.orElse(0) - time;
    stored = time;
    anchor = new Anchor(read.source, time);
  }

  /** What the source and the boot clock show at the same time. */
  private record Reading(long source, OptionalLong booted) {}

  /** Reads both clocks, one right after the other: of several tries the best. */
  private Reading read() {
    long least = Long.MAX_VALUE;
    Reading best = new Reading(0, OptionalLong.empty());
    for (int reads = 0; reads < MAX_READS && least > MAX_APART_NANOS; reads++) {
      long before = System.nanoTime();
      OptionalLong booted = boot.millis();
      long apart = System.nanoTime() - before;
      if (apart < least) {
        least = apart;
        best = new Reading(before, booted);
      }
    }
    return best;
  }

  /** A hash that is not 0; 0 for the empty text. */
  private static long hash(String text) {
    return text.isEmpty() ? 0 : Entry.hash(text.getBytes(StandardCharsets.UTF_8), 0) | 1;
  }

  private long wall() {
    return own != null ? own.getAsLong() : System.currentTimeMillis();
  }

  private long source() {
    return own != null ? own.getAsLong() : System.nanoTime();
  }

  /** The cache's time, in ms since it was created. */
  private long time() {
    Anchor known = anchor;
    long passed = source() - known.source;
    if (own != null) {
      return passed == 0 ? known.time : anchorAnew(); // so that it never goes back
    }
    return passed < ANCHOR_NANOS
        ? known.time + TimeUnit.NANOSECONDS.toMillis(passed)
        : anchorAnew();
  }

  private synchronized long anchorAnew() {
    Anchor known = anchor;
    Reading read = bootClock != 0 ? read() : new Reading(source(), OptionalLong.empty());
    long passed = Math.max(0, read.source - known.source);
    long time = known.time + (own != null ? passed : TimeUnit.NANOSECONDS.toMillis(passed));
    if (bootClock != 0) {
      time = Math.max(time, read.booted.orElse(Long.MIN_VALUE / 2) - bootSkew);
    }
    anchor = new Anchor(read.source, time);
    if (time - stored >= SECOND) {
      storeSkews(time);
    }
    return time;
  }

  /** Stores the time, and how far the other clocks are from it. */
  synchronized void store() {
    storeSkews(time());
  }

  private void storeSkews(long time) {
    stored = time;
    memory.putLong(CacheFormat.WALL_SKEW_AT, wall() - created - time);
    memory.putLong(CacheFormat.BOOT_SKEW_AT, bootSkew);
    memory.putLongRelease(CacheFormat.BOOT_CLOCK_AT, bootClock);
    memory.putLongRelease(CacheFormat.LATEST_AT, created + time);
  }

  // ---- expiry ----

  /**
   * Whether an entry of an expiry, which is not 0, has expired. All that can expire is removed
   * before the base is renewed: who finds one that has not looks whether it is still there.
   */
  boolean isPast(int expiry) {
    long since = base;
    return time() - since >= millis(expiry);
  }

  private static long millis(int expiry) {
    return (expiry & 0xFFFF_FFFFL) << CacheFormat.EXPIRY_SHIFT;
  }

  /**
   * The base: an expiry is of no use where it was made with another one. Any thread.
   *
   * @return ms since the cache was created
   */
  long base() {
    return base;
  }

  /** Whether so much time has passed since the base that no expiry can be made any more. */
  boolean isUsedUp() {
    return time() - base >= HORIZON;
  }

  /**
   * The expiry of an entry that lives for {@code age} ms from now on; takes note of the time. An
   * entry that would live beyond what an expiry can hold expires then.
   *
   * @return 0 when {@link #isUsedUp}
   */
  int after(long age) {
    long time = time();
    if (time - base >= HORIZON) {
      return 0;
    }
    memory.putLong(CacheFormat.LATEST_AT, created + time);
    return expiry(time - base + age);
  }

  /** Rounded up to units that are whole, so that no entry lives for less than its age. */
  private static int expiry(long sinceBase) {
    long most = Math.min(sinceBase, HORIZON);
    return (int) Math.max(1, (most >> CacheFormat.EXPIRY_SHIFT) + 1 - (most >= HORIZON ? 1 : 0));
  }

  /** When an entry of an expiry, which is not 0, does expire, by the wall clock as it is now. */
  long wallOf(int expiry) {
    return created + base + millis(expiry) + wallSkew();
  }

  /**
   * How far the wall clock is ahead, in whole seconds: two clocks that nobody has set differ by
   * less, so that an entry which is copied with its time of expiry keeps it to the unit.
   */
  private long wallSkew() {
    long skew = wall() - created - time();
    return Math.floorDiv(skew + SECOND / 2, SECOND) * SECOND;
  }

  /** The expiry of an entry that expires at a time of the wall clock; 0 when that is past. */
  int at(long wallMillis) {
    if (wallMillis <= wall()) {
      return 0;
    }
    long sinceBase = Math.min(wallMillis - created - base - wallSkew(), HORIZON);
    long unit = 1L << CacheFormat.EXPIRY_SHIFT;
    return (int) Math.max(1, sinceBase + unit - 1 >> CacheFormat.EXPIRY_SHIFT);
  }

  // ---- a base for expiry ----

  /**
   * Whether more time is said to have passed than any entry is given to live, which no expiry might
   * hold: then every entry that can expire has.
   */
  boolean hasJumped() {
    return jumped;
  }

  /** Whether half of what an expiry can hold is used up. */
  boolean wantsNewBase() {
    return time() - base > HORIZON / 2;
  }

  /** Counts expiry from now on. To be called when no entry is there that can expire. */
  synchronized void newBase() {
    base = time() >> CacheFormat.EXPIRY_SHIFT << CacheFormat.EXPIRY_SHIFT; // the units stay
    memory.putLongRelease(CacheFormat.BASE_AT, base);
    jumped = false;
  }
}
