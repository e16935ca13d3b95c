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

/** A slot is emptied, moved or replaced before the check of the entry that it named becomes 0. */
public final class SlotCases {

  private SlotCases() {}

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "found")
  @Outcome(expect = FORBIDDEN, desc = "missed")
  @State
  public static class ASlotThatIsMovedIsFound {
    private final Cell cell = new Cell();
    private final long place;
    private final long target;

    public ASlotThatIsMovedIsFound() {
      cell.put(0);
      Index index = cell.reader.index;
      place = cell.reader.find(Cell.KEY, cell.hash);
      long first = index.first(cell.hash);
      long other = index.other(first, Index.tag(cell.hash));
      target = place >= first && place < first + CacheFormat.BUCKET_BYTES ? other + 8 : first + 8;
    }

    @Actor
    public void move() {
      cell.reader.index.move(place, target);
      cell.reader.index.move(target, place);
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = cell.get();
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
}
