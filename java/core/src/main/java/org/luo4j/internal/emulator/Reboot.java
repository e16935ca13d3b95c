/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The reboot: builds the next boot's directory beside the running one, and makes it the running one
 * with a single write. Everything before that write can be undone, and is swept when a JVM dies in
 * the middle; everything after it is cleaning up.
 *
 * <p>Contents are copied. A view that an old kernel's JVM still has leads into the old file, so it
 * cannot reach the new kernel's memory. What is written through views while the copy is made may
 * arrive in part.
 */
final class Reboot {

  private Reboot() {}

  /** Reboots. The caller holds the folder's lock. */
  static void run(StateFolder folder) throws IOException {
    long boot = folder.boot();
    folder.sweepBoots(boot);
    Path next = folder.root().resolve("boot-" + (boot + 1) + ".tmp");
    try {
      Path incoming = StateFolder.newFolder(StateFolder.newFolder(next).resolve("incoming"));
      for (Path process : folder.liveProcesses(boot)) {
        for (Path manifest : StateFolder.list(process, "s-*")) {
          if (!manifest.toString().endsWith(".tmp")) {
            carry(manifest, incoming);
          }
        }
      }
      StateFolder.moveAtomically(next, folder.bootDirectory(boot + 1));
    } catch (IOException | RuntimeException | Error e) {
      StateFolder.deleteTree(next);
      throw e;
    }
    folder.setBoot(boot + 1);
    StateFolder.deleteTree(folder.bootDirectory(boot));
  }

  private static void carry(Path file, Path incoming) throws IOException {
    Manifest outgoing = Manifest.read(file);
    Path session = StateFolder.newFolder(incoming.resolve(outgoing.name()));
    List<Manifest.Entry> entries = new ArrayList<>();
    for (Manifest.Entry entry : outgoing.entries()) {
      Path data = file.resolveSibling(entry.data());
      String name = Long.toHexString(entry.token()) + ".data";
      Backing.copy(data, session.resolve(name), entry.size());
      entries.add(
          new Manifest.Entry(
              entry.token(), entry.size(), entry.seals(), MemFile.savedPosition(data), name));
    }
    new Manifest(outgoing.name(), entries).write(session.resolve("manifest"));
  }
}
