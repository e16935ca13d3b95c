/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A ring goes round: what is live is copied to a head before its slot names it there and before its
 * old place is given up, which is written over when no reader is left in it.
 */
public final class RingCases {

  private RingCases() {}

  /** The key's entry is the oldest, and moved on as the ring goes round. */
  abstract static class Round extends Watch.OfCell {
    private final byte[] other = Cell.key(200);

    Round() {
      cell.put(7);
      cell.fillUp(other);
    }

    final void goRound() {
      change(() -> cell.goRound(other));
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "found, whole")
  @Outcome(expect = FORBIDDEN, desc = "missed, or torn")
  @State
  public static class WhatIsMovedOnIsFoundByWhoCopies extends Round {
    @Actor
    public void clean() {
      goRound();
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = watch(() -> cell.get() - 7);
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "found, whole")
  @Outcome(expect = FORBIDDEN, desc = "missed, or torn")
  @State
  public static class WhatIsMovedOnIsFoundByWhoReadsInPlace extends Round {
    @Actor
    public void clean() {
      goRound();
    }

    @Actor
    public void read(I_Result r) {
      r.r1 = watch(() -> cell.read() - 7);
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "all slots name whole entries of the ring")
  @Outcome(expect = FORBIDDEN, desc = "the tail has passed a place that an overwrite took")
  @State
  public static class TheTailPassesNoOverwrite extends Watch.OfCell {
    private static final int PLACES = 40;

    private final byte[] other = Cell.key(200);

    @Actor
    public void overwrite() {
      cell.keepPlaces(PLACES);
      cell.fillUp(other);
      cell.prepared();
      watch(
          () -> {
            cell.overwrite(1);
            return AS_IT_MUST_BE;
          });
    }

    @Actor
    public void clean() {
      cell.awaitPrepared();
      change(() -> cell.goRound(other));
    }

    @Arbiter
    public void verify(I_Result r) {
      Index index = cell.reader.index;
      for (long place = index.next(0); place >= 0; place = index.next(place + 8)) {
        long slot = cell.word(place);
        boolean passed = Cell.isSmall(slot) && Cell.position(slot) < cell.tail();
        r.r1 += passed || cell.reader.verify(place) <= 0 ? 1 : 0;
      }
      r.r1 += cell.get() < 0 ? 1 : 0;
    }
  }
}
