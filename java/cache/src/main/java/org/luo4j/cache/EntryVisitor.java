/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * Is given the entries of a cache, one after the other.
 *
 * @param <K> the keys
 * @param <V> the values
 * @since 0.1.0
 */
@FunctionalInterface
public interface EntryVisitor<K, V> {

  /**
   * An entry.
   *
   * @param key a copy
   * @param value a copy
   * @param expires ms since 1970, 0 for never
   */
  void visit(K key, V value, long expires);
}
