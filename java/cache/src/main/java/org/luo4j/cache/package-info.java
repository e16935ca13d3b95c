/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A cache outside the heap, in memory that outlives the process.
 *
 * <p>Threads: every method of {@link org.luo4j.cache.WarmCache} may be called by any thread;
 * builders are for one. Ownership: a cache owns its memory, and the lock or the session that holds
 * it, until it is closed; one process at a time can have it. Where a type is not marked {@link
 * org.jspecify.annotations.Nullable}, no argument and no result is null.
 *
 * @since 0.1.0
 */
@NullMarked
package org.luo4j.cache;

import org.jspecify.annotations.NullMarked;
