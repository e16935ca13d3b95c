/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;
import static org.luo4j.cache.CacheFormat.ENTRY_HEADER;
import static org.luo4j.cache.CacheFormat.ENTRY_HEADER_EXTENDED;
import static org.luo4j.cache.CacheFormat.SLOTS;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.LongAdder;
import org.luo4j.MemoryRegion;

/**
 * The cache over bytes: an index of slots and two rings of entries, as {@link CacheFormat} lays
 * them out. Reading takes no lock; writing is done by one thread at a time, which the caller sees
 * to.
 *
 * <p>Eviction is S3-FIFO (Yang et al., SOSP 2023) over rings: what is put goes to the small ring;
 * what was used when it reaches the small ring's end, or was evicted not long ago, goes to the main
 * ring; what was used when it reaches the main ring's end goes round once more. While live bytes
 * are at most nine tenths of the capacity nothing is evicted: entries go round as often as needed.
 */
final class Engine {

  /** What becomes of an entry that is pushed out. */
  interface EvictionListener {
    void evicted(byte[] key, byte[] value);
  }

  private static final VarHandle BYTES =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long EMPTY = 0;
  private static final int TAG_SHIFT = 52;
  private static final int USES_SHIFT = 50;
  private static final long USES_MASK = 3L << USES_SHIFT;
  private static final long RING_BIT = 1L << 49;
  private static final long ADDRESS_MASK = RING_BIT - 1;

  private static final int EXTENDED = 0x8000_0000;
  private static final int VALUE_BITS = 23;
  private static final int MAX_VALUE = (1 << VALUE_BITS) - 1;
  private static final int MAX_KEY = 255;

  private final MemoryRegion memory;
  private final long indexAt;
  private final long bucketMask;
  private final long seed;
  private final long created;
  private final Ring small;
  private final Ring main;
  private final long capacity;
  private final int averageEntry;
  private final long liveLimit;
  private final long smallShare;
  private final Ghosts ghosts;

  /** Positions below these were written by an earlier process: their checksums are verified. */
  private final long trustedSmall;

  private final long trustedMain;

  private final LongAdder corrupt = new LongAdder();
  private final LongAdder evictions = new LongAdder();
  private EvictionListener listener = (key, value) -> {};

  /** Counts the moves of slots between buckets, for readers that found nothing. */
  private volatile long moves;

  private long entries;
  private long live;

  Engine(MemoryRegion memory, CacheFormat.Layout layout, long capacity, int averageEntry) {
    this.memory = memory;
    this.capacity = capacity;
    this.averageEntry = averageEntry;
    this.liveLimit = capacity / 10 * 9;
    this.smallShare = capacity / 10 * 9 / 10;
    this.indexAt = layout.index();
    this.bucketMask = layout.buckets() - 1;
    this.seed = memory.getLong(CacheFormat.SEED_AT);
    this.created = memory.getLong(CacheFormat.CREATED_AT);
    this.small =
        new Ring(
            memory,
            layout.small(),
            layout.smallBytes(),
            CacheFormat.SMALL_HEAD_AT,
            CacheFormat.SMALL_TAIL_AT);
    this.main =
        new Ring(
            memory,
            layout.main(),
            layout.mainBytes(),
            CacheFormat.MAIN_HEAD_AT,
            CacheFormat.MAIN_TAIL_AT);
    this.trustedSmall = small.head();
    this.trustedMain = main.head();
    this.entries = memory.getLong(CacheFormat.ENTRIES_AT);
    this.live = memory.getLong(CacheFormat.LIVE_AT);
    this.ghosts = new Ghosts(layout.buckets() * SLOTS);
  }

  /** Null, or why the memory's contents cannot be used. */
  String damage() {
    String damage = small.damage();
    if (damage == null) {
      damage = main.damage();
    }
    if (damage == null && (entries < 0 || live < 0 || live > capacity)) {
      damage = entries + " entries of " + live + " bytes are said to be live";
    }
    return damage;
  }

  void onEviction(EvictionListener newListener) {
    listener = newListener;
  }

  long size() {
    return entries;
  }

  long evictions() {
    return evictions.sum();
  }

  long corruptions() {
    return corrupt.sum();
  }

  // ---- hashing ----

