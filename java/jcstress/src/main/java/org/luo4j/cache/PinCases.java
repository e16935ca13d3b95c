/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * What is given up in a period may be written over two periods later, by who has begun them: no
 * reader of it is left, or it sees that they have begun. {@code place} is such a place, at first 0;
 * {@code named} says whether a slot names it.
 */
public final class PinCases {

  private PinCases() {}

  /** Gives the place up and writes over it as soon as it may, if that is within two attempts. */
  abstract static class Places {
    final Pins pins = new Pins();
    volatile boolean named = true;
    int place;

    void giveUpAndReuse() {
      named = false;
      if (pins.advance() && pins.advance()) {
        place = 1;
      }
    }

    /** What a reader sees of the place, twice. */
    void look(II_Result r) {
      if (named) {
        r.r1 = place;
        VarHandle.acquireFence();
        r.r2 = place;
      } else {
        r.r1 = -1;
        r.r2 = -1;
      }
    }
  }

  @JCStressTest
  @Outcome(
      id = "0, 0",
      expect = ACCEPTABLE,
      desc = "named when the reader entered: not written over")
  @Outcome(id = "-1, -1", expect = ACCEPTABLE, desc = "not named any more")
  @Outcome(expect = FORBIDDEN, desc = "written over under the reader")
  @State
  public static class APinnedPlaceStays extends Places {
    @Actor
    public void write() {
      giveUpAndReuse();
    }

    @Actor
    public void read(II_Result r) {
      int pin = pins.enter();
      look(r);
      pins.exit(pin);
    }
  }

  @JCStressTest
  @Outcome(
      id = "0, 0",
      expect = ACCEPTABLE,
      desc = "named when the stripe was held: not written over")
  @Outcome(id = "-1, -1", expect = ACCEPTABLE, desc = "not named any more")
  @Outcome(expect = FORBIDDEN, desc = "written over under who holds the stripe")
  @State
  public static class AHeldPlaceStays extends Places {
    @Actor
    public void write() {
      giveUpAndReuse();
    }

    @Actor
    public void read(II_Result r) {
      int held = pins.hold();
      look(r);
      pins.release(held);
    }
  }

  @JCStressTest
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "copied before it was written over")
  @Outcome(id = "[01], 0", expect = ACCEPTABLE, desc = "periods have begun: copied again")
  @Outcome(id = "-1, [01]", expect = ACCEPTABLE, desc = "not named any more")
  @Outcome(expect = FORBIDDEN, desc = "written over, and not noticed")
  @State
  public static class WhatIsWrittenOverIsNoticed extends Places {
    @Actor
    public void write() {
      giveUpAndReuse();
    }

    @Actor
    public void copy(II_Result r) {
      long period = pins.period();
      r.r1 = named ? place : -1;
      VarHandle.acquireFence();
      r.r2 = pins.period() - period <= 1 ? 1 : 0;
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "each holder has seen what the one before did")
  @Outcome(expect = FORBIDDEN, desc = "two at a time, or one that has not seen it")
  @State
  public static class AStripeHasOneHolder {
    private static final int STRIPE = 5;

    private final Pins pins = new Pins();
    private int places;
    private int first;
    private int second;

    private int holdOften() {
      int held = 0;
      for (int i = 0; i < 10; i++) {
        if (pins.hold(STRIPE) == STRIPE) {
          places++;
          held++;
          pins.release(STRIPE);
        }
      }
      return held;
    }

    @Actor
    public void one() {
      first = holdOften();
    }

    @Actor
    public void other() {
      second = holdOften();
    }

    @Arbiter
    public void count(I_Result r) {
      r.r1 = first + second - places;
    }
  }
}
