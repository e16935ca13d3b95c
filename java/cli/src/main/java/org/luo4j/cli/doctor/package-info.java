/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a host can carry memory over a kexec, and what to do where it cannot. */
@NullMarked
package org.luo4j.cli.doctor;

import org.jspecify.annotations.NullMarked;