  /** A 64-bit hash of the key: multiply and fold over words of 8 bytes, mixed at the end. */
  long hash(byte[] key) {
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

  private static long fold(long x) {
    long low = x * 0xA076_1D64_78BD_642FL;
    return low ^ Math.multiplyHigh(x, 0xA076_1D64_78BD_642FL);
  }

  private long bucket(long number) {
    return indexAt + (number & bucketMask) * BUCKET_BYTES;
  }

  private long firstBucket(long hash) {
    return bucket(hash);
  }

  /** The other bucket of a hash; both can be told from the tag and either one. */
  private long secondBucket(long hash) {
    return bucket(hash ^ spread(tag(hash)));
  }

  private long otherBucket(long bucket, long tag) {
    return bucket((bucket - indexAt) / BUCKET_BYTES ^ spread(tag));
  }

  private static long spread(long tag) {
    return tag * 0x5BD1_E995L + 1;
  }

  /** 1 to 4095, so that no slot is 0. */
  private static long tag(long hash) {
    long tag = hash >>> TAG_SHIFT;
    return tag == 0 ? 1 : tag;
  }

  // ---- slots ----

  private Ring ring(long slot) {
    return (slot & RING_BIT) == 0 ? small : main;
  }

  private long position(long slot) {
    return ring(slot).position(slot & ADDRESS_MASK);
  }

  private long slot(long tag, Ring ring, long position, long uses) {
    return tag << TAG_SHIFT
        | uses << USES_SHIFT
        | (ring == main ? RING_BIT : 0)
        | Ring.address(position);
  }

  /** Counts a use, up to three. A lost race loses a count. */
  private void use(long at, long slot) {
    if ((slot & USES_MASK) != USES_MASK) {
      memory.compareAndSetLong(at, slot, slot + (1L << USES_SHIFT));
    }
  }

  /** Replaces a slot whose uses readers may be counting; the same entry must be in it. */
  private boolean replace(long at, long slot, long replacement) {
    long seen = slot;
    while (!memory.compareAndSetLong(at, seen, replacement)) {
      seen = memory.getLongVolatile(at);
      if ((seen & ~USES_MASK) != (slot & ~USES_MASK)) {
        return false;
      }
    }
    return true;
  }

  // ---- entries ----

  private static long entryBytes(int keyLength, long valueLength) {
    int header =
        keyLength <= MAX_KEY && valueLength <= MAX_VALUE ? ENTRY_HEADER : ENTRY_HEADER_EXTENDED;
    return CacheFormat.align(header + keyLength + valueLength, 8);
  }

  /** The largest entry, header and padding included. */
  long largestEntry() {
    return capacity / 8;
  }

  long sizeOf(int keyLength, long valueLength) {
    return entryBytes(keyLength, valueLength);
  }

  /** Where an entry's parts are. One for each thread that reads: {@link #parse} fills it. */
  private static final class Entry {
    int expiry;
    int keyLength;
    int valueLength;
    long key;
    long value;
    long bytes;
  }

  private static final ThreadLocal<Entry> ENTRY = ThreadLocal.withInitial(Entry::new);

  /** Reads an entry's header; false when the lengths do not fit the ring: it is no entry. */
  private boolean parse(Ring ring, long position, Entry entry) {
    long at = ring.offset(position);
    long room = ring.toEnd(position);
    if (room < ENTRY_HEADER + 4) {
      return false;
    }
    int lengths = memory.getInt(at + 8);
    entry.expiry = memory.getInt(at + 4);
    long header = ENTRY_HEADER;
    if ((lengths & EXTENDED) == 0) {
      entry.valueLength = lengths & MAX_VALUE;
      entry.keyLength = lengths >>> VALUE_BITS & MAX_KEY;
    } else {
      header = ENTRY_HEADER_EXTENDED;
      if (room < header) {
        return false;
      }
      entry.keyLength = memory.getInt(at + 12);
      entry.valueLength = memory.getInt(at + 16);
    }
    entry.key = at + header;
    entry.value = entry.key + entry.keyLength;
    entry.bytes = CacheFormat.align(header + entry.keyLength + (long) entry.valueLength, 8);
    return lengths != 0 && entry.keyLength >= 0 && entry.valueLength >= 0 && entry.bytes <= room;
  }

  private boolean keyEquals(Entry entry, byte[] key) {
    if (entry.keyLength != key.length) {
      return false;
    }
    int i = 0;
    for (; i + 8 <= key.length; i += 8) {
      if (memory.getLong(entry.key + i) != (long) BYTES.get(key, i)) {
        return false;
      }
    }
    for (; i < key.length; i++) {
      if (memory.getByte(entry.key + i) != key[i]) {
        return false;
      }
    }
    return true;
  }

  private byte[] copy(long at, int length) {
    byte[] bytes = new byte[length];
    memory.get(at, bytes);
    return bytes;
  }

  private boolean isTrusted(Ring ring, long position) {
    return position >= (ring == small ? trustedSmall : trustedMain);
  }

  private boolean checksumHolds(Ring ring, long position, Entry entry) {
    long at = ring.offset(position);
    long end = entry.value + entry.valueLength;
    return (int) memory.crc32c(at + 4, end - at - 4) == memory.getInt(at);
  }

  private boolean isExpired(int expiry, long now) {
    return expiry != 0 && now - created >= (expiry & 0xFFFF_FFFFL) << CacheFormat.EXPIRY_SHIFT;
  }

  /** When an entry that lives until {@code millis} expires, as its header holds it. */
  int expiry(long millis) {
    long units = (Math.max(0, millis - created) >> CacheFormat.EXPIRY_SHIFT) + 1;
    return (int) Math.min(units, 0xFFFF_FFFFL);
  }

  // ---- reading, by any thread ----

  /** The value of a key, or null. */
  byte[] get(byte[] key, long hash, long now) {
    Entry entry = ENTRY.get();
    long tag = tag(hash);
    while (true) {
      long before = moves;
      boolean again = false;
      long bucket = firstBucket(hash);
      for (int choice = 0; choice < 2; choice++) {
        for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
          long slot = memory.getLongAcquire(at);
          if (slot >>> TAG_SHIFT != tag) {
            continue;
          }
          Ring ring = ring(slot);
          long position = position(slot);
          if (!parse(ring, position, entry) || !keyEquals(entry, key)) {
            again |= isMoved(at, slot, ring, position);
            continue;
          }
          byte[] value = copy(entry.value, entry.valueLength);
          boolean good = isTrusted(ring, position) || checksumHolds(ring, position, entry);
          VarHandle.loadLoadFence();
          if (!ring.isIntact(position)) {
            again |= isMoved(at, slot, ring, position);
            continue;
          }
          if (!good) {
            corrupt.increment();
            return null;
          }
          if (isExpired(entry.expiry, now)) {
            return null;
          }
          use(at, slot);
          return value;
        }
        bucket = secondBucket(hash);
      }
      if (!again && before == moves) {
        return null;
      }
    }
  }

