/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

/**
 * How often a test does again what it repeats: as often as it says, or the percentage of that in
 * {@code -Dluo4j.test.effort}, for processors that are emulated.
 */
public final class Effort {

  private static final int PERCENT = Integer.getInteger("luo4j.test.effort", 100);

  private Effort() {}

  /** The share of so many times, at least {@code least}. */
  public static int of(int times, int least) {
    return Math.max(least, (int) (times * (long) PERCENT / 100));
  }

  /** How long such a processor takes for what others do in so long, in any unit. */
  public static long time(long time) {
    return time * 100 / PERCENT;
  }
}
