/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PinsTest {

  private final Pins pins = new Pins();

  @Test
  void aReaderIsOvertakenByOnePeriodOnly() {
    assertTrue(pins.advance());
    int pin = pins.enter();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    pins.exit(pin);
    assertTrue(pins.advance());
    assertEquals(3, pins.period());
  }

  @Test
  void anOverwriteIsOvertakenByOnePeriodOnly() {
    int held = pins.hold();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    assertFalse(pins.advance());
    pins.release(held);
    assertTrue(pins.advance());
    assertEquals(2, pins.period());
  }

  @Test
  void aStripeIsHeldOnce() {
    int held = pins.hold();
    assertEquals(-1, pins.hold());
    pins.release(held);
    assertEquals(held, pins.hold());
    int pin = pins.enter();
    assertTrue(pins.advance());
    pins.release(held);
    assertFalse(pins.advance(), "the reader of the same thread is still there");
    pins.exit(pin);
    assertTrue(pins.advance());
  }

  @Test
  void readersOfOnePeriodAreCounted() {
    int first = pins.enter();
    int second = pins.enter();
    assertTrue(pins.advance());
    pins.exit(first);
    assertFalse(pins.advance());
    int later = pins.enter();
    pins.exit(second);
    assertTrue(pins.advance(), "the later one is of the present period");
    assertFalse(pins.advance());
    pins.exit(later);
    assertTrue(pins.advance());
  }

  @Test
  void everyStripeIsWaitedFor() {
    for (int stripe = 0; stripe < Pins.STRIPES; stripe++) {
      int held = pins.hold(stripe);
      assertEquals(stripe, held);
      assertTrue(pins.advance());
      assertFalse(pins.advance(), "stripe " + stripe);
      pins.release(held);
      assertTrue(pins.advance());
    }
    assertEquals(2L * Pins.STRIPES, pins.period());
  }

  /** Close waits for the functions that read in place, of this period and the one before. */
  @Test
  void itIsQuietWhenNoReaderIsLeft() throws InterruptedException {
    assertTrue(pins.isQuiet());
    for (int i = 0; i < 2 * Pins.STRIPES; i++) {
      int[] pin = new int[1];
      Thread thread = new Thread(() -> pin[0] = pins.enter());
      thread.start();
      thread.join();
      assertFalse(pins.isQuiet());
      assertTrue(pins.advance());
      assertFalse(pins.isQuiet());
      pins.exit(pin[0]);
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
    int pin = pins.enter();
    int held = pins.hold(3);
    pins.end();
    assertTrue(Pins.isEnded(pins.period()));
    assertThrows(IllegalStateException.class, pins::enter);
    assertEquals(-1, pins.hold());
    assertEquals(-1, pins.hold(4));
    assertFalse(pins.isQuiet());
    pins.exit(pin);
    assertTrue(pins.isQuiet());
    pins.release(held);
    assertEquals(-1, pins.hold(3));
    pins.awaitHolds(() -> true);
  }

  /** So that what an overwrite has begun is in the memory when a cache closes, or is cleared. */
  @Test
  void everyHoldIsAwaited() throws InterruptedException {
    for (int stripe : new int[] {0, 1, 15, Pins.STRIPES - 1}) {
      pins.hold(stripe);
      Thread waiting = new Thread(() -> pins.awaitHolds(() -> true));
      waiting.start();
      waiting.join(20);
      assertTrue(waiting.isAlive(), "stripe " + stripe);
      pins.release(stripe);
      waiting.join(10_000);
      assertFalse(waiting.isAlive());
      for (int each = 0; each < Pins.STRIPES; each++) {
        assertEquals(each, pins.hold(each), "it is given back");
        pins.release(each);
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
    assertEquals(-1, pins.hold(3));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aReaderOfAnyThreadIsWaitedFor(int periods) throws InterruptedException {
    if (periods == 1) {
      assertTrue(pins.advance());
    }
    for (int i = 0; i < 2 * Pins.STRIPES; i++) {
      int[] pin = new int[1];
      Thread thread = new Thread(() -> pin[0] = pins.enter());
      thread.start();
      thread.join();
      assertTrue(pins.advance());
      assertFalse(pins.advance());
      pins.exit(pin[0]);
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
    int pin = pins.enter();
    pins.end();
    assertTrue(pins.advance());
    assertFalse(pins.advance());
    pins.exit(pin);
    assertTrue(pins.advance());
  }

  @Test
  void threadsHoldStripesOfTheirOwn() throws InterruptedException {
    Set<Integer> held = new HashSet<>();
    for (int i = 0; i < Pins.STRIPES; i++) {
      Thread thread = new Thread(() -> held.add(pins.hold()));
      thread.start();
      thread.join();
    }
    held.remove(-1);
    assertTrue(held.size() > Pins.STRIPES / 2, "stripes: " + held);
  }
}
