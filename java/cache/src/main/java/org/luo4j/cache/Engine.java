/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;
import static org.luo4j.cache.CacheFormat.ENTRY_HEADER;
import static org.luo4j.cache.CacheFormat.ENTRY_HEADER_EXTENDED;
import static org.luo4j.cache.Index.ADDRESS_MASK;
import static org.luo4j.cache.Index.EMPTY;
import static org.luo4j.cache.Index.MAIN_BIT;
import static org.luo4j.cache.Index.TAG_SHIFT;
import static org.luo4j.cache.Index.USES_MASK;
import static org.luo4j.cache.Index.USES_SHIFT;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.zip.CRC32C;
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

  /** Is told of an entry that is gone, while the lock is held. */
  interface Listener {
    void removed(byte[] key, byte[] value, RemovalCause cause);
  }

  private static final VarHandle BYTES =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int EXTENDED = 0x8000_0000;
  private static final int VALUE_BITS = 23;
  private static final int MAX_VALUE = (1 << VALUE_BITS) - 1;
  private static final int MAX_KEY = 255;

  /** A retired place is offered to readers to leave every so many times. */
  private static final int RETIRED_A_PERIOD = 8;

  private final MemoryRegion memory;
  private final LongSupplier clock;
  private final long created;
  private final long seed;
  private final Index index;
  private final Ring small;
  private final Ring main;
  private final long capacity;
  private final int averageEntry;
  private final long liveLimit;
  private final long smallShare;
  private final Ghosts ghosts;
  private final Pins pins = new Pins();
  private final LongAdder corrupt = new LongAdder();

  private Listener listener;
  private long entries;
  private long live;
  private long evictions;
  private int retired;

  Engine(MemoryRegion memory, CacheFormat.Layout layout, LongSupplier clock) {
    this.memory = memory;
    this.clock = clock;
    this.capacity = layout.capacity();
    this.averageEntry = layout.averageEntry();
    this.liveLimit = capacity / 10 * 9;
    this.smallShare = liveLimit / 10;
    this.seed = memory.getLong(CacheFormat.SEED_AT);
    this.created = memory.getLong(CacheFormat.CREATED_AT);
    this.index = new Index(memory, layout);
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
    this.entries = memory.getLong(CacheFormat.ENTRIES_AT);
    this.live = memory.getLong(CacheFormat.LIVE_AT);
    this.ghosts = new Ghosts(index.slots());
  }

  /** Null, or why the memory's contents cannot be used. Writes nothing. */
  String damage() {
    String damage = small.damage();
    if (damage == null) {
      damage = main.damage();
    }
    if (damage == null && (entries < 0 || entries > index.slots() || live < 0 || live > capacity)) {
      damage = entries + " entries of " + live + " bytes are said to be live";
    }
    return damage == null ? null : "the old memory is damaged: " + damage;
  }

  /** Finishes what a killed process was at. */
  void recover() {
    index.finishMove();
    long place = memory.getLong(CacheFormat.CHANGE_PLACE_AT);
    if (place != 0
        && index.isPlace(place)
        && Index.isSame(memory.getLong(place), memory.getLong(CacheFormat.CHANGE_SLOT_AT))) {
      entries = memory.getLong(CacheFormat.CHANGE_ENTRIES_AT);
      live = memory.getLong(CacheFormat.CHANGE_LIVE_AT);
      storeCounts();
    }
    if (memory.getLong(CacheFormat.CLEARING_AT) != 0) {
      clear();
    }
  }

  void onRemoval(Listener newListener) {
    listener = newListener;
  }

  boolean hasListener() {
    return listener != null;
  }

  long size() {
    return memory.getLongVolatile(CacheFormat.ENTRIES_AT);
  }

  long liveBytes() {
    return memory.getLongVolatile(CacheFormat.LIVE_AT);
  }

  /** Entries that were evicted; read by any thread, perhaps a little late. */
  long evictions() {
    return evictions;
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

  /** The hash of a key in memory. */
  private long hash(long at, int length) {
    long h = seed ^ length * 0x9E37_79B9_7F4A_7C15L;
    long end = at + length;
    for (; at + 8 <= end; at += 8) {
      h = fold(h ^ memory.getLong(at));
    }
    if (at < end) {
      long last = 0;
      for (int shift = 0; at < end; at++, shift += 8) {
        last |= (memory.getByte(at) & 0xFFL) << shift;
      }
      h = fold(h ^ last);
    }
    return fold(h ^ 0xD6E8_FEB8_6659_FD93L);
  }

  private static long fold(long x) {
    long low = x * 0xA076_1D64_78BD_642FL;
    return low ^ Math.multiplyHigh(x, 0xA076_1D64_78BD_642FL);
  }

  // ---- entries ----

  private static boolean isShort(int keyLength, int valueLength) {
    return keyLength <= MAX_KEY && valueLength <= MAX_VALUE && (keyLength | valueLength) != 0;
  }

  /** The lengths word of an entry's header. */
  private static int lengths(int keyLength, int valueLength) {
    return isShort(keyLength, valueLength) ? keyLength << VALUE_BITS | valueLength : EXTENDED;
  }

  /** What an entry takes in a ring, in bytes. */
  static long entryBytes(int keyLength, int valueLength) {
    int header = isShort(keyLength, valueLength) ? ENTRY_HEADER : ENTRY_HEADER_EXTENDED;
    return CacheFormat.align(header + (long) keyLength + valueLength, 8);
  }

  /** The largest entry, header and padding included. */
  long largestEntry() {
    return capacity / 8;
  }

  private static int header(int lengths) {
    return lengths < 0 ? ENTRY_HEADER_EXTENDED : ENTRY_HEADER;
  }

  private int keyLength(long at, int lengths) {
    return lengths < 0 ? memory.getInt(at + 12) : lengths >>> VALUE_BITS;
  }

  private int valueLength(long at, int lengths) {
    return lengths < 0 ? memory.getInt(at + 16) : lengths & MAX_VALUE;
  }

  /** What the entry at {@code at} takes in its ring; -1 when its lengths do not fit there. */
  private long bytesAt(long at, long end) {
    long room = end - at;
    if (room < 16) {
      return -1;
    }
    int lengths = memory.getInt(at + 8);
    if (lengths == 0 || (lengths < 0 && room < 24)) {
      return -1;
    }
    int keyLength = keyLength(at, lengths);
    int valueLength = valueLength(at, lengths);
    long bytes = CacheFormat.align(header(lengths) + (long) keyLength + valueLength, 8);
    return keyLength < 0 || valueLength < 0 || bytes > room ? -1 : bytes;
  }

  /** Whether the entry at {@code at} fits in its ring and has this key. */
  private boolean isKeyAt(long at, long end, byte[] key) {
    long room = end - at;
    if (room < 16) {
      return false;
    }
    int lengths = memory.getInt(at + 8);
    if (lengths == 0 || (lengths < 0 && room < 24) || keyLength(at, lengths) != key.length) {
      return false;
    }
    int valueLength = valueLength(at, lengths);
    long keyAt = at + header(lengths);
    if (valueLength < 0 || keyAt + key.length + valueLength > end) {
      return false;
    }
    int i = 0;
    for (; i + 8 <= key.length; i += 8) {
      if (memory.getLong(keyAt + i) != (long) BYTES.get(key, i)) {
        return false;
      }
    }
    for (; i < key.length; i++) {
      if (memory.getByte(keyAt + i) != key[i]) {
        return false;
      }
    }
    return true;
  }

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

  /** Whether the entry at {@code at}, which fits in its ring, is whole. */
  private boolean isWhole(long at) {
    int lengths = memory.getInt(at + 8);
    int keyLength = keyLength(at, lengths);
    int valueLength = valueLength(at, lengths);
    int crc = (int) memory.crc32c(at + header(lengths), (long) keyLength + valueLength);
    return memory.getInt(at) == check(crc, keyLength, valueLength, memory.getInt(at + 4));
  }

  private byte[] keyAt(long at) {
    int lengths = memory.getInt(at + 8);
    byte[] key = new byte[keyLength(at, lengths)];
    memory.get(at + header(lengths), key);
    return key;
  }

  private byte[] valueAt(long at) {
    int lengths = memory.getInt(at + 8);
    byte[] value = new byte[valueLength(at, lengths)];
    memory.get(at + header(lengths) + keyLength(at, lengths), value);
    return value;
  }

  private boolean isExpiredAt(long at) {
    int expiry = memory.getInt(at + 4);
    return expiry != 0
        && clock.getAsLong() - created >= (expiry & 0xFFFF_FFFFL) << CacheFormat.EXPIRY_SHIFT;
  }

  /** When an entry that lives for {@code age} ms from now expires, as its header holds it. */
  int expiry(long age) {
    long now = clock.getAsLong();
    memory.putLong(CacheFormat.LATEST_AT, now);
    long units = (Math.max(0, now + age - created) >> CacheFormat.EXPIRY_SHIFT) + 1;
    return (int) Math.min(units, 0xFFFF_FFFFL);
  }

  // ---- slots ----

  private Ring ring(long slot) {
    return (slot & MAIN_BIT) == 0 ? small : main;
  }

  private long slot(long hash, Ring ring, long position, long uses) {
    return Index.tag(hash) << TAG_SHIFT
        | uses << USES_SHIFT
        | (ring == main ? MAIN_BIT : 0)
        | Ring.address(position);
  }

  private static long uses(long slot) {
    return slot >>> USES_SHIFT & 3;
  }

  /** Where the entry of a slot lies, or -1 when the slot names none that is there. */
  private long offset(Ring ring, long slot) {
    long position = ring.position(slot & ADDRESS_MASK);
    return position < 0 ? -1 : ring.offset(position);
  }

  // ---- reading, by any thread ----

  /** The value of a key, or null. */
  byte[] get(byte[] key, long hash) {
    int pin = pins.enter();
    try {
      long at = locate(key, hash);
      return at < 0 ? null : valueAt(at);
    } finally {
      pins.exit(pin);
    }
  }

  /** Gives a reader the value of a key in place; null where there is none. */
  <R> R read(byte[] key, long hash, Function<? super ByteBuffer, ? extends R> reader) {
    int pin = pins.enter();
    try {
      long at = locate(key, hash);
      if (at < 0) {
        return null;
      }
      int lengths = memory.getInt(at + 8);
      long valueAt = at + header(lengths) + keyLength(at, lengths);
      ByteBuffer value = memory.slice(valueAt, valueLength(at, lengths)).asReadOnlyBuffer();
      return reader.apply(value.order(ByteOrder.LITTLE_ENDIAN));
    } finally {
      pins.exit(pin);
    }
  }

  /** Where the live entry of a key lies, or -1; pinned. */
  private long locate(byte[] key, long hash) {
    long tag = Index.tag(hash);
    while (true) {
      int before = index.moves();
      boolean again = false;
      long bucket = index.first(hash);
      for (int choice = 0; choice < 2; choice++) {
        for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
          long slot = memory.getLongAcquire(place);
          if (slot >>> TAG_SHIFT != tag) {
            continue;
          }
          Ring ring = ring(slot);
          long at = offset(ring, slot);
          if (at >= 0 && isKeyAt(at, ring.end(), key) && memory.getInt(at) != 0) {
            if (!isTrusted(ring, slot, at) || isExpiredAt(at)) {
              return -1;
            }
            if ((slot & USES_MASK) != USES_MASK) {
              // Counts a use, up to three. A lost race loses a count.
              memory.compareAndSetLong(place, slot, slot + (1L << USES_SHIFT));
            }
            return at;
          }
          // Dead or another key's. If it died under us, the slot has changed before that.
          again |= !Index.isSame(memory.getLongAcquire(place), slot);
        }
        bucket = index.other(bucket, tag);
      }
      if (!again && before == index.moves()) {
        return -1;
      }
    }
  }

  /** Whether an entry that fits in its ring is this process's, or whole: that is seen once. */
  private boolean isTrusted(Ring ring, long slot, long at) {
    long position = ring.position(slot & ADDRESS_MASK);
    if (ring.isTrusted(position, at)) {
      return true;
    }
    if (!isWhole(at)) {
      corrupt.increment();
      return false;
    }
    ring.trust(position, at);
    return true;
  }

  long slots() {
    return index.slots();
  }

  /** How many slots lie before a place. */
  long slotsBefore(long place) {
    return (place - index.start()) / 8;
  }

  /** The place of the first slot in use from {@code place} on, or -1; 0 begins. */
  long nextSlot(long place) {
    return index.next(place);
  }

  /** Key and value of the entry that a slot names; null when there is none, or none any more. */
  byte[][] entryAt(long place) {
    int pin = pins.enter();
    try {
      while (true) {
        long slot = memory.getLongAcquire(place);
        if (slot == EMPTY) {
          return null;
        }
        Ring ring = ring(slot);
        long at = offset(ring, slot);
        if (at >= 0 && bytesAt(at, ring.end()) >= 0 && memory.getInt(at) != 0) {
          return isTrusted(ring, slot, at) && !isExpiredAt(at)
              ? new byte[][] {keyAt(at), valueAt(at)}
              : null;
        }
        if (Index.isSame(memory.getLongAcquire(place), slot)) {
          return null;
        }
      }
    } finally {
      pins.exit(pin);
    }
  }

  /**
   * Verifies the entry that a slot names.
   *
   * @return its bytes; 0 when the slot is empty, -1 when it names no whole entry of its key
   */
  long verify(long place) {
    int pin = pins.enter();
    try {
      while (true) {
        long slot = memory.getLongAcquire(place);
        if (slot == EMPTY) {
          return 0;
        }
        Ring ring = ring(slot);
        long at = offset(ring, slot);
        long bytes = at < 0 ? -1 : bytesAt(at, ring.end());
        if (bytes >= 0 && memory.getInt(at) != 0 && isWhole(at) && isItsPlace(place, slot, at)) {
          return bytes;
        }
        if (Index.isSame(memory.getLongAcquire(place), slot)) {
          return -1;
        }
      }
    } finally {
      pins.exit(pin);
    }
  }

  /** Whether a slot is in a bucket of its entry's key, and has its tag. */
  private boolean isItsPlace(long place, long slot, long at) {
    int lengths = memory.getInt(at + 8);
    long hash = hash(at + header(lengths), keyLength(at, lengths));
    long bucket = index.bucket(place);
    long first = index.first(hash);
    return slot >>> TAG_SHIFT == Index.tag(hash)
        && (bucket == first || bucket == index.other(first, Index.tag(hash)));
  }

  /** Warms the processor's cache for a change of a key; without the lock, so it answers nothing. */
  void prefetch(byte[] key, long hash) {
    int pin = pins.enter();
    try {
      find(key, hash);
    } finally {
      pins.exit(pin);
    }
  }

  // ---- writing, by the one thread that holds the lock ----

  /** Finds the slot of a key: its place in the index, or -1. */
  private long find(byte[] key, long hash) {
    long tag = Index.tag(hash);
    long bucket = index.first(hash);
    for (int choice = 0; choice < 2; choice++) {
      for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
        long slot = memory.getLongAcquire(place);
        if (slot >>> TAG_SHIFT == tag) {
          Ring ring = ring(slot);
          long at = offset(ring, slot);
          if (at >= 0 && isKeyAt(at, ring.end(), key) && memory.getInt(at) != 0) {
            return place;
          }
        }
      }
      bucket = index.other(bucket, tag);
    }
    return -1;
  }

  /**
   * Writes an entry for a key, in the place of one that it may have.
   *
   * @param check what {@link #check} gives for the others
   */
  void put(byte[] key, long hash, byte[] value, int expiry, int check) {
    long bytes = entryBytes(key.length, value.length);
    long charge = charge(bytes);
    long place = find(key, hash);
    if (live + charge - (place < 0 ? 0 : chargeOf(place)) > liveLimit) {
      evictFor(place < 0 ? charge : charge - chargeOf(place));
      place = find(key, hash); // it may have been evicted or moved
    }
    Ring ring = place < 0 ? ringForNew(hash, bytes) : ringForOld(place, bytes);
    long position = takeHole(ring, bytes, lengths(key.length, value.length));
    if (position >= 0) {
      write(ring.offset(position), key, value, expiry, check);
    } else {
      makeRoom(ring, bytes);
      place = find(key, hash);
      position = ring.place(bytes);
      write(ring.offset(position), key, value, expiry, check);
      ring.advance(position + bytes);
    }
    if (place >= 0) {
      long old = memory.getLongVolatile(place);
      Ring oldRing = ring(old);
      long oldAt = offset(oldRing, old);
      long oldBytes = bytesAt(oldAt, oldRing.end());
      tell(oldAt, RemovalCause.REPLACED);
      change(place, old, slot(hash, ring, position, uses(old)), 0, charge - charge(oldBytes));
      retire(oldRing, old, oldAt, oldBytes);
    } else {
      change(slotFor(hash), EMPTY, slot(hash, ring, position, 0), 1, charge);
    }
  }

  /** The ring for a key that has no entry. */
  private Ring ringForNew(long hash, long bytes) {
    return ghosts.remove(hash) || bytes > small.bytes() / 4 ? main : small;
  }

  /** The ring for a new value of an entry: where it is. */
  private Ring ringForOld(long place, long bytes) {
    return bytes > small.bytes() / 4 ? main : ring(memory.getLong(place));
  }

  private void write(long at, byte[] key, byte[] value, int expiry, int check) {
    int lengths = lengths(key.length, value.length);
    long keyAt = at + header(lengths);
    memory.putInt(at + 4, expiry);
    memory.putInt(at + 8, lengths); // where a hole is filled: of the same sum, in one store
    if (lengths < 0) {
      memory.putInt(at + 12, key.length);
      memory.putInt(at + 16, value.length);
    }
    memory.put(keyAt, key);
    memory.put(keyAt + key.length, value);
    memory.putIntRelease(at, check);
  }

  /** Removes a key; whether it was there. */
  boolean remove(byte[] key, long hash, RemovalCause cause) {
    long place = find(key, hash);
    if (place < 0) {
      return false;
    }
    long at = offset(ring(memory.getLong(place)), memory.getLong(place));
    boolean expired = isExpiredAt(at);
    drop(place, expired ? RemovalCause.EXPIRED : cause);
    return !expired;
  }

  /** Empties the slot of an entry that is there, and tells why. */
  private void drop(long place, RemovalCause cause) {
    long slot = memory.getLongVolatile(place);
    Ring ring = ring(slot);
    long at = offset(ring, slot);
    long bytes = bytesAt(at, ring.end());
    tell(at, cause);
    change(place, slot, EMPTY, -1, -charge(bytes));
    retire(ring, slot, at, bytes);
  }

  private void tell(long at, RemovalCause cause) {
    if (cause.wasEvicted()) {
      evictions++;
    }
    if (listener != null) {
      listener.removed(keyAt(at), valueAt(at), cause);
    }
  }

  /** Removes everything. A process that is killed at it leaves it to the next to finish. */
  void clear() {
    memory.putLongVolatile(CacheFormat.CLEARING_AT, 1);
    index.clear();
    entries = 0;
    live = 0;
    storeCounts();
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    for (Ring ring : new Ring[] {small, main}) {
      ring.release(ring.head());
      ring.holes.clear();
    }
    memory.putLongVolatile(CacheFormat.CLEARING_AT, 0);
  }

  /** Removes a slot that {@link #verify(long)} finds damaged; whether it still was. */
  boolean dropDamaged(long place) {
    if (verify(place) >= 0) {
      return false;
    }
    index.replace(place, memory.getLongVolatile(place), EMPTY);
    corrupt.increment();
    return true;
  }

  /** Counts anew, after damage. Takes time in proportion to the index. */
  void recount() {
    long newEntries = 0;
    long newLive = 0;
    for (long place = 0; (place = index.next(place)) >= 0; place += 8) {
      long slot = memory.getLong(place);
      long at = offset(ring(slot), slot);
      long bytes = at < 0 ? -1 : bytesAt(at, ring(slot).end());
      newEntries++;
      newLive += charge(Math.max(bytes, 0));
    }
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    entries = newEntries;
    live = newLive;
    storeCounts();
  }

  /** What an entry counts as: at least what its slot in the index was made for. */
  private long charge(long bytes) {
    return Math.max(bytes, averageEntry);
  }

  private long chargeOf(long place) {
    long slot = memory.getLong(place);
    return charge(bytesAt(offset(ring(slot), slot), ring(slot).end()));
  }

  /** Changes a slot and the counts, so that a process that is killed at it can be caught up. */
  private void change(long place, long slot, long newSlot, long moreEntries, long moreLive) {
    if ((moreEntries | moreLive) == 0) {
      index.replace(place, slot, newSlot);
      return;
    }
    entries += moreEntries;
    live += moreLive;
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    memory.putLongRelease(CacheFormat.CHANGE_SLOT_AT, newSlot);
    memory.putLongRelease(CacheFormat.CHANGE_ENTRIES_AT, entries);
    memory.putLongRelease(CacheFormat.CHANGE_LIVE_AT, live);
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, place);
    index.replace(place, slot, newSlot);
    storeCounts();
  }

  private void storeCounts() {
    memory.putLongRelease(CacheFormat.ENTRIES_AT, entries);
    memory.putLongRelease(CacheFormat.LIVE_AT, live);
  }

  /** An empty slot for a hash; where the index has no more, of another entry that is evicted. */
  private long slotFor(long hash) {
    long free = index.freeSlot(hash);
    if (free >= 0) {
      return free;
    }
    long first = index.first(hash);
    long second = index.other(first, Index.tag(hash));
    long victim = first;
    for (long bucket : new long[] {first, second}) {
      for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
        if (uses(memory.getLong(place)) < uses(memory.getLong(victim))) {
          victim = place;
        }
      }
    }
    if (verify(victim) >= 0) {
      drop(victim, RemovalCause.SIZE);
    } else {
      dropDamaged(victim);
    }
    return victim;
  }

  // ---- making room ----

  /**
   * A dead entry of the ring to take the place of, or -1. The young half only, where entries are
   * evicted by age.
   */
  private long takeHole(Ring ring, long bytes, int lengths) {
    if (lengths < 0) {
      return -1;
    }
    long oldest = ring.tail();
    if (live + capacity / 16 > liveLimit) {
      oldest = Math.max(oldest, ring.head() - ring.bytes() / 2);
    }
    return ring.holes.take((int) bytes, oldest);
  }

  /** Marks an entry dead that no slot names any more, and offers its place. */
  private void retire(Ring ring, long slot, long at, long bytes) {
    memory.putIntRelease(at, 0);
    if (memory.getInt(at + 8) > 0) {
      ring.holes.add(ring.position(slot & ADDRESS_MASK), (int) bytes);
    }
    if ((++retired & RETIRED_A_PERIOD - 1) == 0) {
      newPeriod();
    }
  }

  private boolean newPeriod() {
    if (!pins.advance()) {
      return false;
    }
    small.newPeriod();
    main.newPeriod();
    return true;
  }

  /** Evicts until {@code more} live bytes keep within nine tenths of capacity. */
  private void evictFor(long more) {
    while (live + more > liveLimit) {
      boolean fromSmall = small.head() - small.tail() >= smallShare || main.isEmpty();
      if (fromSmall && small.isEmpty()) {
        recount(); // the counts were damaged: there is nothing left
        return;
      }
      reclaimOldest(fromSmall ? small : main, false);
    }
  }

  /**
   * Makes place by cleaning, which drops nothing that is live. The main ring keeps room for the
   * largest entry beyond that, so that an entry can be copied before its old place is given up.
   */
  private void makeRoom(Ring ring, long bytes) {
    long reserve = ring == main ? largestEntry() : 0;
    long lap = ring.tail() + ring.bytes();
    while (!ring.hasRoom(bytes, reserve)) {
      reclaimOldest(ring, ring.tail() < lap); // a whole lap gains something, unless counts lie
    }
    waitUntilFree(ring, bytes);
  }

  /** Waits for readers that are in what was given up. */
  private void waitUntilFree(Ring ring, long bytes) {
    for (int tries = 0; !ring.isFree(bytes); tries++) {
      if (!newPeriod()) {
        if (tries < 100) {
          Thread.onSpinWait();
        } else if (tries < 200) {
          Thread.yield();
        } else {
          refuseInReader();
          LockSupport.parkNanos(50_000);
        }
      }
    }
  }

  /** A reader that changes the cache would wait for itself. */
  private static void refuseInReader() {
    boolean inReader =
        StackWalker.getInstance()
            .walk(
                frames ->
                    frames.anyMatch(
                        frame ->
                            frame.getClassName().equals(Engine.class.getName())
                                && frame.getMethodName().equals("read")));
    if (inReader) {
      throw new IllegalStateException(
          "a reader that is given a value in place must not change a cache: do it after read");
    }
  }

  /**
   * Gives up a ring's oldest entry: it is dead, moves on to the main ring's head, or is evicted.
   *
   * @param keep move it on although it was not used
   */
  private void reclaimOldest(Ring ring, boolean keep) {
    long tail = ring.tail();
    long at = ring.offset(tail);
    long room = ring.end() - at;
    if (room < 16 || memory.getInt(at + 8) == 0) {
      ring.release(Math.min(tail + room, ring.head())); // a filler
      return;
    }
    long bytes = bytesAt(at, ring.end());
    if (bytes < 0 || tail + bytes > ring.head()) {
      skipDamage(ring);
      return;
    }
    if (memory.getInt(at) != 0) {
      int lengths = memory.getInt(at + 8);
      long hash = hash(at + header(lengths), keyLength(at, lengths));
      long place = slotOf(hash, ring, tail);
      if (place >= 0) {
        reclaim(ring, tail, at, bytes, hash, place, keep);
      }
    }
    ring.release(tail + bytes);
  }

  private void reclaim(
      Ring ring, long position, long at, long bytes, long hash, long place, boolean keep) {
    long slot = memory.getLongVolatile(place);
    if (!isTrusted(ring, slot, at)) {
      change(place, slot, EMPTY, -1, -charge(bytes));
      memory.putIntRelease(at, 0);
    } else if (isExpiredAt(at)) {
      drop(place, RemovalCause.EXPIRED);
    } else if (keep || uses(slot) != 0) {
      moveOn(ring, place, slot, hash, at, bytes);
    } else {
      if (ring == small) {
        ghosts.add(hash);
      }
      drop(place, RemovalCause.SIZE);
    }
  }

  /** Copies an entry to the head of the main ring, with one use less. */
  private void moveOn(Ring ring, long place, long slot, long hash, long at, long bytes) {
    if (ring == small) {
      makeRoom(main, bytes);
    } else {
      waitUntilFree(main, bytes);
    }
    long position = main.place(bytes);
    memory.copyTo(at, memory, main.offset(position), bytes);
    main.advance(position + bytes);
    index.replace(place, slot, slot(hash, main, position, Math.max(0, uses(slot) - 1)));
    memory.putIntRelease(at, 0);
  }

  private long slotOf(long hash, Ring ring, long position) {
    long wanted = slot(hash, ring, position, 0);
    long bucket = index.first(hash);
    for (int choice = 0; choice < 2; choice++) {
      for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
        if (Index.isSame(memory.getLong(place), wanted)) {
          return place;
        }
      }
      bucket = index.other(bucket, Index.tag(hash));
    }
    return -1;
  }

  /**
   * The ring cannot be walked on from its tail: damaged memory. Goes on at the oldest entry beyond
   * that a slot names. Takes time in proportion to the index.
   */
  private void skipDamage(Ring ring) {
    corrupt.increment();
    long next = ring.head();
    for (long place = 0; (place = index.next(place)) >= 0; place += 8) {
      long slot = memory.getLong(place);
      if (ring(slot) == ring) {
        long position = ring.position(slot & ADDRESS_MASK);
        if (position <= ring.tail()) {
          index.replace(place, memory.getLongVolatile(place), EMPTY);
        } else {
          next = Math.min(next, position);
        }
      }
    }
    ring.release(next);
    recount();
  }
}
