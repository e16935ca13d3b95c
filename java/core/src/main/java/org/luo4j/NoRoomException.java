/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;

/**
 * There is no room for memory: on the file system, in the machine, below a cgroup's limit, or below
 * the process's limit of the size of a file. The message says how much is needed, how much there
 * is, where, and what to do. No memory was taken.
 *
 * @since 0.1.0
 */
public final class NoRoomException extends IOException {

  private static final long serialVersionUID = 1L;

  /** In bytes. */
  private final long needed;

  /** In bytes. */
  private final long available;

  NoRoomException(String what, long needed, long available, String where, String remedy) {
    super(
        what
            + " needs "
            + needed
            + " more bytes, "
            + where
            + " has "
            + available
            + " left: "
            + remedy);
    this.needed = needed;
    this.available = available;
  }

  /**
   * How much is needed.
   *
   * @return bytes, beyond those that are allocated already
   */
  public long needed() {
    return needed;
  }

  /**
   * How much there was.
   *
   * @return bytes, 0 or more; less than {@link #needed}, unless others freed memory meanwhile
   */
  public long available() {
    return available;
  }
}
