/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The lock of changes. It is given back by a store, {@code owner = null}, in a finally block: where
 * the stack has ended no call can be relied on, {@link java.util.concurrent.locks.Lock#unlock}
 * neither. After the store {@link #wake} lets a thread that waits know; where that was not called,
 * the thread looks by itself within the time that it waits for.
 *
 * <p>Not reentrant. Whoever comes first gets it. Any thread.
 */
final class WriteLock {

  private static final VarHandle OWNER;

  static {
    try {
      OWNER = MethodHandles.lookup().findVarHandle(WriteLock.class, "owner", Thread.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** How often a thread looks for the lock before it sleeps: it is held for under a microsecond. */
  private static final int SPINS = 200;

  /**
   * How often a thread that sleeps should look whether what it wants the lock for is still there.
   */
  static final long LOOK_MILLIS = 50;

  /** Who has the lock; null for nobody, stored by who had it. */
  volatile @Nullable Thread owner;

  /** Threads that sleep, the one that came first at the front. */
  private final ConcurrentLinkedQueue<Waiter> waiters = new ConcurrentLinkedQueue<>();

  private static final class Waiter {
    private final Thread thread = Thread.currentThread();

    /** Whether the wait has ended; a store, which needs no stack as leaving the queue does. */
    private volatile boolean isOver;
  }

  /** Takes the lock if it is free; a thread that has it does not get it again. */
  boolean tryLock() {
    return owner == null && OWNER.compareAndSet(this, null, Thread.currentThread());
  }

  boolean isHeldByCurrentThread() {
    return owner == Thread.currentThread();
  }

  /** Whether threads wait for the lock: they sleep, or have been woken and do not have it yet. */
  boolean hasWaiters() {
    return !waiters.isEmpty();
  }

  /**
   * Takes the lock, if it can be had within a time. An interrupt does not end the wait, and stays
   * set. Callers must not have the lock.
   */
  boolean tryLock(long millis) {
    for (int i = 0; i < SPINS; i++) {
      if (tryLock()) {
        return true;
      }
      Thread.onSpinWait();
    }
    Thread me = Thread.currentThread();
    try {
      return await(System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis));
    } catch (Throwable e) {
      if (owner == me) { // no stack to leave the queue
        owner = null;
      }
      throw e;
    }
  }

  private boolean await(long end) {
    boolean interrupted = false;
    Waiter waiter = new Waiter();
    waiters.add(waiter);
    try {
      while (!tryLock()) {
        long left = end - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        LockSupport.parkNanos(this, left);
        interrupted |= Thread.interrupted(); // which would make the next pause none
      }
      return true;
    } finally {
      waiter.isOver = true;
      waiters.remove(waiter);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Has a thread that sleeps look for the lock: to be called when it has been given back. The
   * thread waits on, behind the others, until it has the lock: it may come too late.
   */
  void wake() {
    Waiter first = waiters.poll();
    while (first != null && first.isOver) {
      first = waiters.poll();
    }
    if (first != null) {
      waiters.add(first);
      LockSupport.unpark(first.thread);
    }
  }
}
