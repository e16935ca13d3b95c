/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * What becomes of old memory that a cache finds and cannot use.
 *
 * @since 0.1.0
 */
public enum OnRefusal {
  /**
   * It stays as it is, aside: a file is renamed to its name with ".refused" appended, a memfd stays
   * in its session. The cache starts cold in new memory.
   */
  KEEP,
  /** It is written over: the cache starts cold in its place. */
  REPLACE,
  /**
   * Opening the cache throws an IOException. A file stays where it is, as it is; what arrived in a
   * session is lost, as it can be retrieved once.
   */
  FAIL
}
