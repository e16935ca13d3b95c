/* SPDX-License-Identifier: Apache-2.0 */
/** A cache's entries in a file that any machine reads. */
@NullMarked
package org.luo4j.cli.dump;

import org.jspecify.annotations.NullMarked;
