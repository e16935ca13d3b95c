/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Why an entry is gone, in Caffeine's words.
 *
 * @since 0.1.0
 */
public enum RemovalCause {
  /** The user removed it. */
  EXPLICIT,
  /** The user put another value before its time was over. */
  REPLACED,
  /**
   * Its time was over. Told when its place is needed, or the user puts or removes its key, which
   * may be long after.
   */
  EXPIRED,
  /** It was evicted: live bytes were about to go over nine tenths of the capacity. */
  SIZE;

  /**
   * Whether the cache removed it by itself.
   *
   * @return true for {@link #EXPIRED} and {@link #SIZE}
   */
  public boolean wasEvicted() {
    return this == EXPIRED || this == SIZE;
  }
}
