/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;
import static org.luo4j.cache.Index.EMPTY;
import static org.luo4j.cache.Index.TAG_SHIFT;
import static org.luo4j.cache.Index.USES_MASK;
import static org.luo4j.cache.Index.USES_SHIFT;
import static org.luo4j.cache.Memory.LONG;

import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Looks entries up, without a lock: any thread. What it has found stays in its place while the
 * thread is pinned, or for a period ({@link Pins}); that it is dead by then does not matter to who
 * found it alive.
 */
final class Reader {

  /** The first JDK that has virtual threads. */
  private static final int VIRTUAL_THREADS = 21;

  private static final long ABSENT = -1;
  private static final long DAMAGED = -2;

  final Memory memory;
  final Index index;
  final Ring small;
  final Ring main;
  final Pins pins = new Pins();
  final CacheClock clock;
  final LongAdder corrupt = new LongAdder();
  private final long seed;

  Reader(Memory memory, CacheFormat.Layout layout, CacheClock clock, boolean isOld) {
    this.memory = memory;
    this.clock = clock;
    this.seed = memory.getLong(CacheFormat.SEED_AT);
    this.index = new Index(memory, layout);
    int openings = openings();
    this.small =
        new Ring(
            memory,
            layout.small(),
            layout.smallBytes(),
            CacheFormat.SMALL_HEAD_AT,
            CacheFormat.SMALL_TAIL_AT,
            isOld,
            openings);
    this.main =
        new Ring(
            memory,
            layout.main(),
            layout.mainBytes(),
            CacheFormat.MAIN_HEAD_AT,
            CacheFormat.MAIN_TAIL_AT,
            isOld,
            openings);
  }

  /** How often the memory was opened, this time included. */
  private int openings() {
    return memory.getInt(CacheFormat.OPENINGS_AT) + 1;
  }

  /** To be called once, before anything is written. */
  void countOpening() {
    memory.putLongVolatile(CacheFormat.OPENINGS_AT, CacheFormat.openings(openings()));
  }

  long hash(byte[] key) {
    return Entry.hash(key, seed);
  }

  /** The hash of the key of the entry at {@code at}. */
  long hash(long at) {
    return Entry.hash(memory, at, seed);
  }

  /**
   * How many entries there are.
   *
   * @throws IllegalStateException when the cache is closed, or its memory is gone
   */
  long entries() {
    return count(CacheFormat.ENTRIES_AT);
  }

  /**
   * What the live entries count as.
   *
   * @throws IllegalStateException when the cache is closed, or its memory is gone
   */
  long liveBytes() {
    return count(CacheFormat.LIVE_AT);
  }

  private long count(long at) {
    Pins.Pin pin = pins.enter();
    try {
      long count = memory.getLongVolatile(at);
      memory.checkSound();
      return count;
    } catch (InternalError e) {
      throw lost(e);
    } finally {
      pin.held = 0;
    }
  }

  /**
   * Waits for the end of the overwrites that are under way. Without a guard the error of a fault
   * may have ended one at any point: then the memory is gone.
   */
  void awaitOverwrites() {
    pins.awaitHolds(() -> memory.isGuarded() || memory.isSound());
  }

  /** What to throw for what was thrown: without a guard memory that is gone is an error. */
  private RuntimeException lost(Throwable thrown) {
    return memory.told(thrown, !memory.isGuarded());
  }

  /**
   * The value of a key, or null.
   *
   * @throws IllegalStateException when the cache is closed, or its memory is gone
   */
  byte @Nullable [] get(byte[] key, long hash) {
    if (!memory.isGuarded()) {
      return getVerified(key, hash);
    }
    long period = pins.period();
    long at = locate(key, hash);
    int lengths = at < 0 ? 0 : Entry.lengths(memory, at);
    int length = at < 0 ? 0 : Entry.valueLength(memory, at, lengths);
    if (isIntact(period)) {
      if (at < 0) {
        memory.checkSound();
        return missed(at);
      }
      byte[] value = new byte[length];
      memory.get(Entry.valueAt(at, lengths, key.length), value);
      if (isIntact(period) && memory.isSound()) {
        return value;
      }
    }
    return getPinned(key, hash); // it took two periods: this thread was held up
  }

  /** Whether what was read since a period lay still. */
  private boolean isIntact(long period) {
    VarHandle.acquireFence();
    return pins.period() - period <= 1;
  }