  /** The place of the first slot in use from {@code at} on, or -1; 0 begins. */
  long nextSlot(long at) {
    long end = indexAt + (bucketMask + 1) * BUCKET_BYTES;
    for (long next = Math.max(at, indexAt); next < end; next += 8) {
      if (memory.getLong(next) != EMPTY) {
        return next;
      }
    }
    return -1;
  }

  /** Key and value of the entry that a slot names; null when there is none, or none any more. */
  byte[][] entryAt(long at, long now) {
    Entry entry = ENTRY.get();
    while (true) {
      long slot = memory.getLongAcquire(at);
      Ring ring = ring(slot);
      long position = position(slot);
      if (slot == EMPTY) {
        return null;
      }
      boolean good = parse(ring, position, entry);
      byte[] key = null;
      byte[] value = null;
      if (good) {
        key = copy(entry.key, entry.keyLength);
        value = copy(entry.value, entry.valueLength);
        good = isTrusted(ring, position) || checksumHolds(ring, position, entry);
      }
      VarHandle.loadLoadFence();
      if (!ring.isIntact(position) && isMoved(at, slot, ring, position)) {
        continue;
      }
      if (!good) {
        corrupt.increment();
        return null;
      }
      return isExpired(entry.expiry, now) ? null : new byte[][] {key, value};
    }
  }

  /**
   * Whether an entry was given up while it was read. Its slot was emptied or changed before; one
   * that still names it is damaged, and looking again would find it for ever.
   */
  private boolean isMoved(long at, long slot, Ring ring, long position) {
    return !ring.isIntact(position)
        && (memory.getLongAcquire(at) & ~USES_MASK) != (slot & ~USES_MASK);
  }

  // ---- writing, by the one thread that holds the lock ----

