/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;

import java.lang.invoke.VarHandle;

/**
 * The index: slots of 8 bytes in buckets of a cache line. The slot of a hash is in one of two
 * buckets, each of which can be told from the other and the slot's tag; where both are full,
 * another slot is moved to its other bucket (cuckoo hashing; Pagh and Rodler 2001, partial keys as
 * in Fan et al. 2014). A slot is named by its place, the offset in the memory.
 *
 * <p>Any thread may read, count a use, and replace the slot of a key by another of the same key;
 * the holder of the write lock does all else.
 */
final class Index {

  static final long EMPTY = 0;
  static final int TAG_SHIFT = 52;
  private static final long TAG_BIT = 1L << TAG_SHIFT;
  static final int USES_SHIFT = 50;
  static final long USES_MASK = 3L << USES_SHIFT;
  static final long MAIN_BIT = 1L << 49;

  /** Buckets that a search for an empty slot may look into. */
  private static final int SEARCH = 512;

  private final Memory memory;
  private final long start;
  private final long end;
  private final long buckets;

  /** Twice the moves of slots between buckets, one less during one: for who found nothing. */
  private volatile int moves;

  private final long[] searched = new long[SEARCH];
  private final int[] from = new int[SEARCH];

  Index(Memory memory, CacheFormat.Layout layout) {
    this.memory = memory;
    this.start = layout.index();
    this.buckets = layout.buckets();
    this.end = start + buckets * BUCKET_BYTES;
  }

  int moves() {
    return moves;
  }

  /** Whether no slot was moved while all places of a hash were looked at. */
  boolean isStill(int movesBefore) {
    VarHandle.acquireFence(); // not before the slots were looked at
    return movesBefore == moves && (movesBefore & 1) == 0;
  }

  /** How many slots lie before a place. */
  long slotsBefore(long place) {
    return (place - start) / 8;
  }

  long slots() {
    return buckets * CacheFormat.SLOTS;
  }

  // ---- places ----

  /** 1 to 4095, so that no slot is 0. */
  static long tag(long hash) {
    long tag = hash >>> TAG_SHIFT;
    return tag == 0 ? 1 : tag;
  }

  /**
   * Whether an index has more buckets than 32 bits of a hash can choose from. The feature {@link
   * CacheFormat#WIDE_INDEX} says so in a header.
   */
  static boolean isWide(long buckets) {
    return buckets >>> 32 != 0;
  }

  /**
   * Where the first bucket of a hash lies. 32 bits of the hash choose it, of a wide index all that
   * are not the tag.
   */
  long first(long hash) {
    long number =
        isWide(buckets)
            ? Math.multiplyHigh((hash & TAG_BIT - 1) << 63 - TAG_SHIFT, buckets << 1)
            : (hash & 0xFFFF_FFFFL) * buckets >>> 32;
    return start + number * BUCKET_BYTES;
  }

  /** Where the other bucket of a tag lies: the two numbers add up to one that the tag gives. */
  long other(long bucket, long tag) {
    long other = sum(tag * 0x9E37_79B1L & 0xFFFF_FFFFL) - (bucket - start) / BUCKET_BYTES;
    return start + (other < 0 ? other + buckets : other) * BUCKET_BYTES;
  }

  /** Brings 32 bits evenly into the number of buckets. */
  private long sum(long bits) {
    return isWide(buckets) ? Math.multiplyHigh(bits << 31, buckets << 1) : bits * buckets >>> 32;
  }

  /** Whether a place is one of a slot. */
  boolean isPlace(long place) {
    return place >= start && place < end && (place & 7) == 0;
  }

  /** Whether a slot is in a bucket of a hash, and has its tag. */
  boolean isPlaceOf(long place, long slot, long hash) {
    long tag = tag(hash);
    long bucket = place - ((place - start) & BUCKET_BYTES - 1);
    long first = first(hash);
    return slot >>> TAG_SHIFT == tag && (bucket == first || bucket == other(first, tag));
  }

  // ---- changes ----

