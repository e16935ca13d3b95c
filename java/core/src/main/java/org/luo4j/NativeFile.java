/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** A file of which this process has the lock, by native calls. Owns its fd. */
final class NativeFile extends OwnedFile {

  private static final int FILE_TYPE_MASK = 0170000;
  private static final int REGULAR = 0100000;

  /** What is told of a name that no file has, or a file of another kind. */
  private static final Set<Integer> MOVED =
      Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.EISDIR, Errno.ELOOP);

  /** A block that is written where a file system cannot allocate without writing. */
  private static final int BLOCK = 1 << 20;

  /** A signal ends the allocation of a large tmpfs file; so many in a row do not come by chance. */
  private static final int MAX_INTERRUPTED = 100;

  private final Bridge bridge;
  private final Descriptor descriptor;

  private NativeFile(Bridge bridge, int fd, Path file) {
    super(file);
    this.bridge = bridge;
    this.descriptor = new Descriptor(bridge, fd, file.toString());
  }

  /**
   * The file with its lock; null while another has that, or the name is being given to another.
   *
   * @param self the user whose file it must be; null for any
   */
  static @Nullable NativeFile tryOpen(Bridge bridge, Path file, boolean create, @Nullable Long self)
      throws IOException {
    int fd = bridge.openFile(bytes(file), false);
    boolean isNew = fd == -Errno.ENOENT && create;
    if (isNew) {
      fd = create(bridge, file);
      if (fd < 0) {
        return null;
      }
    }
    NativeFile owned = null;
    try {
      owned = owned(bridge, checked(bridge, file, fd), file, self);
      isNew = false;
      return owned;
    } finally {
      if (owned == null && fd >= 0) {
        bridge.unlock(fd);
        bridge.close(fd);
      }
      if (isNew) {
        Files.deleteIfExists(file); // nothing is left of an open that fails
      }
    }
  }

  private static @Nullable NativeFile owned(Bridge bridge, int fd, Path file, @Nullable Long self)
      throws IOException {
    long[] status = status(bridge, fd, file);
    if ((status[Bridge.STATUS_MODE] & FILE_TYPE_MASK) != REGULAR) {
      throw notOrdinary(file);
    }
    if (self != null) {
      checkOwner(file, status[Bridge.STATUS_MODE], status[Bridge.STATUS_UID], self);
    }
    int locked = bridge.lockFile(fd);
    if (locked == -Errno.EAGAIN) {
      return null;
    }
    if (locked < 0) {
      throw failure(file, locked, "lock");
    }
    return isStill(bridge, file, status) ? new NativeFile(bridge, fd, file) : null;
  }

  /** The path as the kernel has it: a string may have lost bytes, the URI has not. */
  static byte[] bytes(Path file) {
    String uri = file.toAbsolutePath().toUri().getRawPath();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(uri.length());
    for (int i = 0; i < uri.length(); i++) {
      if (uri.charAt(i) == '%') {
        bytes.write(Integer.parseInt(uri.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        bytes.write(uri.charAt(i));
      }
    }
    return bytes.toByteArray();
  }

  /** The fd, or -1 where the file came in between. */
  private static int create(Bridge bridge, Path file) throws IOException {
    int fd = bridge.openFile(bytes(file), true);
    if (fd == -Errno.EEXIST) {
      return -1;
    }
    if (fd == -Errno.ENOENT) {
      throw new NoSuchFileException(
          file.toString(), null, "its folder is not there: make it, with mode 0700");
    }
    return checked(bridge, file, fd);
  }

  private static int checked(Bridge bridge, Path file, int fd) throws IOException {
    if (fd == -Errno.EISDIR) {
      throw notOrdinary(file);
    }
    if (fd == -Errno.EACCES) {
      throw denied(file, "open: " + Errno.describe(Errno.EACCES), userId(bridge));
    }
    if (fd == -Errno.EROFS) {
      throw refused(file, "open: " + Errno.describe(Errno.EROFS) + ": " + READ_ONLY);
    }
    if (fd < 0) {
      throw failure(file, fd, "open");
    }
    return fd;
  }

  private static IOException failure(Path file, long result, String call) {
    int errno = (int) -result;
    String text = call + ": " + Errno.describe(errno) + remedy(errno, call);
    return switch (errno) {
      case Errno.ENOENT -> new NoSuchFileException(file.toString());
      case Errno.EACCES, Errno.EPERM -> new AccessDeniedException(file.toString(), null, text);
      case Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM -> // which say nothing of the file
          new IOException(file + ": " + text);
      default -> new FileSystemException(file.toString(), null, text);
    };
  }

  /** What to do about what a call has met; empty for other reasons. */
  private static String remedy(int errno, String call) {
    return switch (errno) {
      case Errno.EMFILE -> TOO_MANY_OPEN;
      case Errno.ENOTDIR -> NO_FOLDER;
      case Errno.ENAMETOOLONG -> LONG_NAME;
      case Errno.ENFILE ->
          ": raise the system's limit of open files (sysctl fs.file-max), or end processes";
      case Errno.ENOSPC ->
          !call.equals("open")
              ? ""
              : ": the file system has no room for one more file (df -i shows how many it may have):"
                  + " remove files";
      case Errno.ENOMEM ->
          call.equals("mmap")
              ? ": raise this process's limits of addresses (ulimit -v, RLIMIT_AS) and of mappings"
                  + " (sysctl vm.max_map_count), or make the memory smaller"
              : "";
      default -> "";
    };
  }

  private static long[] status(Bridge bridge, int fd, Path file) throws IOException {
    long[] status = new long[Bridge.STATUS_FIELDS];
    int result = bridge.status(fd, status);
    if (result < 0) {
      throw failure(file, result, "statx");
    }
    return status;
  }

  /**
   * Whether the name is that of the file that was locked: its owner before may have moved it.
   *
   * @throws IOException when that cannot be seen, as with too many open files
   */
  private static boolean isStill(Bridge bridge, Path file, long[] locked) throws IOException {
    int fd = bridge.openFile(bytes(file), false);
    if (MOVED.contains(-fd)) {
      return false;
    }
    if (fd < 0) {
      throw failure(file, fd, "open once more");
    }
    try {
      long[] named = status(bridge, fd, file);
      return named[Bridge.STATUS_INODE] == locked[Bridge.STATUS_INODE]
          && named[Bridge.STATUS_DEVICE] == locked[Bridge.STATUS_DEVICE];
    } finally {
      bridge.close(fd);
    }
  }

  private long call(String name, Descriptor.Call call) throws IOException {
    long result = descriptor.result(call);
    if (result < 0) {
      throw failure(path(), result, name);
    }
    return result;
  }

  private long[] status() throws IOException {
    long[] status = new long[Bridge.STATUS_FIELDS];
    call("statx", fd -> bridge.status(fd, status));
    return status;
  }

  @Override
  public long size() throws IOException {
    return status()[Bridge.STATUS_SIZE];
  }

  @Override
  public boolean isLockSafe() {
    return true;
  }

  @Override
  public boolean isReserved() throws IOException {
    long[] status = status();
    return status[Bridge.STATUS_ALLOCATED] >= status[Bridge.STATUS_SIZE];
  }

  @Override
  public long allocated() throws IOException {
    return status()[Bridge.STATUS_ALLOCATED];
  }

  @Override
  public void reserve(long bytes) throws IOException {
    long[] status = status();
    long size = status[Bridge.STATUS_SIZE];
    long wanted = Math.max(bytes, size);
    new Room().checkFileSize(path().toString(), wanted, size);
    checkFree(wanted - status[Bridge.STATUS_ALLOCATED], 0);
    boolean done = false;
    try {
      if (size < wanted) {
        checkSize("ftruncate", descriptor.result(fd -> bridge.truncate(fd, wanted)), wanted);
      }
      allocate(wanted);
      done = true;
    } finally {
      if (!done) {
        descriptor.result(fd -> bridge.truncate(fd, size));
      }
    }
  }

  @Override
  public boolean isNamed() throws IOException {
    return isStill(bridge, path(), status());
  }

  @Override
  boolean isMemory() throws IOException {
    long device = status()[Bridge.STATUS_DEVICE];
    return new Room().isMemory(device >>> 32, device & 0xFFFF_FFFFL);
  }

  private void allocate(long bytes) throws IOException {
    long result = -Errno.EINTR;
    for (int tries = 0; result == -Errno.EINTR && tries < MAX_INTERRUPTED; tries++) {
      result = descriptor.result(fd -> bridge.allocate(fd, 0, 0, bytes));
    }
    if (result == -Errno.ENOSPC) {
      throw noRoom(bytes - allocated(), path().toFile().getUsableSpace(), isMemory());
    }
    if (result == -Errno.EOPNOTSUPP || result == -Errno.ENOSYS) {
      writeHoles(bytes);
    } else {
      checkSize("fallocate", result, bytes);
    }
  }

  private void checkSize(String call, long result, long bytes) throws IOException {
    if (result == -Errno.EFBIG) {
      throw refused(path(), tooLarge(bytes));
    }
    if (result < 0) {
      throw failure(path(), result, call);
    }
  }

  /** Writes what is there once more, or zeros, where the file system cannot allocate otherwise. */
  private void writeHoles(long bytes) throws IOException {
    ByteBuffer block = ByteBuffer.allocateDirect((int) Math.min(bytes, BLOCK));
    for (long done = 0; done < bytes; ) {
      long at = done;
      int length = (int) Math.min(bytes - done, block.capacity());
      long read = call("read", fd -> bridge.read(fd, block, 0, length, at));
      int part = (int) Math.max(1, read);
      done += call("write", fd -> bridge.write(fd, block, 0, part, at));
    }
  }

  @Override
  public void clear() throws IOException {
    call("ftruncate", fd -> bridge.truncate(fd, 0));
  }

  @Override
  public MemoryRegion map() throws IOException {
    long size = size();
    if (size == 0) {
      throw refused(path(), EMPTY);
    }
    long address = call("mmap", fd -> bridge.map(fd, 0, size, true));
    return new MemoryRegion(bridge, address, size, true, path().toString());
  }

  @Override
  public void close() {
    descriptor.closeAndUnlock();
  }
}
