/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Counts since the cache was opened. Hits and misses are counted with {@link
 * WarmCache.Builder#recordStats} only, once for each lookup, as Caffeine does: by {@link
 * WarmCache#getIfPresent}, {@link WarmCache#read}, {@link WarmCache#get} and the map's {@code
 * computeIfAbsent}. Other methods of the map count none.
 *
 * @param hits lookups that found a value, or got that of another thread's loader
 * @param misses lookups that found none; where there was a loader, it was called
 * @param evictions entries that were removed to make room, and expired entries that were removed or
 *     replaced
 * @param corruptions entries whose checksum did not hold: they were misses
 * @param decodeFailures entries whose key or value the codec could not decode; see {@link
 *     OnDecodeFailure}
 * @param droppedPuts entries that could not be stored, as a stalled reader held the memory
 * @since 0.1.0
 */
public record CacheStats(
    long hits,
    long misses,
    long evictions,
    long corruptions,
    long decodeFailures,
    long droppedPuts) {

  /**
   * Returns the share of lookups that found a value.
   *
   * @return 0 to 1; NaN when no lookup was counted: there was none, or {@link
   *     WarmCache.Builder#recordStats} was not set
   */
  public double hitRate() {
    long all = hits + misses;
    return all == 0 ? Double.NaN : (double) hits / all;
  }
}
