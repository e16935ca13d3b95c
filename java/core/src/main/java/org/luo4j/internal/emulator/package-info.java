/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The emulator: {@link org.luo4j.internal.emulator.Emulator} plays a machine with the Live Update
 * Orchestrator in a folder.
 *
 * <p>{@code Emulator} is one process and its lock; {@code FdTable} and {@code AddressSpace} are
 * what a process has; {@code DeviceFile}, {@code OutgoingSession}, {@code IncomingSession} and
 * {@code MemFile} are its open files; {@code Ioctl} is the way into them; {@code StateFolder},
 * {@code ProcessDirectory} and {@code Manifest} are what is on disk; {@code Reboot} makes the next
 * boot.
 */
@NullMarked
package org.luo4j.internal.emulator;

import org.jspecify.annotations.NullMarked;
