/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A slot is emptied, moved or replaced before the check of the entry that it named becomes 0, by
 * compare-and-set: what others did to it in between is never lost.
 */
public final class SlotCases {

  private SlotCases() {}

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "found")
  @Outcome(expect = FORBIDDEN, desc = "missed")
  @State
  public static class ASlotThatIsMovedIsFound extends Watch.OfCell {
    private final long place;
    private final long target;

    public ASlotThatIsMovedIsFound() {
      cell.put(0);
      place = cell.reader.find(Cell.KEY, cell.hash);
      target = cell.otherPlace(place);
    }

    @Actor
    public void move() {
      change(
          () -> {
            for (int n = 0; n < 10; n++) {
              cell.reader.index.move(place, target);
              cell.reader.index.move(target, place);
            }
          });
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = watch(cell::get);
    }
  }

  /** One actor at a time holds the write lock: the first one until the second one may begin. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "removed, and not there again")
  @Outcome(id = "0, .*", expect = FORBIDDEN, desc = "the key was missed")
  @Outcome(expect = FORBIDDEN, desc = "an overwrite has revived it")
  @State
  public static class AnOverwrittenKeyIsFoundByWhoRemovesIt {
    private static final int TIMES = 12;

    private final Cell cell = new Cell();

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(TIMES);
      for (int n = 1; n <= TIMES; n++) {
        cell.overwrite(n);
      }
    }

    @Actor
    public void remove(II_Result r) {
      cell.awaitPrepared();
      r.r1 = cell.remove() ? 1 : 0;
    }

    @Arbiter
    public void count(II_Result r) {
      r.r2 = cell.slotsOfKey();
    }
  }

  @JCStressTest
  @Outcome(id = "1, [12]", expect = ACCEPTABLE, desc = "one entry, of who came last")
  @Outcome(expect = FORBIDDEN, desc = "none, two, or torn")
  @State
  public static class AKeyThatTwoOverwriteHasOneEntry {
    private final Cell cell = new Cell();

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(1);
      cell.overwrite(1);
    }

    @Actor
    public void put() {
      cell.awaitPrepared();
      cell.put(2);
    }

    @Arbiter
    public void count(II_Result r) {
      r.r1 = cell.slotsOfKey();
      r.r2 = cell.get();
    }
  }

  /** The slot is moved to its other place and back, as to make room. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "one entry, of the last overwrite")
  @Outcome(expect = FORBIDDEN, desc = "an overwrite that was done is lost")
  @State
  public static class AMoveLosesNoOverwrite {
    private static final int TIMES = 12;

    private final Cell cell = new Cell();
    private int last;

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(TIMES);
      for (int n = 1; n <= TIMES; n++) {
        last = cell.overwrite(n) ? n : last;
      }
    }

    @Actor
    public void move() {
      cell.awaitPrepared();
      long place = cell.reader.find(Cell.KEY, cell.hash);
      long target = cell.otherPlace(place);
      for (int n = 0; n < TIMES; n++) {
        cell.reader.index.move(place, target);
        cell.reader.index.move(target, place);
      }
    }

    @Arbiter
    public void compare(II_Result r) {
      r.r1 = cell.slotsOfKey();
      r.r2 = cell.get() - last;
    }
  }

  @JCStressTest
  @Outcome(
      id = {"0", "1", "2", "3"},
      expect = ACCEPTABLE,
      desc = "whole")
  @Outcome(expect = FORBIDDEN, desc = "missed, or torn")
  @State
  public static class AnOverwrittenKeyIsFoundByWhoReadsIt {
    private final Cell cell = new Cell();

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(3);
      cell.overwrite(1);
      cell.overwrite(2);
      cell.overwrite(3);
    }

    @Actor
    public void get(I_Result r) {
      cell.awaitPrepared();
      r.r1 = cell.get();
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "no slot")
  @Outcome(expect = FORBIDDEN, desc = "the slot is there again")
  @State
  public static class ACountedUseRevivesNoSlot {
    private final Cell cell = new Cell();

    public ACountedUseRevivesNoSlot() {
      cell.put(0);
    }

    @Actor
    public void remove() {
      cell.remove();
    }

    @Actor
    public void get() {
      cell.get();
    }

    @Arbiter
    public void count(I_Result r) {
      r.r1 = cell.reader.index.next(0) < 0 ? 0 : 1;
    }
  }

  /**
   * Overwrites take the place that the one before the last gave up: the slot is as it was before,
   * of another entry.
   */
  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "put over the entry that was seen, or not at all")
  @Outcome(expect = FORBIDDEN, desc = "put over a later one in its place")
  @State
  public static class AConditionalPutTellsEntriesInOnePlaceApart extends Watch.OfCell {
    private static final int PUT = 1000;
    private static final int PUTS = 8;

    private volatile int overwritten;

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(1);
      watch(
          () -> {
            int next = overwritten + 1;
            if (cell.overwrite(next)) {
              overwritten = next;
            }
            return AS_IT_MUST_BE;
          });
    }

    @Actor
    public void putIfStill(I_Result r) {
      cell.awaitPrepared();
      change(
          () -> {
            for (int n = 0; n < PUTS; n++) {
              r.r1 += putIfStill(n) ? 0 : 1;
            }
          });
    }

    /** False where the put was done although another value was there. */
    private boolean putIfStill(int n) {
      byte[] value = Cell.value(PUT + n);
      int check = Entry.check(Cell.KEY, value, 0);
      long period = cell.reader.pins.period();
      long slot = cell.writer.slotOf(Cell.KEY, cell.hash);
      int seen = Cell.said(Entry.value(cell.memory, cell.reader.offset(slot)));
      for (int i = 0; i < n * 4; i++) {
        cell.writer.newPeriod(); // as when room is made
      }
      int before = overwritten;
      boolean put = cell.writer.tryPut(Cell.KEY, cell.hash, value, 0, check, slot, period);
      return !put || seen >= PUT || seen >= before;
    }
  }

  /** One puts over all keys from the first on, the other gets them from the last on. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "the old values or the new ones")
  @Outcome(id = "[0-9], [1-9]", expect = FORBIDDEN, desc = "taken for damaged when it died")
  @Outcome(expect = FORBIDDEN, desc = "missed, or torn")
  @State
  public static class AnEntryOfAnEarlierProcessIsFoundWhilePutOver {
    private static final int KEYS = 8;

    private final Cell cell;

    public AnEntryOfAnEarlierProcessIsFoundWhilePutOver() {
      Cell earlier = new Cell();
      for (int n = 0; n < KEYS; n++) {
        earlier.put(Cell.key(n), 0);
      }
      cell = earlier.reopen();
    }

    @Actor
    public void put() {
      for (int n = 0; n < KEYS; n++) {
        cell.put(Cell.key(n), 1);
      }
    }

    @Actor
    public void get(II_Result r) {
      for (int n = KEYS - 1; n >= 0; n--) {
        r.r1 += cell.get(Cell.key(n)) < 0 ? 1 : 0;
      }
      r.r2 = cell.reader.corrupt.intValue();
    }
  }

  @JCStressTest
  @Outcome(
      id = {"-1, 0", "0, 0"},
      expect = ACCEPTABLE,
      desc = "found, or removed")
  @Outcome(id = ".*, [^0]", expect = FORBIDDEN, desc = "taken for damaged when it died")
  @Outcome(expect = FORBIDDEN, desc = "torn")
  @State
  public static class AnEntryOfAnEarlierProcessIsMetUntilRemoved {
    private final Cell cell;
    private final long place;

    public AnEntryOfAnEarlierProcessIsMetUntilRemoved() {
      Cell earlier = new Cell();
      earlier.put(0);
      cell = earlier.reopen();
      place = cell.reader.find(Cell.KEY, cell.hash);
    }

    @Actor
    public void remove() {
      cell.remove();
    }

    @Actor
    public void meet(II_Result r) {
      Reader.Copy entry = cell.reader.entryAt(place);
      r.r1 = Cell.said(entry == null ? null : entry.value());
      r.r2 = cell.reader.corrupt.intValue();
    }
  }
}
