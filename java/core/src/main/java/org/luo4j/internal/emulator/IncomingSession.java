/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.EIO;
import static org.luo4j.internal.bridge.Errno.ENOENT;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A session of the previous kernel that this process has retrieved. Until it is finished it holds a
 * reference to each memfd that was retrieved from it, and the bytes of the others.
 */
final class IncomingSession extends Session {

  private static final class Arrived {
    final Manifest.Entry entry;
    int error;
    @Nullable MemFile file;

    Arrived(Manifest.Entry entry) {
      this.entry = entry;
    }
  }

  private final Path directory;
  private final Map<Long, Arrived> files = new LinkedHashMap<>();

  private IncomingSession(Kernel kernel, Path directory, Manifest manifest) {
    super(kernel, manifest.name());
    this.directory = directory;
    manifest.entries().forEach(entry -> files.put(entry.token(), new Arrived(entry)));
  }

  /** The manifest in the directory of an incoming session, which must be named as it is. */
  static Manifest read(Path directory) throws IOException {
    Manifest manifest = Manifest.read(directory.resolve("manifest"));
    if (!directory.getFileName().toString().equals(manifest.name())) {
      throw new IOException(directory + " is damaged: its manifest names another session");
    }
    return manifest;
  }

  /** Retrieves a session into a new fd. The caller holds the folder's lock. */
  static int retrieve(Kernel kernel, byte[] name) throws IOException {
    String hexName = Manifest.hexName(name);
    if (hexName == null) {
      return -ENOENT;
    }
    ProcessDirectory process = kernel.process();
    Path arrived = process.bootDirectory().resolve("incoming").resolve(hexName);
    if (!Files.exists(arrived)) {
      for (Path other : process.folder().liveProcesses(process.boot())) {
        if (Files.exists(ProcessDirectory.retrieved(other, hexName))) {
          return -EINVAL;
        }
      }
      return -ENOENT;
    }
    Manifest manifest = read(arrived);
    Path directory = ProcessDirectory.retrieved(process.path(), hexName);
    StateFolder.moveAtomically(arrived, directory);
    return kernel.fds().install(new IncomingSession(kernel, directory, manifest), true);
  }

  /** Retrieves a token's file into a new fd. */
  int retrieveFile(long token) throws IOException {
    Arrived arrived = files.get(token);
    if (arrived == null) {
      return -ENOENT;
    }
    if (arrived.error == 0 && arrived.file == null) {
      arrived.error = kernel.faults().takeRetrieve(hexName(), token);
      if (arrived.error == 0) {
        restore(arrived);
      }
    }
    return arrived.file == null ? -arrived.error : kernel.fds().install(arrived.file, true);
  }

  /** Makes a memfd of what arrived, or says with what it failed for good. */
  private void restore(Arrived arrived) {
    Path data = kernel.process().newData();
    try {
      StateFolder.moveAtomically(directory.resolve(arrived.entry.data()), data);
    } catch (IOException e) {
      arrived.error = EIO;
      return;
    }
    arrived.file = MemFile.retrieved(new Backing(data), arrived.entry);
    arrived.file.get();
  }

  /** Lets go of what was retrieved, and deletes what was not. */
  void finish() throws IOException {
    for (Arrived arrived : files.values()) {
      StateFolder.delete(directory.resolve(arrived.entry.data()));
      if (arrived.file != null) {
        arrived.file.letGo();
        arrived.file.put();
      }
    }
    files.clear();
  }

  @Override
  void release() throws IOException {
    finish();
    StateFolder.deleteTree(directory);
  }
}
