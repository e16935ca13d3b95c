/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;

/** How an {@link Agent} replaces the kernel. */
interface KexecCommand {

  /**
   * Loads the next kernel, and changes nothing else.
   *
   * @throws IOException when it cannot be loaded, with the reason
   */
  void load(Agent.Update update) throws IOException;

  /**
   * Writes what file systems have in memory to their devices.
   *
   * @throws IOException when that is not known to be done
   */
  void sync() throws IOException;

  /**
   * Jumps into the kernel that was loaded.
   *
   * @throws IOException when that did not happen, with the reason; it does not return otherwise
   */
  void execute() throws IOException;
}
