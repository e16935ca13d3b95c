/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * An entry's bytes are written before its check, that before the head passes it, and the head
 * before a slot names it: who finds the slot finds the whole entry.
 */
public final class EntryCases {

  private EntryCases() {}

  /** Whether two values that were found one after the other are whole, and none goes back. */
  private static boolean isInOrder(int first, int second) {
    return first >= 0 && second >= first && second <= Cell.WRITES;
  }

  @JCStressTest
  @Outcome(id = "-1", expect = ACCEPTABLE, desc = "not there yet")
  @Outcome(id = "7", expect = ACCEPTABLE, desc = "whole")
  @Outcome(expect = FORBIDDEN, desc = "torn")
  @State
  public static class WhatIsPutIsWhole {
    private final Cell cell = new Cell();

    @Actor
    public void put() {
      cell.put(7);
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = cell.get();
    }
  }

  @JCStressTest
  @Outcome(id = "0, .*", expect = ACCEPTABLE, desc = "no slot yet")
  @Outcome(id = "1, 7", expect = ACCEPTABLE, desc = "slot and entry")
  @Outcome(expect = FORBIDDEN, desc = "a slot names what is not there")
  @State
  public static class ASlotNamesWhatIsThere {
    private final Cell cell = new Cell();

    @Actor
    public void put() {
      cell.put(7);
    }

    @Actor
    public void find(II_Result r) {
      r.r1 = cell.reader.index.next(0) < 0 ? 0 : 1;
      r.r2 = cell.get();
    }
  }

  @JCStressTest
  @Outcome(
      id = {"0", "1"},
      expect = ACCEPTABLE,
      desc = "the old value or the new one")
  @Outcome(expect = FORBIDDEN, desc = "none, or torn")
  @State
  public static class ThereIsAlwaysAValue {
    private final Cell cell = new Cell();

    public ThereIsAlwaysAValue() {
      cell.put(0);
    }

    @Actor
    public void put() {
      cell.put(1);
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = cell.get();
    }
  }

  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "whole, and none goes back")
  @Outcome(expect = FORBIDDEN, desc = "none, torn, or an older one than before")
  @State
  public static class PlacesAreUsedAgainWhileCopied {
    private final Cell cell = new Cell();

    public PlacesAreUsedAgainWhileCopied() {
      cell.put(0);
    }

    @Actor
    public void overwrite() {
      cell.useAgain();
    }

    @Actor
    public void get(I_Result r) {
      r.r1 = isInOrder(cell.get(), cell.get()) ? 1 : 0;
    }
  }

  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "whole, and none goes back")
  @Outcome(expect = FORBIDDEN, desc = "none, torn, or an older one than before")
  @State
  public static class PlacesAreUsedAgainWhileReadInPlace {
    private final Cell cell = new Cell();

    public PlacesAreUsedAgainWhileReadInPlace() {
      cell.put(0);
    }

    @Actor
    public void overwrite() {
      cell.useAgain();
    }

    @Actor
    public void read(I_Result r) {
      r.r1 = isInOrder(cell.read(), cell.read()) ? 1 : 0;
    }
  }
}
