/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Milliseconds since 1970 that do not jump while the process runs: the wall clock when the cache is
 * opened, and from there on a clock that is not set. It does not begin before the latest time that
 * the process before saw, unless that is more than a day away: then the wall clock is believed.
 */
final class WallClock implements LongSupplier {

  private static final long DAY = TimeUnit.DAYS.toMillis(1);

  private final long offset;

  WallClock(long latest) {
    long wall = System.currentTimeMillis();
    offset = (latest > wall && latest - wall <= DAY ? latest : wall) - monotonic();
  }

  @Override
  public long getAsLong() {
    return monotonic() + offset;
  }

  private static long monotonic() {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
  }
}
