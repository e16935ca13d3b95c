/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Readers of memory that is used again: what the writer gives up is not written over before every
 * reader that may have found it is gone. Time is divided into periods. A reader pins the period in
 * which it enters; what is given up in period n may be used again from period n + 2 on, and a
 * period begins only when no reader of the one before the present is left.
 *
 * <p>A reader that only copies need not pin: when it has copied, and the present {@link #period} is
 * at most the next one to that in which it began, nothing that it found can have been written over.
 *
 * <p>Any thread may {@link #enter} and {@link #exit}, without waiting; one at a time may {@link
 * #advance}. Read-copy-update with two counters, as in the kernel's srcu, in stripes.
 */
final class Pins {

  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

  private static final int STRIPES = 32;

  /** Longs from one counter to the next: two cache lines, as they are fetched in pairs. */
  private static final int DISTANCE = 16;

  private final long[] counts = new long[(2 * STRIPES + 1) * DISTANCE];

  /** The number of the present period. */
  private volatile long period;

  long period() {
    return period;
  }

  /** Begins reading; gives what {@link #exit} needs. */
  int enter() {
    int stripe = ((int) Thread.currentThread().getId() & STRIPES - 1) * 2 + 1;
    while (true) {
      long present = period;
      int at = (stripe + (int) (present & 1)) * DISTANCE;
      COUNT.getAndAdd(counts, at, 1L);
      if (period == present) {
        return at;
      }
      COUNT.getAndAdd(counts, at, -1L); // a period has begun in between, which did not wait for us
    }
  }

  /** Ends reading: nothing that was found may be touched any more. */
  void exit(int at) {
    COUNT.getAndAdd(counts, at, -1L);
  }

  /** Begins a new period, if no reader of the one before the present is left. */
  boolean advance() {
    long present = period;
    int before = (int) (present + 1 & 1);
    for (int stripe = 1; stripe < 2 * STRIPES; stripe += 2) {
      if ((long) COUNT.getVolatile(counts, (stripe + before) * DISTANCE) != 0) {
        return false;
      }
    }
    period = present + 1;
    return true;
  }
}
