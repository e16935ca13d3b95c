/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.luo4j.MemoryRegion;

class EntryTest {

  private static final int SIZE = 9 << 20;
  private static final int AT = 64;

  /** Of {@link #hashesAndChecksAreThoseOfEveryVersion}. */
  private static final long HASHES = 5_140_636_435_945_547_512L;

  private static final int CHECKS = 1_946_347_241;

  @TempDir Path folder;
  private MemoryRegion region;
  private Memory memory;

  @BeforeEach
  void map() throws IOException {
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("entry"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      region = MemoryRegion.ofFile(file, 0, SIZE + CacheFormat.TRAILER_BYTES);
    }
    region.putLong(CacheFormat.markAt(region.size()), CacheFormat.MARK);
    memory = new Memory(region);
  }

  @AfterEach
  void unmap() {
    memory.close();
    region.close();
    memory = null; // JUnit keeps the last test's object, which would keep the mapping
    region = null;
  }

  private static byte[] bytes(int length, int first) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (first + i * 7);
    }
    return bytes;
  }

  private void write(byte[] key, byte[] value, int expiry) {
    Entry.write(memory, AT, key, value, expiry, Entry.check(key, value, expiry));
  }

  /** Around the limits of the short header: 255 bytes of key, 2^23 - 1 of value. */
  @ParameterizedTest
  @CsvSource({
    "0, 0, 24",
    "0, 1, 16",
    "1, 0, 16",
    "2, 2, 16",
    "2, 3, 24",
    "255, 0, 272",
    "256, 0, 280",
    "256, 4, 280",
    "300, 0, 320",
    "9, 8388607, 8388632",
    "9, 8388608, 8388640",
    "16, 16, 48"
  })
  void anEntryIsReadAsItWasWritten(int keyLength, int valueLength, long size) {
    region.fill(0, AT + size + 64, (byte) 0xEE);
    byte[] key = bytes(keyLength, 1);
    byte[] value = bytes(valueLength, 3);
    write(key, value, 5);
    long end = AT + size;
    assertEquals(size, Entry.bytes(keyLength, valueLength));
    assertEquals(size, Entry.bytes(memory, AT, SIZE));
    assertEquals(size, Entry.bytes(memory, AT, end));
    assertEquals(-1, Entry.bytes(memory, AT, end - 8));
    assertFalse(Entry.isFiller(memory, AT, end, true));
    assertArrayEquals(key, Entry.key(memory, AT));
    assertArrayEquals(value, Entry.value(memory, AT));
    assertEquals(5, Entry.expiry(memory, AT));
    assertEquals(ByteBuffer.wrap(value), Entry.view(memory, AT));
    assertTrue(Entry.view(memory, AT).isDirect(), "in place");
    boolean isShort =
        size != 24 + keyLength + valueLength && keyLength < 256 && valueLength < 1 << 23;
    assertEquals(isShort, Entry.isShort(memory, AT));
    assertEquals(isShort, Entry.isShort(key, value));
    assertEquals(Entry.hash(key, 7), Entry.hash(memory, AT, 7));
    assertNotEquals(0, Entry.ifLive(memory, AT, end, key));
    assertTrue(Entry.isWhole(memory, AT, end));
    assertFalse(Entry.isWhole(memory, AT, end - 8));
    if (size > 24) {
      assertEquals(0, Entry.ifLive(memory, AT, end - 8, key));
    }
    int used = (size == 24 && keyLength == 0 ? 20 : Entry.isShort(memory, AT) ? 12 : 20);
    for (long at = AT + used + keyLength + valueLength; at < end; at++) {
      assertEquals(0, memory.getByte(at), "padding at " + at);
    }
    for (long at = end; at < end + 64; at++) {
      assertEquals((byte) 0xEE, memory.getByte(at), "behind it at " + at);
    }
    Entry.kill(memory, AT);
    assertTrue(Entry.isDead(memory, AT));
    assertEquals(0, Entry.ifLive(memory, AT, end, key));
    assertEquals(size, Entry.bytes(memory, AT, end), "it can be passed");
  }

  @Test
  void anotherKeyIsNotItsKey() {
    byte[] key = bytes(21, 1);
    write(key, bytes(10, 3), 0);
    for (int i = 0; i < key.length; i++) {
      byte[] other = key.clone();
      other[i] ^= 1;
      assertEquals(0, Entry.ifLive(memory, AT, SIZE, other), "byte " + i);
    }
    assertEquals(0, Entry.ifLive(memory, AT, SIZE, Arrays.copyOf(key, 20)));
    assertEquals(0, Entry.ifLive(memory, AT, SIZE, Arrays.copyOf(key, 22)));
  }

  @ParameterizedTest
  @CsvSource({"21, 30", "300, 30"})
  void anyBitThatChangesMakesItLessThanWhole(int keyLength, int valueLength) {
    write(bytes(keyLength, 1), bytes(valueLength, 3), 9);
    int used = (keyLength > 255 ? 20 : 12) + keyLength + valueLength;
    for (int bit = 0; bit < used * 8; bit++) {
      long at = AT + bit / 8;
      byte was = memory.getByte(at);
      memory.putByte(at, (byte) (was ^ 1 << bit % 8));
      boolean unused = keyLength > 255 && bit / 8 >= 8 && bit / 8 < 12 && bit != 12 * 8 - 1;
      assertEquals(unused, Entry.isWhole(memory, AT, AT + 4096), "bit " + bit);
      memory.putByte(at, was);
    }
    assertTrue(Entry.isWhole(memory, AT, AT + 4096));
  }

  @Test
  void lengthsThatNoEntryHasAreRefused() {
    write(bytes(300, 1), bytes(30, 3), 0);
    for (int[] lengths :
        new int[][] {
          {-1, 30},
          {300, -1},
          {300, Integer.MAX_VALUE},
          {Integer.MAX_VALUE, Integer.MAX_VALUE},
          {Integer.MIN_VALUE, 30}
        }) {
      memory.putInt(AT + 12, lengths[0]);
      memory.putInt(AT + 16, lengths[1]);
      assertEquals(-1, Entry.bytes(memory, AT, SIZE));
      assertFalse(Entry.isWhole(memory, AT, SIZE));
      assertEquals(0, Entry.ifLive(memory, AT, SIZE, bytes(300, 1)));
    }
    assertEquals(-1, Entry.bytes(memory, AT, AT + 16), "no room for an extended header");
    assertEquals(-1, Entry.bytes(memory, AT, AT + 8));
    assertTrue(Entry.isFiller(memory, AT, AT + 8, true));
    memory.putInt(AT + 8, 0);
    assertFalse(Entry.isFiller(memory, AT, SIZE, true), "it has a check: its lengths are damaged");
    assertEquals(-1, Entry.bytes(memory, AT, SIZE));
  }

  /** A filler is no entry of the empty key. */
  @Test
  void aFillerIsNotAlive() {
    memory.putLong(AT, 0);
    memory.putLong(AT + 8, 0);
    assertTrue(Entry.isFiller(memory, AT, SIZE, false), "of an early version");
    assertFalse(Entry.isFiller(memory, AT, SIZE, true), "nothing was written there");
    Entry.writeFiller(memory, AT, SIZE, 16);
    assertEquals(0, Entry.ifLive(memory, AT, SIZE, new byte[0]));
    assertFalse(Entry.isFiller(memory, AT, SIZE - 8, true));
    assertTrue(Entry.isFiller(memory, AT, SIZE, true));
  }

  /** Caches that are there must stay warm: what is computed of an entry does not change. */
  @Test
  void hashesAndChecksAreThoseOfEveryVersion() {
    long hashes = 0;
    int checks = 0;
    for (int i = 0; i < 40; i++) {
      byte[] key = bytes(i, i);
      byte[] value = bytes(3 * i, 5);
      hashes = hashes * 31 + Entry.hash(key, 77L * i);
      checks = checks * 31 + Entry.check(key, value, i * 1_000_003);
    }
    assertEquals(HASHES, hashes);
    assertEquals(CHECKS, checks);
  }

  /** Sums of lengths go beyond an int. */
  @Test
  void theLargestEntryHasASize() {
    int most = Integer.MAX_VALUE;
    assertEquals(2L * most + 20 + 6, Entry.bytes(most, most));
    assertEquals(most + 20L + 5, Entry.bytes(0, most));
  }

  @Test
  void theCheckCoversExpiryAndLengthsAndIsNeverZero() {
    byte[] both = bytes(20, 1);
    int check = Entry.check(Arrays.copyOf(both, 8), Arrays.copyOfRange(both, 8, 20), 1);
    assertNotEquals(check, Entry.check(Arrays.copyOf(both, 9), Arrays.copyOfRange(both, 9, 20), 1));
    assertNotEquals(check, Entry.check(Arrays.copyOf(both, 8), Arrays.copyOfRange(both, 8, 20), 2));
    // A value is searched whose checksum is what the header's fields would cancel.
    byte[] key = {1};
    byte[] value = new byte[4];
    CRC32C crc = new CRC32C();
    crc.update(key);
    crc.update(value);
    int mixed = Entry.check(key, value, 0) ^ (int) crc.getValue();
    int cancelling = valueOfCrc(key, mixed);
    for (int i = 0; i < 4; i++) {
      value[i] = (byte) (cancelling >>> 8 * i);
    }
    assertEquals(1, Entry.check(key, value, 0));
    write(key, value, 0);
    assertTrue(Entry.isWhole(memory, AT, SIZE));
    assertNotEquals(0, Entry.ifLive(memory, AT, SIZE, key));
  }

  /** The 4 bytes behind a key that give a CRC-32C: it is linear in each bit. */
  private static int valueOfCrc(byte[] key, int wanted) {
    int zero = crc(key, 0);
    int[] rows = new int[32];
    int[] bits = new int[32];
    for (int i = 0; i < 32; i++) {
      rows[i] = crc(key, 1 << i) ^ zero;
      bits[i] = 1 << i;
    }
    int left = wanted ^ zero;
    int value = 0;
    for (int column = 31; column >= 0; column--) {
      int pivot = 31 - column;
      for (int row = pivot; row < 32; row++) {
        if ((rows[row] >>> column & 1) != 0) {
          int swap = rows[row];
          rows[row] = rows[pivot];
          rows[pivot] = swap;
          swap = bits[row];
          bits[row] = bits[pivot];
          bits[pivot] = swap;
          break;
        }
      }
      for (int row = pivot + 1; row < 32; row++) {
        if ((rows[row] >>> column & 1) != 0) {
          rows[row] ^= rows[pivot];
          bits[row] ^= bits[pivot];
        }
      }
      if ((left >>> column & 1) != 0) {
        left ^= rows[pivot];
        value ^= bits[pivot];
      }
    }
    assertEquals(0, left);
    return value;
  }

  private static int crc(byte[] key, int value) {
    CRC32C crc = new CRC32C();
    crc.update(key);
    for (int i = 0; i < 4; i++) {
      crc.update(value >>> 8 * i);
    }
    return (int) crc.getValue();
  }

  @Test
  void anIndexHasBucketsEnoughForItsKeysToDiffer() {
    for (int average : new int[] {64, 4096, 65536}) {
      CacheFormat.Layout layout = CacheFormat.Layout.of(64 << 10, average);
      assertTrue(layout.buckets() >= 16, layout + "");
    }
  }
}
