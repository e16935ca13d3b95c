/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The calls of the kernel that luo4j makes, whoever answers them, with its numbers and structures.
 */
@NullMarked
package org.luo4j.internal.bridge;

import org.jspecify.annotations.NullMarked;
