/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import java.util.function.Supplier;
import org.luo4j.internal.bridge.Uninterrupted;

/** Waits for another owner to end, and says so once, at INFO. One thread. */
final class OwnerWait {

  private static final System.Logger LOG = System.getLogger(Handover.class.getName());

  private final Duration timeout;
  private final long pause;
  private final long end;
  private boolean isTold;

  /**
   * Begins the time.
   *
   * @param timeout how long to wait at most
   * @param pause ns between two looks
   */
  OwnerWait(Duration timeout, long pause) {
    this.timeout = timeout;
    this.pause = pause;
    this.end = System.nanoTime() + LiveUpdate.nanos(timeout);
  }

  /**
   * Waits a moment, unless the time is over.
   *
   * @param name the memory's name
   * @param owner tells who has the memory, for the message. It is called for the first wait only
   * @return whether to look again
   */
  boolean goesOn(String name, Supplier<String> owner) {
    long left = end - System.nanoTime();
    if (left <= 0) {
      return false;
    }
    if (!isTold) {
      isTold = true;
      LOG.log(
          System.Logger.Level.INFO,
          "waiting for "
              + (timeout.toSeconds() == 0 ? timeout.toMillis() + " ms" : timeout.toSeconds() + " s")
              + " at most, as "
              + owner.get()
              + " has '"
              + name
              + "' open");
    }
    Uninterrupted.pause(Math.min(left, pause));
    return true;
  }
}
