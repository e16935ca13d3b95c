/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import org.jspecify.annotations.Nullable;

/** What an operation does when it fails half-way. */
final class Undo {

  private Undo() {}

  /**
   * Closes what a failed operation has made, in this order. What goes wrong with it is suppressed
   * in the failure.
   *
   * @param failure any, errors included: the caller throws it
   * @param made nulls are left out
   */
  static void close(Throwable failure, @Nullable AutoCloseable... made) {
    for (AutoCloseable each : made) {
      try {
        if (each != null) {
          each.close();
        }
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }
}
