/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * What becomes of old memory that a cache finds and cannot use.
 *
 * @since 0.1.0
 */
public enum OnRefusal {
  /**
   * The cache sets the old memory aside, unchanged, under its name with ".refused" appended: it
   * renames a file, and a holder keeps a memfd under that name. The cache starts cold in new
   * memory. It takes the old memory back when it is opened as before, with the values that it had
   * then: those too that were replaced or removed in the new memory meanwhile. Where that matters,
   * call {@link WarmCache#discardRefused} after the change. One memory is set aside for a cache:
   * the one before is deleted, and the last one too where there is no room for both. Memory that
   * cannot be set aside is written over, and a WARNING says so. That is so where another process
   * has the memory of that name open, or where a file of that name is no cache's. Such a file
   * stays.
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
