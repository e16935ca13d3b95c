/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import org.jspecify.annotations.Nullable;

/**
 * A circular log of entries in the cache's memory. One thread at a time, the holder of the write
 * lock, changes it; readers, pinned by {@link Pins}, turn addresses into offsets.
 *
 * <pre>
 *          freed        tail             head
 *   ---------|------------|----------------|---------
 *    free    | given up,  | entries, live  | free
 *            | may be read| and dead       |
 * </pre>
 */
final class Ring {

  /** Addresses are counted in units of 8 bytes, 42 bits wide, and compared as distances. */
  private static final int ADDRESS_BITS = 42;

  private static final long ADDRESS_MASK = (1L << ADDRESS_BITS) - 1;

  private static final int SIGN_SHIFT = 64 - ADDRESS_BITS;

  private static final long OPENING_MASK = 127L << ADDRESS_BITS;

  /** What a slot says of where its entry is. */
  static final long PLACE_MASK = OPENING_MASK | ADDRESS_MASK;

  /** No ring gets so far: an exbibyte. */
  private static final long FARTHEST = 1L << 60;

  private final Memory memory;
  private final long base;
  private final long bytes;
  private final int headAt;
  private final int tailAt;

  /** What lies before may be written over: no reader is there any more. */
  private volatile long freed;

  /** The position at which the head's lap through the memory began. */
  private long lap;

  /** Positions below were written by an earlier process. */
  private final long old;

  private final @Nullable Verified verified;

  /** This opening of the memory, as slots say it. */
  private final long opening;

  /** The head as some reader last looked for it, which seldom has to: it changes all the time. */
  private long knownHead;

  /** What the writer changes all the time, apart from what readers read. */
  private final Ends ends = new Ends();

  /** From here on an overwrite may take dead entries' places; it never decreases. */
  private volatile long reusable;

  /** {@link #reusable} when the present period began, and the one before. */
  private long reusableAtStart;

  private long reusableBefore;

  /** The head when an entry was evicted last. */
  private long evictedAt = Long.MIN_VALUE / 2;

  /** Places of dead entries, for the holder of the write lock. */
  final Holes holes = new Holes();

  /** Positions, in bytes. */
  private static final class Ends {
    /** Where the next entry goes. */
    long head;

    /** Where the oldest entry is. */
    long tail;

    /** The tail when the present period began. */
    long tailBefore;
  }

  /**
   * @param isOld whether an earlier process had the memory, whatever it says of this ring
   * @param openings how often the memory was opened, this time included
   */
  Ring(Memory memory, long base, long bytes, int headAt, int tailAt, boolean isOld, int openings) {
    this.memory = memory;
    this.base = base;
    this.bytes = bytes;
    this.headAt = headAt;
    this.tailAt = tailAt;
    ends.head = memory.getLong(headAt);
    ends.tail = memory.getLong(tailAt);
    ends.tailBefore = ends.tail;
    this.freed = ends.tail;
    this.lap = ends.head - Math.floorMod(ends.head, bytes);
    this.old = ends.head;
    this.verified = isOld ? new Verified(bytes) : null;
    this.opening = (long) openings << ADDRESS_BITS & OPENING_MASK;
    raiseReusable();
    reusableAtStart = reusable;
    reusableBefore = reusable;
  }

  long bytes() {
    return bytes;
  }

  /** Null, or what is wrong with the positions that the memory holds. */
  @Nullable String damage() {
    long head = ends.head;
    long tail = ends.tail;
    if (head < tail
        || head - tail > bytes
        || tail < 0
        || head > FARTHEST
        || ((head | tail) & 7) != 0) {
      return "a ring of " + bytes + " bytes is said to reach from " + tail + " to " + head;
    }
    return null;
  }

  // ---- addresses ----

  /** The position, which this opening has written, as a slot holds it. */
  long inSlot(long position) {
    return opening | position >>> 3 & ADDRESS_MASK;
  }

  /**
   * The position of the address in a slot: the one near the present ones that it stands for; -1
   * when its place is free again, or was not written yet, or is another entry's by now, as a
   * damaged slot may say.
   */
  long position(long slot) {
    long oldest = freed;
    long from = oldest >>> 3;
    long position = from + (slot - from << SIGN_SHIFT >> SIGN_SHIFT) << 3;
    if (position >= old && (slot & OPENING_MASK) != opening) {
      return -1;
    }
    if (position >= knownHead) {
      knownHead = ends.head;
    }
    return position >= oldest && position < knownHead ? position : -1;
  }

