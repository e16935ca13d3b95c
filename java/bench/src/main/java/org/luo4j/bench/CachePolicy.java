/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

/** What decides which keys a cache of so many entries holds, fed with one access after another. */
interface CachePolicy extends AutoCloseable {

  /**
   * Looks the key up and puts it if it is absent.
   *
   * @return whether it was there
   */
  boolean accessAndPutIfAbsent(long key);

  @Override
  default void close() {}
}
