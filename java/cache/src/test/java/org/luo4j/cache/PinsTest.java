/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PinsTest {

  private final Pins pins = new Pins();

  @Test
  void aReaderIsOvertakenByOnePeriodOnly() {
    assertTrue(pins.advance());
    Pins.Pin pin = pins.enter();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    pin.held = 0;
    assertTrue(pins.advance());
    assertEquals(3, pins.period());
  }

  @Test
  void anOverwriteIsOvertakenByOnePeriodOnly() {
    Pins.Pin held = pins.hold();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    assertFalse(pins.advance());
    held.held = 0;
    assertTrue(pins.advance());
    assertEquals(2, pins.period());
  }

  @Test
  void aStripeIsHeldOnce() {
    Pins.Pin held = pins.hold();
    assertNull(pins.hold());
    held.held = 0;
    assertEquals(held, pins.hold());
    Pins.Pin pin = pins.enter();
    assertTrue(pins.advance());
    held.held = 0;
    assertFalse(pins.advance(), "the reader of the same thread is still there");
    pin.held = 0;
    assertTrue(pins.advance());
  }

  @Test
  void readersOfOnePeriodAreCounted() {
    Pins.Pin first = pins.enter();
    Pins.Pin second = pins.enter();
    assertTrue(pins.advance());
    first.held = 0;
    assertFalse(pins.advance());
    Pins.Pin later = pins.enter();
    second.held = 0;
    assertTrue(pins.advance(), "the later one is of the present period");
    assertFalse(pins.advance());
    later.held = 0;
    assertTrue(pins.advance());
  }

  @Test
  void everyStripeIsWaitedFor() {
    for (int stripe = 0; stripe < Pins.STRIPES; stripe++) {
      Pins.Pin held = pins.hold(stripe);
      assertEquals(stripe, held.stripe);
      assertTrue(pins.advance());
      assertFalse(pins.advance(), "stripe " + stripe);
      held.held = 0;
      assertTrue(pins.advance());
    }
    assertEquals(2L * Pins.STRIPES, pins.period());
  }

  /** Close waits for the functions that read in place, of this period and the one before. */
  @Test
  void itIsQuietWhenNoReaderIsLeft() throws InterruptedException {
    assertTrue(pins.isQuiet());
    for (int i = 0; i < 2 * Pins.STRIPES; i++) {
      Pins.Pin[] pin = new Pins.Pin[1];
      Thread thread = new Thread(() -> pin[0] = pins.enter());
      thread.start();
      thread.join();
      assertFalse(pins.isQuiet());
      assertTrue(pins.advance());
      assertFalse(pins.isQuiet());
      pin[0].held = 0;
      assertTrue(pins.isQuiet());
    }
    pins.hold();
    assertTrue(pins.isQuiet(), "an overwrite is no reader");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void afterTheEndNobodyEntersAndWhoIsInsideMayLeave(int periods) {
    for (int i = 0; i < periods; i++) {
      assertTrue(pins.advance());
    }
    assertFalse(Pins.isEnded(pins.period()));
    Pins.Pin pin = pins.enter();
    Pins.Pin held = pins.hold(3);
    pins.end();
    assertTrue(Pins.isEnded(pins.period()));
    assertThrows(IllegalStateException.class, pins::enter);
    assertNull(pins.hold());
    assertNull(pins.hold(4));
    assertFalse(pins.isQuiet());
    pin.held = 0;
    assertTrue(pins.isQuiet());
    held.held = 0;
    assertNull(pins.hold(3));
    pins.awaitHolds(() -> true);
  }

  /** So that what an overwrite has begun is in the memory when a cache closes, or is cleared. */
  @Test
  void everyHoldIsAwaited() throws InterruptedException {
    for (int stripe : new int[] {0, 1, 15, Pins.STRIPES - 1}) {
      Pins.Pin held = pins.hold(stripe);
      Thread waiting = new Thread(() -> pins.awaitHolds(() -> true));
      waiting.start();
      waiting.join(20);
      assertTrue(waiting.isAlive(), "stripe " + stripe);
      held.held = 0;
      waiting.join(10_000);
      assertFalse(waiting.isAlive());
      for (int each = 0; each < Pins.STRIPES; each++) {
        Pins.Pin pin = pins.hold(each);
        assertNotNull(pin, "it is given back");
        pin.held = 0;
      }
    }
  }

  /** Without a guard a thread may lose its stripe to the JVM's error of memory that is gone. */
  @Test
  void noHoldIsAwaitedWhenTheMemoryIsGone() {
    pins.hold(3);
    AtomicInteger asked = new AtomicInteger();
    pins.awaitHolds(() -> asked.incrementAndGet() < 10);
    assertEquals(10, asked.get());
    assertNull(pins.hold(3));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aReaderOfAnyThreadIsWaitedFor(int periods) throws InterruptedException {
    if (periods == 1) {
      assertTrue(pins.advance());
    }
    for (int i = 0; i < 2 * Pins.STRIPES; i++) {
      Pins.Pin[] pin = new Pins.Pin[1];
      Thread thread = new Thread(() -> pin[0] = pins.enter());
      thread.start();
      thread.join();
      assertTrue(pins.advance());
      assertFalse(pins.advance());
      pin[0].held = 0;
      assertTrue(pins.advance());
    }
  }

  /** A change that is under way goes on waiting for the readers that are left. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void readersAreWaitedForAfterTheEnd(int periods) {
    if (periods == 1) {
      assertTrue(pins.advance());
    }
    Pins.Pin pin = pins.enter();
    pins.end();
    assertFalse(pins.advance());
    pin.held = 0;
    assertTrue(pins.advance());
  }

  @Test
  void threadsHoldStripesOfTheirOwn() throws InterruptedException {
    Set<Pins.Pin> held = ConcurrentHashMap.newKeySet();
    for (int i = 0; i < Pins.STRIPES; i++) {
      Thread thread = new Thread(() -> Optional.ofNullable(pins.hold()).ifPresent(held::add));
      thread.start();
      thread.join();
    }
    assertTrue(held.size() > Pins.STRIPES / 2, "stripes: " + held);
  }

  /** Threads that read at a time would else slow each other down, and a pin be made for each. */
  @Test
  void aReaderTakesItsStripesPinAndOthersWhereThatIsTaken() {
    int own = (int) (Thread.currentThread().getId() % Pins.STRIPES);
    Set<Integer> stripes = ConcurrentHashMap.newKeySet();
    assertEquals(own, pins.enter().stripe);
    for (int i = 1; i < Pins.STRIPES; i++) {
      assertTrue(stripes.add(pins.enter().stripe));
    }
    assertFalse(stripes.contains(own));
    assertEquals(Pins.STRIPES, pins.readersPins());
    assertTrue(pins.enter().stripe >= Pins.STRIPES);
    assertEquals(2 * Pins.STRIPES, pins.readersPins());
  }

  /** Of any number of readers each has a pin of its own, which is used again. */
  @Test
  void moreReadersThanStripesAreWaitedFor() {
    Set<Pins.Pin> all = ConcurrentHashMap.newKeySet();
    for (int round = 0; round < 3; round++) {
      Deque<Pins.Pin> entered = new ArrayDeque<>();
      for (int i = 0; i < 3 * Pins.STRIPES; i++) {
        entered.add(pins.enter());
      }
      assertEquals(3 * Pins.STRIPES, Set.copyOf(entered).size());
      all.addAll(entered);
      assertTrue(all.size() <= 4 * Pins.STRIPES, "pins are made only where none is free");
      assertTrue(pins.advance());
      while (!entered.isEmpty()) {
        assertFalse(pins.advance());
        assertFalse(pins.isQuiet());
        entered.remove().held = 0;
      }
      assertTrue(pins.isQuiet());
      assertTrue(pins.advance());
    }
  }

  /** A crowd of readers that was there once must not make changes slow for ever. */
  @Test
  void afterACrowdOfReadersThereAreFewPinsAgain() {
    for (int round = 0; round < 2; round++) {
      Deque<Pins.Pin> entered = new ArrayDeque<>();
      for (int i = 0; i < 40 * Pins.STRIPES; i++) {
        entered.add(pins.enter());
      }
      assertEquals(64 * Pins.STRIPES, pins.readersPins());
      Pins.Pin last = entered.getLast();
      for (Pins.Pin pin : entered) {
        if (pin != last) {
          pin.held = 0;
        }
      }
      for (int i = 0; i < 10_000; i++) {
        pins.advance();
      }
      assertFalse(pins.isQuiet(), "its pin is there");
      last.held = 0;
      for (int i = 0; i < 10_000; i++) {
        assertTrue(pins.advance());
      }
      assertEquals(Pins.STRIPES, pins.readersPins());
      Pins.Pin pin = pins.enter();
      assertTrue(pins.advance());
      assertFalse(pins.advance());
      pin.held = 0;
    }
  }

  /** While their number changes. */
  @Test
  void readersAreWaitedForWhileThereAreMoreAndFewerPins() throws Exception {
    AtomicBoolean ends = new AtomicBoolean();
    AtomicInteger wrong = new AtomicInteger();
    ExecutorService readers = Executors.newCachedThreadPool();
    List<Future<?>> all = new ArrayList<>();
    for (int thread = 0; thread < 3; thread++) {
      all.add(
          readers.submit(
              () -> {
                while (!ends.get()) {
                  Deque<Pins.Pin> entered = new ArrayDeque<>();
                  for (int i = 0; i < 50; i++) {
                    Pins.Pin pin = pins.enter();
                    long pinned = pin.held - 1;
                    entered.add(pin);
                    if (pins.period() - pinned > 1) {
                      wrong.incrementAndGet();
                    }
                  }
                  entered.forEach(pin -> pin.held = 0);
                  for (int i = 0; i < 200 && !ends.get(); i++) {
                    Thread.onSpinWait();
                  }
                }
              }));
    }
    Set<Integer> sizes = new HashSet<>();
    for (int periods = 0; periods < 20_000 || sizes.size() < 2; ) {
      periods += pins.advance() ? 1 : 0;
      sizes.add(pins.readersPins());
    }
    ends.set(true);
    for (Future<?> each : all) {
      each.get(1, TimeUnit.MINUTES);
    }
    readers.shutdown();
    assertTrue(readers.awaitTermination(1, TimeUnit.MINUTES));
    assertEquals(0, wrong.get(), "a period has begun too early");
    assertTrue(pins.isQuiet());
  }

  @Test
  void aFunctionThatKeepsAPeriodIsKnown() {
    Pins pins = new Pins();
    Pins.Pin function = pins.enterFunction();
    assertFalse(pins.isKeptByFunction(), "the present period is its own");
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    assertTrue(pins.isKeptByFunction());
    function.held = 0;
    assertFalse(pins.isKeptByFunction());
    Pins.Pin other = pins.enter();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    assertFalse(pins.isKeptByFunction());
    other.held = 0;
    assertTrue(pins.advance());
  }
}
