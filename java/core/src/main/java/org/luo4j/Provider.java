/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

/**
 * Who answers the calls of a {@link LiveUpdate}.
 *
 * @since 0.1.0
 */
public enum Provider {
  /** Linux itself: what is preserved survives a kexec. */
  KERNEL,
  /** The emulator in this JVM: what is preserved survives an emulated kexec only. */
  EMULATOR
}