  private byte @Nullable [] getPinned(byte[] key, long hash) {
    Pins.Pin pin = pins.enter();
    try {
      long at = locate(key, hash);
      byte[] value = at < 0 ? missed(at) : Entry.value(memory, at);
      memory.checkSound();
      return value;
    } finally {
      pin.held = 0;
    }
  }

  /**
   * As {@link #getPinned}, of memory in which a page that cannot be had is an error at some later
   * time: a value is given only with its checksum seen to hold.
   */
  private byte @Nullable [] getVerified(byte[] key, long hash) {
    Pins.Pin pin = pins.enter();
    try {
      while (true) {
        long at = locate(key, hash);
        byte[] value = at < 0 ? null : Entry.value(memory, at);
        int expiry = at < 0 ? 0 : Entry.expiry(memory, at);
        int check = at < 0 ? 0 : Entry.check(memory, at);
        memory.checkSound();
        if (value == null) {
          return missed(at);
        }
        if (check == Entry.check(key, value, expiry)) {
          return value;
        }
        if (check != 0) { // else it was overwritten meanwhile
          return missed(DAMAGED);
        }
      }
    } catch (InternalError | NegativeArraySizeException e) {
      throw lost(e);
    } finally {
      pin.held = 0;
    }
  }

  private byte @Nullable [] missed(long at) {
    if (at == DAMAGED) {
      corrupt.increment();
    }
    return null;
  }

  /**
   * Gives a function the value of a key in place; null where there is none. Without a guard the
   * function gets a verified copy.
   *
   * @throws IllegalStateException when the cache is closed, or its memory is gone, before the
   *     function has returned
   */
  <R> @Nullable R read(
      byte[] key, long hash, Function<? super ByteBuffer, ? extends @Nullable R> function) {
    if (!memory.isGuarded()) {
      byte[] value = getVerified(key, hash);
      return value == null ? null : function.apply(Entry.view(value));
    }
    Pins.Pin pin = pins.enterFunction();
    try {
      long at = locate(key, hash);
      memory.checkSound();
      if (at < 0) {
        missed(at);
        return null;
      }
      R result = function.apply(Entry.view(memory, at));
      memory.checkSound();
      return result;
    } catch (RuntimeException | Error e) {
      if (memory.isSound()) {
        throw e;
      }
      throw memory.gone(e); // what the function was given has become zeros under it
    } finally {
      pin.held = 0;
    }
  }

  /**
   * Checks that an entry which was written is in the memory.
   *
   * @throws IllegalStateException when the cache is closed, or its memory is gone
   */
  void checkWritten(long at, long bytes) {
    memory.checkSound();
    if (!memory.isGuarded()
        && !Entry.isWhole(memory, at, at + bytes)
        && !Entry.isDead(memory, at)) { // looked at last: another thread may kill it meanwhile
      throw memory.gone(null);
    }
  }

  /** Whether the calling thread is in a function that {@link #read} called, of any cache. */
  static boolean isInRead() {
    return StackWalker.getInstance()
        .walk(
            frames ->
                frames.anyMatch(
                    frame ->
                        frame.getClassName().equals(Reader.class.getName())
                            && frame.getMethodName().equals("read")));
  }

