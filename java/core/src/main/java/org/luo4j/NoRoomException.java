/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;

/**
 * There is no room for memory that was to be reserved: on the file system, in the machine, or below
 * a cgroup's limit. Nothing was reserved.
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
   * What was to be reserved.
   *
   * @return bytes, beyond those that the memory has already
   */
  public long needed() {
    return needed;
  }

  /**
   * What there was.
   *
   * @return bytes, 0 or more
   */
  public long available() {
    return available;
  }
}
