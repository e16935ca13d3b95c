/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import org.jspecify.annotations.Nullable;

/**
 * The cache's memory was taken away while the cache was open: its file was cut short by somebody,
 * its disk fails, or memory has a fault. Every call from then on throws this, until the cache is
 * closed and opened again. Nothing that a call has returned before was wrong.
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
