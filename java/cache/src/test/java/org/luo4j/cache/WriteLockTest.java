/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WriteLockTest {

  private static final long LONG = 60_000;

  private final WriteLock lock = new WriteLock();
  private final ExecutorService others = Executors.newCachedThreadPool();

  @AfterEach
  void end() throws InterruptedException {
    others.shutdownNow();
    assertTrue(others.awaitTermination(10, TimeUnit.SECONDS));
  }

  private boolean inAnother(Callable<Boolean> work) throws Exception {
    return others.submit(work).get(LONG, TimeUnit.MILLISECONDS);
  }

  /** Starts a thread that waits for the lock; returns when it sleeps. */
  private Future<Boolean> waiting(long millis) throws InterruptedException {
    Thread[] thread = new Thread[1];
    CountDownLatch begun = new CountDownLatch(1);
    Future<Boolean> waits =
        others.submit(
            () -> {
              thread[0] = Thread.currentThread();
              begun.countDown();
              boolean locked = lock.tryLock(millis);
              if (locked) {
                lock.owner = null;
                lock.wake();
              }
              return locked;
            });
    begun.await();
    while (thread[0].getState() != Thread.State.TIMED_WAITING && !waits.isDone()) {
      Thread.onSpinWait();
    }
    return waits;
  }

  @Test
  void oneThreadHasItAndOnce() throws Exception {
    assertFalse(lock.isHeldByCurrentThread());
    assertTrue(lock.tryLock());
    assertTrue(lock.isHeldByCurrentThread());
    assertSame(Thread.currentThread(), lock.owner);
    assertFalse(lock.tryLock(), "it is not reentrant");
    assertFalse(inAnother(lock::tryLock));
    assertFalse(inAnother(lock::isHeldByCurrentThread));
    assertFalse(inAnother(() -> lock.tryLock(1)));
    assertFalse(lock.hasWaiters(), "who gave up waits no more");
    lock.owner = null;
    assertTrue(inAnother(() -> lock.tryLock(0)));
  }

  @Test
  void whoSleepsIsWokenInTurn() throws Exception {
    assertTrue(lock.tryLock());
    List<Future<Boolean>> all = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      all.add(waiting(LONG));
      assertTrue(lock.hasWaiters());
    }
    lock.owner = null;
    lock.wake();
    for (Future<Boolean> each : all) { // each wakes the next one
      assertTrue(each.get(LONG / 2, TimeUnit.MILLISECONDS));
    }
    assertFalse(lock.hasWaiters());
    assertNull(lock.owner);
  }

  /** As where the stack has ended after the lock was given back. */
  @Test
  void whoIsNotWokenFindsOutByItself() throws Exception {
    assertTrue(lock.tryLock());
    Future<Boolean> waits = waiting(WriteLock.LOOK_MILLIS);
    lock.owner = null;
    while (!waits.get(LONG, TimeUnit.MILLISECONDS)) {
      waits = others.submit(() -> lock.tryLock(WriteLock.LOOK_MILLIS));
    }
    assertFalse(lock.hasWaiters());
  }

  /** It is woken while another thread is quicker, and must be woken again. */
  @Test
  void whoComesTooLateIsWokenAgain() throws Exception {
    assertTrue(lock.tryLock());
    Future<Boolean> waits = waiting(LONG);
    for (int i = 0; i < 100; i++) {
      lock.wake(); // though this thread still has it
      assertTrue(lock.hasWaiters(), "others must let it have the lock first");
    }
    while (!lock.hasWaiters()) {
      Thread.onSpinWait();
    }
    lock.owner = null;
    lock.wake();
    assertTrue(waits.get(LONG / 2, TimeUnit.MILLISECONDS));
  }

  @Test
  void anInterruptStaysSetAndEndsNoWait() throws Exception {
    assertTrue(lock.tryLock());
    Thread[] thread = new Thread[1];
    Future<Boolean> waits =
        others.submit(
            () -> {
              thread[0] = Thread.currentThread();
              boolean locked = lock.tryLock(LONG);
              lock.owner = null;
              return locked && Thread.interrupted();
            });
    while (!lock.hasWaiters()) {
      Thread.onSpinWait();
    }
    thread[0].interrupt();
    lock.wake();
    while (!lock.hasWaiters()) {
      Thread.onSpinWait();
    }
    assertFalse(waits.isDone());
    lock.owner = null;
    lock.wake();
    assertTrue(waits.get(LONG / 2, TimeUnit.MILLISECONDS));
  }

  @Test
  void manyThreadsTakeTurns() throws Exception {
    int threads = 6;
    int rounds = 20_000;
    int[] count = new int[1];
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      all.add(
          others.submit(
              () -> {
                for (int round = 0; round < rounds; round++) {
                  while (!lock.tryLock(WriteLock.LOOK_MILLIS)) {
                    Thread.onSpinWait();
                  }
                  count[0]++;
                  lock.owner = null;
                  lock.wake();
                }
              }));
    }
    for (Future<?> each : all) {
      each.get(LONG, TimeUnit.MILLISECONDS);
    }
    assertEquals(threads * rounds, count[0]);
    assertFalse(lock.hasWaiters());
  }
}
