/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.ENTRY_HEADER;
import static org.luo4j.cache.CacheFormat.ENTRY_HEADER_EXTENDED;
import static org.luo4j.cache.Memory.LONG;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * An entry in memory, as {@link CacheFormat} lays it out: its fields and its check. Each method is
 * given the offset at which the entry lies.
 */
final class Entry {

  private static final VarHandle BYTES =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int EXPIRY = 4;
  private static final int LENGTHS = 8;
  private static final int KEY_LENGTH = 12;
  private static final int VALUE_LENGTH = 16;

  private static final int EXTENDED = 0x8000_0000;
  private static final int VALUE_BITS = 23;
  private static final int MAX_VALUE = (1 << VALUE_BITS) - 1;
  private static final int MAX_KEY = 255;

  /** The bytes of the largest key: it lies in one slice of the memory with the header. */
  static final int MOST_KEY = Memory.MOST / 2;

  /** No entry is smaller. */
  private static final int SMALLEST = 16;

  private Entry() {}

  // ---- sizes ----

  private static boolean isShort(int keyLength, int valueLength) {
    return keyLength <= MAX_KEY && valueLength <= MAX_VALUE && (keyLength | valueLength) != 0;
  }

  /** Whether an entry has the short header, in which one store sets both lengths. */
  static boolean isShort(byte[] key, byte[] value) {
    return isShort(key.length, value.length);
  }

  /** What an entry takes in a ring, in bytes. */
  static long bytes(int keyLength, int valueLength) {
    int header = isShort(keyLength, valueLength) ? ENTRY_HEADER : ENTRY_HEADER_EXTENDED;
    return bytes(header, keyLength, valueLength);
  }

  private static long bytes(int header, int keyLength, int valueLength) {
    return CacheFormat.align(header + (long) keyLength + valueLength, 8);
  }

  /** What the entry takes in its ring, which ends at {@code end}; -1 when it does not fit there. */
  static long bytes(Memory memory, long at, long end) {
    long room = end - at;
    if (room < SMALLEST) {
      return -1;
    }
    int lengths = memory.getInt(at + LENGTHS);
    if (lengths == 0 || (lengths < 0 && room < ENTRY_HEADER_EXTENDED)) {
      return -1;
    }
    int keyLength = keyLength(memory, at, lengths);
    int valueLength = valueLength(memory, at, lengths);
    long bytes = bytes(header(lengths), keyLength, valueLength);
    return keyLength < 0 || valueLength < 0 || bytes > room ? -1 : bytes;
  }

  /**
   * Whether what lies there is a filler to the ring's end.
   *
   * @param areMarked false where an early version may have written it
   */
  static boolean isFiller(Memory memory, long at, long end, boolean areMarked) {
    return end - at < SMALLEST
        || memory.getInt(at + LENGTHS) == 0 && (!areMarked || isMarked(memory, at, end - at));
  }

  /**
   * Writes a filler to the ring's end, of which {@code zeros} bytes, a multiple of 8, are made
   * zero: a dead entry without lengths.
   */
  static void writeFiller(Memory memory, long at, long end, long zeros) {
    for (long done = 0; done < zeros; done += 8) {
      memory.putLong(at + done, 0);
    }
    memory.putLong(at, mark(end - at) << 32);
  }

  // ---- fields ----

  private static int header(int lengths) {
    return lengths < 0 ? ENTRY_HEADER_EXTENDED : ENTRY_HEADER;
  }

  private static int keyLength(Memory memory, long at, int lengths) {
    return lengths < 0 ? memory.getInt(at + KEY_LENGTH) : lengths >>> VALUE_BITS;
  }

  static int valueLength(Memory memory, long at, int lengths) {
    return lengths < 0 ? memory.getInt(at + VALUE_LENGTH) : lengths & MAX_VALUE;
  }

  static boolean isShort(Memory memory, long at) {
    return memory.getInt(at + LENGTHS) >= 0;
  }

  static boolean isDead(Memory memory, long at) {
    return memory.getInt(at) == 0;
  }

  /** The check, 0 of a dead entry. */
  static int check(Memory memory, long at) {
    return memory.getInt(at);
  }

