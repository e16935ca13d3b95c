/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

/**
 * What an emulated process's files need of the process and of the kernel it runs on.
 *
 * @param process where its state lies
 * @param fds its file descriptors
 * @param faults the failures that were asked for
 */
record Kernel(ProcessDirectory process, FdTable fds, Faults faults) {}
