/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Readers of memory that is used again: what the writer gives up is not written over before every
 * reader that may have found it is gone. Time is divided into periods. A reader pins the period in
 * which it enters; what is given up in period n may be used again from period n + 2 on, and a
 * period begins only when no reader of the one before the present is left.
 *
 * <p>A reader that only copies need not pin: when it has copied, and the present {@link #period} is
 * at most the next one to that in which it began, nothing that it found can have been written over.
 *
 * <p>Any thread may {@link #enter} or {@link #hold}, without waiting; one at a time may {@link
 * #advance}. Who has a pin ends with {@code pin.held = 0}, in a finally block: a call needs stack,
 * and where that has ended, a pin that is not given back would stay for ever. Where every
 * nanosecond counts it ends with {@link #release}, and has that store in a catch block. (Epochs, as
 * in Fraser, "Practical lock-freedom", 2004.)
 */
final class Pins {

  private static final VarHandle HELD;
  private static final VarHandle READERS;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      HELD = lookup.findVarHandle(Pin.class, "held", long.class);
      READERS = lookup.findVarHandle(Pins.class, "readers", Pin[].class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  static final int STRIPES = 32;

  /** Of a reader's pin that is no more: nobody gets it. */
  private static final long GONE = -1;

  /** After so many periods with few readers there are half as many pins for them. */
  private static final int QUIET_PERIODS = 64;

  /** No period has such a number: no thread may read or hold any more. */
  private static final long ENDED = 1L << 62;

  /**
   * Is set in what a reader pins while it runs a function of the user's, which may take any time.
   */
  private static final long FUNCTION = 1L << 61;

  /** A thread's hold on a period. Larger than two cache lines, as they are fetched in pairs. */
  @SuppressWarnings("unused")
  static final class Pin {
    /** The period that is pinned, and one, and perhaps {@link #FUNCTION}; 0 for none. */
    volatile long held;

    /** 0 to 31, where it is a stripe's. */
    final int stripe;

    private long pad1;
    private long pad2;
    private long pad3;
    private long pad4;
    private long pad5;
    private long pad6;
    private long pad7;
    private long pad8;
    private long pad9;
    private long pad10;
    private long pad11;
    private long pad12;
    private long pad13;
    private long pad14;
    private long pad15;

    private Pin(int stripe) {
      this.stripe = stripe;
    }
  }

  /**
   * What readers pin; each looks for a free one. There are twice as many where all are held, and
   * half as many where few have been for long: a power of 2, each of the first ones as before.
   */
  private volatile Pin[] readers = more(new Pin[0], STRIPES);

  /** What those pin who want a stripe for themselves. */
  private final Pin[] holders = more(new Pin[0], STRIPES);

  /** Periods that have begun with few readers, one after the other. */
  private int quiet;

  /** The number of the present period; {@link #ENDED} or more after {@link #end}. */
  private volatile long period;

  /** As many pins, the first of which are given. */
  private static Pin[] more(Pin[] pins, int length) {
    Pin[] more = Arrays.copyOf(pins, length);
    for (int i = pins.length; i < length; i++) {
      more[i] = new Pin(i);
    }
    return more;
  }

  long period() {
    return period;
  }

  /** Whether a number that was read is no period's: {@link #end} was called before. */
  static boolean isEnded(long period) {
    return period >= ENDED;
  }

  /**
   * Ends reading and holding for good: what was read without a pin is found to be too old, and no
   * thread gets a pin. Those that have one keep it.
   */
  void end() {
    period = ENDED;
  }

  /**
   * Begins reading. Nothing that was found may be touched after {@code held} has been set to 0.
   *
   * @throws IllegalStateException after {@link #end}
   */
  Pin enter() {
    return enter(0);
  }

  /** As {@link #enter()}, of a thread that is to run a function of the user's. */
  Pin enterFunction() {
    return enter(FUNCTION);
  }

  private Pin enter(long mark) {
    long present = period;
    if (present >= ENDED) {
      throw Memory.closed();
    }
    Pin pin = free(present + 1 | mark);
    // No call from here on: if the stack ended in it, nobody would give the pin back.
    while (period != present) { // one has begun meanwhile, which did not wait for the pin
      present = period;
      if (present >= ENDED) {
        pin.held = 0;
        throw Memory.closed();
      }
      pin.held = present + 1 | mark;
    }
    return pin;
  }

  /** A reader's pin that was free, and holds a value now. */
  private Pin free(long value) {
    int first = (int) Thread.currentThread().getId();
    while (true) {
      Pin[] all = readers;
      for (int i = 0; i < all.length; i++) {
        Pin pin = all[first + i & all.length - 1];
        if (pin.held == 0 && HELD.compareAndSet(pin, 0L, value)) {
          return pin;
        }
      }
      READERS.compareAndSet(this, all, more(all, 2 * all.length)); // or another thread has
    }
  }

  private static int stripe() {
    return (int) Thread.currentThread().getId() & STRIPES - 1;
  }

  /**
   * Pins the present period, and keeps other threads from holding the same stripe.
   *
   * @return null while another thread holds this thread's stripe, and after {@link #end}
   */
  @Nullable Pin hold() {
    return hold(stripe());
  }

  /** As {@link #hold()}, of a stripe that need not be this thread's. */
  @Nullable Pin hold(int stripe) {
    Pin pin = holders[stripe];
    long present = period;
    if (present >= ENDED || !HELD.compareAndSet(pin, 0L, present + 1)) {
      return null;
    }
    while (period != present) { // as in enter
      present = period;
      if (present >= ENDED) {
        pin.held = 0;
        return null;
      }
      pin.held = present + 1;
    }
    return pin;
  }

  /**
   * Gives a pin back, without the fence of {@code pin.held = 0}: where there is stack for a call.
   */
  static void release(Pin pin) {
    HELD.setRelease(pin, 0L);
  }

  /**
   * Waits until every stripe that is held now has been given back. They are held for the length of
   * an overwrite, in which no code of a user's runs. To be called by the thread that may advance.
   *
   * @param areGivenBack is asked now and then whether they still will be; where not this returns
   */
  void awaitHolds(BooleanSupplier areGivenBack) {
    for (Pin pin : holders) {
      for (int tries = 0; !HELD.compareAndSet(pin, 0L, ENDED); tries++) {
        if (tries < 100) {
          Thread.onSpinWait();
        } else if (tries % 1000 > 0 || areGivenBack.getAsBoolean()) {
          Thread.yield();
        } else {
          return;
        }
      }
      pin.held = 0;
    }
  }

  /** Whether no thread is reading that has entered: neither in this period nor before. */
  boolean isQuiet() {
    for (Pin pin : readers) {
      if (pin.held > 0) {
        return false;
      }
    }
    return true;
  }

  /** Whether a function of the user's keeps the next period from beginning. */
  boolean isKeptByFunction() {
    long present = period;
    for (Pin pin : readers) {
      long pinned = pin.held;
      if (!lets(pinned, present) && (pinned & FUNCTION) != 0) {
        return true;
      }
    }
    return false;
  }

  /** Begins a new period, if no reader of the one before the present is left. */
  boolean advance() {
    long present = period;
    for (Pin pin : holders) {
      if (!lets(pin.held, present)) {
        return false;
      }
    }
    Pin[] all = readers;
    int held = 0;
    for (Pin pin : all) {
      long pinned = pin.held;
      if (!lets(pinned, present)) {
        return false;
      }
      held += pinned > 0 ? 1 : 0;
    }
    if (all.length > STRIPES) {
      quiet = held < all.length / 8 ? quiet + 1 : 0;
      if (quiet == QUIET_PERIODS) {
        quiet = 0;
        halve(all);
      }
    }
    period = present + 1;
    // What is written over from now on is not seen before the period is: a store that is volatile
    // comes after those before it, but not before those after it.
    VarHandle.storeStoreFence();
    return true;
  }

  /** Leaves readers half as many pins, unless one of the others is held. */
  private void halve(Pin[] all) {
    int half = all.length / 2;
    int gone = half;
    while (gone < all.length && HELD.compareAndSet(all[gone], 0L, GONE)) {
      gone++; // also for who has found it in the array of before
    }
    if (gone < all.length || !READERS.compareAndSet(this, all, Arrays.copyOf(all, half))) {
      for (int i = half; i < gone; i++) {
        all[i].held = 0;
      }
    }
  }

  /** How many pins readers have. */
  int readersPins() {
    return readers.length;
  }

  /** Whether a pin, as it is held, lets the next period begin. */
  private static boolean lets(long held, long present) {
    return held <= 0 || (held & ~FUNCTION) == present + 1;
  }
}
