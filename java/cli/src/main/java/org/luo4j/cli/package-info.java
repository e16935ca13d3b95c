/* SPDX-License-Identifier: Apache-2.0 */
/** The luo command: one class a subcommand. */
package org.luo4j.cli;
