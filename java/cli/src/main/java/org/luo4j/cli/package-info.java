/* SPDX-License-Identifier: Apache-2.0 */
/** The luo command: one class a subcommand. */
@NullMarked
package org.luo4j.cli;

import org.jspecify.annotations.NullMarked;
