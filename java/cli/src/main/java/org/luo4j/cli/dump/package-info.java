/* SPDX-License-Identifier: Apache-2.0 */
/** A cache's entries in a file that any machine reads. */
package org.luo4j.cli.dump;
