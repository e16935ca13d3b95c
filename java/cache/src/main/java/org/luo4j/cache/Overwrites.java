/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import org.jspecify.annotations.Nullable;

/**
 * Overwrites values by others of the same size without the write lock, by any number of threads:
 * the new entry goes to the place of a dead one, of which each thread keeps a few, and takes the
 * old one's slot by compare-and-set. What the old entry took is then the thread's to use again.
 *
 * <pre>
 *   slot  --------> old entry          slot  ---.    old entry, dead: kept for a later overwrite
 *                   dead entry                  '--> new entry
 * </pre>
 *
 * <p>The writer passes no place that may be taken ({@link Ring#mayPass}), and threads are pinned
 * while they are at it; so neither knows of the other. Where anything is out of the ordinary, this
 * does nothing and says so: then the lock is taken.
 */
final class Overwrites {

  private final Reader reader;

  /** Each is for who holds the stripe of the same number. */
  private final @Nullable Stripe[] stripes = new Stripe[Pins.STRIPES];

  /** What a thread keeps, and others whose number ends alike; for who holds the stripe. */
  private static final class Stripe {
    private final Reader.Found old = new Reader.Found();
    private final Places small = new Places();
    private final Places main = new Places();

    /** Whether places are taken or added: they are not to be trusted where that did not end. */
    private boolean isChanging;

    /** Has the places for who holds the stripe, until {@code isChanging} is false. */
    private void begin() {
      if (isChanging) {
        small.count = 0;
        main.count = 0;
      }
      isChanging = true;
    }
  }

  /** Places of dead entries, the one that died first at the front. */
  private static final class Places {
    private static final int MOST = 64;

    /** How many are looked at for one of the right size. */
    private static final int LOOKS = 16;

    private static final long NONE = -1;
    private static final long WAITING = -2;

    private final long[] positions = new long[MOST];
    private final long[] periods = new long[MOST];
    private final int[] sizes = new int[MOST];
    private int first;
    private int count;

    /** A place of so many bytes from a position on, whose readers are gone by a period; or less. */
    long take(int bytes, long from, long period) {
      while (count > 0 && positions[first] < from) {
        dropFirst(); // it will be cleaned with its ring
      }
      for (int i = 0; i < count && i < LOOKS; i++) {
        int at = first + i & MOST - 1;
        if (periods[at] + 2 > period) {
          return WAITING;
        }
        if (sizes[at] == bytes && positions[at] >= from) {
          long taken = positions[at];
          positions[at] = positions[first];
          sizes[at] = sizes[first];
          dropFirst();
          return taken;
        }
      }
      return NONE;
    }

    private void dropFirst() {
      first = first + 1 & MOST - 1;
      count--;
    }

    /** Adds a place whose entry died in a period; whether there was room. */
    boolean add(long position, int bytes, long period) {
      if (count == MOST) {
        return false;
      }
      int at = first + count++ & MOST - 1;
      positions[at] = position;
      sizes[at] = bytes;
      periods[at] = period;
      return true;
    }
  }

  Overwrites(Reader reader) {
    this.reader = reader;
  }

  /** What became of an overwrite. */
  enum Result {
    DONE,
    /** It wants the write lock. */
    NOT_HERE,
    /** As that, and the thread's places wait for periods to begin. */
    NOT_YET
  }

  /**
   * Overwrites a key's value, if it can.
   *
   * @param base the clock's base by which the expiry was made; of no meaning where that is 0
   */
  Result tryPut(byte[] key, long hash, byte[] value, int expiry, long base, int check) {
    Pins.Pin pin = Entry.isShort(key, value) ? reader.pins.hold() : null;
    if (pin == null) {
      return Result.NOT_HERE;
    }
    try {
      Result result = Result.NOT_HERE;
      if (expiry == 0 || base == reader.clock.base()) {
        Stripe stripe = stripe(pin);
        stripe.begin();
        result = put(stripe, key, hash, value, expiry, check);
        stripe.isChanging = false;
      }
      Pins.release(pin); // costs less than the store below
      return result;
    } catch (Throwable e) {
      pin.held = 0;
      throw e;
    }
  }

  private Result put(Stripe stripe, byte[] key, long hash, byte[] value, int expiry, int check) {
    Reader.Found old = stripe.old;
    if (!reader.find(key, hash, old)) {
      return Result.NOT_HERE;
    }
    Memory memory = reader.memory;
    Ring ring = old.ring;
    int bytes = (int) Entry.bytes(key.length, value.length);
    if (!isShortOf(bytes, old.at, key.length)
        || !reader.isTrusted(ring, old.position, old.at)
        || reader.isPast(old.expiry)) { // the writer counts it
      return Result.NOT_HERE;
    }
    Places places = ring == reader.main ? stripe.main : stripe.small;
    long period = reader.pins.period();
    if (Pins.isEnded(period)) {
      return Result.NOT_HERE; // nobody may take the place of a dead entry any more
    }
    long position = places.take(bytes, ring.reusable(), period);
    if (position < 0) {
      return position == Places.WAITING ? Result.NOT_YET : Result.NOT_HERE;
    }
    long at = ring.offset(position);
    Entry.write(memory, at, key, value, expiry, check);
    long slot = old.slot & ~Ring.PLACE_MASK | ring.inSlot(position);
    if (!reader.index.replace(old.place, old.slot, slot)) {
      Entry.kill(memory, at);
      places.add(position, bytes, period);
      return Result.NOT_HERE;
    }
    reader.checkWritten(at, bytes);
    Entry.kill(memory, old.at);
    places.add(old.position, bytes, reader.pins.period());
    return Result.DONE;
  }

  /** Whether the entry at {@code at} is a short one of so many bytes. */
  private boolean isShortOf(int bytes, long at, int keyLength) {
    int lengths = Entry.lengths(reader.memory, at);
    return lengths >= 0
        && Entry.bytes(keyLength, Entry.valueLength(reader.memory, at, lengths)) == bytes;
  }

  /** Keeps the place of an entry that an overwrite under the write lock has killed, if it can. */
  boolean keep(Ring ring, long position, int bytes) {
    Pins.Pin pin = reader.pins.hold();
    if (pin == null) {
      return false;
    }
    try {
      Stripe stripe = stripe(pin);
      stripe.begin();
      Places places = ring == reader.main ? stripe.main : stripe.small;
      boolean kept = places.add(position, bytes, reader.pins.period());
      stripe.isChanging = false;
      return kept;
    } finally {
      pin.held = 0;
    }
  }

  private Stripe stripe(Pins.Pin pin) {
    Stripe stripe = stripes[pin.stripe];
    if (stripe == null) {
      stripe = new Stripe();
      stripes[pin.stripe] = stripe;
    }
    return stripe;
  }
}
