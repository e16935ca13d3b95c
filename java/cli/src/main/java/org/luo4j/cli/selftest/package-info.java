/* SPDX-License-Identifier: Apache-2.0 */
/** The contract suite on this host. */
@NullMarked
package org.luo4j.cli.selftest;

import org.jspecify.annotations.NullMarked;
