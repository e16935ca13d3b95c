/* SPDX-License-Identifier: Apache-2.0 */
/** Which implementation of the calls a process uses, and why. */
@NullMarked
package org.luo4j.internal.select;

import org.jspecify.annotations.NullMarked;
