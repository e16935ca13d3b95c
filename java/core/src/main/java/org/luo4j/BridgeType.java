/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

/**
 * How the calls of a {@link LiveUpdate} leave Java.
 *
 * @since 0.1.0
 */
public enum BridgeType {
  /** The library libluo4j.so, through JNI. The fastest; needs the library for this machine. */
  JNI,
  /** The C library, through JNA. */
  JNA,
  /** Not at all: the emulator answers. */
  EMULATOR
}
