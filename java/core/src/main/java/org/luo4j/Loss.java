/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

/**
 * What ends a process and may take its memory.
 *
 * @since 0.1.0
 */
public enum Loss {
  /** The service is stopped and started again. */
  RESTART,
  /** The process is killed, or fails. */
  CRASH,
  /** systemd restarts user space: systemctl soft-reboot. */
  SOFT_REBOOT,
  /** A new kernel is started without the firmware: systemctl kexec, kexec -e. */
  KEXEC
}
