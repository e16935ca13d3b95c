/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Counts since the cache was opened. Hits and misses are counted with {@link
 * WarmCache.Builder#recordStats} only, once for each lookup, as Caffeine does: by {@link
 * WarmCache#getIfPresent}, {@link WarmCache#read}, {@link WarmCache#get} and the map's {@code
 * computeIfAbsent}. Other methods of the map count none.
 *
 * <p>A lookup that throws is counted too. Where its function or loader throws, it is counted as if
 * that had returned. Where the codec of its value throws, it is a miss. It is not counted where the
 * codec of its key throws, or where the cache is closed or has lost its memory. There is no count
 * of loads, nor of those that failed: each was a miss.
 *
 * @param hits lookups that found a value, or got that of another thread's loader
 * @param misses lookups that found none; where there was a loader, it was called, unless the lookup
 *     threw before
 * @param evictions entries that were removed to make room, and expired entries that were removed or
 *     replaced; not live ones that were replaced
 * @param corruptions entries whose checksum did not hold: they were misses
 * @param decodeFailures entries whose key or value the codec could not decode; see {@link
 *     OnDecodeFailure}
 * @param droppedPuts entries that were put and not stored, as a function given to {@link
 *     WarmCache#read} held the memory for more than a second; a removal listener is told of them as
 *     {@link RemovalCause#SIZE}
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
