/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * A memfd: memory with an fd, of a size, without a name in any file system (memfd_create(2)).
 *
 * <p>Owns its fd until {@link #close}; the memory lives as long as an fd, a mapping or a session
 * holds it. A MemFd that is dropped without being closed keeps its fd, so that nothing is lost by
 * an oversight. Any thread may call any method; close waits for calls that are running.
 *
 * @since 0.1.0
 */
public final class MemFd implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(MemFd.class.getName());
  private static final Path SHMEM_HUGE =
      Path.of("/sys/kernel/mm/transparent_hugepage/shmem_enabled");

  private final Descriptor descriptor;
  private final String what;

  private MemFd(Bridge bridge, int fd, String what) {
    this.what = what;
    this.descriptor = new Descriptor(bridge, fd, what);
  }

  /**
   * Checks that so much memory can be had: that the machine has it, and that this process's cgroups
   * allow it. To take more than a cgroup allows ends a process of it, perhaps this one.
   *
   * @param what is to be made, for the message
   * @param bytes 0 or more
   * @throws NoRoomException when it cannot be had; what cannot be told is no reason
   */
  public static void checkRoom(String what, long bytes) throws NoRoomException {
    checkRoom(what, bytes, 0);
  }

  /**
   * Checks, before anything is given up for it, that so much memory can be had once other memory
   * has been given back.
   *
   * @param what is to be made, for the message
   * @param bytes 0 or more
   * @param freed bytes that are given back before, 0 or more, as {@link #allocated} has them. They
   *     are taken to be of this process's cgroups
   * @throws NoRoomException when it cannot be had; what cannot be told is no reason
   */
  public static void checkRoom(String what, long bytes, long freed) throws NoRoomException {
    new Room().checkMemory(what, bytes, freed);
  }

  static MemFd create(Bridge bridge, MemFdOptions options) {
    byte[] name = MemFdOptions.encode(options.name());
    String what = "memfd '" + options.name() + "'";
    int flags = options.flags();
    int fd = bridge.memfdCreate(name, flags | options.exec().flag);
    if (fd == -Errno.EINVAL && options.exec() != MemFdOptions.ExecPolicy.SYSTEM) {
      fd = bridge.memfdCreate(name, flags);
      if (fd >= 0) {
        LOG.log(
            System.Logger.Level.WARNING,
            what + ": this kernel does not know MFD_" + options.exec() + ", made without it");
      }
    }
    if (fd < 0) {
      throw Refusal.CREATE_MEMFD.exception(fd, what);
    }
    MemFd memfd = new MemFd(bridge, fd, what);
    try {
      if (options.size() > 0) {
        memfd.setSize(options.size());
        if (options.wantsHugeFolios()) {
          memfd.allocateHugeFolios(options.size());
        }
      }
      return memfd;
    } catch (Throwable e) {
      Undo.close(e, memfd);
      throw e;
    }
  }

  /** Wraps an fd that {@link Session#retrieve} got. */
  static MemFd retrieved(Bridge bridge, int fd, String what) {
    return new MemFd(bridge, fd, what);
  }

  static MemFd adopt(Bridge bridge, int fd) {
    String file = bridge.describe(fd);
    String argument = "fd " + fd + (file == null ? "" : " (" + file + ")");
    int seals = bridge.seals(fd);
    if (seals == -Errno.EINVAL) {
      throw new LuoException(
          "adopt memfd", Errno.EINVAL, argument, "it is not a memfd; it stays the caller's");
    }
    if (seals < 0) {
      throw Refusal.ADOPT_MEMFD.exception(seals, argument);
    }
    return new MemFd(bridge, fd, "memfd adopted as fd " + fd);
  }

  /**
   * The fd's number, to hand it to a child or a notify socket. It stays this object's: it must not
   * be closed, nor used after {@link #close}.
   *
   * @return 0 or more; from 2^20 on the emulator, where it means nothing to the system
   */
  public int fd() {
    return descriptor.number();
  }

  /**
   * The size (fstat(2)).
   *
   * @return bytes
   */
  public long size() {
    return descriptor.call(Refusal.INSPECT, "size", fd -> bridge().size(fd));
  }

  /**
   * The memory that is allocated (fstat(2), st_blocks). Preserving allocates all of it.
   *
   * @return bytes, a multiple of the page size
   */
  public long allocated() {
    return descriptor.call(Refusal.INSPECT, "allocation", fd -> bridge().allocated(fd));
  }

  /**
   * Sets the size (ftruncate(2)). What is cut off is lost, what is added reads as zero. Regions
   * that are mapped beyond a smaller size must not be used there.
   *
   * @param bytes 0 or more
   * @throws LuoException.Frozen when preserved, or sealed (EPERM)
   */
  public void setSize(long bytes) {
    checkSize(bytes);
    descriptor.call(Refusal.RESIZE, "to " + bytes, fd -> bridge().truncate(fd, bytes));
  }

  /**
   * Allocates memory for a range, and grows the file to its end (fallocate(2), mode 0).
   *
   * @param offset 0 or more, in bytes
   * @param length 1 or more, in bytes
   * @throws LuoException.Frozen when preserved, or sealed (EPERM)
   */
  public void allocate(long offset, long length) {
    checkRange(offset, length);
    descriptor.call(
        Refusal.ALLOCATE,
        length + " bytes at " + offset,
        fd -> bridge().allocate(fd, 0, offset, length));
  }

  /**
   * Gives the whole pages of a range back to the system; the range then reads as zero
   * (fallocate(2), punch hole).
   *
   * @param offset 0 or more, in bytes
   * @param length 1 or more, in bytes
   * @throws LuoException.Frozen when preserved, or sealed (EPERM)
   */
  public void punchHole(long offset, long length) {
    checkRange(offset, length);
    int mode = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    descriptor.call(
        Refusal.ALLOCATE,
        "hole of " + length + " bytes at " + offset,
        fd -> bridge().allocate(fd, mode, offset, length));
  }

  /**
   * The seals.
   *
   * @return a new set
   */
  public Set<Seal> seals() {
    return Seal.of((int) descriptor.call(Refusal.INSPECT, "seals", fd -> bridge().seals(fd)));
  }

  /**
   * Adds seals, which cannot be removed.
   *
   * @param seals one or more
   * @throws LuoException.Frozen when {@link Seal#SEAL} is set (EPERM)
   * @throws LuoException with EBUSY for {@link Seal#WRITE} while a writable mapping exists, or the
   *     memfd is preserved
   */
  public void addSeals(Set<Seal> seals) {
    descriptor.call(Refusal.SEAL, seals.toString(), fd -> bridge().addSeals(fd, Seal.bits(seals)));
  }

  /**
   * The file position, which read and write use and advance, and which travels across a kexec.
   *
   * @return bytes from the start
   */
  public long position() {
    return descriptor.call(Refusal.POSITION, "", fd -> bridge().seek(fd, 0, Abi.SEEK_CUR));
  }

  /**
   * Sets the file position (lseek(2)).
   *
   * @param bytes 0 or more, beyond the end too
   */
  public void position(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("position " + bytes + " must be 0 or more");
    }
    descriptor.call(Refusal.POSITION, "to " + bytes, fd -> bridge().seek(fd, bytes, Abi.SEEK_SET));
  }

  /**
   * Whether the fd is closed when the process executes another program.
   *
   * @return the state of FD_CLOEXEC
   */
  public boolean closeOnExec() {
    return (descriptor.call(Refusal.INSPECT, "descriptor flags", fd -> bridge().descriptorFlags(fd))
            & Abi.FD_CLOEXEC)
        != 0;
  }

  /**
   * Sets FD_CLOEXEC.
   *
   * @param on false to let children inherit the fd
   */
  public void closeOnExec(boolean on) {
    descriptor.call(
        Refusal.INSPECT,
        "descriptor flags",
        fd -> bridge().setDescriptorFlags(fd, on ? Abi.FD_CLOEXEC : 0));
  }

  /**
   * Reads at an offset, leaving the position alone (pread(2)), into what remains of a buffer.
   *
   * @param offset 0 or more, in bytes
   * @param target a direct buffer; its position moves by what was read
   * @return bytes read, fewer than asked for at the end of the file
   */
  public int read(long offset, ByteBuffer target) {
    checkBuffer(offset, target);
    int n =
        (int)
            descriptor.call(
                Refusal.READ,
                target.remaining() + " bytes at " + offset,
                fd -> bridge().read(fd, target, target.position(), target.remaining(), offset));
    target.position(target.position() + n);
    return n;
  }

  /**
   * Writes at an offset, leaving the position alone (pwrite(2)), from what remains of a buffer.
   *
   * @param offset 0 or more, in bytes
   * @param source a direct buffer; its position moves by what was written
   * @return bytes written, possibly fewer than asked for
   * @throws LuoException.Frozen when preserved and beyond the end, or sealed (EPERM)
   */
  public int write(long offset, ByteBuffer source) {
    checkBuffer(offset, source);
    int n =
        (int)
            descriptor.call(
                Refusal.WRITE,
                source.remaining() + " bytes at " + offset,
                fd -> bridge().write(fd, source, source.position(), source.remaining(), offset));
    source.position(source.position() + n);
    return n;
  }

  /**
   * A second fd for the same open file: contents, size, seals and position are shared.
   *
   * @return a MemFd of its own, close-on-exec, to be closed by the caller
   */
  public MemFd duplicate() {
    int fd = (int) descriptor.call(Refusal.DUPLICATE, "", fd0 -> bridge().duplicate(fd0));
    return new MemFd(bridge(), fd, what);
  }

  /**
   * Maps the whole file, shared, readable and writable, at a multiple of 2 MiB.
   *
   * @return the region, which lives on after this MemFd is closed
   * @throws LuoException.Frozen when sealed against writing
   * @throws IllegalStateException when the size is 0
   */
  public MemoryRegion map() {
    return map(true);
  }

  /**
   * Maps the whole file, shared and readable.
   *
   * @return the region; writing to it is a {@link java.nio.ReadOnlyBufferException}
   * @throws IllegalStateException when the size is 0
   */
  public MemoryRegion mapReadOnly() {
    return map(false);
  }

  private MemoryRegion map(boolean writable) {
    long size = size();
    if (size == 0) {
      throw new IllegalStateException(what + " has size 0: set a size before mapping it");
    }
    long address =
        descriptor.call(Refusal.MAP, size + " bytes", fd -> bridge().map(fd, 0, size, writable));
    return new MemoryRegion(bridge(), address, size, writable, what);
  }

  /**
   * Maps, populates and unmaps: the order in which the kernel gives 2 MiB folios to a host whose
   * shmem_enabled is "advise".
   */
  private void allocateHugeFolios(long size) {
    long address =
        descriptor.call(Refusal.MAP, size + " bytes", fd -> bridge().map(fd, 0, size, true));
    int result;
    try {
      result = bridge().advise(address, size, Abi.MADV_HUGEPAGE);
      if (result == -Errno.EINVAL) {
        LOG.log(
            System.Logger.Level.WARNING,
            what
                + ": this kernel is built without transparent huge pages, ordinary pages are used");
        result = 0;
      } else {
        warnWithoutHugeFolios();
      }
      if (result == 0) {
        result = bridge().advise(address, size, Abi.MADV_POPULATE_WRITE);
      }
    } finally {
      bridge().unmap(address, size);
    }
    if (result < 0) {
      throw Refusal.ADVISE.exception(result, what + " to allocate " + size + " bytes");
    }
  }

  private void warnWithoutHugeFolios() {
    if (bridge().name().equals("emulator") || !Files.isReadable(SHMEM_HUGE)) {
      return;
    }
    try {
      String policy = Files.readString(SHMEM_HUGE).strip();
      if (policy.contains("[never]") || policy.contains("[deny]")) {
        LOG.log(
            System.Logger.Level.WARNING,
            what
                + ": ordinary pages are used, as "
                + SHMEM_HUGE
                + " is "
                + policy
                + "; retrieve is many times faster with huge folios: echo advise > "
                + SHMEM_HUGE);
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "cannot read " + SHMEM_HUGE, e);
    }
  }

  /**
   * Closes the fd, once the calls that use it have returned. Idempotent. Mappings, duplicates and
   * sessions keep the memory.
   */
  @Override
  public void close() {
    descriptor.close();
  }

  /**
   * Whether {@link #close} has not been called.
   *
   * @return true while the fd is held
   */
  public boolean isOpen() {
    return descriptor.isOpen();
  }

  Bridge bridge() {
    return descriptor.bridge();
  }

  Descriptor descriptor() {
    return descriptor;
  }

  /** What it is, and its fd. */
  @Override
  public String toString() {
    return descriptor.toString();
  }

  static void checkSize(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("size " + bytes + " must be 0 or more bytes");
    }
  }

  private static void checkRange(long offset, long length) {
    if (offset < 0 || length <= 0 || offset > Long.MAX_VALUE - length) {
      throw new IllegalArgumentException(
          "offset "
              + offset
              + " must be 0 or more, length "
              + length
              + " 1 or more, and their sum"
              + " at most "
              + Long.MAX_VALUE);
    }
  }

  private static void checkBuffer(long offset, ByteBuffer buffer) {
    if (offset < 0) {
      throw new IllegalArgumentException("offset " + offset + " must be 0 or more");
    }
    if (!buffer.isDirect()) {
      throw new IllegalArgumentException("the buffer must be direct: ByteBuffer.allocateDirect");
    }
  }
}
