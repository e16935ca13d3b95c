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
  private static final int CELLS = 1024;

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(16 << 10, 256);
  private static final MemoryRegion[] REGIONS = map();
  private static final AtomicInteger NEXT = new AtomicInteger();

  static final byte[] KEY = {1, 2, 3, 4, 5, 6, 7, 8};

  static final long SEED = 1;

  /** What an entry takes whose key has 8 bytes, with a value as {@link #value} gives it. */
  static final int ENTRY = 64;

  /** How often {@link #useAgain} changes the value: from 1 to so many. */
  static final int WRITES = 6;

  /** Beyond what will be cleaned first, where nothing is overwritten. */
  private static final int OTHERS = 12;

  private static final int LARGE = 448;

  final MemoryRegion region;
  final Reader reader;
  final Writer writer;
  final Memory memory;
  final long hash;
  private volatile boolean prepared;

  Cell() {
    this(newCache(), false);
  }

  private Cell(MemoryRegion region, boolean isOld) {
    this.region = region;
    memory = new Memory(region);
    reader = new Reader(memory, LAYOUT, new CacheClock(memory, () -> 0), isOld);
    writer = new Writer(reader, LAYOUT);
    hash = reader.hash(KEY);
  }

  /** An empty cache, whose small ring holds nothing of a cell before. */
  private static MemoryRegion newCache() {
    MemoryRegion region = REGIONS[NEXT.getAndIncrement() & CELLS - 1];
    create(region, SEED);
    region.fill(LAYOUT.small(), LAYOUT.smallBytes(), (byte) 0);
    return region;
  }

  private static void create(MemoryRegion region, long seed) {
    CacheFormat.create(region, LAYOUT, false, seed, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
  }

  /** Makes an empty cache of the same memory, as after a refusal. */
  void createAnew(long seed) {
    create(region, seed);
  }

  /** The same memory in the next process, which trusts no entry before it has verified it. */
  Cell reopen() {
    reader.countOpening();
    return new Cell(region, true);
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
        file.write(ByteBuffer.allocate(1), CELLS * LAYOUT.memoryBytes() - 1);
        MemoryRegion[] regions = new MemoryRegion[CELLS];
        for (int i = 0; i < CELLS; i++) {
          regions[i] = MemoryRegion.ofFile(file, i * LAYOUT.memoryBytes(), LAYOUT.memoryBytes());
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

  int get(byte[] key) {
    return said(reader.get(key, reader.hash(key)));
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
    return writer.overwrites().tryPut(KEY, hash, value, 0, 0, check) == Overwrites.Result.DONE;
  }

  boolean remove() {
    return writer.remove(KEY, hash, RemovalCause.EXPLICIT);
  }

  /** Another key than {@link #KEY} and than that of another number. */
  static byte[] key(int n) {
    return new byte[] {9, 9, 9, 9, 9, 9, 9, (byte) n};
  }

  /** Lets the calling thread overwrite the key, so often; as under the write lock. */
  void prepareOverwrites(int times) {
    keepPlaces(times);
    prepared();
  }

  /** As {@link #prepareOverwrites}, before more that is done as under the write lock. */
  void keepPlaces(int times) {
    for (int i = 0; i < OTHERS; i++) {
      put(key(i), 0);
    }
    for (int i = 0; i <= times; i++) {
      put(0); // the place of the one before is kept for this thread
    }
    newPeriods();
  }

  /** The calling thread goes on without the write lock. */
  void prepared() {
    prepared = true;
  }

  /** Returns when the other actor has done as under the write lock. */
  void awaitPrepared() {
    while (!prepared) {
      Thread.onSpinWait();
    }
  }

  /**
   * Changes the key's value to 1, 2, 3 ... by overwrites that write over what died two periods
   * before; as under the write lock.
   */
  void useAgain() {
    prepareOverwrites(1);
    for (int n = 1; n <= WRITES; n++) {
      while (!overwrite(n)) {
        writer.newPeriod(); // when readers have left
      }
    }
  }

  /**
   * Puts another key's values, of sizes of which none fits in the place of the one before, until
   * the small ring has gone round: it is cleaned, and what is live in it moved on to the main ring.
   */
  void goRound(byte[] key) {
    advanceTo(head() + LAYOUT.smallBytes(), key);
  }

  /** As {@link #goRound}, until the first lap is almost full. */
  void fillUp(byte[] key) {
    advanceTo(LAYOUT.smallBytes() - LARGE, key);
  }

  private void advanceTo(long position, byte[] key) {
    for (int n = 0; head() < position; n++) {
      byte[] value = new byte[LARGE - 32 - n % 5 * 16];
      writer.put(key, reader.hash(key), value, 0, Entry.check(key, value, 0));
    }
  }

  // ---- as another process sees the memory: acquire loads ----

  long head() {
    return memory.getLongAcquire(CacheFormat.SMALL_HEAD_AT);
  }

  long tail() {
    return memory.getLongAcquire(CacheFormat.SMALL_TAIL_AT);
  }

  /** The check of the entry at a position of the small ring. */
  int check(long position) {
    long at = at(position);
    return (int) Memory.INT.getAcquire(memory.slice(at), Memory.index(at));
  }

  /** What the entry at a position of the small ring takes there; -1 where there is none. */
  long bytes(long position) {
    return Entry.bytes(memory, at(position), end());
  }

  /** Whether a whole entry is at a position of the small ring. */
  boolean isWhole(long position) {
    return end() - at(position) >= 16 && Entry.isWhole(memory, at(position), end());
  }

  /** A slot, by its place, or another word of 8 bytes. */
  long word(long at) {
    return memory.getLongAcquire(at);
  }

  /** Whether a slot names what is, or was, at a position of the small ring. */
  static boolean names(long slot, long position) {
    return slot != Index.EMPTY && isSmall(slot) && position(slot) == position;
  }

  static boolean isSmall(long slot) {
    return (slot & Index.MAIN_BIT) == 0;
  }

  /** The position in a slot. */
  static long position(long slot) {
    return slot << 22 >>> 19;
  }

  private long at(long position) {
    return LAYOUT.small() + position % LAYOUT.smallBytes();
  }

  private static long end() {
    return LAYOUT.small() + LAYOUT.smallBytes();
  }

  /** An empty place of the key's slot, other than this one: in its other bucket, if it has two. */
  long otherPlace(long place) {
    Index index = reader.index;
    long first = index.first(hash);
    boolean inFirst = place >= first && place < first + CacheFormat.BUCKET_BYTES;
    long other = inFirst ? index.other(first, Index.tag(hash)) : first;
    long next = other;
    while (next == place || word(next) != Index.EMPTY) {
      next += 8;
    }
    return next;
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
