/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Which places of a ring hold an old entry whose checksum was verified since the cache was opened:
 * a bit for each 16 bytes, on the heap, made where it is first needed. Any thread; a bit that is
 * lost to a race is verified again.
 */
final class Verified {

  private static final int UNIT_SHIFT = 4;
  private static final int CHUNK_SHIFT = 22; // bytes of the ring that a chunk of bits covers

  private final long[][] chunks;

  Verified(long ringBytes) {
    chunks = new long[(int) ((ringBytes >>> CHUNK_SHIFT) + 1)][];
  }

  boolean has(long offset) {
    long[] chunk = chunks[(int) (offset >>> CHUNK_SHIFT)];
    return chunk != null && (chunk[word(offset)] & 1L << (offset >>> UNIT_SHIFT)) != 0;
  }

  void add(long offset) {
    int number = (int) (offset >>> CHUNK_SHIFT);
    long[] chunk = chunks[number];
    if (chunk == null) {
      chunk = new long[1 << CHUNK_SHIFT - UNIT_SHIFT - 6];
      chunks[number] = chunk;
    }
    chunk[word(offset)] |= 1L << (offset >>> UNIT_SHIFT);
  }

  private static int word(long offset) {
    return (int) (offset >>> UNIT_SHIFT + 6) & (1 << CHUNK_SHIFT - UNIT_SHIFT - 6) - 1;
  }
}
