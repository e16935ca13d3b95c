/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Is told of entries that are gone, by the thread that caused it, after its change is done and
 * without a lock: it may use the cache. What it throws is logged. It is not told of an entry whose
 * key or value cannot be decoded ({@link OnDecodeFailure}), nor of one that is damaged; both are
 * counted.
 *
 * @param <K> the keys
 * @param <V> the values
 * @since 0.1.0
 */
@FunctionalInterface
public interface RemovalListener<K, V> {

  /**
   * An entry is gone.
   *
   * @param key its key
   * @param value its value
   * @param cause why
   */
  void onRemoval(K key, V value, RemovalCause cause);
}