  /**
   * Marks an entry dead that no slot names any more, and that is whole: in place of its expiry
   * stands what its size is checked by.
   */
  static void kill(Memory memory, long at) {
    int lengths = memory.getInt(at + LENGTHS);
    int keyLength = keyLength(memory, at, lengths);
    long bytes = bytes(header(lengths), keyLength, valueLength(memory, at, lengths));
    memory.putLongRelease(at, mark(bytes) << 32);
  }

  /** Whether a dead entry takes as many bytes as it did when it was killed. */
  static boolean isMarked(Memory memory, long at, long bytes) {
    return memory.getLong(at) == mark(bytes) << 32;
  }

  /** What a size is checked by: 32 bits, not 0. */
  private static long mark(long bytes) {
    return fold(bytes ^ 0x1F83_D9AB_FB41_BD6BL) >>> 33 | 1L << 31;
  }

  /** 0 for never, else as {@link CacheFormat} counts it. */
  static int expiry(Memory memory, long at) {
    return memory.getInt(at + EXPIRY);
  }

  /** As {@link #expiry(Memory, long)}, from what {@link #ifLive} gives. */
  static int expiry(long header) {
    return (int) (header >>> 32);
  }

  static byte[] key(Memory memory, long at) {
    int lengths = memory.getInt(at + LENGTHS);
    byte[] key = new byte[keyLength(memory, at, lengths)];
    memory.get(at + header(lengths), key);
    return key;
  }

  /** The field that says how long key and value are, or that other fields say so. */
  static int lengths(Memory memory, long at) {
    return memory.getInt(at + LENGTHS);
  }

  /** Where the value of an entry lies whose key has {@code keyLength} bytes. */
  static long valueAt(long at, int lengths, int keyLength) {
    return at + header(lengths) + keyLength;
  }

  static byte[] value(Memory memory, long at) {
    int lengths = memory.getInt(at + LENGTHS);
    byte[] value = new byte[valueLength(memory, at, lengths)];
    memory.get(at + header(lengths) + keyLength(memory, at, lengths), value);
    return value;
  }

  /** The value in place, read-only; a copy of one that is larger than a slice. */
  static ByteBuffer view(Memory memory, long at) {
    int lengths = memory.getInt(at + LENGTHS);
    int length = valueLength(memory, at, lengths);
    return length > Memory.MOST
        ? view(value(memory, at))
        : memory.view(at + header(lengths) + keyLength(memory, at, lengths), length);
  }

