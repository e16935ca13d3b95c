/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.concurrent.locks.LockSupport;

/** A while in which others go on, so that what comes next meets them at any point. */
final class Pause {

  private Pause() {}

  static void micros(long micros) {
    long end = System.nanoTime() + micros * 1000;
    for (long left; (left = end - System.nanoTime()) > 0; ) {
      LockSupport.parkNanos(left);
    }
  }
}
