/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Edits of a cache's bytes, read from a fuzzer's input: each is a byte that says what and where, a
 * place of 2 bytes, and what it needs. An input that ends too early ends the edits.
 */
final class Edits {

  private static final int HEADER = 512;

  private final ByteBuffer input;
  private final byte[] bytes;
  private final ByteBuffer words;

  /** The places of words that are not zero. */
  private final int[] used;

  private Edits(ByteBuffer input, byte[] bytes) {
    this.input = input;
    this.bytes = bytes;
    this.words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int[] places = new int[bytes.length / 8];
    int count = 0;
    for (int at = 0; at + 8 <= bytes.length; at += 8) {
      if (words.getLong(at) != 0) {
        places[count++] = at;
      }
    }
    this.used = Arrays.copyOf(places, count);
  }

  /** Edits the bytes by what is left of the input. */
  static void apply(ByteBuffer input, byte[] bytes) {
    Edits edits = new Edits(input.order(ByteOrder.LITTLE_ENDIAN), bytes);
    while (input.remaining() >= 12) {
      edits.one();
    }
  }

  /** Takes 12 bytes. */
  private void one() {
    int what = input.get();
    int at = place(what >> 4, input.getShort() & 0xFFFF);
    int length = input.get() & 0xFF;
    long word = input.getLong();
    switch (what & 7) {
      case 0 -> words.putLong(at, word);
      case 1 -> words.putLong(at, words.getLong(at) ^ word);
      case 2 -> words.putLong(at, words.getLong(at) + (byte) word);
      case 3 -> bytes[at + (length & 7)] = (byte) word;
      case 4 -> bytes[at + (length & 7)] ^= (byte) (1 << (word & 7));
      case 5 -> Arrays.fill(bytes, at, Math.min(bytes.length, at + 8 * length), (byte) word);
      default -> copy(place((int) word & 3, (int) (word >>> 8) & 0xFFFF), at, length);
    }
  }

  private void copy(int from, int to, int length) {
    int most = bytes.length - Math.max(from, to);
    System.arraycopy(bytes, from, bytes, to, Math.min(most, 8 * (length == 0 ? 1 : length)));
  }

  /** In the header, at a word in use, or anywhere. */
  private int place(int where, int number) {
    return switch (where & 3) {
      case 0 -> number % (HEADER / 8) * 8;
      case 1, 2 -> used.length == 0 ? 0 : used[number % used.length];
      default -> number % (bytes.length / 8) * 8;
    };
  }
}
