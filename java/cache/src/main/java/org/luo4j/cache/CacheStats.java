/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Counts since the cache was opened.
 *
 * @param hits lookups that found a value
 * @param misses lookups that did not
 * @param evictions entries that were pushed out, or found to have expired
 * @param corruptions entries whose checksum did not hold: they were misses
 * @since 0.1.0
 */
public record CacheStats(long hits, long misses, long evictions, long corruptions) {

  /**
   * The share of lookups that found a value.
   *
   * @return 0 to 1; 1 where there was no lookup
   */
  public double hitRate() {
    long all = hits + misses;
    return all == 0 ? 1 : (double) hits / all;
  }
}
