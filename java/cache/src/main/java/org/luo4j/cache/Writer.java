/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;
import static org.luo4j.cache.Index.EMPTY;
import static org.luo4j.cache.Index.MAIN_BIT;
import static org.luo4j.cache.Index.TAG_SHIFT;
import static org.luo4j.cache.Index.USES_SHIFT;

import java.util.concurrent.locks.LockSupport;

/**
 * Puts, removes, evicts and cleans: one thread at a time, which the caller sees to.
 *
 * <p>Eviction is S3-FIFO (Yang et al., SOSP 2023) over rings: what is put goes to the small ring;
 * what was used when it reaches the small ring's end, or was evicted not long ago, goes to the main
 * ring; what was used when it reaches the main ring's end goes round once more. While live bytes
 * are at most nine tenths of the capacity nothing is evicted: entries go round as often as needed.
 */
final class Writer {

  /** Is told of an entry that is gone, while the lock is held. */
  interface Listener {
    void removed(byte[] key, byte[] value, RemovalCause cause);
  }

  /** Retired places are offered for use after so many of them, if readers have left. */
  private static final int RETIRED_A_PERIOD = 8;

  private final Reader reader;
  private final Memory memory;
  private final Index index;
  private final Ring small;
  private final Ring main;
  private final long capacity;
  private final int averageEntry;
  private final long liveLimit;
  private final long smallShare;
  private final Ghosts ghosts;

  private Listener listener;
  private long entries;
  private long live;
  private long evictions;
  private int retired;

