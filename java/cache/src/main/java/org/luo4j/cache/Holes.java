/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.Arrays;

/**
 * Places of dead entries in a ring that new entries of just the same size may take, so that putting
 * over entries of a steady size needs no cleaning. On the heap, and no more than a few: a place
 * that is forgotten is cleaned with its ring. Used by the thread that holds the write lock.
 */
final class Holes {

  private static final int CLASSES = 128;
  private static final int DEPTH = 16;
  private static final int WAITING = 64;

  private final long[] positions = new long[CLASSES * DEPTH];
  private final int[] sizes = new int[CLASSES * DEPTH];
  private final int[] depth = new int[CLASSES];

  /** Given up in the present period, and in the one before. */
  private Batch present = new Batch();

  private Batch before = new Batch();

  private static final class Batch {
    final long[] positions = new long[WAITING];
    final int[] sizes = new int[WAITING];
    int count;
  }

  /** Takes note of an entry that is dead from now on. */
  void add(long position, int bytes) {
    if (present.count < WAITING) {
      present.positions[present.count] = position;
      present.sizes[present.count++] = bytes;
    }
  }

  /** A period has begun: what was given up before the last one may be used. */
  void advance() {
    Batch free = before;
    for (int i = 0; i < free.count; i++) {
      int kind = kind(free.sizes[i]);
      if (depth[kind] < DEPTH) {
        int at = kind * DEPTH + depth[kind]++;
        positions[at] = free.positions[i];
        sizes[at] = free.sizes[i];
      }
    }
    free.count = 0;
    before = present;
    present = free;
  }

  /** The position of a place of so many bytes that is not before {@code oldest}, or -1. */
  long take(int bytes, long oldest) {
    int kind = kind(bytes);
    while (depth[kind] > 0) {
      int at = kind * DEPTH + --depth[kind];
      if (sizes[at] == bytes && positions[at] >= oldest) {
        return positions[at];
      }
    }
    return -1;
  }

  /** Forgets all. */
  void clear() {
    Arrays.fill(depth, 0);
    present.count = 0;
    before.count = 0;
  }

  private static int kind(int bytes) {
    return bytes >>> 3 & CLASSES - 1;
  }
}