  /** The names of the threads that are in a function that {@link #read} called, of any cache. */
  static List<String> threadsInRead() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(
            thread ->
                Arrays.stream(thread.getValue())
                    .anyMatch(
                        frame ->
                            frame.getClassName().equals(Reader.class.getName())
                                && frame.getMethodName().equals("read")))
        .map(thread -> "'" + thread.getKey().getName() + "'")
        .toList();
  }

  /** In which threads a function is that {@link #read} called, of any cache, for messages. */
  static String whoReads() {
    return whoReads(threadsInRead(), Runtime.version().feature());
  }

  /** As {@link #whoReads()}, of a JDK that lists these threads. */
  static String whoReads(List<String> threads, int jdk) {
    if (!threads.isEmpty() || jdk < VIRTUAL_THREADS) {
      return threads.isEmpty() ? "in a thread that is not known" : "in " + threads;
    }
    return "in a virtual thread, which the JVM does not list (jcmd "
        + ProcessHandle.current().pid()
        + " Thread.dump_to_file FILE names it), or one that has returned since";
  }

  /** Where the live entry of a key lies, or {@link #ABSENT} or {@link #DAMAGED}; counts a use. */
  private long locate(byte[] key, long hash) {
    long tag = Index.tag(hash);
    while (true) {
      int before = index.moves();
      boolean again = false;
      long bucket = index.first(hash);
      for (int choice = 0; choice < 2; choice++) {
        ByteBuffer slots = memory.slice(bucket);
        int first = Memory.index(bucket);
        for (int i = first; i < first + BUCKET_BYTES; i += 8) {
          if (slots.getLong(i) >>> TAG_SHIFT != tag) {
            continue;
          }
          long slot = (long) LONG.getAcquire(slots, i);
          Ring ring = ring(slot);
          long position = ring.position(slot);
          long at = ring.offset(position);
          long header = at < 0 ? 0 : Entry.ifLive(memory, at, ring.end(position, at), key);
          if (header != 0) {
            int expiry = Entry.expiry(header);
            long found = judge(ring, position, at, expiry);
            // It may have died while it was looked at. What can expire is removed before the base
            // of the clock is renewed, and would look alive by the new one.
            if ((found < 0 || expiry != 0) && hasChanged(slots, i, slot)) {
              again = true;
              continue;
            }
            if (found >= 0) {
              countUse(slots, i, slot);
            }
            return found;
          }
          // Dead or another key's. If it died under us, the slot has changed before that.
          again |= hasChanged(slots, i, slot);
        }
        Reference.reachabilityFence(slots);
        bucket = index.other(bucket, tag);
      }
      if (!again && index.isStill(before)) {
        return ABSENT;
      }
      Thread.onSpinWait();
    }
  }

  /** Where a live entry lies; {@link #DAMAGED}, or {@link #ABSENT} when it has expired. */
  private long judge(Ring ring, long position, long at, int expiry) {
    if (!isTrusted(ring, position, at)) {
      return DAMAGED;
    }
    return isPast(expiry) ? ABSENT : at;
  }

  /** Counts a use, up to three. A lost race loses a count. */
  private void countUse(ByteBuffer slots, int i, long slot) {
    if ((slot & USES_MASK) != USES_MASK) {
      memory.exchange(slots, i, slot, slot + (1L << USES_SHIFT));
    }
  }

  Ring ring(long slot) {
    return (slot & Index.MAIN_BIT) == 0 ? small : main;
  }

  /** Where the entry of a slot lies, or -1 when the slot names none that is there. */
  long offset(long slot) {
    Ring ring = ring(slot);
    return ring.offset(ring.position(slot));
  }

  /** Where the entry of a slot, which lies at {@code at}, ends at the latest. */
  long end(long slot, long at) {
    Ring ring = ring(slot);
    return ring.end(ring.position(slot), at);
  }

  /** What the entry of a slot takes in its ring; -1 when it names none that fits there. */
  long bytes(long slot) {
    long at = offset(slot);
    return at < 0 ? -1 : Entry.bytes(memory, at, end(slot, at));
  }

  /** As {@link #isTrusted(Ring, long, long)}, of the entry that a slot names. */
  boolean isTrusted(long slot, long at) {
    Ring ring = ring(slot);
    return isTrusted(ring, ring.position(slot), at);
  }

  /** Whether an entry that fits in its ring is this process's, or whole: that is seen once. */
  boolean isTrusted(Ring ring, long position, long at) {
    if (ring.isTrusted(position, at)) {
      return true;
    }
    // Where the head is damaged, new entries will be written over what reaches beyond it.
    if (!Entry.isWhole(memory, at, ring.end(position, at))) {
      return false;
    }
    ring.trust(position, at);
    return true;
  }

  boolean isExpired(long at) {
    return isPast(Entry.expiry(memory, at));
  }

  boolean isPast(int expiry) {
    return expiry != 0 && clock.isPast(expiry);
  }

  /** A copy of an entry. */
  record Copy(byte[] key, byte[] value, int expiry) {}

  /** The entry that a slot names; null when there is none, or none any more. */
  @Nullable Copy entryAt(long place) {
    Pins.Pin pin = pins.enter();
    try {
      while (true) {
        long slot = memory.getLongAcquire(place);
        if (slot == EMPTY) {
          return null;
        }
        long at = offset(slot);
        boolean alive = bytes(slot) >= 0 && !Entry.isDead(memory, at);
        if (alive && isTrusted(slot, at) && index.isPlaceOf(place, slot, hash(at))) {
          Copy copy = copy(at);
          memory.checkSound();
          if (copy.expiry == 0 || !hasChanged(memory.slice(place), Memory.index(place), slot)) {
            return isPast(copy.expiry) ? null : copy;
          }
          continue; // as in locate, or it was killed and has a mark for its expiry
        }
        if (!hasChanged(memory.slice(place), Memory.index(place), slot)) {
          memory.checkSound();
          if (alive) {
            corrupt.increment();
          }
          return null;
        }
      }
    } catch (InternalError | NegativeArraySizeException e) {
      throw lost(e);
    } finally {
      pin.held = 0;
    }
  }

  private Copy copy(long at) {
    return new Copy(Entry.key(memory, at), Entry.value(memory, at), Entry.expiry(memory, at));
  }

  /** The place of the first slot in use from a place on, or -1. */
  long nextSlot(long place) {
    Pins.Pin pin = pins.enter();
    try {
      long next = index.next(place);
      memory.checkSound();
      return next;
    } catch (InternalError e) {
      throw lost(e);
    } finally {
      pin.held = 0;
    }
  }

  /**
   * Verifies the entry that a slot names.
   *
   * @return its bytes; 0 when the slot is empty, -1 when it names no whole entry of its key
   */
  long verify(long place) {
    Pins.Pin pin = pins.enter();
    try {
      while (true) {
        long slot = memory.getLongAcquire(place);
        if (slot == EMPTY) {
          return 0;
        }
        long bytes = bytes(slot);
        if (bytes >= 0) {
          long at = offset(slot);
          if (!Entry.isDead(memory, at)
              && Entry.isWhole(memory, at, end(slot, at))
              && index.isPlaceOf(place, slot, hash(at))) {
            return bytes;
          }
        }
        memory.checkSound();
        if (!hasChanged(memory.slice(place), Memory.index(place), slot)) {
          return -1;
        }
      }
    } catch (InternalError e) {
      throw lost(e);
    } finally {
      pin.held = 0;
    }
  }

  /** The live entry of a key: the place of its slot, the slot, where it lies, when it expires. */
  @SuppressWarnings("NullAway.Init") // the fields are set by what finds it
  static final class Found {
    long place;
    long slot;
    Ring ring;
    long position;
    long at;
    int expiry;
  }

  /**
   * Finds the slot of a key: its place in the index, or -1. Sure under the write lock; without, it
   * may find none while slots are moved.
   */
  long find(byte[] key, long hash) {
    Found found = new Found();
    return find(key, hash, found) ? found.place : -1;
  }

  /** As {@link #find(byte[], long)}, with all that was seen of it. */
  boolean find(byte[] key, long hash, Found found) {
    long tag = Index.tag(hash);
    long bucket = index.first(hash);
    for (int choice = 0; choice < 2; choice++) {
      ByteBuffer slots = memory.slice(bucket);
      int first = Memory.index(bucket);
      for (int i = 0; i < BUCKET_BYTES; i += 8) {
        if (slots.getLong(first + i) >>> TAG_SHIFT == tag
            && isOf(key, slots, first + i, tag, found)) {
          found.place = bucket + i;
          return true;
        }
      }
      Reference.reachabilityFence(slots);
      bucket = index.other(bucket, tag);
    }
    return false;
  }

  /**
   * Whether a slot names the live entry of a key: looked at again where it has been overwritten
   * meanwhile, which takes no lock.
   */
  private boolean isOf(byte[] key, ByteBuffer slots, int i, long tag, Found found) {
    while (true) {
      long slot = (long) LONG.getAcquire(slots, i);
      Ring ring = ring(slot);
      long position = ring.position(slot);
      long at = ring.offset(position);
      found.slot = slot;
      found.ring = ring;
      found.position = position;
      found.at = at;
      if (slot >>> TAG_SHIFT != tag) {
        return false;
      }
      long header = at < 0 ? 0 : Entry.ifLive(memory, at, ring.end(position, at), key);
      if (header != 0) {
        found.expiry = Entry.expiry(header);
        return true;
      }
      if (!hasChanged(slots, i, slot)) {
        return false;
      }
    }
  }

  /** Whether a slot names another entry by now: then the one that it named may have died since. */
  private static boolean hasChanged(ByteBuffer slots, int i, long slot) {
    VarHandle.acquireFence(); // not before that entry was looked at
    return !Index.isSame((long) LONG.getAcquire(slots, i), slot);
  }
}
