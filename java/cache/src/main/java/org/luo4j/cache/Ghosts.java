/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Remembers the hashes of entries that were evicted from the small ring not long ago, on the heap:
 * a new process starts without. A table of fingerprints in which a newer one takes an older one's
 * place. Used by the thread that holds the write lock.
 */
final class Ghosts {

  private final int[] prints;

  Ghosts(long entries) {
    prints = new int[(int) Math.min(1 << 28, Long.highestOneBit(Math.max(16, entries)))];
  }

  void add(long hash) {
    prints[index(hash)] = print(hash);
  }

  /** Whether the hash is remembered; it is forgotten by that. */
  boolean remove(long hash) {
    int index = index(hash);
    if (prints[index] != print(hash)) {
      return false;
    }
    prints[index] = 0;
    return true;
  }

  private int index(long hash) {
    return (int) (hash >>> 20) & prints.length - 1;
  }

  private static int print(long hash) {
    return (int) hash | 1;
  }
}
