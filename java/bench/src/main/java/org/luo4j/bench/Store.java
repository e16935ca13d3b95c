/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

/**
 * A store under measurement: a map of bytes to bytes, safe for use by several threads. The caller
 * keeps the arrays that it passes and may change them after the call. A failure is a runtime
 * exception; a store never answers with a wrong value silently.
 */
interface Store extends AutoCloseable {

  /** What {@link #readSum} answers for a key that is absent. */
  long ABSENT = Long.MIN_VALUE;

  /** What {@link #memoryBytes} answers where the store does not know. */
  long UNKNOWN = -1;

  /** The value of the key, for the caller to read, or null. */
  byte[] get(byte[] key);

  /** Adds the entry or replaces its value. */
  void put(byte[] key, byte[] value);

  /**
   * Adds up the value's whole little-endian longs, in place where the store lets its user see a
   * value without copying it, else from the array of {@link #get}.
   *
   * @return the sum as {@link Entries#sum(byte[])} makes it, or {@link #ABSENT}
   */
  default long readSum(byte[] key) {
    byte[] value = get(key);
    return value == null ? ABSENT : Entries.sum(value);
  }

  /** Number of entries, for checks after a restart. */
  long size();

  /** Bytes that the store says it uses, or {@link #UNKNOWN}. */
  default long memoryBytes() {
    return UNKNOWN;
  }

  /** Writes out what is to be kept and releases everything. */
  @Override
  void close();
}
