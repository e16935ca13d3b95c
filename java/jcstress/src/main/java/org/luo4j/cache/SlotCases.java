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
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "removed after the overwrite")
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "removed before, or while it was tried")
  @Outcome(expect = FORBIDDEN, desc = "the key was missed")
  @State
  public static class AnOverwrittenKeyIsFoundByWhoRemovesIt {
    private final Cell cell = new Cell();

    @Actor
    public void overwrite(II_Result r) {
      cell.prepareOverwrites(1);
      r.r1 = cell.overwrite(1) ? 1 : 0;
    }

    @Actor
    public void remove(II_Result r) {
      cell.awaitPrepared();
      r.r2 = cell.remove() ? 1 : 0;
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
   * The second overwrite takes the place that the first one gave up: the slot is as it was before,
   * of another entry.
   */
  @JCStressTest
  @Outcome(id = "-1, [12]", expect = ACCEPTABLE, desc = "not put: overwritten meanwhile")
  @Outcome(id = "0, 9", expect = ACCEPTABLE, desc = "put, before or between the overwrites' tries")
  @Outcome(id = "[012], [12]", expect = ACCEPTABLE, desc = "put, then overwritten")
  @Outcome(id = "[12], 9", expect = ACCEPTABLE, desc = "put over what was seen")
  @Outcome(id = "-2, .*", expect = FORBIDDEN, desc = "put over another value than was seen")
  @Outcome(expect = FORBIDDEN, desc = "none, or torn")
  @State
  public static class AConditionalPutTellsEntriesInOnePlaceApart {
    private static final int TRIES = 40;

    private final Cell cell = new Cell();
    private int last;

    @Actor
    public void overwrite() {
      cell.prepareOverwrites(1);
      for (int n = 1, tries = 0; n <= 2 && tries < TRIES; tries++) {
        if (cell.overwrite(n)) {
          last = n++;
        }
      }
    }

    @Actor
    public void putIfStill(II_Result r) {
      cell.awaitPrepared();
      r.r1 = cell.putIfStill(9);
    }

    @Arbiter
    public void compare(II_Result r) {
      r.r2 = cell.get();
      if (r.r1 >= 0 && r.r2 == 9 && last != r.r1) {
        r.r1 = -2;
      }
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
