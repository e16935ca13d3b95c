/* SPDX-License-Identifier: Apache-2.0 */
/** What a Linux host says of itself in files; of any folder that holds such files. */
@NullMarked
package org.luo4j.cli.host;

import org.jspecify.annotations.NullMarked;
