/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Remembers the hashes of entries that were evicted from the small ring not long ago, on the heap:
 * a new process starts without. A table of fingerprints of 16 bits in which a newer one takes an
 * older one's place, made in parts where it is first needed. Used by the thread that holds the
 * write lock.
 */
final class Ghosts {

  private static final int PART_SHIFT = 14;

  private final short[][] parts;
  private final long size;

  Ghosts(long entries) {
    size = Math.max(16, entries);
    parts = new short[(int) ((size - 1 >>> PART_SHIFT) + 1)][];
  }

  void add(long hash) {
    long index = index(hash);
    int part = (int) (index >>> PART_SHIFT);
    if (parts[part] == null) {
      parts[part] = new short[(int) Math.min(size - ((long) part << PART_SHIFT), 1 << PART_SHIFT)];
    }
    parts[part][(int) index & (1 << PART_SHIFT) - 1] = print(hash);
  }

  /** Whether the hash is remembered; it is forgotten by that. */
  boolean remove(long hash) {
    long index = index(hash);
    short[] part = parts[(int) (index >>> PART_SHIFT)];
    int at = (int) index & (1 << PART_SHIFT) - 1;
    if (part == null || part[at] != print(hash)) {
      return false;
    }
    part[at] = 0;
    return true;
  }

  private long index(long hash) {
    return Math.multiplyHigh(hash >>> 1, size << 1);
  }

  private static short print(long hash) {
    return (short) (hash | 1);
  }
}
