/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.file.Path;

/**
 * What to open: a store with room for so many entries of {@link Entries#KEY_SIZE} bytes of key and
 * {@code valueSize} bytes of value.
 *
 * @param directory an existing folder for the files of a store that has any; what it finds there it
 *     opens again
 */
record StoreSpec(long entries, int valueSize, Path directory) {

  /** Bytes of all keys and values. */
  long payload() {
    return entries * (Entries.KEY_SIZE + (long) valueSize);
  }
}
