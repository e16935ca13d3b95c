/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.luo4j.internal.bridge.Bridge;

/**
 * An open fd and its owner's rule: it is closed once, never while a call is using it, and never
 * used after, so that a number which the system has given to another file is not touched. Any
 * thread.
 */
final class Descriptor {

  /** A call on the fd. */
  @FunctionalInterface
  interface Call {
    long on(int fd);
  }

  private final Bridge bridge;
  private final int fd;
  private final String what;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  /** Takes ownership of {@code fd}. {@code what} names it in messages. */
  Descriptor(Bridge bridge, int fd, String what) {
    this.bridge = bridge;
    this.fd = fd;
    this.what = what;
  }

  Bridge bridge() {
    return bridge;
  }

  /** The number, for messages and for handing the fd to a child. */
  int number() {
    lock.readLock().lock();
    try {
      checkOpen();
      return fd;
    } finally {
      lock.readLock().unlock();
    }
  }

  boolean isOpen() {
    lock.readLock().lock();
    try {
      return !closed;
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * The call's result, {@code >= 0}.
   *
   * @throws LuoException of {@code refusal} when it is negative
   * @throws IllegalStateException when closed
   */
  long call(Refusal refusal, String argument, Call call) {
    long result = result(call);
    if (result < 0) {
      throw refusal.exception(result, argument.isEmpty() ? what : what + " " + argument);
    }
    return result;
  }

  /** The call's result, whatever it is. */
  long result(Call call) {
    lock.readLock().lock();
    try {
      checkOpen();
      return call.on(fd);
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Closes the fd once the calls that use it have returned. Idempotent. */
  void close() {
    close(false);
  }

  /**
   * As {@link #close()}, and ends its lock, also where a child that is being started has the fd.
   */
  void closeAndUnlock() {
    close(true);
  }

  private void close(boolean isLocked) {
    lock.writeLock().lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      if (isLocked) {
        bridge.unlock(fd); // if it fails, the lock ends with the last fd
      }
      long result = bridge.close(fd);
      if (result < 0) {
        throw Refusal.CLOSE.exception(result, what);
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(what + " is closed");
    }
  }

  @Override
  public String toString() {
    return what + (isOpen() ? " (fd " + fd + ")" : " (closed)");
  }
}
