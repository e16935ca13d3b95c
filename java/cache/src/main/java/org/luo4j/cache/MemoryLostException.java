/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import org.jspecify.annotations.Nullable;

/**
 * The cache's memory was taken away while the cache was open: somebody cut its file short, its disk
 * fails, or memory has a fault. Every call that uses entries throws this from then on. Nothing that
 * a call returned before was wrong. Close the cache and open it again: it recovers what is there,
 * or starts cold.
 *
 * <p>Without native code a call may throw the {@link InternalError} of {@link
 * org.luo4j.MemoryRegion} instead, and so may what its thread does next.
 *
 * @since 0.1.0
 */
public final class MemoryLostException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  MemoryLostException(@Nullable Throwable cause) {
    super(
        "the cache's memory is gone: its file was cut short, its disk or memory has a fault. Close"
            + " the cache and open it again; it may be cold then",
        cause);
  }
}
