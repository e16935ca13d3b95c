/* SPDX-License-Identifier: Apache-2.0 */
/** The calls through the JNI library, and how it is found and loaded. */
@NullMarked
package org.luo4j.internal.jni;

import org.jspecify.annotations.NullMarked;
