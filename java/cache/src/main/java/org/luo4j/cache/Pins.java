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
 * <p>Any thread may {@link #enter} and {@link #exit}, without waiting, or {@link #hold} and {@link
 * #release}; one at a time may {@link #advance}. Read-copy-update with two counters, as in the
 * kernel's srcu, in stripes.
 */
final class Pins {

  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

  static final int STRIPES = 32;

  /** Longs from one counter to the next: two cache lines, as they are fetched in pairs. */
  private static final int DISTANCE = 16;

  private final long[] counts = new long[(2 * STRIPES + 1) * DISTANCE];

  /** Of each stripe that a thread holds: the period that it pins, and one. */
  private final long[] holds = new long[(STRIPES + 1) * DISTANCE];

  /** The number of the present period. */
  private volatile long period;

  long period() {
    return period;
  }

  /** Begins reading; gives what {@link #exit} needs. */
  int enter() {
    int stripe = 2 * stripe() + 1;
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

  private static int stripe() {
    return (int) Thread.currentThread().getId() & STRIPES - 1;
  }

  /**
   * Pins the present period, and keeps other threads from holding the same stripe.
   *
   * @return the stripe, 0 to 31; -1 while another thread holds this thread's
   */
  int hold() {
    return hold(stripe());
  }

  /** As {@link #hold()}, of a stripe that need not be this thread's. */
  int hold(int stripe) {
    int at = (stripe + 1) * DISTANCE;
    long present = period;
    if (!COUNT.compareAndSet(holds, at, 0L, present + 1)) {
      return -1;
    }
    while (period != present) { // one has begun in between, which did not wait for us
      present = period;
      COUNT.setVolatile(holds, at, present + 1);
    }
    return stripe;
  }

  /** Gives a stripe back. */
  void release(int stripe) {
    COUNT.setRelease(holds, (stripe + 1) * DISTANCE, 0L);
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
    for (int at = DISTANCE; at < holds.length; at += DISTANCE) {
      long held = (long) COUNT.getVolatile(holds, at);
      if (held != 0 && held != present + 1) {
        return false;
      }
    }
    period = present + 1;
    // What is written over from now on is not seen before the period is: a store that is volatile
    // comes after those before it, but not before those after it.
    VarHandle.storeStoreFence();
    return true;
  }
}
