/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.Arrays;

/** A key on the heap: bytes with equality. */
final class HeapKey {

  final byte[] bytes;

  HeapKey(byte[] bytes) {
    this.bytes = bytes;
  }

  @Override
  public int hashCode() {
    return Entries.hash(bytes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HeapKey key && Arrays.equals(bytes, key.bytes);
  }
}