  Writer(Reader reader, CacheFormat.Layout layout) {
    this.reader = reader;
    this.memory = reader.memory;
    this.index = reader.index;
    this.small = reader.small;
    this.main = reader.main;
    this.capacity = layout.capacity();
    this.averageEntry = layout.averageEntry();
    this.liveLimit = capacity / 10 * 9;
    this.smallShare = liveLimit / 10;
    this.ghosts = new Ghosts(index.slots());
    this.entries = reader.entries();
    this.live = reader.liveBytes();
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

  Reader reader() {
    return reader;
  }

  void onRemoval(Listener newListener) {
    listener = newListener;
  }

  /** The largest entry, header and padding included. */
  long largestEntry() {
    return capacity / 8;
  }

  /** Entries that were evicted; read by any thread, perhaps a little late. */
  long evictions() {
    return evictions;
  }

  // ---- slots ----

  private long slot(long hash, Ring ring, long position, long uses) {
    return Index.tag(hash) << TAG_SHIFT
        | uses << USES_SHIFT
        | (ring == main ? MAIN_BIT : 0)
        | Ring.address(position);
  }

  private static long uses(long slot) {
    return slot >>> USES_SHIFT & 3;
  }

  // ---- changes ----

  /**
   * Writes an entry for a key, instead of one that it may have.
   *
   * @param check what {@link Entry#check} gives for the others
   * @param hint where the key's slot probably is, or -1
   */
  void put(byte[] key, long hash, byte[] value, int expiry, int check, long hint) {
    long bytes = Entry.bytes(key.length, value.length);
    long place = reader.find(key, hash, hint);
    long old = place < 0 ? EMPTY : memory.getLongVolatile(place);
    long oldBytes = place < 0 ? 0 : reader.bytes(old);
    long more = charge(bytes) - (place < 0 ? 0 : charge(oldBytes));
    if (live + more > liveLimit) {
      evictFor(more);
      place = reader.find(key, hash); // it may have been evicted or moved
      old = place < 0 ? EMPTY : memory.getLongVolatile(place);
    }
    boolean tooLarge = bytes > small.bytes() / 4;
    Ring ring =
        place < 0
            ? ghosts.remove(hash) || tooLarge ? main : small
            : tooLarge ? main : reader.ring(old);
    long position = Entry.isShort(key, value) ? takeHole(ring, bytes) : -1;
    if (position >= 0) {
      Entry.write(memory, ring.offset(position), key, value, expiry, check);
    } else {
      makeRoom(ring, bytes);
      place = reader.find(key, hash);
      old = place < 0 ? EMPTY : memory.getLongVolatile(place);
      position = ring.place(bytes);
      Entry.write(memory, ring.offset(position), key, value, expiry, check);
      ring.advance(position + bytes);
    }
    if (place >= 0) {
      long oldAt = reader.offset(old);
      tell(old, oldAt, RemovalCause.REPLACED);
      oldBytes = reader.bytes(old);
      long newSlot = slot(hash, ring, position, uses(old));
      change(place, old, newSlot, 0, charge(bytes) - charge(oldBytes));
      retire(old, oldAt, oldBytes);
    } else {
      change(slotFor(hash), EMPTY, slot(hash, ring, position, 0), 1, charge(bytes));
    }
  }

  /** Removes a key; whether it was there. */
  boolean remove(byte[] key, long hash, RemovalCause cause) {
    long place = reader.find(key, hash);
    if (place < 0) {
      return false;
    }
    boolean expired = reader.isExpired(reader.offset(memory.getLong(place)));
    drop(place, expired ? RemovalCause.EXPIRED : cause);
    return !expired;
  }

  /** Empties the slot of an entry that is there, and tells why. */
  private void drop(long place, RemovalCause cause) {
    long slot = memory.getLongVolatile(place);
    long bytes = reader.bytes(slot);
    long at = reader.offset(slot);
    tell(slot, at, cause);
    change(place, slot, EMPTY, -1, -charge(bytes));
    retire(slot, at, bytes);
  }

  /** Tells why an entry is gone; one that is damaged is counted as that instead. */
  private void tell(long slot, long at, RemovalCause cause) {
    if (cause.wasEvicted()) {
      evictions++;
    }
    if (listener == null) {
      return;
    }
    if (reader.isTrusted(slot, at)) {
      listener.removed(Entry.key(memory, at), Entry.value(memory, at), cause);
    } else {
      reader.corrupt.increment();
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

  /** Removes a slot that {@link Reader#verify} finds damaged; whether it still was. */
  boolean dropDamaged(long place) {
    if (reader.verify(place) >= 0) {
      return false;
    }
    index.replace(place, memory.getLongVolatile(place), EMPTY);
    reader.corrupt.increment();
    return true;
  }

  /** Counts anew, after damage. Takes time in proportion to the index. */
  void recount() {
    long newEntries = 0;
    long newLive = 0;
    for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
      newEntries++;
      newLive += charge(reader.bytes(memory.getLong(place)));
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
    if (reader.verify(victim) >= 0) {
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
  private long takeHole(Ring ring, long bytes) {
    long oldest = ring.tail();
    if (live + capacity / 16 > liveLimit) {
      oldest = Math.max(oldest, ring.head() - ring.bytes() / 2);
    }
    return ring.holes.take((int) bytes, oldest);
  }

  /** Marks an entry dead that no slot names any more, and offers its place. */
  private void retire(long slot, long at, long bytes) {
    // A damaged length would have the place reach into the next entry.
    boolean reusable = Entry.isShort(memory, at) && reader.isTrusted(slot, at);
    Entry.kill(memory, at);
    if (reusable) {
      Ring ring = reader.ring(slot);
      ring.holes.add(ring.position(slot), (int) bytes);
    }
    if ((++retired & RETIRED_A_PERIOD - 1) == 0) {
      newPeriod();
    }
  }

  private boolean newPeriod() {
    if (!reader.pins.advance()) {
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
   * largest entry and a filler before it beyond that, so that wherever the head is an entry can be
   * copied before its old place is given up.
   */
  private void makeRoom(Ring ring, long bytes) {
    long reserve = ring == main ? 2 * largestEntry() : 0;
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
          if (Reader.isInRead()) {
            throw new IllegalStateException(
                "a function that is given a value in place must not change a cache, which would"
                    + " wait for it: change it after read has returned");
          }
          LockSupport.parkNanos(50_000);
        }
      }
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
    if (Entry.isFiller(memory, at, ring.end())) {
      ring.release(Math.min(tail + ring.end() - at, ring.head()));
      return;
    }
    long bytes = Entry.bytes(memory, at, ring.end());
    if (bytes < 0 || tail + bytes > ring.head()) {
      skipDamage(ring);
      return;
    }
    if (!Entry.isDead(memory, at)) {
      long hash = reader.hash(at);
      long place = placeOf(hash, ring, tail);
      if (place >= 0) {
        reclaim(ring, at, bytes, hash, place, keep);
      }
    }
    ring.release(tail + bytes);
  }

  private void reclaim(Ring ring, long at, long bytes, long hash, long place, boolean keep) {
    long slot = memory.getLongVolatile(place);
    if (!reader.isTrusted(slot, at)) {
      reader.corrupt.increment();
      change(place, slot, EMPTY, -1, -charge(bytes));
      Entry.kill(memory, at);
    } else if (reader.isExpired(at)) {
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
    } else if (main.hasRoom(bytes, 0)) {
      waitUntilFree(main, bytes);
    } else {
      drop(place, RemovalCause.SIZE); // only damaged memory has no room kept for moving
      return;
    }
    long position = main.place(bytes);
    memory.copy(at, main.offset(position), bytes);
    main.advance(position + bytes);
    index.replace(place, slot, slot(hash, main, position, Math.max(0, uses(slot) - 1)));
    Entry.kill(memory, at);
  }

  private long placeOf(long hash, Ring ring, long position) {
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
    reader.corrupt.increment();
    long next = ring.head();
    for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
      long slot = memory.getLong(place);
      if (reader.ring(slot) == ring) {
        long position = ring.position(slot);
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