  /** Replaces a slot, whatever its uses are by now; whether it still named the same entry. */
  boolean replace(long place, long slot, long replacement) {
    long seen = slot;
    while (!memory.compareAndSetLong(place, seen, replacement)) {
      seen = memory.getLongVolatile(place);
      if (!isSame(seen, slot)) {
        return false;
      }
    }
    return true;
  }

  /** Whether two slots name the same entry. */
  static boolean isSame(long slot, long other) {
    return ((slot ^ other) & ~USES_MASK) == 0;
  }

  /**
   * An empty slot for a hash, made by moving others where there is none; -1 when the search found
   * no way, which takes an index nearly full.
   */
  long freeSlot(long hash) {
    long first = first(hash);
    long empty = emptySlot(first);
    return empty >= 0 ? empty : search(first, other(first, tag(hash)));
  }

  private long emptySlot(long bucket) {
    for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
      if (memory.getLong(place) == EMPTY) {
        return place;
      }
    }
    return -1;
  }

  /** Searches breadth first, so that the fewest slots are moved. */
  private long search(long first, long second) {
    searched[0] = first;
    searched[1] = second;
    from[0] = -1;
    from[1] = -1;
    int known = 2;
    for (int next = 0; next < known; next++) {
      long bucket = searched[next];
      long empty = emptySlot(bucket);
      if (empty >= 0) {
        return moveAlong(next, empty);
      }
      for (int slot = 0; slot < CacheFormat.SLOTS && known < SEARCH; slot++) {
        long tag = memory.getLong(bucket + 8L * slot) >>> TAG_SHIFT;
        searched[known] = other(bucket, tag);
        from[known++] = next * CacheFormat.SLOTS + slot;
      }
    }
    return -1;
  }

  /** Moves each slot on the way to an empty one by one step, the last one first. */
  private long moveAlong(int last, long empty) {
    int at = last;
    while (from[at] >= 0) {
      int before = from[at] / CacheFormat.SLOTS;
      long place = searched[before] + from[at] % CacheFormat.SLOTS * 8L;
      move(place, empty);
      empty = place;
      at = before;
    }
    return empty;
  }

  /**
   * The slot is in neither place for a moment, in which {@link #moves} is odd: so an overwrite,
   * which takes no lock, never finds it in both.
   */
  void move(long place, long target) {
    memory.putLongRelease(CacheFormat.MOVE_TO_AT, target);
    memory.putLongRelease(CacheFormat.MOVE_FROM_AT, place);
    moves++;
    try {
      long slot = memory.getLongVolatile(place);
      memory.putLongRelease(CacheFormat.MOVE_SLOT_AT, slot);
      while (!memory.compareAndSetLong(place, slot, EMPTY)) {
        slot = memory.getLongVolatile(place); // used, or overwritten
        memory.putLongRelease(CacheFormat.MOVE_SLOT_AT, slot);
      }
      memory.putLongRelease(target, slot);
    } finally {
      moves++; // whatever was thrown: who finds nothing waits for it
    }
    memory.putLongRelease(CacheFormat.MOVE_FROM_AT, 0);
  }

  /** Finishes the move that a killed process was at, or a thread that an Error ended. */
  void finishMove() {
    long place = memory.getLong(CacheFormat.MOVE_FROM_AT);
    long target = memory.getLong(CacheFormat.MOVE_TO_AT);
    if (place != 0
        && isPlace(place)
        && isPlace(target)
        && memory.getLong(place) == EMPTY
        && memory.getLong(target) == EMPTY) {
      memory.putLongRelease(target, memory.getLong(CacheFormat.MOVE_SLOT_AT));
    }
    memory.putLongRelease(CacheFormat.MOVE_FROM_AT, 0);
  }

  /** The place of the first slot in use from {@code place} on, or -1; 0 begins. */
  long next(long place) {
    for (long next = Math.max(place, start); next < end; next += 8) {
      if (memory.getLong(next) != EMPTY) {
        return next;
      }
    }
    return -1;
  }

  void clear() {
    for (long place = start; place < end; place += 8) {
      if (memory.getLong(place) != EMPTY) {
        memory.putLongVolatile(place, EMPTY);
      }
    }
  }
}
