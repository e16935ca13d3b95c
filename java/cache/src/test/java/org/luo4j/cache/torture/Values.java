/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Values that tell by themselves whose they are and whether they are whole. */
final class Values {

  /** Key, length and version; what follows depends on all three. */
  static final int SMALLEST = 16;

  /** What a whole value says of itself. */
  record Seen(int key, long version) {}

  private Values() {}

  static byte[] of(int key, long version, int length) {
    ByteBuffer value =
        ByteBuffer.allocate(length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(key)
            .putInt(length)
            .putLong(version);
    long state = first(key, version, length);
    while (value.remaining() >= 8) {
      value.putLong(state = next(state));
    }
    while (value.hasRemaining()) {
      value.put((byte) (state = next(state)));
    }
    return value.array();
  }

  /** What the value says of itself; null when it is torn. */
  static Seen seen(byte[] bytes) {
    if (bytes.length < SMALLEST) {
      return null;
    }
    ByteBuffer value = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int key = value.getInt();
    int length = value.getInt();
    long version = value.getLong();
    boolean whole = length == bytes.length;
    long state = first(key, version, length);
    while (whole && value.remaining() >= 8) {
      whole = value.getLong() == (state = next(state));
    }
    while (whole && value.hasRemaining()) {
      whole = value.get() == (byte) (state = next(state));
    }
    return whole ? new Seen(key, version) : null;
  }

  private static long first(int key, long version, int length) {
    return (key * 31L + length) * 0x9E37_79B9_7F4A_7C15L ^ version * 0xA076_1D64_78BD_642FL;
  }

  private static long next(long state) {
    return (state ^ state >>> 29) * 0x5851_F42D_4C95_7F2DL + 0x1405_7B7E_F767_814FL;
  }
}