  /** Finds the slot of a key: its place in the index, or -1. */
  private long find(byte[] key, long hash, Entry entry) {
    long tag = tag(hash);
    long bucket = firstBucket(hash);
    for (int choice = 0; choice < 2; choice++) {
      for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
        long slot = memory.getLongAcquire(at);
        if (slot >>> TAG_SHIFT == tag) {
          Ring ring = ring(slot);
          if (parse(ring, position(slot), entry) && keyEquals(entry, key)) {
            return at;
          }
        }
      }
      bucket = secondBucket(hash);
    }
    return -1;
  }

  /** Writes an entry for a key, in the place of one that it may have. */
  void put(byte[] key, long hash, byte[] value, int expiry) {
    long size = entryBytes(key.length, value.length);
    boolean known = ghosts.remove(hash);
    Ring ring = known || size > small.bytes() / 4 ? main : small;
    evictFor(charge(size));
    makeRoom(ring, size);
    long position = append(ring, key, value, expiry, size);
    Entry entry = ENTRY.get();
    long at = find(key, hash, entry);
    if (at >= 0) {
      long old = memory.getLongAcquire(at);
      long oldBytes = entry.bytes;
      replace(at, old, slot(tag(hash), ring, position, old >>> USES_SHIFT & 3));
      count(0, charge(size) - charge(oldBytes));
    } else {
      memory.putLongRelease(freeSlot(hash), slot(tag(hash), ring, position, 0));
      count(1, charge(size));
    }
  }

  /** Removes a key; whether it was there. */
  boolean remove(byte[] key, long hash) {
    Entry entry = ENTRY.get();
    long at = find(key, hash, entry);
    if (at < 0) {
      return false;
    }
    long bytes = entry.bytes;
    replace(at, memory.getLongAcquire(at), EMPTY);
    count(-1, -charge(bytes));
    return true;
  }

  /** Removes everything. */
  void clear() {
    for (long at = indexAt; at < indexAt + (bucketMask + 1) * BUCKET_BYTES; at += 8) {
      if (memory.getLong(at) != EMPTY) {
        memory.putLongVolatile(at, EMPTY);
      }
    }
    count(-entries, -live);
  }

  /** What an entry counts as: at least what its slot in the index was made for. */
  private long charge(long bytes) {
    return Math.max(bytes, averageEntry);
  }

  private void count(long moreEntries, long moreBytes) {
    entries += moreEntries;
    live += moreBytes;
    memory.putLong(CacheFormat.ENTRIES_AT, entries);
    memory.putLong(CacheFormat.LIVE_AT, live);
  }

  private long append(Ring ring, byte[] key, byte[] value, int expiry, long size) {
    long position = ring.place(size);
    long at = ring.offset(position);
    long header;
    memory.putInt(at + 4, expiry);
    if (key.length <= MAX_KEY && value.length <= MAX_VALUE) {
      header = ENTRY_HEADER;
      int lengths = key.length << VALUE_BITS | value.length;
      memory.putInt(at + 8, lengths == 0 ? EXTENDED : lengths);
      if (lengths == 0) {
        header = ENTRY_HEADER_EXTENDED;
        memory.putLong(at + 12, 0);
      }
    } else {
      header = ENTRY_HEADER_EXTENDED;
      memory.putInt(at + 8, EXTENDED);
      memory.putInt(at + 12, key.length);
      memory.putInt(at + 16, value.length);
    }
    memory.put(at + header, key);
    memory.put(at + header + key.length, value);
    long end = at + header + key.length + value.length;
    memory.putInt(at, (int) memory.crc32c(at + 4, end - at - 4));
    ring.advance(position + size);
    return position;
  }

  /** An empty slot for a hash, made by moving or evicting another entry where there is none. */
  private long freeSlot(long hash) {
    long first = firstBucket(hash);
    long second = secondBucket(hash);
    long inFirst = emptySlot(first);
    long inSecond = emptySlot(second);
    if (inFirst >= 0 && (inSecond < 0 || load(first) <= load(second))) {
      return inFirst;
    }
    if (inSecond >= 0) {
      return inSecond;
    }
    for (long bucket : new long[] {first, second}) {
      for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
        long slot = memory.getLongAcquire(at);
        long target = emptySlot(otherBucket(bucket, slot >>> TAG_SHIFT));
        if (target >= 0) {
          // A reader may find the entry in both buckets, or miss it in between and look again.
          memory.putLongRelease(target, slot);
          moves++;
          replace(at, slot, EMPTY);
          moves++;
          return at;
        }
      }
    }
    long victim = first;
    for (long bucket : new long[] {first, second}) {
      for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
        if ((memory.getLong(at) & USES_MASK) < (memory.getLong(victim) & USES_MASK)) {
          victim = at;
        }
      }
    }
    long slot = memory.getLongAcquire(victim);
    Entry entry = ENTRY.get();
    if (parse(ring(slot), position(slot), entry)) {
      evict(victim, slot, entry);
    } else {
      replace(victim, slot, EMPTY);
    }
    return victim;
  }

  private long emptySlot(long bucket) {
    for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
      if (memory.getLong(at) == EMPTY) {
        return at;
      }
    }
    return -1;
  }

  private int load(long bucket) {
    int load = 0;
    for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
      if (memory.getLong(at) != EMPTY) {
        load++;
      }
    }
    return load;
  }

  // ---- making room ----

  /**
   * Evicts until an entry of {@code size} bytes keeps live bytes within nine tenths of capacity.
   */
  private void evictFor(long size) {
    while (live + size > liveLimit && entries > 0) {
      boolean fromSmall = small.head() - small.tail() >= smallShare || main.head() == main.tail();
      reclaimOldest(fromSmall ? small : main, false);
    }
  }

  /**
   * Makes place by cleaning, which drops nothing that is live. The main ring keeps room for the
   * largest entry beyond that, so that an entry can be copied before its old place is given up.
   */
  private void makeRoom(Ring ring, long size) {
    long reserve = ring == main ? largestEntry() : 0;
    while (!ring.hasRoom(size, reserve)) {
      reclaimOldest(ring, true);
    }
  }

  /**
   * Gives up a ring's oldest entry: it is dead, moves on to the main ring's head, or is evicted.
   *
   * @param keep move it on although it was not used
   */
  private void reclaimOldest(Ring ring, boolean keep) {
    long tail = ring.tail();
    Entry entry = new Entry();
    if (!parse(ring, tail, entry)) {
      ring.release(tail + ring.toEnd(tail)); // a filler
      return;
    }
    long bytes = entry.bytes;
    byte[] key = copy(entry.key, entry.keyLength);
    long hash = hash(key);
    long at = slotOf(hash, ring, tail);
    if (at >= 0) {
      long slot = memory.getLongAcquire(at);
      if (!isTrusted(ring, tail) && !checksumHolds(ring, tail, entry)) {
        corrupt.increment();
        replace(at, slot, EMPTY);
        count(-1, -charge(bytes));
      } else if (keep || (slot & USES_MASK) != 0) {
        moveOn(ring, at, slot, key, entry);
      } else {
        if (ring == small) {
          ghosts.add(hash);
        }
        evict(at, slot, entry);
      }
    }
    ring.release(tail + bytes);
  }

  /** Copies an entry to the head of the main ring, with one use less. */
  private void moveOn(Ring ring, long at, long slot, byte[] key, Entry entry) {
    byte[] value = copy(entry.value, entry.valueLength);
    int expiry = entry.expiry;
    long bytes = entry.bytes;
    if (ring == small) {
      makeRoom(main, bytes);
    }
    long position = append(main, key, value, expiry, bytes);
    long uses = Math.max(0, (slot >>> USES_SHIFT & 3) - 1);
    replace(at, slot, slot(slot >>> TAG_SHIFT, main, position, uses));
  }

  private long slotOf(long hash, Ring ring, long position) {
    long wanted = slot(tag(hash), ring, position, 0);
    long bucket = firstBucket(hash);
    for (int choice = 0; choice < 2; choice++) {
      for (long at = bucket; at < bucket + BUCKET_BYTES; at += 8) {
        if ((memory.getLong(at) & ~USES_MASK) == wanted) {
          return at;
        }
      }
      bucket = secondBucket(hash);
    }
    return -1;
  }

  private void evict(long at, long slot, Entry entry) {
    byte[] key = copy(entry.key, entry.keyLength);
    byte[] value = copy(entry.value, entry.valueLength);
    replace(at, slot, EMPTY);
    count(-1, -charge(entry.bytes));
    evictions.increment();
    listener.evicted(key, value);
  }
}
