/* SPDX-License-Identifier: Apache-2.0 */
/** The calls through JNA. */
@NullMarked
package org.luo4j.internal.jna;

import org.jspecify.annotations.NullMarked;
