/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;
import static org.luo4j.cache.Index.EMPTY;
import static org.luo4j.cache.Index.MAIN_BIT;
import static org.luo4j.cache.Index.TAG_SHIFT;
import static org.luo4j.cache.Index.USES_SHIFT;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

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

  /**
   * A function that was given a value in place has kept memory from being used again for too long.
   * It unwinds a change before anything of it is visible.
   */
  static final class Stalled extends RuntimeException {
    private static final long serialVersionUID = 1L;
    static final Stalled INSTANCE = new Stalled();

    private Stalled() {
      super("memory is held by a reader", null, false, false);
    }
  }

  /** How long a change waits for a function that keeps it from memory that was given up. */
  static final long STALL_NANOS = 1_000_000_000;

  /** What a pause counts for at most: the whole process may have been stopped in it. */
  private static final long MAX_PAUSE_NANOS = 10_000_000;

  /** Retired places are offered for use after so many of them, if readers have left. */
  private static final int RETIRED_A_PERIOD = 8;

  private static final int SPINS = 100;
  private static final int YIELDS = 200;
  private static final long PAUSE_NANOS = 50_000;

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  /** How many slots {@link #removeSome} empties. */
  private static final long SLOTS_AT_ONCE = 64;

  /** How many bytes {@link #removeSome} removes, and one entry more. */
  private static final long BYTES_AT_ONCE = 1 << 20;

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
  private final Overwrites overwrites;

  /** Whether dead entries have marks: those of an early version have none. */
  private final boolean areDeadMarked;

  private @Nullable Listener listener;
  private long entries;
  private long live;
  private long evictions;
  private int retired;

  /** The period in which a reader was found to stall, or -1: nobody waits for it once more. */
  private long stalledPeriod = -1;

  private volatile long dropped;

  /** Where entries that are damaged have left the index since the slots were counted; or null. */
  private @Nullable Ring uncounted;

  /** The slots are counted when the tail of {@link #uncounted} comes here. */
  private long countAt;

  Writer(Reader reader, CacheFormat.Layout layout) {
    this.reader = reader;
    this.memory = reader.memory;
    this.index = reader.index;
    this.small = reader.small;
    this.main = reader.main;
    this.capacity = layout.capacity();
    this.averageEntry = layout.averageEntry();
    this.liveLimit = capacity * 9 / 10;
    this.smallShare = liveLimit / 10;
    this.ghosts = new Ghosts(index.slots());
    this.overwrites = new Overwrites(reader);
    this.entries = memory.getLong(CacheFormat.ENTRIES_AT);
    this.live = memory.getLong(CacheFormat.LIVE_AT);
    this.areDeadMarked = (memory.getInt(CacheFormat.FEATURES_AT) & CacheFormat.MARKED_DEAD) != 0;
  }

  /** Null, or why the memory's contents cannot be used. Writes nothing. */
  @Nullable String damage() {
    String damage = small.damage();
    if (damage == null) {
      damage = main.damage();
    }
    return damage == null ? null : "the old memory is damaged: " + damage;
  }

  private boolean arePossible(long someEntries, long someBytes) {
    return someEntries >= 0
        && someEntries <= index.slots()
        && someBytes >= 0
        && someBytes <= capacity;
  }

  /**
   * Finishes what a killed process was at, and what one that closed left to the next. If this
   * process dies here, the next open finishes the work.
   */
  void recover() {
    index.finishMove();
    finishChange();
    if (memory.getLong(CacheFormat.CLEARING_AT) == CacheFormat.CLEARING) {
      clear();
    }
    memory.putLongRelease(CacheFormat.CLEARING_AT, 0); // where it is damaged
    long check = CacheFormat.countsCheck(entries, live);
    if (memory.getLong(CacheFormat.RECOUNT_AT) != 0
        || memory.getLong(CacheFormat.COUNTS_CHECK_AT) != check) {
      recount(); // it was killed while it stored the counts, or they are damaged
    }
  }

  /**
   * Sets right what a change left that an Error has ended, at any point, on the heap and in the
   * memory. Takes time in proportion to the index.
   */
  void finishFailed() {
    index.finishMove();
    for (Ring ring : new Ring[] {small, main}) {
      ring.storeEnds();
      ring.holes.clear();
    }
    if (memory.getLong(CacheFormat.CLEARING_AT) == CacheFormat.CLEARING) {
      clear();
    }
    recount();
  }

  private void finishChange() {
    long place = memory.getLong(CacheFormat.CHANGE_PLACE_AT);
    if (place == 0) {
      return;
    }
    long newEntries = memory.getLong(CacheFormat.CHANGE_ENTRIES_AT);
    long newLive = memory.getLong(CacheFormat.CHANGE_LIVE_AT);
    if (!index.isPlace(place) || !arePossible(newEntries, newLive)) {
      recount(); // the record is damaged
      return;
    }
    long slot = memory.getLong(place);
    if (Index.isSame(slot, memory.getLong(CacheFormat.CHANGE_SLOT_AT))) {
      entries = newEntries;
      live = newLive;
      storeCounts();
    } else if (!Index.isSame(slot, memory.getLong(CacheFormat.CHANGE_OLD_AT))) {
      recount(); // overwritten before or after
    }
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
  }

  Overwrites overwrites() {
    return overwrites;
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
        | ring.inSlot(position);
  }

  private static long uses(long slot) {
    return slot >>> USES_SHIFT & 3;
  }

  // ---- changes ----

  /** The slot of a key, or empty. */
  long slotOf(byte[] key, long hash) {
    return slotAt(reader.find(key, hash));
  }

  private long slotAt(long place) {
    return place < 0 ? EMPTY : memory.getLongVolatile(place);
  }

  /**
   * Writes an entry for a key, instead of one that it may have. Where no memory can be had, as a
   * reader stalls, the key has no entry afterwards, as if the new one had been evicted at once.
   *
   * @param check what {@link Entry#check} gives for the others
   */
  void put(byte[] key, long hash, byte[] value, int expiry, int check) {
    while (!tryPutOrDrop(
        key, hash, value, expiry, check, slotOf(key, hash), reader.pins.period())) {
      // Another thread has overwritten it, or it was moved or evicted to make room.
      Thread.onSpinWait();
    }
  }

  /** As tryPut, but done too where no memory can be had: see put. */
  boolean tryPutOrDrop(
      byte[] key, long hash, byte[] value, int expiry, int check, long expected, long period) {
    try {
      return tryPut(key, hash, value, expiry, check, expected, period);
    } catch (Stalled e) {
      remove(key, hash, RemovalCause.REPLACED);
      dropped(key, value);
      return true;
    }
  }

  /** Counts an entry that was put and found no room, and tells of it as of one that was evicted. */
  private void dropped(byte[] key, byte[] value) {
    dropped = dropped + 1;
    if (listener != null) {
      listener.removed(key, value, RemovalCause.SIZE);
    }
  }

  /** Entries that were put and found no room, as a reader stalled; read by any thread. */
  long dropped() {
    return dropped;
  }

  /**
   * As put, if the key's slot is as expected, and names the same entry as in the period in which it
   * was seen; whether it was done.
   */
  boolean tryPut(
      byte[] key, long hash, byte[] value, int expiry, int check, long expected, long period) {
    long bytes = Entry.bytes(key.length, value.length);
    long place = reader.find(key, hash);
    long old = slotAt(place);
    if (!isStill(expected, period, old) || isDamaged(place, old)) {
      return false;
    }
    long more = charge(bytes) - (place < 0 ? 0 : charge(reader.bytes(old)));
    if (live + more > liveLimit) {
      evictFor(more);
      place = reader.find(key, hash);
      old = slotAt(place);
      if (!isStill(expected, period, old)) {
        return false;
      }
    }
    boolean tooLarge = bytes > small.bytes() / 4;
    boolean wasGhost = place < 0 && ghosts.remove(hash);
    Ring ring = tooLarge || wasGhost ? main : place < 0 ? small : reader.ring(old);
    long position = Entry.isShort(key, value) ? takeHole(ring, bytes) : -1;
    if (position >= 0) {
      Entry.write(memory, ring.offset(position), key, value, expiry, check);
    } else {
      makeRoom(ring, bytes);
      place = reader.find(key, hash);
      old = slotAt(place);
      if (!isStill(expected, period, old)) {
        if (wasGhost) {
          ghosts.add(hash); // for the next try
        }
        return false;
      }
      position = ring.place(bytes);
      Entry.write(memory, ring.offset(position), key, value, expiry, check);
      ring.advance(position + bytes);
    }
    reader.checkWritten(ring.offset(position), bytes);
    if (place < 0) {
      change(slotFor(hash), EMPTY, slot(hash, ring, position, 0), 1, charge(bytes));
      return true;
    }
    long oldAt = reader.offset(old);
    long oldBytes = reader.bytes(old);
    long newSlot = slot(hash, ring, position, uses(old));
    if (!change(place, old, newSlot, 0, charge(bytes) - charge(oldBytes))) {
      Entry.kill(memory, ring.offset(position));
      return false;
    }
    boolean expired = reader.isExpired(oldAt);
    if (expired) {
      evictions++;
    }
    tell(oldAt, expired ? RemovalCause.EXPIRED : RemovalCause.REPLACED);
    retire(old, oldAt, oldBytes, true);
    return true;
  }

  /**
   * Whether a key's slot names the entry that it named in a period: two periods later another one
   * of the key may be in the same place, as overwrites go on while room is made.
   */
  private boolean isStill(long expected, long period, long slot) {
    return Index.isSame(slot, expected) && reader.pins.period() - period <= 1;
  }

  /** Removes a key; whether it was there. */
  boolean remove(byte[] key, long hash, RemovalCause cause) {
    while (true) {
      long place = reader.find(key, hash);
      if (place < 0) {
        return false;
      }
      long slot = memory.getLongVolatile(place);
      if (isDamaged(place, slot)) {
        continue;
      }
      boolean expired = reader.isExpired(reader.offset(slot));
      if (drop(place, slot, expired ? RemovalCause.EXPIRED : cause)) {
        return !expired;
      }
    }
  }

  /**
   * Whether the entry of a slot is damaged, or no longer there. A damaged one is gone from the
   * index then: what it was counted as is not known, so that the slots are counted later.
   *
   * @param place -1 for none: not damaged
   */
  private boolean isDamaged(long place, long slot) {
    if (place < 0 || slot == EMPTY || reader.isTrusted(slot, reader.offset(slot))) {
      return false;
    }
    if (Index.isSame(memory.getLongVolatile(place), slot)) { // else it was overwritten, and died
      countLater(reader.ring(slot));
      if (index.replace(place, slot, EMPTY)) {
        reader.corrupt.increment();
      }
    }
    return true;
  }

  /** As remove, unless the key's slot is another by now; whether it was done. */
  boolean tryRemove(byte[] key, long hash, long expected) {
    long place = reader.find(key, hash);
    if (place < 0 || !Index.isSame(slotAt(place), expected)) {
      return place < 0 && expected == EMPTY;
    }
    if (isDamaged(place, expected)) {
      return false;
    }
    boolean expired = reader.isExpired(reader.offset(expected));
    return drop(place, expected, expired ? RemovalCause.EXPIRED : RemovalCause.EXPLICIT);
  }

  /** Empties the slot of a whole entry, and tells why; whether it was still that entry's. */
  private boolean drop(long place, long slot, RemovalCause cause) {
    long bytes = reader.bytes(slot);
    long at = reader.offset(slot);
    if (!change(place, slot, EMPTY, -1, -charge(bytes))) {
      return false;
    }
    if (cause.wasEvicted()) {
      evictions++;
    }
    tell(at, cause);
    retire(slot, at, bytes, false);
    return true;
  }

  private void tell(long at, RemovalCause cause) {
    if (listener != null) {
      listener.removed(Entry.key(memory, at), Entry.value(memory, at), cause);
    }
  }

  /**
   * Has expiry count from now on, where so much time has passed that nothing can have an expiry any
   * more: all that has one is past, and is removed.
   */
  void renewBase() {
    if (reader.clock.isUsedUp()) {
      stopOverwrites();
      dropExpired(true);
      reader.clock.newBase();
    }
  }

  /**
   * Removes what has expired, or all that can expire.
   *
   * @return whether nothing is left that can expire
   */
  boolean dropExpired(boolean all) {
    boolean none = true;
    for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
      long slot = memory.getLongVolatile(place);
      long at = reader.offset(slot);
      if (at >= 0
          && reader.bytes(slot) >= 0
          && Entry.expiry(memory, at) != 0
          && !isDamaged(place, slot)) {
        if (!all && !reader.isExpired(at)) {
          none = false;
        } else {
          drop(place, slot, RemovalCause.EXPIRED);
        }
      }
    }
    return none;
  }

  /**
   * Removes the entries of {@link #SLOTS_AT_ONCE} slots from a place of the index on, or fewer that
   * are {@link #BYTES_AT_ONCE} together.
   *
   * @return the place to go on at
   */
  long removeSome(long from) {
    long bytes = 0;
    long place = from;
    long end = from + 8 * SLOTS_AT_ONCE;
    for (; place < end && bytes < BYTES_AT_ONCE && index.isPlace(place); place += 8) {
      long slot = memory.getLongVolatile(place);
      if (slot == EMPTY) {
        continue;
      }
      long found = reader.verify(place);
      if (found >= 0) {
        boolean expired = reader.isExpired(reader.offset(slot));
        drop(place, slot, expired ? RemovalCause.EXPIRED : RemovalCause.EXPLICIT);
        bytes += found;
      } else {
        dropDamaged(place);
      }
    }
    return place;
  }

  /** Removes everything. A process that is killed at it leaves it to the next to finish. */
  void clear() {
    stopOverwrites();
    memory.putLongVolatile(CacheFormat.CLEARING_AT, CacheFormat.CLEARING);
    index.clear();
    entries = 0;
    live = 0;
    storeCounts();
    uncounted = null;
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    memory.putLongRelease(CacheFormat.RECOUNT_AT, 0);
    for (Ring ring : new Ring[] {small, main}) {
      ring.release(ring.head());
      ring.holes.clear();
    }
    memory.putLongVolatile(CacheFormat.CLEARING_AT, 0);
  }

  /**
   * Removes a slot that {@link Reader#verify} finds damaged. The caller calls {@link #recount}
   * afterwards: nobody knows what the entry counted as.
   *
   * @return whether it still was damaged
   */
  boolean dropDamaged(long place) {
    long slot = memory.getLongVolatile(place);
    if (reader.verify(place) >= 0) {
      return false;
    }
    memory.putLongRelease(CacheFormat.RECOUNT_AT, 1);
    if (!index.replace(place, slot, EMPTY)) {
      return false;
    }
    reader.corrupt.increment();
    return true;
  }

  /**
   * Counts anew, after damage, and empties each slot that names no live entry. Takes time in
   * proportion to the index.
   */
  void recount() {
    memory.putLongRelease(CacheFormat.RECOUNT_AT, 1);
    long newEntries = 0;
    long newLive = 0;
    for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
      long bytes = liveBytes(place);
      if (bytes >= 0) {
        newEntries++;
        newLive += charge(bytes);
      }
    }
    entries = newEntries;
    live = newLive;
    storeCounts();
    uncounted = null;
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    memory.putLongRelease(CacheFormat.RECOUNT_AT, 0);
  }

  /** Counts anew where damaged entries have left the index since the slots were counted. */
  void recountIfUnsure() {
    if (uncounted != null) {
      recount();
    }
  }

  /** What the entry of a slot takes; -1 when it names none that is alive: then it is emptied. */
  private long liveBytes(long place) {
    while (true) {
      long slot = memory.getLongVolatile(place);
      long bytes = reader.bytes(slot);
      if (bytes >= 0 && !Entry.isDead(memory, reader.offset(slot))) {
        return bytes;
      }
      if (index.replace(place, slot, EMPTY)) { // else it has been overwritten
        reader.corrupt.increment();
        return -1;
      }
    }
  }

  /** What an entry counts as: at least what its slot in the index was made for. */
  private long charge(long bytes) {
    return Math.max(bytes, averageEntry);
  }

  /**
   * Changes a slot and the counts, so that a process that is killed at it can be caught up; whether
   * the slot still named the entry.
   */
  private boolean change(long place, long slot, long newSlot, long moreEntries, long moreLive) {
    if ((moreEntries | moreLive) == 0) {
      return index.replace(place, slot, newSlot);
    }
    memory.putLongRelease(CacheFormat.CHANGE_OLD_AT, slot);
    memory.putLongRelease(CacheFormat.CHANGE_SLOT_AT, newSlot);
    memory.putLongRelease(CacheFormat.CHANGE_ENTRIES_AT, entries + moreEntries);
    memory.putLongRelease(CacheFormat.CHANGE_LIVE_AT, live + moreLive);
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, place);
    boolean done = index.replace(place, slot, newSlot);
    if (done) {
      entries += moreEntries;
      live += moreLive;
      storeCounts();
    }
    memory.putLongRelease(CacheFormat.CHANGE_PLACE_AT, 0);
    return done;
  }

  private void storeCounts() {
    memory.putLongRelease(CacheFormat.ENTRIES_AT, entries);
    memory.putLongRelease(CacheFormat.LIVE_AT, live);
    memory.putLongRelease(CacheFormat.COUNTS_CHECK_AT, CacheFormat.countsCheck(entries, live));
  }

  /** An empty slot for a hash; where the index has no more, of another entry that is evicted. */
  private long slotFor(long hash) {
    long free = index.freeSlot(hash);
    if (free >= 0) {
      return free;
    }
    long place = -1;
    while (place < 0) {
      place = evictOneOf(hash); // unless another thread has overwritten it
    }
    return place;
  }

  /** Evicts the least used entry of the two buckets of a hash; the place of its slot, or -1. */
  private long evictOneOf(long hash) {
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
    long slot = memory.getLongVolatile(victim);
    if (reader.verify(victim) >= 0) {
      return drop(victim, slot, RemovalCause.SIZE) ? victim : -1;
    }
    boolean done = dropDamaged(victim);
    recount();
    return done ? victim : -1;
  }

  // ---- making room ----

  /**
   * A dead entry of the ring to take the place of, or -1. The young half only, where entries are
   * evicted by age.
   */
  private long takeHole(Ring ring, long bytes) {
    return ring.holes.take((int) bytes, ring.youngFrom());
  }

  /**
   * Marks a whole entry dead that no slot names any more, and offers its place.
   *
   * @param overwritten the thread may go on overwriting: it keeps the place for that
   */
  private void retire(long slot, long at, long bytes, boolean overwritten) {
    Entry.kill(memory, at);
    if (Entry.isShort(memory, at)) {
      Ring ring = reader.ring(slot);
      long position = ring.position(slot);
      if (!overwritten || !overwrites.keep(ring, position, (int) bytes)) {
        ring.holes.add(position, (int) bytes);
      }
    }
    if ((++retired & RETIRED_A_PERIOD - 1) == 0) {
      newPeriod();
    }
  }

  /** Begins a new period, if readers have left; whether it was done. */
  boolean newPeriod() {
    small.raiseReusable();
    main.raiseReusable();
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
    if (!ring.isFree(bytes)) {
      awaitPeriods(() -> ring.isFree(bytes));
    }
  }

  /** What {@link #awaitPeriods} waits for. */
  private interface Condition {
    boolean holds();
  }

  /**
   * Begins periods, and waits for readers, until a condition holds: for a function of the user's no
   * longer than {@link #STALL_NANOS}, for other calls, which are short, as long as they take.
   *
   * @throws Stalled when a function does not end
   */
  private void awaitPeriods(Condition condition) {
    long waited = 0;
    for (int tries = 0; !condition.holds(); tries++) {
      if (newPeriod()) {
        continue;
      }
      if (tries < SPINS && stalledPeriod != reader.pins.period()) {
        Thread.onSpinWait();
      } else if (tries < YIELDS && stalledPeriod != reader.pins.period()) {
        Thread.yield();
      } else {
        waited = awaitReaders(waited);
      }
    }
  }

  /**
   * Waits a moment for a reader, unless a function has stalled for too long.
   *
   * @param waited for how many ns a function has been waited for
   * @return the same after the moment
   */
  private long awaitReaders(long waited) {
    long start = System.nanoTime();
    boolean isFunction = reader.pins.isKeptByFunction();
    if (isFunction && waited == 0 && Reader.isInRead()) {
      throw new IllegalStateException(
          "a function that is given a value in place must not change a cache, which would"
              + " wait for it: change it after read has returned");
    }
    memory.checkSound();
    long period = reader.pins.period();
    if (isFunction && stalledPeriod == period) {
      throw Stalled.INSTANCE;
    }
    if (isFunction && waited > STALL_NANOS) {
      stalledPeriod = period;
      LOG.log(
          System.Logger.Level.WARNING,
          "a function given to WarmCache.read has not returned for a second, "
              + Reader.whoReads()
              + ": until it does, what is put and needs the memory that it holds is dropped");
      throw Stalled.INSTANCE;
    }
    boolean interrupted = Thread.interrupted(); // which would make the pause none
    LockSupport.parkNanos(PAUSE_NANOS);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return isFunction ? waited + Math.min(System.nanoTime() - start, MAX_PAUSE_NANOS) : 0;
  }

  /** Has no thread overwrite, and none begin to before entries have been added. */
  private void stopOverwrites() {
    small.forbidReuse();
    main.forbidReuse();
    reader.awaitOverwrites();
  }

  /**
   * Gives up a ring's oldest entry: it is dead, moves on to the main ring's head, or is evicted.
   *
   * @param keep move it on although it was not used
   */
  private void reclaimOldest(Ring ring, boolean keep) {
    if (!ring.mayPass()) {
      awaitPeriods(ring::mayPass);
    }
    long tail = ring.tail();
    long at = ring.offset(tail);
    if (Entry.isFiller(memory, at, ring.end(), areDeadMarked)) {
      ring.release(Math.min(tail + ring.end() - at, ring.head()));
      return;
    }
    long bytes = Entry.bytes(memory, at, ring.end());
    boolean isDead = Entry.isDead(memory, at);
    boolean fits = bytes >= 0 && tail + bytes <= ring.head();
    if (!fits || !isOfSize(ring, tail, at, bytes, isDead)) {
      skipDamage(ring, fits && !isDead);
      return;
    }
    if (!isDead) {
      long hash = reader.hash(at);
      long place = placeOf(hash, ring, tail);
      if (place >= 0) {
        reclaim(ring, at, bytes, hash, place, keep);
      }
    }
    ring.release(tail + bytes);
    if (ring == uncounted && ring.tail() >= countAt) {
      recount();
    }
  }

  /**
   * Whether the oldest entry's size is to be believed: a wrong one would pass entries that live, or
   * end in the midst of one.
   */
  private boolean isOfSize(Ring ring, long tail, long at, long bytes, boolean isDead) {
    return isDead
        ? !areDeadMarked || Entry.isMarked(memory, at, bytes)
        : reader.isTrusted(ring, tail, at) || Entry.isMarked(memory, at, bytes); // it died since
  }

  /** Takes an entry out of the index or moves it on, unless it has been overwritten meanwhile. */
  private void reclaim(Ring ring, long at, long bytes, long hash, long place, boolean keep) {
    long slot = memory.getLongVolatile(place);
    if (!names(slot, hash, ring, ring.tail())) {
      return;
    }
    if (reader.isExpired(at)) {
      drop(place, slot, RemovalCause.EXPIRED);
    } else if (keep || uses(slot) != 0) {
      moveOn(ring, place, slot, hash, at, bytes);
    } else if (drop(place, slot, RemovalCause.SIZE)) {
      ring.evicted();
      if (ring == small) {
        ghosts.add(hash);
      }
    }
  }

  /** Has the slots counted once a ring has gone round, or when the memory is opened again. */
  private void countLater(Ring ring) {
    if (uncounted == null) {
      memory.putLongRelease(CacheFormat.RECOUNT_AT, 1);
      uncounted = ring;
      countAt = ring.tail() + ring.bytes();
    }
  }

  /** Copies an entry to the head of the main ring, with one use less. */
  private void moveOn(Ring ring, long place, long slot, long hash, long at, long bytes) {
    if (ring == small) {
      makeRoom(main, bytes);
    } else if (main.hasRoom(bytes, 0)) {
      waitUntilFree(main, bytes);
    } else {
      drop(place, slot, RemovalCause.SIZE); // only damaged memory has no room kept for moving
      return;
    }
    long position = main.place(bytes);
    memory.copy(at, main.offset(position), bytes);
    main.advance(position + bytes);
    long newSlot = slot(hash, main, position, Math.max(0, uses(slot) - 1));
    boolean moved = index.replace(place, slot, newSlot);
    Entry.kill(memory, moved ? at : main.offset(position));
  }

  private long placeOf(long hash, Ring ring, long position) {
    long bucket = index.first(hash);
    for (int choice = 0; choice < 2; choice++) {
      for (long place = bucket; place < bucket + BUCKET_BYTES; place += 8) {
        if (names(memory.getLong(place), hash, ring, position)) {
          return place;
        }
      }
      bucket = index.other(bucket, Index.tag(hash));
    }
    return -1;
  }

  /** Whether a slot names the entry of a hash at a position. */
  private boolean names(long slot, long hash, Ring ring, long position) {
    return slot >>> TAG_SHIFT == Index.tag(hash)
        && reader.ring(slot) == ring
        && ring.position(slot) == position;
  }

  /**
   * The ring cannot be walked on from its tail: damaged memory. Goes on at the oldest entry beyond
   * that a slot names. Takes time in proportion to the index.
   *
   * @param isEntry it is an entry that was not removed: counted if the index still has it
   */
  private void skipDamage(Ring ring, boolean isEntry) {
    stopOverwrites();
    memory.putLongRelease(CacheFormat.RECOUNT_AT, 1);
    boolean isCounted = !isEntry;
    long next = ring.head();
    for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
      long slot = memory.getLong(place);
      if (reader.ring(slot) == ring) {
        long position = ring.position(slot);
        isCounted |= position == ring.tail();
        if (position <= ring.tail()) {
          index.replace(place, memory.getLongVolatile(place), EMPTY);
        } else {
          next = Math.min(next, position);
        }
      }
    }
    if (isCounted) {
      reader.corrupt.increment();
    }
    ring.release(next);
    recount();
  }
}
