/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the host shall do.
 *
 * @param cacheSize the capacity of the cache to be carried over in bytes; 0 for not known
 * @param unit the name of the service's unit, or null
 * @param unitFile the file of its unit, or null
 */
public record Wanted(long cacheSize, @Nullable String unit, @Nullable Path unitFile) {

  /** The memory that the cache takes: about one and a half of its capacity. */
  long memory() {
    return cacheSize / 2 * 3;
  }
}
