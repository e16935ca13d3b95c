/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A cgroup with a limit of memory, of version 1 or 2, whichever controls memory here. */
final class Cgroup implements Closeable {

  private static final Path ROOT = Path.of("/sys/fs/cgroup");
  private static final int TRIES = 1000;

  private final Path folder;

  /**
   * Makes it.
   *
   * @throws IOException when this process may not: the message says what it takes
   */
  Cgroup(long limit) throws IOException {
    Path first = ROOT.resolve("memory");
    boolean old = Files.exists(first.resolve("memory.limit_in_bytes"));
    String name = "luo4j-torture-" + ProcessHandle.current().pid();
    folder = (old ? first : ROOT).resolve(name);
    try {
      if (!old) {
        Files.writeString(ROOT.resolve("cgroup.subtree_control"), "+memory");
      }
      Files.createDirectory(folder);
      Files.writeString(
          folder.resolve(old ? "memory.limit_in_bytes" : "memory.max"), Long.toString(limit));
    } catch (IOException e) {
      Files.deleteIfExists(folder);
      throw new IOException(
          "cannot limit memory: it takes root, and a cgroup file system on "
              + ROOT
              + " (mount -t cgroup2 none "
              + ROOT
              + ") with the controller 'memory': "
              + e,
          e);
    }
  }

  /** A program that runs its arguments in the cgroup. */
  List<String> inside() {
    return List.of("sh", "-c", "echo $$ >'" + folder + "/cgroup.procs' && exec \"$@\"", "sh");
  }

  /** Deletes it, when the processes in it have ended. */
  @Override
  public void close() throws IOException {
    for (int tries = 1; Files.exists(folder); tries++) {
      try {
        Files.delete(folder);
      } catch (IOException busy) {
        if (tries == TRIES) {
          throw busy;
        }
        LockSupport.parkNanos(5_000_000);
      }
    }
  }
}
