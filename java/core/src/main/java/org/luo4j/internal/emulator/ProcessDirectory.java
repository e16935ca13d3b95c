/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;

/**
 * The directory of one emulated process in one boot, with the lock that says it lives.
 *
 * <p>Belongs to one {@link Emulator}, which locks.
 */
final class ProcessDirectory {

  /** The file that is locked while the process lives. */
  static final String ALIVE = "alive";

  private final StateFolder folder;
  private final long boot;
  private final Path path;
  private final FileLocks.Held alive;
  private long files;

  private ProcessDirectory(StateFolder folder, long boot, Path path, FileLocks.Held alive) {
    this.folder = folder;
    this.boot = boot;
    this.path = path;
    this.alive = alive;
  }

  /** Starts a process in the boot that runs now. */
  static ProcessDirectory create(StateFolder folder) throws IOException {
    return folder.locked(
        () -> {
          long boot = folder.boot();
          Path path = folder.bootDirectory(boot).resolve("p-" + UUID.randomUUID());
          StateFolder.newFolder(path);
          FileLocks.Held alive = FileLocks.tryHold(path.resolve(ALIVE));
          if (alive == null) {
            throw new IOException(path + " cannot be locked: file locks do not work there");
          }
          deleteAtExit(path);
          return new ProcessDirectory(folder, boot, path, alive);
        });
  }

  /**
   * Has the JDK delete the directory when the JVM ends, if nothing else is in it then. It keeps the
   * names only, and no class of luo4j's, which may have been unloaded by then.
   */
  private static void deleteAtExit(Path path) {
    try {
      // In the reverse of this order.
      path.toFile().deleteOnExit();
      path.resolve(ALIVE + FileLocks.GUARD).toFile().deleteOnExit();
      path.resolve(ALIVE).toFile().deleteOnExit();
    } catch (IllegalStateException e) {
      // The JVM is ending: the next process that opens the folder deletes it.
    }
  }

  StateFolder folder() {
    return folder;
  }

  long boot() {
    return boot;
  }

  Path path() {
    return path;
  }

  Path bootDirectory() {
    return folder.bootDirectory(boot);
  }

  /** Whether the kernel that this process runs on is still the running one. */
  boolean isCurrent() {
    return folder.boot() == boot;
  }

  /** A new name for a memfd's bytes. */
  Path newData() {
    return path.resolve("m-" + files++ + ".data");
  }

  /** Where a memfd's position lies beside its bytes. */
  static Path positionOf(Path data) {
    String name = data.getFileName().toString();
    return data.resolveSibling(name.substring(0, name.length() - ".data".length()) + ".pos");
  }

  /** Where the manifest of an outgoing session lies in a process's directory. */
  static Path outgoing(Path process, String hexName) {
    return process.resolve("s-" + hexName);
  }

  /** Where a retrieved session lies in a process's directory. */
  static Path retrieved(Path process, String hexName) {
    return process.resolve("in-" + hexName);
  }

  /** Says that the process has ended, and leaves the directory where it is. */
  void release() throws IOException {
    alive.close();
  }
}
