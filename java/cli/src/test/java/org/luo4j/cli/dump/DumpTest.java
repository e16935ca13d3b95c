/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.dump;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.luo4j.cache.CacheShape;

/** What was written is read; anything else is refused, with the place. */
class DumpTest {

  private static final CacheShape SHAPE =
      new CacheShape(1 << 20, 64, "key", "value", 1_700_000_000_000L);

  /** Where the first record is: after the header, the codecs' names and their checksum. */
  private static final int FIRST = 64 + 3 + 5 + 4;

  private final List<String> read = new ArrayList<>();

  private static final byte[][] KEYS = {{}, {1}, "a key".getBytes(), new byte[300]};

  private static byte[] dump() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DumpWriter writer = new DumpWriter(bytes, SHAPE, 4);
    for (int i = 0; i < KEYS.length; i++) {
      writer.write(KEYS[i], new byte[i * 7], i == 2 ? Long.MAX_VALUE : i);
    }
    assertEquals(4, writer.end());
    return bytes.toByteArray();
  }

  private static String text(byte[] key, byte[] value, long expires) {
    return Arrays.toString(key) + Arrays.toString(value) + expires;
  }

  private long read(byte[] dump) throws IOException {
    read.clear();
    DumpReader reader = new DumpReader(new ByteArrayInputStream(dump));
    assertEquals(SHAPE, reader.shape());
    return reader.read(
        (key, value, expires) -> read.add(text(key, value, expires)), (done, total) -> {});
  }

  private static List<String> written() {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < KEYS.length; i++) {
      all.add(text(KEYS[i], new byte[i * 7], i == 2 ? Long.MAX_VALUE : i));
    }
    return all;
  }

  @Test
  void whatWasWrittenIsRead() throws IOException {
    assertEquals(4, read(dump()));
    assertEquals(written(), read);
  }

  @Test
  void anEmptyDumpIsAHeaderAndAnEnd() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new DumpWriter(bytes, SHAPE, 0).end();
    assertEquals(FIRST + 24, bytes.size());
    assertEquals(0, read(bytes.toByteArray()));
  }

  /** Refused, and what was given before that is the first records as they are. */
  private String refused(byte[] damaged, String what) {
    read.clear();
    IOException e = assertThrows(IOException.class, () -> read(damaged), what);
    assertEquals(written().subList(0, read.size()), read, what);
    return e.getMessage();
  }

  @Test
  void aDumpThatIsCutOffAnywhereIsRefused() throws IOException {
    byte[] whole = dump();
    for (int length = 0; length < whole.length; length++) {
      String message = refused(Arrays.copyOf(whole, length), "cut off after " + length);
      assertTrue(message.contains("cut off") && message.contains("byte " + length), message);
    }
  }

  @Test
  void anyBitThatIsFlippedIsRefused() throws IOException {
    byte[] whole = dump();
    for (int bit = 0; bit < whole.length * 8; bit++) {
      byte[] damaged = whole.clone();
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      refused(damaged, "bit " + bit);
    }
  }

  @Test
  void whatFollowsTheEndIsRefused() throws IOException {
    byte[] whole = dump();
    assertTrue(refused(Arrays.copyOf(whole, whole.length + 1), "").contains("something follows"));
  }

  @Test
  void recordsThatAreMissingTwiceOrInAnotherOrderAreRefused() throws IOException {
    byte[] whole = dump();
    int first = FIRST;
    int second = first + 28;
    int third = second + 28 + 1 + 7;
    ByteBuffer missing = ByteBuffer.allocate(whole.length - 28);
    missing.put(whole, 0, first).put(whole, second, whole.length - second);
    assertThrows(IOException.class, () -> read(missing.array()));
    ByteBuffer twice = ByteBuffer.allocate(whole.length + 28);
    twice.put(whole, 0, second).put(whole, first, whole.length - first);
    assertThrows(IOException.class, () -> read(twice.array()));
    ByteBuffer swapped = ByteBuffer.allocate(whole.length);
    swapped.put(whole, 0, first).put(whole, second, third - second).put(whole, first, 28);
    swapped.put(whole, third, whole.length - third);
    IOException e = assertThrows(IOException.class, () -> read(swapped.array()));
    assertTrue(e.getMessage().contains("checksum of all records"), e.getMessage());
  }

  /** With a checksum that holds, as who means harm would have it. */
  private static byte[] edited(int at, int crcAt, int from, int value) throws IOException {
    byte[] dump = dump();
    ByteBuffer edit = ByteBuffer.wrap(dump).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(dump, from, crcAt - from);
    edit.putInt(crcAt, (int) crc.getValue());
    return dump;
  }

  @Test
  void lengthsThatLieMakeNoLargeArraysAndAreRefused() throws IOException {
    for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, (1 << 17) + 1}) {
      String message = refused(edited(FIRST + 4, FIRST + 20, FIRST, length), "key " + length);
      assertTrue(message.contains("record 1, byte " + FIRST), message);
      refused(edited(FIRST + 8, FIRST + 20, FIRST, length), "value " + length);
    }
    assertTrue(
        refused(edited(FIRST + 8, FIRST + 20, FIRST, 1 << 17), "in the limit").contains("cut off"));
  }

  /** It is the same but for the codecs. */
  @Test
  void aDumpOfVersion1HasTheirHashes() throws IOException {
    byte[] whole = dump();
    ByteBuffer old =
        ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put(0, whole, 0, 64).putInt(8, 1);
    old.putInt(32, "key".hashCode()).putInt(36, "value".hashCode());
    old.putInt(60, DumpFormat.crc(old, 60));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(old.array());
    bytes.write(whole, FIRST, whole.length - FIRST);
    CacheShape shape = new DumpReader(new ByteArrayInputStream(bytes.toByteArray())).shape();
    assertEquals(String.format("0x%08x", "key".hashCode()), shape.keyCodec());
    assertEquals(String.format("0x%08x", "value".hashCode()), shape.valueCodec());
    assertEquals(SHAPE.capacity(), shape.capacity());
  }

  @Test
  void aHeaderThatIsNotUnderstoodIsRefusedWithTheReason() throws IOException {
    assertTrue(refused(edited(8, 60, 0, 3), "").contains("version 3, not 2 or 1"));
    assertTrue(refused(edited(16, 60, 0, 0), "").contains("capacity"));
    assertTrue(refused(edited(24, 60, 0, 1), "").contains("averageEntryBytes"));
    for (int length : new int[] {-1, 1025}) {
      assertTrue(refused(edited(32, 60, 0, length), "").contains("codec's name of"));
      assertTrue(refused(edited(36, 60, 0, length), "").contains("codec's name of"));
    }
    assertTrue(refused(edited(32, 60, 0, 1024), "").contains("cut off in the codecs' names"));
    assertTrue(refused(edited(FIRST - 8, FIRST - 4, 64, 27), "").contains("control characters"));
    assertTrue(refused(edited(0, 60, 0, 7), "").contains("no dump"));
    assertTrue(
        refused(edited(FIRST, FIRST + 20, FIRST, 7), "").contains("neither an entry nor the end"));
    assertTrue(refused(edited(FIRST + 16, FIRST + 20, FIRST, -1), "").contains("before 1970"));
  }
}
