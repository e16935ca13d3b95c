/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.MemoryRegion;

class WriterTest {

  private static final byte[] KEY = {1, 2, 3};

  @TempDir Path folder;
  private MemoryRegion region;
  private Reader reader;
  private Writer writer;
  private long hash;

  @BeforeEach
  void open() throws IOException {
    CacheFormat.Layout layout = CacheFormat.Layout.of(64 << 10, 64);
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("cache"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.allocate(1), layout.memoryBytes() - 1);
      region = MemoryRegion.ofFile(file, 0, layout.memoryBytes());
    }
    CacheFormat.create(region, layout, true, 1, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
    Memory memory = new Memory(region);
    reader = new Reader(memory, layout, new CacheClock(memory, () -> 0), false);
    writer = new Writer(reader, layout);
    hash = reader.hash(KEY);
    for (int i = 0;
        i < 60;
        i++) { // beyond what will be cleaned first, where nothing is overwritten
      byte[] other = {4, 5, (byte) i};
      writer.put(other, reader.hash(other), value(i), 0, Entry.check(other, value(i), 0));
    }
  }

  @AfterEach
  void close() {
    region.close();
  }

  private static byte[] value(int n) {
    return ByteBuffer.allocate(16).putInt(n).array();
  }

  private void put(int n) {
    writer.put(KEY, hash, value(n), 0, Entry.check(KEY, value(n), 0));
  }

  private boolean overwrite(int n) {
    int check = Entry.check(KEY, value(n), 0);
    return writer.overwrites().tryPut(KEY, hash, value(n), 0, 0, check) == Overwrites.Result.DONE;
  }

  private boolean tryPut(int n, long expected, long period) {
    int check = Entry.check(KEY, value(n), 0);
    return writer.tryPut(KEY, hash, value(n), 0, check, expected, period);
  }

  @Test
  void aChangeIsRefusedWhereTheSlotIsTheSameAndTheEntryIsNot() {
    put(0);
    put(1); // its place is kept, for overwrites
    long period = reader.pins.period();
    long seen = writer.slotOf(KEY, hash);
    int n = 1;
    do {
      writer.newPeriod();
      writer.newPeriod();
      assertTrue(overwrite(++n), "overwrite " + n);
    } while (!Index.isSame(writer.slotOf(KEY, hash), seen));
    assertFalse(tryPut(99, seen, period));
    assertArrayEquals(value(n), reader.get(KEY, hash));
    assertTrue(tryPut(99, seen, reader.pins.period()));
    assertArrayEquals(value(99), reader.get(KEY, hash));
  }

  @Test
  void aChangeIsRefusedWhereTheEntryHasBeenOverwritten() {
    put(0);
    put(1);
    writer.newPeriod();
    writer.newPeriod();
    long period = reader.pins.period();
    long seen = writer.slotOf(KEY, hash);
    assertTrue(overwrite(2));
    assertFalse(tryPut(99, seen, period));
    assertArrayEquals(value(2), reader.get(KEY, hash));
  }

  /** A reader that found the dead entry in the period before may still copy it. */
  @Test
  void aPlaceIsOverwrittenTwoPeriodsAfterItsEntryDied() {
    put(0);
    put(1); // the place of the first is kept
    int check = Entry.check(KEY, value(2), 0);
    for (int periods = 0; periods < 2; periods++) {
      assertEquals(
          Overwrites.Result.NOT_YET, writer.overwrites().tryPut(KEY, hash, value(2), 0, 0, check));
      assertArrayEquals(value(1), reader.get(KEY, hash));
      assertTrue(writer.newPeriod());
    }
    assertTrue(overwrite(2));
    assertArrayEquals(value(2), reader.get(KEY, hash));
  }
}
