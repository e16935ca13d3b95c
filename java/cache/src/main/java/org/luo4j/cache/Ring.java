/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import org.luo4j.MemoryRegion;

/**
 * A circular log of entries in the cache's memory. One thread at a time, the holder of the engine's
 * write lock, changes it; any thread may ask {@link #isIntact}.
 */
final class Ring {

  /** Addresses are counted in units of 8 bytes, 49 bits wide, and compared as distances. */
  private static final long ADDRESS_MASK = (1L << 49) - 1;

  private final MemoryRegion memory;
  private final long base;
  private final long bytes;
  private final int headAt;
  private final int tailAt;

  /** The positions, in bytes: where the next entry goes, and where the oldest one is. */
  private long head;

  private volatile long tail;

  Ring(MemoryRegion memory, long base, long bytes, int headAt, int tailAt) {
    this.memory = memory;
    this.base = base;
    this.bytes = bytes;
    this.headAt = headAt;
    this.tailAt = tailAt;
    this.head = memory.getLong(headAt);
    this.tail = memory.getLong(tailAt);
  }

  long bytes() {
    return bytes;
  }

  long head() {
    return head;
  }

  long tail() {
    return tail;
  }

  /** Null, or what is wrong with the positions that the memory holds. */
  String damage() {
    if (head < tail || head - tail > bytes || tail < 0 || (head & 7) != 0 || (tail & 7) != 0) {
      return "a ring of " + bytes + " bytes is said to reach from " + tail + " to " + head;
    }
    return null;
  }

  /** Where an entry of a position lies in the memory. */
  long offset(long position) {
    return base + position % bytes;
  }

  /** The bytes from a position to the physical end, where an entry must not go on. */
  long toEnd(long position) {
    return bytes - position % bytes;
  }

  /** What an entry of {@code size} bytes takes now: itself, and a filler when it does not fit. */
  long needed(long size) {
    long toEnd = toEnd(head);
    return size <= toEnd ? size : toEnd + size;
  }

  /** Whether an entry fits so that {@code reserve} bytes stay free. */
  boolean hasRoom(long size, long reserve) {
    return head + needed(size) + reserve - tail <= bytes;
  }

  /** The position at which an entry of {@code size} bytes, for which there is room, goes. */
  long place(long size) {
    long toEnd = toEnd(head);
    if (size > toEnd) {
      memory.putLong(offset(head), 0); // lengths 0: a filler
      if (toEnd > 8) {
        memory.putInt(offset(head) + 8, 0);
      }
      advance(head + toEnd);
    }
    return head;
  }

  /** Takes in the entry whose bytes have been written at the head. */
  void advance(long newHead) {
    head = newHead;
    memory.putLongRelease(headAt, newHead);
  }

  /** Gives up what is before a position; no slot may name it any more. */
  void release(long newTail) {
    tail = newTail;
    memory.putLongVolatile(tailAt, newTail);
  }

  /** The position as a slot holds it. */
  static long address(long position) {
    return position >>> 3 & ADDRESS_MASK;
  }

  /** The position of an address: the one near the tail that it stands for. */
  long position(long address) {
    long from = tail >>> 3;
    return from + (address - from << 15 >> 15) << 3;
  }

  /** Whether what was read at a position before this call is an entry's bytes, not newer ones. */
  boolean isIntact(long position) {
    return position >= tail;
  }
}
