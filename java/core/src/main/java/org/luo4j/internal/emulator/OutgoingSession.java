/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EBUSY;
import static org.luo4j.internal.bridge.Errno.EEXIST;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.ENOENT;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A session that this process has created. It holds a reference to each memfd that it preserves,
 * and keeps a manifest in the process's directory, from which any process's reboot carries it over.
 *
 * <p>The kernel's limit on the number of tokens in a session (ENOSPC) is out of reach and not
 * modelled.
 */
final class OutgoingSession extends Session {

  private record Preserved(Manifest.Entry entry, MemFile file) {}

  private final Map<Long, Preserved> files = new LinkedHashMap<>();

  private OutgoingSession(Kernel kernel, String hexName) {
    super(kernel, hexName);
  }

  /** Creates a session into a new fd. The caller holds the folder's lock. */
  static int create(Kernel kernel, byte[] name) throws IOException {
    String hexName = Manifest.hexName(name);
    if (hexName == null) {
      return -EINVAL;
    }
    ProcessDirectory process = kernel.process();
    for (Path other : process.folder().liveProcesses(process.boot())) {
      if (Files.exists(ProcessDirectory.outgoing(other, hexName))) {
        return -EEXIST;
      }
    }
    OutgoingSession session = new OutgoingSession(kernel, hexName);
    session.save(List.of());
    return kernel.fds().install(session, true);
  }

  /** Preserves the file of an fd; null stands for an fd that is not open. */
  int preserve(@Nullable OpenFile file, long token) throws IOException {
    if (files.containsKey(token)) {
      return -EEXIST;
    }
    if (file == null) {
      return OpenFile.bad();
    }
    MemFile memory = file.preservable();
    if (memory == null) {
      return -ENOENT;
    }
    if (memory.isHeldByLuo()) {
      return -EBUSY;
    }
    int error = memory.freeze();
    if (error != 0) {
      return error;
    }
    List<Manifest.Entry> entries = new ArrayList<>();
    files.values().forEach(preserved -> entries.add(preserved.entry));
    Manifest.Entry entry = memory.entry(token);
    entries.add(entry);
    try {
      save(entries);
    } catch (IOException e) {
      memory.unfreeze();
      throw e;
    }
    memory.get();
    files.put(token, new Preserved(entry, memory));
    return 0;
  }

  /** Un-preserves everything: the session is as if it had not been. */
  @Override
  void release() throws IOException {
    try {
      Files.deleteIfExists(manifest());
    } finally {
      for (Preserved preserved : files.values()) {
        preserved.file.unfreeze();
        preserved.file.put();
      }
      files.clear();
    }
  }

  private void save(List<Manifest.Entry> entries) throws IOException {
    new Manifest(hexName(), entries).write(manifest());
  }

  private Path manifest() {
    return ProcessDirectory.outgoing(kernel.process().path(), hexName());
  }
}
