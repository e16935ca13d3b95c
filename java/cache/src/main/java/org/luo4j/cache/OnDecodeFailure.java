/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * What a cache does with an entry when {@link Codec#decode} of its key or value throws a
 * RuntimeException or returns null. {@link CacheStats#decodeFailures} counts such entries.
 *
 * @since 0.1.0
 */
public enum OnDecodeFailure {
  /**
   * The entry is a miss and is removed, and no removal listener is told. The first one of a cache
   * is logged at WARNING with the reason.
   */
  MISS,
  /** The call throws the codec's exception. The entry stays. */
  THROW
}