  /** As {@link #view(Memory, long)}, of a value that was copied. */
  static ByteBuffer view(byte[] value) {
    return ByteBuffer.wrap(value).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Whether the entry is alive, fits in its ring, which ends at {@code end}, and has this key.
   *
   * @return 0, or the first two fields of an entry that is: the check and, above it, the expiry
   */
  static long ifLive(Memory memory, long at, long end, byte[] key) {
    long room = end - at;
    if (room < SMALLEST) {
      return 0;
    }
    ByteBuffer slice = memory.slice(at);
    int index = Memory.index(at);
    int lengths = slice.getInt(index + LENGTHS);
    int keyAt = index + ENTRY_HEADER;
    if (lengths > 0) {
      if (lengths >>> VALUE_BITS != key.length
          || ENTRY_HEADER + key.length + (lengths & MAX_VALUE) > room) {
        return 0;
      }
    } else {
      if (lengths == 0 || !fitsExtended(memory, at, room, key)) {
        return 0;
      }
      keyAt = index + ENTRY_HEADER_EXTENDED;
    }
    int i = 0;
    for (; i + 8 <= key.length; i += 8) {
      if (slice.getLong(keyAt + i) != (long) BYTES.get(key, i)) {
        return 0;
      }
    }
    for (; i < key.length; i++) {
      if (slice.get(keyAt + i) != key[i]) {
        return 0;
      }
    }
    long header = (long) LONG.get(slice, index);
    return (int) header == 0 ? 0 : header;
  }

  private static boolean fitsExtended(Memory memory, long at, long room, byte[] key) {
    if (room < ENTRY_HEADER_EXTENDED
        || memory.getInt(at + KEY_LENGTH) != key.length
        || key.length > MOST_KEY) {
      return false;
    }
    int valueLength = memory.getInt(at + VALUE_LENGTH);
    return valueLength >= 0 && ENTRY_HEADER_EXTENDED + (long) key.length + valueLength <= room;
  }

  // ---- check and hash ----

  /** The check of an entry that is to be put. */
  static int check(byte[] key, byte[] value, int expiry) {
    CRC32C crc = new CRC32C();
    crc.update(key, 0, key.length);
    crc.update(value, 0, value.length);
    return check((int) crc.getValue(), key.length, value.length, expiry);
  }

  /** The checksum with the header's fields mixed in; never 0. */
  private static int check(int crc, int keyLength, int valueLength, int expiry) {
    long lengths = (long) keyLength << 32 | valueLength;
    int check = crc ^ (int) (fold(lengths ^ (long) expiry << 17 ^ 0x3C6E_F372_FE94_F82BL) >>> 32);
    return check == 0 ? 1 : check;
  }

  /** Whether the entry is alive and whole, and fits in its ring, which ends at {@code end}. */
  static boolean isWhole(Memory memory, long at, long end) {
    int lengths = memory.getInt(at + LENGTHS);
    int keyLength = keyLength(memory, at, lengths);
    int valueLength = valueLength(memory, at, lengths);
    if (keyLength < 0
        || valueLength < 0
        || header(lengths) + (long) keyLength + valueLength > end - at) {
      return false;
    }
    int crc = memory.crc32c(at + header(lengths), (long) keyLength + valueLength);
    return memory.getInt(at) == check(crc, keyLength, valueLength, expiry(memory, at));
  }

  /** A 64-bit hash of a key: multiply and fold over words of 8 bytes, mixed at the end. */
  static long hash(byte[] key, long seed) {
    long h = seed ^ key.length * 0x9E37_79B9_7F4A_7C15L;
    int i = 0;
    for (; i + 8 <= key.length; i += 8) {
      h = fold(h ^ (long) BYTES.get(key, i));
    }
    if (i < key.length) {
      long last = 0;
      for (int shift = 0; i < key.length; i++, shift += 8) {
        last |= (key[i] & 0xFFL) << shift;
      }
      h = fold(h ^ last);
    }
    return fold(h ^ 0xD6E8_FEB8_6659_FD93L);
  }

  /** The hash of the entry's key. */
  static long hash(Memory memory, long at, long seed) {
    int lengths = memory.getInt(at + LENGTHS);
    int length = keyLength(memory, at, lengths);
    long next = at + header(lengths);
    long end = next + length;
    long h = seed ^ length * 0x9E37_79B9_7F4A_7C15L;
    for (; next + 8 <= end; next += 8) {
      h = fold(h ^ memory.getLong(next));
    }
    if (next < end) {
      long last = 0;
      for (int shift = 0; next < end; next++, shift += 8) {
        last |= (memory.getByte(next) & 0xFFL) << shift;
      }
      h = fold(h ^ last);
    }
    return fold(h ^ 0xD6E8_FEB8_6659_FD93L);
  }

  private static long fold(long x) {
    long low = x * 0xA076_1D64_78BD_642FL;
    return low ^ Math.multiplyHigh(x, 0xA076_1D64_78BD_642FL);
  }

  // ---- writing ----

  /**
   * Writes an entry where nobody reads. In a dead one's place of the same size, both of them short,
   * the ring can be walked at every moment: the size stays, which the mark of the dead one checks
   * until the last store, and the lengths are set in one store. Padding is zeroed, so that nothing
   * of older entries stays for a damaged slot to name.
   */
  static void write(Memory memory, long at, byte[] key, byte[] value, int expiry, int check) {
    long keyAt = at + ENTRY_HEADER;
    if (isShort(key.length, value.length)) {
      memory.putInt(at + LENGTHS, key.length << VALUE_BITS | value.length);
    } else {
      memory.putInt(at + LENGTHS, EXTENDED);
      memory.putInt(at + KEY_LENGTH, key.length);
      memory.putInt(at + VALUE_LENGTH, value.length);
      keyAt = at + ENTRY_HEADER_EXTENDED;
    }
    long end = keyAt + key.length + value.length;
    if ((end & -8) >= keyAt && (end & 7) != 0) {
      memory.putLong(end & -8, 0);
    } else {
      for (; (end & 7) != 0; end++) {
        memory.putByte(end, (byte) 0); // the header is in the same word
      }
    }
    memory.put(keyAt, key);
    memory.put(keyAt + key.length, value);
    memory.putLongRelease(at, (long) expiry << 32 | check & 0xFFFF_FFFFL);
  }
}
