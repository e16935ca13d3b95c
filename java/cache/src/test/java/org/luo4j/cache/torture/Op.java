/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

/**
 * A change of a key in one long: {@code version: 43 | until: 20 | put: 1}. Versions of a key only
 * grow and are used once; a removal has one too. Time is counted in ticks; a put with {@code until}
 * is gone when that tick begins, 0 is never. The long 0 is a key that never was.
 */
final class Op {

  static final long NEVER_PUT = 0;

  private Op() {}

  static long put(long version, int until) {
    return version << 21 | (long) until << 1 | 1;
  }

  static long remove(long version) {
    return version << 21;
  }

  static long version(long op) {
    return op >>> 21;
  }

  static boolean isPut(long op) {
    return (op & 1) != 0;
  }

  static int until(long op) {
    return (int) (op >>> 1) & 0xF_FFFF;
  }

  /** Whether it leaves something that a lookup at that tick finds. */
  static boolean isVisible(long op, int tick) {
    return isPut(op) && (until(op) == 0 || tick < until(op));
  }

  static String text(long op, int tick) {
    if (op == NEVER_PUT) {
      return "never put";
    }
    String until = until(op) == 0 ? "" : ", until tick " + until(op) + ", now " + tick;
    return (isPut(op) ? "put of version " : "removal, version ")
        + Long.toHexString(version(op))
        + until;
  }
}
