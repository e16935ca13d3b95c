/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** The cache's clock. It stands while someone puts a value with an age. */
final class Ticks {

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private volatile int now;

  Ticks(int now) {
    this.now = now;
  }

  int now() {
    return now;
  }

  /** Held, it stops the clock. */
  Lock standing() {
    return lock.readLock();
  }

  void advance() {
    lock.writeLock().lock();
    now++;
    lock.writeLock().unlock();
  }
}
