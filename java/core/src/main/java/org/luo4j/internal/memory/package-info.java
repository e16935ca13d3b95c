/* SPDX-License-Identifier: Apache-2.0 */
/** Mapped memory: bounds, and the memory order of each access. */
@NullMarked
package org.luo4j.internal.memory;

import org.jspecify.annotations.NullMarked;
