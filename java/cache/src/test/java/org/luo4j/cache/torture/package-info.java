/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a cache must hold whatever happens: processes that are killed, files that are damaged,
 * threads that meet. Uses the public API only. {@code scripts/torture.sh}, {@code
 * scripts/stress.sh} and short tests run it.
 */
package org.luo4j.cache.torture;
