/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.luo4j.MemoryRegion;

/**
 * A small cache without the lock around its {@link Writer}: a case's second actor is the only one
 * that takes it. The memory is one of so many that are mapped once and used in turn, as jcstress
 * makes states by the million, few of which live at a time.
 */
final class Cell {

  /** More than states that live at a time: see scripts/jcstress.sh. */
  private static final int CELLS = 4096;

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(16 << 10, 256);
  private static final MemoryRegion[] REGIONS = map();
  private static final AtomicInteger NEXT = new AtomicInteger();

  static final byte[] KEY = {1, 2, 3, 4, 5, 6, 7, 8};

  final Reader reader;
  final Writer writer;
  final Memory memory;
  final long hash;
  private volatile boolean prepared;

  Cell() {
    MemoryRegion region = REGIONS[NEXT.getAndIncrement() & CELLS - 1];
    CacheFormat.create(region, LAYOUT, false, 1, 0, Codec.BYTES, Codec.BYTES);
    memory = new Memory(region);
    reader = new Reader(memory, LAYOUT, () -> 0, false);
    writer = new Writer(reader, LAYOUT);
    hash = reader.hash(KEY);
  }

  private static MemoryRegion[] map() {
    try {
      Path memory = Path.of("/dev/shm");
      Path path =
          Files.isDirectory(memory)
              ? Files.createTempFile(memory, "luo4j-jcstress", "")
              : Files.createTempFile("luo4j-jcstress", "");
      try (FileChannel file =
          FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        file.write(ByteBuffer.allocate(1), CELLS * LAYOUT.size() - 1);
        MemoryRegion[] regions = new MemoryRegion[CELLS];
        for (int i = 0; i < CELLS; i++) {
          regions[i] = MemoryRegion.ofFile(file, i * LAYOUT.size(), LAYOUT.size());
        }
        return regions;
      } finally {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A value of 40 bytes that says n in each of its words. */
  static byte[] value(long n) {
    ByteBuffer value = ByteBuffer.allocate(40);
    while (value.hasRemaining()) {
      value.putLong(n);
    }
    return value.array();
  }

  /** What a value says: -1 for none, -2 for one of two values' words. */
  static int said(byte[] value) {
    return value == null ? -1 : said(ByteBuffer.wrap(value));
  }

  /** As {@link #said(byte[])}. */
  static int said(ByteBuffer value) {
    ByteBuffer words = value.duplicate(); // big-endian, as value made it
    long first = words.getLong();
    boolean whole = value.capacity() == 40;
    while (words.hasRemaining()) {
      whole &= words.getLong() == first;
    }
    return whole ? (int) first : -2;
  }

  int get() {
    return said(reader.get(KEY, hash));
  }

  int read() {
    Integer said = reader.read(KEY, hash, Cell::said);
    return said == null ? -1 : said;
  }

  /** As under the write lock. */
  void put(long n) {
    put(KEY, n);
  }

  void put(byte[] key, long n) {
    byte[] value = value(n);
    writer.put(key, reader.hash(key), value, 0, Entry.check(key, value, 0));
  }

  /** Without the write lock; false where it would have to be taken. */
  boolean overwrite(long n) {
    byte[] value = value(n);
    int check = Entry.check(KEY, value, 0);
    return writer.overwrites().tryPut(KEY, hash, value, 0, check) == Overwrites.Result.DONE;
  }

  boolean remove() {
    return writer.remove(KEY, hash, RemovalCause.EXPLICIT);
  }

  /** Lets the calling thread overwrite the key, so often; as under the write lock. */
  void prepareOverwrites(int times) {
    for (int i = 0;
        i < 12;
        i++) { // beyond what will be cleaned first, where nothing is overwritten
      put(new byte[] {9, 9, 9, 9, 9, 9, 9, (byte) i}, 0);
    }
    for (int i = 0; i <= times; i++) {
      put(0); // the place of the one before is kept for this thread
    }
    newPeriods();
    prepared = true;
  }

  /** Returns when the other actor has done as under the write lock. */
  void awaitPrepared() {
    while (!prepared) {
      Thread.onSpinWait();
    }
  }

  /** How many slots there are whose entry is the key's. */
  int slotsOfKey() {
    int count = 0;
    for (long place = reader.index.next(0); place >= 0; place = reader.index.next(place + 8)) {
      Reader.Copy entry = reader.entryAt(place);
      count += entry != null && Arrays.equals(entry.key(), KEY) ? 1 : 0;
    }
    return count;
  }

  void newPeriods() {
    writer.newPeriod();
    writer.newPeriod();
  }
}
