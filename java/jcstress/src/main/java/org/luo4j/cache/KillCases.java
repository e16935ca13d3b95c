/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * What a process that is killed leaves, whatever store was its last: the second actor reads what
 * the first one stores in the reverse order. Where it sees a store, it must see all before it.
 */
public final class KillCases {

  private KillCases() {}

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "whole where there is a check")
  @Outcome(expect = FORBIDDEN, desc = "a check over bytes that are not its entry's")
  @State
  public static class WhatHasACheckIsWhole extends Watch.OfCell {

    @Actor
    public void overwrite() {
      change(cell::useAgain);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      for (long position = 0; position < cell.head(); position += Cell.ENTRY) {
        int check = cell.check(position);
        if (check != 0 && !cell.isWhole(position)) {
          VarHandle.acquireFence();
          if (cell.check(position) == check) { // of one value only
            return 1;
          }
        }
      }
      return AS_IT_MUST_BE;
    }
  }

  /** Each key is put once, so that nothing dies. */
  abstract static class Puts extends Watch.OfCell {
    final void put() {
      for (int n = 0; n < 12; n++) {
        cell.put(Cell.key(n), n);
      }
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "whole before the head")
  @Outcome(expect = FORBIDDEN, desc = "the head has passed what is not whole")
  @State
  public static class WhatTheHeadHasPassedIsWhole extends Puts {
    @Actor
    public void change() {
      change(this::put);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      long head = cell.head();
      return head == 0 || cell.isWhole(head - Cell.ENTRY) ? AS_IT_MUST_BE : 1;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "before the head where a slot names it")
  @Outcome(expect = FORBIDDEN, desc = "a slot names what the head has not passed")
  @State
  public static class WhatASlotNamesTheHeadHasPassed extends Puts {
    @Actor
    public void change() {
      change(this::put);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      Index index = cell.reader.index;
      for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
        if (Cell.position(cell.word(place)) + Cell.ENTRY > cell.head()) {
          return 1;
        }
      }
      return AS_IT_MUST_BE;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "whole where a slot names it")
  @Outcome(expect = FORBIDDEN, desc = "a slot names what is not whole")
  @State
  public static class WhatASlotNamesIsWhole extends Watch.OfCell {
    private final long place;

    public WhatASlotNamesIsWhole() {
      cell.put(0);
      place = cell.reader.find(Cell.KEY, cell.hash);
    }

    @Actor
    public void overwrite() {
      change(cell::useAgain);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      long period = cell.reader.pins.period();
      long slot = cell.word(place);
      if (cell.isWhole(Cell.position(slot))) {
        return AS_IT_MUST_BE;
      }
      VarHandle.acquireFence();
      boolean same = Index.isSame(cell.word(place), slot);
      // In one period no place gets two entries.
      return same && cell.reader.pins.period() - period <= 1 ? 1 : AS_IT_MUST_BE;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "an entry of a size, and the next behind it")
  @Outcome(expect = FORBIDDEN, desc = "the ring cannot be walked")
  @State
  public static class TheRingCanBeWalked extends Watch.OfCell {

    /** Of other lengths, but the same size. */
    private final byte[] other = {1, 2, 3, 4};

    @Actor
    public void reuse() {
      change(
          () -> {
            for (int n = 0; n < 6; n++) {
              byte[] key = n % 2 == 0 ? Cell.KEY : other;
              byte[] value = new byte[n % 2 == 0 ? 38 + n : 48 - n];
              long hash = cell.reader.hash(key);
              cell.writer.put(key, hash, value, 0, Entry.check(key, value, 0));
              cell.writer.remove(key, hash, RemovalCause.EXPLICIT);
              cell.newPeriods();
            }
          });
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      long head = cell.head();
      for (long position = 0; position < head; position += Cell.ENTRY) {
        if (cell.bytes(position) != Cell.ENTRY) {
          return 1;
        }
      }
      return AS_IT_MUST_BE;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "dead where no slot names it")
  @Outcome(id = "1", expect = FORBIDDEN, desc = "dead before a put has taken its slot")
  @Outcome(id = "2", expect = FORBIDDEN, desc = "dead before its slot is emptied")
  @Outcome(id = "3", expect = FORBIDDEN, desc = "dead before an overwrite has taken its slot")
  @Outcome(id = "4", expect = FORBIDDEN, desc = "dead before its slot names where it was moved to")
  @State
  public static class WhatIsDeadNoSlotNames extends Watch.OfCell {
    private final long[] places = new long[4];

    /** Where the entry lies that the one kills; -1: not known yet. */
    private volatile long overwritten = -1;

    public WhatIsDeadNoSlotNames() {
      for (int n = 0; n < 4; n++) {
        byte[] key = n == 2 ? Cell.KEY : key(n);
        cell.put(key, n);
        places[n] = cell.reader.find(key, cell.reader.hash(key));
      }
    }

    private static byte[] key(int n) {
      return Cell.key(100 + n);
    }

    @Actor
    public void kill() {
      change(
          () -> {
            cell.put(key(0), 5);
            cell.writer.remove(key(1), cell.reader.hash(key(1)), RemovalCause.EXPLICIT);
            cell.prepareOverwrites(1);
            overwritten = Cell.position(cell.word(places[2]));
            cell.overwrite(6);
            cell.goRound(Cell.key(200));
          });
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    /** Positions are used once; after a lap other bytes lie there, when no slot names it either. */
    private int look() {
      for (int n = 0; n < 4; n++) {
        long position = n == 2 ? overwritten : (long) n * Cell.ENTRY;
        if (position < 0) {
          continue;
        }
        if (cell.check(position) == 0 && Cell.names(cell.word(places[n]), position)) {
          return n + 1;
        }
      }
      return AS_IT_MUST_BE;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "dead and not named before the tail")
  @Outcome(id = "1", expect = FORBIDDEN, desc = "a slot names what the tail has passed")
  @Outcome(id = "2", expect = FORBIDDEN, desc = "the tail has passed what is alive")
  @State
  public static class WhatTheTailHasPassedIsDead extends Watch.OfCell {

    /** So many that the live bytes are at their limit: each put evicts the oldest entry. */
    private static final int KEYS = 57;

    public WhatTheTailHasPassedIsDead() {
      for (int n = 0; n < KEYS; n++) {
        cell.put(Cell.key(n), n);
      }
    }

    @Actor
    public void put() {
      change(
          () -> {
            for (int n = KEYS; n < KEYS + 6; n++) { // within the first lap
              cell.put(Cell.key(n), n);
            }
          });
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      long tail = cell.tail();
      if (tail > 0 && cell.check(tail - Cell.ENTRY) != 0) {
        return 2;
      }
      Index index = cell.reader.index;
      for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
        long slot = cell.word(place);
        if (slot != Index.EMPTY && Cell.isSmall(slot) && Cell.position(slot) < tail) {
          return 1;
        }
      }
      return AS_IT_MUST_BE;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "slot and counts agree, or the record says how")
  @Outcome(id = "1", expect = FORBIDDEN, desc = "counts before the slot")
  @Outcome(id = "2", expect = FORBIDDEN, desc = "a record of parts of two changes")
  @Outcome(id = "3", expect = FORBIDDEN, desc = "a slot before the record, or without counts")
  @State
  public static class TheChangeUnderWayIsWrittenDown extends Puts {

    /** What an entry counts. */
    private static final int CHARGE = 256;

    @Actor
    public void change() {
      change(this::put);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      long live = cell.reader.liveBytes();
      long entries = cell.reader.entries();
      int slots = slots();
      if (entries < live / CHARGE || slots < entries) {
        return 1;
      }
      long place = cell.word(CacheFormat.CHANGE_PLACE_AT);
      long newSlot = cell.word(CacheFormat.CHANGE_SLOT_AT);
      long oldSlot = cell.word(CacheFormat.CHANGE_OLD_AT);
      long newEntries = cell.word(CacheFormat.CHANGE_ENTRIES_AT);
      long newLive = cell.word(CacheFormat.CHANGE_LIVE_AT);
      boolean still = place == cell.word(CacheFormat.CHANGE_PLACE_AT);
      if (place == 0) { // at a time after so many slots were there
        return cell.reader.entries() < slots ? 3 : AS_IT_MUST_BE;
      }
      if (!still) {
        return AS_IT_MUST_BE;
      }
      // Each place is of one change only, which was under way all the time.
      long slot = cell.word(place);
      boolean whole =
          oldSlot == Index.EMPTY
              && newLive == newEntries * CHARGE
              && Cell.position(newSlot) == (newEntries - 1) * Cell.ENTRY
              && (slot == Index.EMPTY || Index.isSame(slot, newSlot));
      if (!whole) {
        return 2;
      }
      return slots > newEntries ? 3 : AS_IT_MUST_BE;
    }

    private int slots() {
      int slots = 0;
      Index index = cell.reader.index;
      for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
        slots++;
      }
      VarHandle.acquireFence();
      return slots;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "in its place, or where the record says")
  @Outcome(id = "1", expect = FORBIDDEN, desc = "a slot in both of its places")
  @Outcome(id = "2", expect = FORBIDDEN, desc = "a slot in none, and no record of it")
  @State
  public static class TheMoveUnderWayIsWrittenDown extends Watch.OfCell {
    private static final int KEYS = 4;

    private final long[] slots = new long[KEYS];
    private final long[] from = new long[KEYS];
    private final long[] to = new long[KEYS];

    public TheMoveUnderWayIsWrittenDown() {
      Index index = cell.reader.index;
      for (int n = 0; n < KEYS; n++) {
        long hash = cell.reader.hash(Cell.key(n));
        cell.put(Cell.key(n), n);
        from[n] = cell.reader.find(Cell.key(n), hash);
        slots[n] = cell.word(from[n]);
        long bucket = index.first(hash);
        long other = index.other(bucket, Index.tag(hash));
        to[n] = (from[n] < bucket + CacheFormat.BUCKET_BYTES ? other : bucket) + 8L * (KEYS + n);
      }
    }

    @Actor
    public void move() {
      change(
          () -> {
            for (int n = 0; n < KEYS; n++) {
              cell.reader.index.move(from[n], to[n]);
            }
          });
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      for (int n = 0; n < KEYS; n++) {
        long target = cell.word(to[n]);
        long slot = cell.word(from[n]);
        if (target != Index.EMPTY && slot != Index.EMPTY) {
          return 1;
        }
        if (slot == Index.EMPTY && !isThere(n) && cell.word(to[n]) != slots[n]) {
          return 2;
        }
      }
      return AS_IT_MUST_BE;
    }

    /** Whether the record says where the slot is moved to. */
    private boolean isThere(int n) {
      if (cell.word(CacheFormat.MOVE_FROM_AT) != from[n]) {
        return false; // the move is over
      }
      long target = cell.word(CacheFormat.MOVE_TO_AT);
      long slot = cell.word(CacheFormat.MOVE_SLOT_AT);
      return target == to[n] && slot == slots[n];
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "a whole cache, or none")
  @Outcome(expect = FORBIDDEN, desc = "the magic number over parts of two caches")
  @State
  public static class TheMagicNumberIsFirstToGoAndLastToCome extends Watch.OfCell {
    private static final long SEED = 2;

    private final long place;

    public TheMagicNumberIsFirstToGoAndLastToCome() {
      cell.put(0);
      place = cell.reader.find(Cell.KEY, cell.hash);
    }

    @Actor
    public void createAnew() {
      change(() -> cell.createAnew(SEED));
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      boolean begun =
          cell.word(place) == Index.EMPTY || cell.word(CacheFormat.SEED_AT) != Cell.SEED;
      long magic = cell.word(CacheFormat.MAGIC_AT);
      int check = cell.region.getIntAcquire(CacheFormat.CRC_AT);
      if (!begun || magic != CacheFormat.MAGIC) {
        return AS_IT_MUST_BE;
      }
      if (check == 0) { // as before the fields are there
        return 1;
      }
      ByteBuffer header = CacheFormat.header(cell.region);
      boolean whole =
          CacheFormat.refuseHeader(header) == null
              && header.getLong(CacheFormat.SEED_AT) == SEED
              && header.getLong(CacheFormat.SMALL_HEAD_AT) == 0
              && cell.reader.index.next(0) < 0;
      return whole ? AS_IT_MUST_BE : 1;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "all there, all gone, or said to be going")
  @Outcome(expect = FORBIDDEN, desc = "some are gone, and nothing says so")
  @State
  public static class AClearUnderWayIsWrittenDown extends Watch.OfCell {
    private static final int KEYS = 6;

    private final long[] places = new long[KEYS];

    public AClearUnderWayIsWrittenDown() {
      for (int n = 0; n < KEYS; n++) {
        cell.put(Cell.key(n), n);
        places[n] = cell.reader.find(Cell.key(n), cell.reader.hash(Cell.key(n)));
      }
    }

    @Actor
    public void clear() {
      change(cell.writer::clear);
    }

    @Actor
    public void look(I_Result r) {
      r.r1 = watch(this::look);
    }

    private int look() {
      boolean begun = cell.tail() != 0 || cell.reader.liveBytes() != (long) KEYS * 256;
      for (long place : places) {
        begun |= cell.word(place) == Index.EMPTY;
      }
      if (!begun || cell.word(CacheFormat.CLEARING_AT) != 0) {
        return AS_IT_MUST_BE;
      }
      boolean clear =
          cell.reader.index.next(0) < 0
              && cell.reader.entries() == 0
              && cell.reader.liveBytes() == 0
              && cell.tail() == cell.head();
      return clear ? AS_IT_MUST_BE : 1;
    }
  }
}