  /** Where a position's bytes lie in the memory, or -1 for one that is of no lap of now. */
  long offset(long position) {
    if (position < 0) {
      return -1;
    }
    long offset = position - lap;
    if (offset < 0) {
      offset += bytes;
    } else if (offset >= bytes) {
      offset -= bytes; // a lap has begun that this thread has not seen
    }
    return offset >= 0 && offset < bytes ? base + offset : -1;
  }

  /** Where the ring's memory ends; no entry goes across. */
  long end() {
    return base + bytes;
  }

  /**
   * Where the entry at a position, whose bytes lie at {@code offset}, ends at the latest: the head
   * was always between two entries. What is damaged ends beyond: of an earlier process for good,
   * however far the head has moved since, so that it does not come back to life.
   */
  long end(long position, long offset) {
    long head = position < old ? old : knownHead;
    if (position >= head) {
      head = ends.head;
    }
    return Math.min(end(), offset + head - position);
  }

  /** Whether what lies at a position was written, or verified, by this process. */
  boolean isTrusted(long position, long offset) {
    return position >= old || verified != null && verified.has(offset - base);
  }

  void trust(long position, long offset) {
    if (position < old && verified != null) {
      verified.add(offset - base);
    }
  }

  // ---- writing, by the one thread that holds the lock ----

  long head() {
    return ends.head;
  }

  long tail() {
    return ends.tail;
  }

  boolean isEmpty() {
    return ends.head == ends.tail;
  }

  /** What an entry of {@code size} bytes takes now: itself, and a filler when it does not fit. */
  private long needed(long size) {
    long toEnd = lap + bytes - ends.head;
    return size <= toEnd ? size : toEnd + size;
  }

  /** Whether an entry fits so that {@code reserve} bytes stay, given-up places counted as free. */
  boolean hasRoom(long size, long reserve) {
    return ends.head + needed(size) + reserve - ends.tail <= bytes;
  }

  /** Whether an entry fits where no reader is any more. */
  boolean isFree(long size) {
    return ends.head + needed(size) - freed <= bytes;
  }

  /** The position at which an entry of {@code size} bytes, for which there is room, goes. */
  long place(long size) {
    long toEnd = lap + bytes - ends.head;
    if (size > toEnd) {
      // In the first lap the gap may hold what damaged slots name: none of it must look alive.
      boolean clean = verified != null && ends.head - old < bytes;
      Entry.writeFiller(memory, offset(ends.head), end(), clean ? toEnd : Math.min(toEnd, 16));
      advance(ends.head + toEnd);
    }
    return ends.head;
  }

  /** Takes in the entry whose bytes have been written at the head. */
  void advance(long newHead) {
    ends.head = newHead;
    if (newHead - lap >= bytes) {
      lap += bytes;
    }
    memory.putLongRelease(headAt, newHead);
  }

  /**
   * Whether the tail may pass the oldest entry: no overwrite that is under way is writing there. It
   * may be when periods have begun.
   */
  boolean mayPass() {
    return ends.tail < reusableBefore;
  }

  /** An entry is being evicted. */
  void evicted() {
    evictedAt = ends.head;
  }

  /** The oldest position that a new entry may take: where entries are evicted, the young half. */
  long youngFrom() {
    return ends.head - evictedAt < bytes ? Math.max(ends.tail, ends.head - bytes / 2) : ends.tail;
  }

  /** From here on dead entries' places may be taken by an overwrite that is pinned. */
  long reusable() {
    return reusable;
  }

  /** To be called before a period begins: what overwrites may take moves on with the ring. */
  void raiseReusable() {
    long from = Math.max(ends.tail + bytes / 16, youngFrom());
    if (from - reusable > bytes / 64) {
      reusable = from;
    }
  }

  /** Lets no overwrite take a place any more, until entries have been added. */
  void forbidReuse() {
    reusable = ends.head;
  }

  /** Has the memory say where the ring ends, after a change that an Error ended. */
  void storeEnds() {
    memory.putLongRelease(headAt, ends.head);
    memory.putLongRelease(tailAt, ends.tail);
  }

  /** Gives up what is before a position; no slot may name it any more. */
  void release(long newTail) {
    ends.tail = newTail;
    memory.putLongRelease(tailAt, newTail);
  }

  /** A period of the readers has begun. */
  void newPeriod() {
    if (freed != ends.tailBefore) {
      freed = ends.tailBefore;
    }
    ends.tailBefore = ends.tail;
    reusableBefore = reusableAtStart;
    reusableAtStart = reusable;
    holes.advance();
  }
}
