/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Who keeps memory for a service's next process: one of the three ways of a {@link Handover}. */
interface Keeper extends AutoCloseable {

  /** Which way. */
  Handover.Holder holder();

  /** What it protects from where nothing goes wrong. */
  Set<Loss> protectsFrom();

  /** How, and what it cannot do and why, in words. */
  String describe();

  /**
   * Takes over what is kept under a name, and has it kept on.
   *
   * @return null for nothing
   */
  @Nullable Kept find(String name);

  /** Why {@link #find} found nothing under a name, in words. */
  String whyNothing(String name);

  /**
   * Has memory kept.
   *
   * @param memory becomes the Kept's, unless this throws
   */
  Kept keep(String name, MemFd memory, Kept.Origin origin, String how);

  /** As {@link #keep}, of memory that is closed when this throws. */
  default Kept keepOrClose(String name, MemFd memory, Kept.Origin origin, String how) {
    try {
      return keep(name, memory, origin, how);
    } catch (Throwable e) {
      Undo.close(e, memory);
      throw e;
    }
  }

  /** Lets go of what is kept under a name. */
  void drop(Kept kept);

  @Override
  void close();
}
