/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What Linux says of this process's file descriptors in /proc/self/fd (proc_pid_fd(5)). */
public final class ProcFd {

  private ProcFd() {}

  /** The target of /proc/self/fd/{@code fd}; null when it is not open or /proc is not mounted. */
  public static @Nullable String describe(int fd) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
    } catch (IOException notOpen) {
      return null;
    }
  }
}
