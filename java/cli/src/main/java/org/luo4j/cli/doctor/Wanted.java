/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.luo4j.cache.CacheShape;

/**
 * What the host shall do.
 *
 * @param cacheSize the capacity of the cache to be carried over in bytes, as a cache can have it; 0
 *     for not known
 * @param unit the name of the service's unit, or null
 * @param unitFile the file of its unit, or null
 */
public record Wanted(long cacheSize, @Nullable String unit, @Nullable Path unitFile) {

  /** What a cache has by default. */
  public static final int AVERAGE_ENTRY = 64;

  /** Of 1000 bytes of memory so many are capacity. */
  private static final int CAPACITY_OF_1000 = 612;

  /** The memory that the cache takes with entries of the default average; 0 where not known. */
  long memory() {
    return cacheSize == 0 ? 0 : new CacheShape(cacheSize, AVERAGE_ENTRY, "", "", 0).memoryBytes();
  }

  /** The largest capacity that so much memory is enough for. */
  static long largestCache(long memory) {
    return Math.max(0, memory) / 1000 * CAPACITY_OF_1000;
  }
}
