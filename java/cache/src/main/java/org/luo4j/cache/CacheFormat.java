/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * The memory of a cache, format version {@value #VERSION}. All numbers are little-endian.
 *
 * <pre>
 *   0        header, one page of 4096 bytes
 *   4096     index: buckets of 8 slots of 8 bytes, a cache line each
 *   ...      small ring: what was put, until it is used again or pushed out
 *   ...      main ring: what was used
 *
 *   header
 *     0  u64 magic            56  u64 main ring, offset     104  u64 capacity
 *     8  u32 version          64  u64 main ring, bytes      112  u32 CRC-32C of bytes 0 to 111
 *    12  u32 features         72  u64 hash seed
 *    16  u64 size             80  u64 created, ms since 1970
 *    24  u64 index, offset    88  u32 key codec      92  u32 value codec: hashes of their names
 *    32  u64 index, buckets   96  u32 page size of the machine
 *    40  u64 small, offset   100  u32 average entry
 *    48  u64 small, bytes
 *   128  u64 state: 0 open or crashed, 1 closed     136  u64 "LEARING1" while all is removed
 *   144  u64 "DROPPED1" in memory that was set aside, while other memory takes its place
 *   192  u64 small head   256  u64 small tail     each in a cache line of its own
 *   320  u64 main head    384  u64 main tail
 *   448  u64 entries      456  u64 live bytes      464  u64 what both are checked by
 *   512  the change of them under way: u64 slot's place, 0 for none; then what is there after it,
 *        u64 slot, u64 entries, u64 live bytes, and before it, u64 slot
 *   552  u64 1 while the counts are not known: the next opening counts the slots
 *   576  the move of a slot under way: u64 from, 0 for none, u64 to, u64 slot
 *   640  u64 the latest time seen, as {@link CacheClock} counts it      648  u64 the boot of who had it open last, a
 *                                                         hash of its boot_id; 0 unknown
 *   656  u32 how often the memory was opened, u32 its complement
 *   664  the clock: u64 the wall clock less the cache's time, u64 the boot clock less it,
 *   680                u64 which boot clock, a hash; 0 unknown
 *   688  u64 the time, in ms since the cache was created, from which expiry counts
 *   696  u64 the process that has the memory open, or had it last; u64 the inode of the PID
 *        namespace that numbers it so, 0 unknown
 *  1024  key codec's name      2048  value codec's name     in UTF-8, then zeros
 *  3072  u16 bytes of the one, u16 of the other      3076  u32 CRC-32C of bytes 1024 to 3075; 0 where
 *        the names are not known: an early version wrote their hashes alone
 *
 *   trailer, one page of 4096 bytes after the main ring; its last word is a mark, which is gone
 *   when the memory was cut short or taken away
 *
 *   features  bit 0: the index has 2^32 buckets or more, which 52 bits of a hash choose from
 *             bit 1: dead entries and fillers have a mark; those of an early version have none
 *
 *   slot      | tag: 12 | uses: 2 | ring: 1 | opening: 7 | address: 42, in units of 8 bytes |
 *             0: empty
 *
 *   entry     0  u32 check: 0 dead, else CRC-32C of key and value, mixed with the other fields
 *             4  u32 expiry: 0 never, else units of 64 ms since the time at 688; of a dead one the
 *                mark, which its size is checked by
 *             8  u32 lengths: value 23 bits, key 8 bits, extended 1 bit; 0 a filler to the ring's end,
 *                which is dead
 *            12  extended only: u32 key length, u32 value length
 *            ..  key, value, padding to 8 bytes
 * </pre>
 *
 * <p>An address is a position in its ring's history, which only grows: the bytes of position p lie
 * at p modulo the ring's size, and are there as long as tail &lt;= p &lt; head. A slot says in
 * which opening of the memory it was written, modulo 128: one of an earlier opening that names a
 * position which this one has reached is damaged, or the head was.
 *
 * <p>Rule of publication: an entry's bytes are written before its check, its check before the head
 * passes it, the head before a slot names it; a slot is emptied or moved before the check of the
 * entry that it named becomes 0, that before the tail passes the entry or a new one of the same
 * size is written in its place. Check and expiry, or mark, are one store. Each is a release store.
 * So whatever store a killed process made last, every slot names a complete entry, the last one
 * that was put; the ring can be walked; and of two things that change together, slot and counts, or
 * a slot's two places, the header says how to finish.
 */
final class CacheFormat {

  static final long MAGIC = 0x3145_4843_4D52_4157L; // "WARMCHE1"
  static final long BEING_MADE = 0x304B_414D_4D52_4157L; // "WARMMAK0"
  static final long DROPPED = 0x3144_4550_504F_5244L; // "DROPPED1"
  static final int VERSION = 1;
  static final int HEADER_BYTES = 4096;

  static final int MAGIC_AT = 0;
  static final int VERSION_AT = 8;
  static final int FEATURES_AT = 12;
  static final int SIZE_AT = 16;
  static final int INDEX_AT = 24;
  static final int BUCKETS_AT = 32;
  static final int SMALL_AT = 40;
  static final int SMALL_BYTES_AT = 48;
  static final int MAIN_AT = 56;
  static final int MAIN_BYTES_AT = 64;
  static final int SEED_AT = 72;
  static final int CREATED_AT = 80;
  static final int KEY_CODEC_AT = 88;
  static final int VALUE_CODEC_AT = 92;
  static final int PAGE_AT = 96;
  static final int AVERAGE_AT = 100;
  static final int CAPACITY_AT = 104;
  static final int CRC_AT = 112;
  static final int STATE_AT = 128;
  static final int CLEARING_AT = 136;
  static final int DROPPED_AT = 144;
  static final int SMALL_HEAD_AT = 192;
  static final int SMALL_TAIL_AT = 256;
  static final int MAIN_HEAD_AT = 320;
  static final int MAIN_TAIL_AT = 384;
  static final int ENTRIES_AT = 448;
  static final int LIVE_AT = 456;
  static final int COUNTS_CHECK_AT = 464;
  static final int CHANGE_PLACE_AT = 512;
  static final int CHANGE_SLOT_AT = 520;
  static final int CHANGE_ENTRIES_AT = 528;
  static final int CHANGE_LIVE_AT = 536;
  static final int CHANGE_OLD_AT = 544;
  static final int RECOUNT_AT = 552;
  static final int MOVE_FROM_AT = 576;
  static final int MOVE_TO_AT = 584;
  static final int MOVE_SLOT_AT = 592;
  static final int LATEST_AT = 640;
  static final int BOOT_AT = 648;
  static final int OPENINGS_AT = 656;
  static final int WALL_SKEW_AT = 664;
  static final int BOOT_SKEW_AT = 672;
  static final int BOOT_CLOCK_AT = 680;
  static final int BASE_AT = 688;
  static final int OWNER_AT = 696;
  static final int OWNER_NAMESPACE_AT = 704;
  static final int NAMES_AT = 1024;
  static final int NAME_LENGTHS_AT = 3072;
  static final int NAMES_CRC_AT = 3076;

  /** What follows the main ring. */
  static final int TRAILER_BYTES = 4096;

  /** The last word of the memory. */
  static final long MARK = 0x444E_454A_344F_554CL; // "LUO4JEND"

  /** The feature of an index whose first buckets 52 bits of a hash choose, not 32. */
  static final int WIDE_INDEX = 1;

  /** The feature of dead entries and fillers that have a mark, which their size is checked by. */
  static final int MARKED_DEAD = 2;

  /** What says that the removal of everything is under way: no damaged bit looks like it. */
  static final long CLEARING = 0x3147_4E49_5241_454CL; // "LEARING1"

  static final long OPEN = 0;
  static final long CLOSED = 1;

  static final int SLOTS = 8;

  /** With fewer, nine keys that share both of their buckets are to be expected. */
  static final int MIN_BUCKETS = 16;

  static final int BUCKET_BYTES = 64;

  static final int ENTRY_HEADER = 12;
  static final int ENTRY_HEADER_EXTENDED = 20;
  static final int EXPIRY_SHIFT = 6; // 64 ms

  /** What a cache of a capacity is laid out as; {@code size} does not count the trailer. */
  record Layout(
      long capacity,
      int averageEntry,
      long size,
      long index,
      long buckets,
      long small,
      long smallBytes,
      long main,
      long mainBytes) {

    /** All of the memory, in bytes. */
    long memoryBytes() {
      return size + TRAILER_BYTES;
    }

    /**
     * The layout for a capacity: a tenth of it for the small ring; for the main ring nine tenths,
     * and four eighths: for the entry that is put, the largest one that is moved meanwhile, and the
     * fillers that both may need at the ring's end; and an index that is 85 % full of entries of
     * {@code averageEntry} bytes when nine tenths of the capacity are.
     */
    static Layout of(long capacity, int averageEntry) {
      long slots = capacity / 10 * 9 / averageEntry * 20 / 17 + SLOTS;
      long buckets = Math.max(MIN_BUCKETS, (slots + SLOTS - 1) / SLOTS);
      long smallBytes = align(Math.max(capacity / 10, 4096), 4096);
      long mainBytes = align(capacity - capacity / 10 + capacity / 2, 4096);
      long index = HEADER_BYTES;
      long small = align(index + buckets * BUCKET_BYTES, 4096);
      long main = small + smallBytes;
      return new Layout(
          capacity,
          averageEntry,
          main + mainBytes,
          index,
          buckets,
          small,
          smallBytes,
          main,
          mainBytes);
    }
  }

  /** The last word of the memory. */
  static long markAt(long memoryBytes) {
    return memoryBytes - 8;
  }

  private CacheFormat() {}

  static long align(long value, long unit) {
    return (value + unit - 1) / unit * unit;
  }

  /** Why a start is cold whose memory {@link #isUnmade}. */
  static final String CUT_OFF = "the making of the old memory was cut off";

  /** Whether the memory was never a cache's, or is one whose making was cut off. */
  static boolean isUnmade(MemoryRegion memory) {
    if (memory.getLong(MAGIC_AT) == BEING_MADE) {
      return true;
    }
    for (int at = 0; at < HEADER_BYTES; at += 8) {
      if (memory.getLong(at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Whether memory begins as a cache of any version does, also one that is being made. */
  static boolean isMarked(MemoryRegion memory) {
    long magic = memory.getLong(MAGIC_AT);
    return magic == MAGIC || magic == Long.reverseBytes(MAGIC) || magic == BEING_MADE;
  }

  /** Whether memory is a whole cache to another version or machine, or with other settings. */
  static boolean isWhole(MemoryRegion memory) {
    ByteBuffer page = header(memory);
    long magic = page.getLong(MAGIC_AT);
    return magic == Long.reverseBytes(MAGIC)
        || magic == MAGIC
            && (page.getInt(VERSION_AT) != VERSION || page.getInt(CRC_AT) == crc(page));
  }

  /** Whether memory is a whole cache of this version, whatever its settings, without an entry. */
  static boolean isEmpty(MemoryRegion memory) {
    return refuseHeader(header(memory)) == null
        && memory.getLong(ENTRIES_AT) == 0
        && memory.getLong(LIVE_AT) == 0
        && memory.getLong(COUNTS_CHECK_AT) == countsCheck(0, 0);
  }

  /** Null when a header page is one that this version and machine read, else why not. */
  static @Nullable String refuseHeader(ByteBuffer page) {
    long magic = page.getLong(MAGIC_AT);
    if (magic == Long.reverseBytes(MAGIC)) {
      return "the old memory was written in the other byte order";
    }
    if (magic != MAGIC) {
      return "the old memory holds no cache";
    }
    if (page.getInt(VERSION_AT) != VERSION) {
      return "the old memory is of format version "
          + Integer.toUnsignedString(page.getInt(VERSION_AT))
          + ", not "
          + VERSION;
    }
    if (page.getInt(CRC_AT) != crc(page)) {
      return "the old memory's header is damaged: its checksum does not hold";
    }
    int features = page.getInt(FEATURES_AT);
    if ((features & ~(WIDE_INDEX | MARKED_DEAD)) != 0) {
      return "the old memory uses features that this version does not know: 0x"
          + Integer.toHexString(features);
    }
    if ((features | MARKED_DEAD) != features(page.getLong(BUCKETS_AT))) {
      return "the old memory's index of "
          + page.getLong(BUCKETS_AT)
          + " buckets is searched in another way: an early version made it";
    }
    if (page.getInt(OPENINGS_AT) != ~page.getInt(OPENINGS_AT + 4)) {
      return "the old memory's header is damaged: its number of openings is not what it should be";
    }
    if (page.getInt(PAGE_AT) != PageSize.bytes()) {
      return "the old memory was written with pages of "
          + page.getInt(PAGE_AT)
          + " bytes, this machine has pages of "
          + PageSize.bytes();
    }
    return CodecNames.of(page) == null
        ? "the old memory's header is damaged: the name of a codec is not what a cache writes"
        : null;
  }

  /**
   * What to tell of memory of another size: the settings that it was made with, if it says them.
   */
  static String madeWith(MemoryRegion memory) {
    ByteBuffer page = header(memory);
    return refuseHeader(page) != null
        ? ""
        : ": it was made with capacity "
            + page.getLong(CAPACITY_AT)
            + " and averageEntryBytes "
            + page.getInt(AVERAGE_AT);
  }

  /** What the two counts are checked by: a bit that is flipped in any of the three is seen. */
  static long countsCheck(long entries, long live) {
    return ~(entries * 0x9E37_79B9_7F4A_7C15L ^ Long.rotateLeft(live, 32) * 0xA076_1D64_78BD_642FL);
  }

  private static int features(long buckets) {
    return MARKED_DEAD | (Index.isWide(buckets) ? WIDE_INDEX : 0);
  }

  private static int crc(ByteBuffer page) {
    CRC32C crc = new CRC32C();
    crc.update(page.slice(0, CRC_AT));
    return (int) crc.getValue();
  }

  /** A copy of the header page. */
  static ByteBuffer header(MemoryRegion memory) {
    ByteBuffer page = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    memory.get(0, page);
    return page;
  }

  /**
   * Null when the memory holds a cache of this layout and these codecs, else why not. Memory that
   * was made without a trailer, and is larger by one now, is one.
   */
  static @Nullable String refuse(MemoryRegion memory, Layout l, CodecNames codecs) {
    ByteBuffer page = header(memory);
    String refused = refuseHeader(page);
    if (refused != null) {
      return refused;
    }
    if (memory.getLong(CAPACITY_AT) != l.capacity || memory.getInt(AVERAGE_AT) != l.averageEntry) {
      return "the old memory is laid out for a capacity of "
          + memory.getLong(CAPACITY_AT)
          + " bytes with entries of "
          + memory.getInt(AVERAGE_AT)
          + " on average, not "
          + l.capacity
          + " with "
          + l.averageEntry;
    }
    if (memory.getLong(SIZE_AT) != l.size
        || memory.getLong(INDEX_AT) != l.index
        || memory.getLong(BUCKETS_AT) != l.buckets
        || memory.getLong(SMALL_AT) != l.small
        || memory.getLong(SMALL_BYTES_AT) != l.smallBytes
        || memory.getLong(MAIN_AT) != l.main
        || memory.getLong(MAIN_BYTES_AT) != l.mainBytes) {
      return "the old memory is laid out in another way";
    }
    return codecs.refuse(page);
  }

  /** The number of openings as the header holds it. */
  static long openings(int number) {
    return (long) ~number << 32 | Integer.toUnsignedLong(number);
  }

  /** Makes the memory an empty cache's; the magic number goes in last. */
  static void create(
      MemoryRegion memory, Layout l, boolean isZero, long seed, long created, CodecNames codecs) {
    memory.putLongVolatile(MAGIC_AT, BEING_MADE);
    VarHandle.storeStoreFence(); // what is written from now on is not there before that is
    if (!isZero) {
      memory.fill(8, HEADER_BYTES - 8, (byte) 0);
      memory.fill(l.index, l.buckets * BUCKET_BYTES, (byte) 0);
    }
    memory.putLong(markAt(l.memoryBytes()), MARK);
    writeHeader(memory, l, seed, created, codecs);
  }

  /** Writes the header, the magic number last. */
  static void writeHeader(
      MemoryRegion memory, Layout l, long seed, long created, CodecNames codecs) {
    memory.putInt(VERSION_AT, VERSION);
    memory.putInt(FEATURES_AT, features(l.buckets));
    memory.putLong(SIZE_AT, l.size);
    memory.putLong(INDEX_AT, l.index);
    memory.putLong(BUCKETS_AT, l.buckets);
    memory.putLong(SMALL_AT, l.small);
    memory.putLong(SMALL_BYTES_AT, l.smallBytes);
    memory.putLong(MAIN_AT, l.main);
    memory.putLong(MAIN_BYTES_AT, l.mainBytes);
    memory.putLong(SEED_AT, seed);
    memory.putLong(CREATED_AT, created);
    codecs.write(memory);
    memory.putInt(PAGE_AT, PageSize.bytes());
    memory.putInt(AVERAGE_AT, l.averageEntry);
    memory.putLong(CAPACITY_AT, l.capacity);
    memory.putLong(OPENINGS_AT, openings(0));
    memory.putLong(COUNTS_CHECK_AT, countsCheck(0, 0));
    // The checksum covers the magic number, which is not there yet.
    ByteBuffer header = header(memory).putLong(MAGIC_AT, MAGIC);
    memory.putInt(CRC_AT, crc(header));
    memory.putLongVolatile(MAGIC_AT, MAGIC);
  }
}
