/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EMFILE;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The file descriptors of an emulated process. Their numbers start where no real process has any,
 * so that neither kind is mistaken for the other. Its emulator locks.
 */
final class FdTable {

  static final int FIRST = 1 << 20;
  static final int LIMIT = 65536;

  private static final class Descriptor {
    final OpenFile file;
    boolean closeOnExec;

    Descriptor(OpenFile file, boolean closeOnExec) {
      this.file = file;
      this.closeOnExec = closeOnExec;
    }
  }

  private final BitSet used = new BitSet();
  private final Map<Integer, Descriptor> descriptors = new HashMap<>();

  boolean isFull() {
    return used.cardinality() >= LIMIT;
  }

  /** Gives the file the lowest free fd and a reference. */
  int install(OpenFile file, boolean closeOnExec) {
    int index = used.nextClearBit(0);
    if (index >= LIMIT) {
      return -EMFILE;
    }
    used.set(index);
    file.get();
    descriptors.put(FIRST + index, new Descriptor(file, closeOnExec));
    return FIRST + index;
  }

  /** The open file of an fd, or null. */
  @Nullable OpenFile file(int fd) {
    Descriptor descriptor = descriptors.get(fd);
    return descriptor == null ? null : descriptor.file;
  }

  private Descriptor open(int fd) {
    return Objects.requireNonNull(descriptors.get(fd), "an fd that is open");
  }

  boolean isCloseOnExec(int fd) {
    return open(fd).closeOnExec;
  }

  void setCloseOnExec(int fd, boolean closeOnExec) {
    open(fd).closeOnExec = closeOnExec;
  }

  /** Frees an open fd, and lets go of its file. */
  void close(int fd) throws IOException {
    OpenFile file = open(fd).file;
    descriptors.remove(fd);
    used.clear(fd - FIRST);
    file.put();
  }

  /** All open files, each once. */
  List<OpenFile> files() {
    Set<OpenFile> files = new HashSet<>();
    descriptors.values().forEach(descriptor -> files.add(descriptor.file));
    return new ArrayList<>(files);
  }

  /** Forgets all fds and releases nothing. */
  void clear() {
    descriptors.clear();
    used.clear();
  }
}
