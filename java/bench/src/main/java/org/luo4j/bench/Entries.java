/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The entries that every store is filled with: each follows from its index. */
final class Entries {

  /** Bytes of a key. */
  static final int KEY_SIZE = 16;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Entries() {}

  /** Writes the key of an index; keys of different indexes differ. */
  static void key(long index, byte[] into) {
    LONGS.set(into, 0, mix(index));
    LONGS.set(into, 8, mix(~index));
  }

  /** A hash of a key: its bits are mixed already, so that folding them is enough. */
  static int hash(byte[] key) {
    long bits = (long) LONGS.get(key, 0) ^ (long) LONGS.get(key, 8);
    return (int) (bits ^ (bits >>> 32));
  }

  /** A value of the index: the index in the first 8 bytes, then the same bytes for every index. */
  static byte[] value(long index, int size) {
    byte[] value = new byte[size];
    long state = 1;
    for (int i = 8; i < size; i++) {
      state = state * 6364136223846793005L + 1442695040888963407L;
      value[i] = (byte) (state >>> 56);
    }
    setIndex(value, index);
    return value;
  }

  /** Makes a value that of another index. */
  static void setIndex(byte[] value, long index) {
    LONGS.set(value, 0, index);
  }

  /** The index that a value was made for. */
  static long index(byte[] value) {
    return (long) LONGS.get(value, 0);
  }

  /** Sum of the value's whole longs; what is left over at the end does not count. */
  static long sum(byte[] value) {
    long sum = 0;
    for (int i = 0; i <= value.length - 8; i += 8) {
      sum += (long) LONGS.get(value, i);
    }
    return sum;
  }

  /** The same for what is left in a buffer, whose byte order this sets. */
  static long sum(ByteBuffer value) {
    value.order(ByteOrder.LITTLE_ENDIAN);
    long sum = 0;
    int end = value.limit() - 8;
    for (int i = value.position(); i <= end; i += 8) {
      sum += value.getLong(i);
    }
    return sum;
  }

  /** What the sum of a value exceeds its index by. */
  static long sumBase(int size) {
    return sum(value(0, size));
  }

  /** A bijection that spreads neighbours. */
  static long mix(long x) {
    x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
    x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
    return x ^ (x >>> 31);
  }

  /** Puts the entries of the indexes from 0. */
  static void fill(Store store, StoreSpec spec) {
    byte[] key = new byte[KEY_SIZE];
    byte[] value = value(0, spec.valueSize());
    for (long i = 0; i < spec.entries(); i++) {
      key(i, key);
      setIndex(value, i);
      store.put(key, value);
    }
  }

  /** Fails unless the value is there and that of the index. */
  static void check(byte[] value, long index, int size) {
    if (value == null || value.length != size || index(value) != index) {
      throw new IllegalStateException(
          "entry "
              + index
              + (value == null
                  ? " is missing"
                  : " has the value of " + index(value) + ", of " + value.length + " bytes"));
    }
  }
}
