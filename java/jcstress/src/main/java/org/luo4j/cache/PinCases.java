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
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * What is given up in a period may be written over two periods later, by who has begun them: no
 * reader of it is left, or it sees that they have begun.
 */
public final class PinCases {

  private PinCases() {}

  /** A slot that names one place after the other, each of which is 0 until it is written over. */
  abstract static class Places extends Watch {
    private static final int PLACES = 32;

    /** Attempts to begin a period; it cannot begin under a reader. */
    private static final int TRIES = 20;

    final Pins pins = new Pins();
    final int[] places = new int[PLACES + 1];
    volatile int named;

    /** Gives up each place and writes over it when it may. */
    void giveUpAndReuse() {
      for (int place = 0; place < PLACES; place++) {
        named = place + 1;
        int periods = 0;
        for (int i = 0; i < TRIES && periods < 2; i++) {
          periods += pins.advance() ? 1 : 0;
        }
        if (periods == 2) {
          places[place] = 1;
        }
      }
    }

    /** Whether the place that is named is written over, now or a little later. */
    int look() {
      int place = named;
      int now = places[place];
      VarHandle.acquireFence();
      return now | places[place];
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "named when the reader entered: not written over")
  @Outcome(expect = FORBIDDEN, desc = "written over under the reader")
  @State
  public static class APinnedPlaceStays extends Places {
    @Actor
    public void write() {
      change(this::giveUpAndReuse);
    }

    @Actor
    public void read(I_Result r) {
      r.r1 =
          watch(
              () -> {
                Pins.Pin pin = pins.enter();
                int seen = look();
                pin.held = 0;
                return seen;
              });
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "named when the stripe was held: not written over")
  @Outcome(expect = FORBIDDEN, desc = "written over under who holds the stripe")
  @State
  public static class AHeldPlaceStays extends Places {
    @Actor
    public void write() {
      change(this::giveUpAndReuse);
    }

    @Actor
    public void read(I_Result r) {
      r.r1 =
          watch(
              () -> {
                Pins.Pin held = pins.hold();
                int seen = look();
                held.held = 0;
                return seen;
              });
    }
  }

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "not written over, or periods have begun")
  @Outcome(expect = FORBIDDEN, desc = "written over, and not noticed")
  @State
  public static class WhatIsWrittenOverIsNoticed extends Places {
    @Actor
    public void write() {
      change(this::giveUpAndReuse);
    }

    @Actor
    public void copy(I_Result r) {
      r.r1 =
          watch(
              () -> {
                long period = pins.period();
                int seen = places[named];
                VarHandle.acquireFence();
                return pins.period() - period <= 1 ? seen : AS_IT_MUST_BE;
              });
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
        Pins.Pin pin = pins.hold(STRIPE);
        if (pin != null) {
          places++;
          held++;
          pin.held = 0;
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

  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "each holder has seen what the one before did")
  @Outcome(expect = FORBIDDEN, desc = "two at a time, or one that has not seen it")
  @State
  public static class TheWriteLockHasOneOwner {
    private final WriteLock lock = new WriteLock();
    private int changes;
    private int first;
    private int second;

    private int lockOften() {
      int locked = 0;
      for (int i = 0; i < 10; i++) {
        if (lock.tryLock()) {
          changes++;
          locked++;
          lock.owner = null;
        }
      }
      return locked;
    }

    @Actor
    public void one() {
      first = lockOften();
    }

    @Actor
    public void other() {
      second = lockOften();
    }

    @Arbiter
    public void count(I_Result r) {
      r.r1 = first + second - changes;
    }
  }
}
