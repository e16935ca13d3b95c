/* SPDX-License-Identifier: Apache-2.0 */
/** The contract suite on this host. */
package org.luo4j.cli.selftest;
