/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;

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

  /** No period has such a number: no thread may read or hold any more. */
  private static final long ENDED = 1L << 62;

  /** The number of the present period; {@link #ENDED} or more after {@link #end}. */
  private volatile long period;

  long period() {
    return period;
  }

  /** Whether a number that was read is no period's: {@link #end} was called before. */
  static boolean isEnded(long period) {
    return period >= ENDED;
  }

  /**
   * Ends reading and holding for good: what was read without a pin is found to be too old, and no
   * thread gets a pin or a stripe. Those that have one keep it.
   */
  void end() {
    period = ENDED + (period & 1);
  }

  /**
   * Begins reading.
   *
   * @return what {@link #exit} needs
   * @throws IllegalStateException after {@link #end}
   */
  int enter() {
    int stripe = 2 * stripe() + 1;
    while (true) {
      long present = period;
      if (present >= ENDED) {
        throw Memory.closed();
      }
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
   * @return the stripe, 0 to 31; -1 while another thread holds this thread's, and after {@link
   *     #end}
   */
  int hold() {
    return hold(stripe());
  }

  /** As {@link #hold()}, of a stripe that need not be this thread's. */
  int hold(int stripe) {
    int at = (stripe + 1) * DISTANCE;
    long present = period;
    if (present >= ENDED || !COUNT.compareAndSet(holds, at, 0L, present + 1)) {
      return -1;
    }
    while (period != present) { // one has begun in between, which did not wait for us
      present = period;
      if (present >= ENDED) {
        release(stripe);
        return -1;
      }
      COUNT.setVolatile(holds, at, present + 1);
    }
    return stripe;
  }

  /** Gives a stripe back. */
  void release(int stripe) {
    COUNT.setRelease(holds, (stripe + 1) * DISTANCE, 0L);
  }

  /**
   * Waits until every stripe that is held now has been given back. They are held for the length of
   * an overwrite, in which no code of a user's runs. To be called by the thread that may advance.
   *
   * @param areGivenBack is asked now and then whether they still will be; where not this returns
   */
  void awaitHolds(BooleanSupplier areGivenBack) {
    for (int stripe = 0; stripe < STRIPES; stripe++) {
      int at = (stripe + 1) * DISTANCE;
      for (int tries = 0; !COUNT.compareAndSet(holds, at, 0L, ENDED); tries++) {
        if (tries < 100) {
          Thread.onSpinWait();
        } else if (tries % 1000 > 0 || areGivenBack.getAsBoolean()) {
          Thread.yield();
        } else {
          return;
        }
      }
      release(stripe);
    }
  }

  /** Whether no thread is reading that has entered: neither in this period nor before. */
  boolean isQuiet() {
    for (int at = DISTANCE; at < counts.length; at += DISTANCE) {
      if ((long) COUNT.getVolatile(counts, at) != 0) {
        return false;
      }
    }
    return true;
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
