/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EBADF;
import static org.luo4j.internal.bridge.Errno.EFAULT;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.EIO;
import static org.luo4j.internal.bridge.Errno.EMFILE;
import static org.luo4j.internal.bridge.Errno.ENODEV;
import static org.luo4j.internal.bridge.Errno.ENOSPC;
import static org.luo4j.internal.bridge.Errno.ENOSYS;
import static org.luo4j.internal.bridge.Errno.EOPNOTSUPP;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;

/**
 * A machine with the Live Update Orchestrator, played in a folder: the calls of {@link Bridge} with
 * the semantics and errnos of Linux 7.3, and a reboot that is a method.
 *
 * <p>An emulator is one process of that machine, with fds and mappings of its own. Several may be
 * open on one folder, in one JVM or in many; they share the device, the names of sessions and the
 * reboot. Nothing here survives a reboot of the real machine unless the folder does, and nothing
 * makes memory survive a real kexec.
 *
 * <p>After {@link #kexec}, of whichever process, and after {@link #exit}, the process is dead. A
 * dead process makes no calls on a real machine; here every one of its calls returns -EBADF, {@link
 * #describe} null, and {@link #view} throws. Views that it has stay usable and lead nowhere.
 *
 * <p>Not modelled: sockets and locks (ENOSYS), SEEK_DATA and SEEK_HOLE (EINVAL), ioctls of the VFS
 * such as FIOCLEX, limits of memory and of the number of sessions and tokens.
 *
 * <p>All methods may be called by any thread. One lock serves the whole emulator; a call that
 * changes what processes share also waits for the folder's lock, reads, writes and views do not.
 */
public final class Emulator implements Bridge, AutoCloseable {

  private static final System.Logger LOGGER = System.getLogger(Emulator.class.getName());

  private static final int ALL_FLAGS =
      Abi.MFD_CLOEXEC
          | Abi.MFD_ALLOW_SEALING
          | Abi.MFD_HUGETLB
          | Abi.MFD_NOEXEC_SEAL
          | Abi.MFD_EXEC;
  private static final int HUGE_MASK = 0x3f;
  private static final int HUGE_2MB = 21;
  private static final int SEEK_MAX = 4;

  /** fallocate(2) modes that the kernel's entry knows; what a memfd can do is fewer. */
  private static final int FALLOC_FL_COLLAPSE_RANGE = 0x08;

  private static final int FALLOC_FL_ZERO_RANGE = 0x10;
  private static final int FALLOC_FL_INSERT_RANGE = 0x20;
  private static final int FALLOC_FL_UNSHARE_RANGE = 0x40;
  private static final int FALLOC_FL_WRITE_ZEROES = 0x80;

  private final StateFolder folder;
  private final ProcessDirectory process;
  private final FdTable fds = new FdTable();
  private final AddressSpace addresses = new AddressSpace();
  private final Faults faults = new Faults();
  private final Kernel kernel;
  private boolean dead;

  private Emulator(StateFolder folder) throws IOException {
    this.folder = folder;
    this.process = ProcessDirectory.create(folder);
    this.kernel = new Kernel(process, fds, faults);
  }

  /**
   * Starts a process on the machine that a folder stands for. A folder that is not there is
   * created, for its owner only.
   *
   * @throws IOException when the folder holds something else, is of another format or damaged, is a
   *     symbolic link, belongs to another user, can be written by others, or cannot be used at all
   */
  public static Emulator open(Path directory) throws IOException {
    return new Emulator(StateFolder.open(directory));
  }

  // ---- beyond the bridge ----

  /** The folder, as a real path. */
  public Path directory() {
    return folder.root();
  }

  /** The number of the boot that this process belongs to; the first is 1. */
  public long bootNumber() {
    return process.boot();
  }

  /** Whether the process has neither exited nor been ended by a kexec. */
  public synchronized boolean isAlive() {
    return !dead && process.isCurrent();
  }

  /**
   * Plays reboot(LINUX_REBOOT_CMD_KEXEC). Every session that a live process on the folder has
   * created and holds open arrives in the next boot; everything else is gone, and all processes are
   * dead.
   *
   * @return 0; or -errno, when nothing has changed and sessions stay usable: what {@link
   *     #failNextKexec} asked for, ENOSPC, EIO
   */
  public synchronized int kexec() {
    return (int)
        shared(
            () -> {
              int errno = faults.takeKexec();
              if (errno != 0) {
                return -errno;
              }
              try {
                Reboot.run(folder);
              } catch (IOException e) {
                if (!process.isCurrent()) {
                  return 0; // the next boot runs; only cleaning up has failed
                }
                LOGGER.log(System.Logger.Level.WARNING, "kexec failed: " + e);
                return isDiskFull() ? -ENOSPC : -EIO;
              }
              die();
              return 0;
            });
  }

  /**
   * Plays the end of the process: its fds are closed, so outgoing sessions are un-preserved and
   * incoming ones finished, and its directory is deleted. A second call does nothing.
   *
   * <p>A JVM that ends without this call leaves its directory to be deleted by the next one that
   * opens the folder; to all others its process is dead at once.
   */
  public synchronized void exit() {
    try {
      folder.locked(
          () -> {
            die();
            StateFolder.deleteTree(process.path());
            return 0;
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As {@link #exit}. */
  @Override
  public void close() {
    exit();
  }

  /**
   * Makes the first retrieve of a token fail, and with it all later ones: the kernel does not try
   * again.
   *
   * @param session the session's name, without padding
   */
  public synchronized void failNextRetrieve(String session, long token, int errno) {
    byte[] name = session.getBytes(StandardCharsets.UTF_8);
    String hexName = Manifest.hexName(Arrays.copyOf(name, Abi.NAME_LENGTH));
    if (hexName == null || name.length >= Abi.NAME_LENGTH) {
      throw new IllegalArgumentException("not a session's name: \"" + session + "\"");
    }
    faults.failRetrieve(hexName, token, requirePositive(errno));
  }

  /** Makes the next {@link #kexec} of this process fail, as when a file cannot be frozen. */
  public synchronized void failNextKexec(int errno) {
    faults.failKexec(requirePositive(errno));
  }

  /**
   * Makes this process's kernel one that cannot read what its predecessor left, as when the two
   * disagree on its format: the device cannot be opened, EIO.
   */
  public synchronized void refuseIncoming() {
    faults.refuseIncoming();
  }

  @Override
  public String toString() {
    return "emulator of boot " + bootNumber() + " in " + directory();
  }

  // ---- the device and its sessions ----

  @Override
  public String name() {
    return "emulator";
  }

  @Override
  public synchronized int openDevice() {
    return (int)
        shared(
            () -> {
              if (faults.isIncomingRefused()) {
                return -EIO;
              }
              return fds.isFull() ? -EMFILE : DeviceFile.open(kernel);
            });
  }

  @Override
  public int createSession(int device, byte[] name) {
    return sessionCall(device, Abi.CREATE_SESSION, name);
  }

  @Override
  public int retrieveSession(int device, byte[] name) {
    return sessionCall(device, Abi.RETRIEVE_SESSION, name);
  }

  private int sessionCall(int device, int request, byte[] name) {
    ByteBuffer structure = Ioctl.structure(Abi.SESSION_STRUCT_BYTES);
    structure.put(Abi.BODY_OFFSET, name, 0, Abi.NAME_LENGTH);
    return returnedFd(ioctl(device, request, structure.array()), structure);
  }

  @Override
  public int preserve(int session, int fd, long token) {
    ByteBuffer structure = Ioctl.structure(Abi.FD_STRUCT_BYTES);
    structure.putInt(Abi.FD_OFFSET, fd).putLong(Abi.BODY_OFFSET, token);
    return ioctl(session, Abi.SESSION_PRESERVE_FD, structure.array());
  }

  @Override
  public int retrieve(int session, long token) {
    ByteBuffer structure = Ioctl.structure(Abi.FD_STRUCT_BYTES);
    structure.putLong(Abi.BODY_OFFSET, token);
    return returnedFd(ioctl(session, Abi.SESSION_RETRIEVE_FD, structure.array()), structure);
  }

  @Override
  public int finish(int session) {
    ByteBuffer structure = Ioctl.structure(Abi.FINISH_STRUCT_BYTES);
    return ioctl(session, Abi.SESSION_FINISH, structure.array());
  }

  @Override
  public int sessionName(int session, byte[] name) {
    ByteBuffer structure = Ioctl.structure(Abi.NAME_STRUCT_BYTES);
    int result = ioctl(session, Abi.SESSION_GET_NAME, structure.array());
    if (result == 0) {
      structure.get(Abi.BODY_OFFSET, name, 0, Abi.NAME_LENGTH);
    }
    return result;
  }

  @Override
  public synchronized int ioctl(int fd, int request, byte[] argument) {
    int refused = isDead() ? -EBADF : Ioctl.refuse(argument);
    if (refused != 0) {
      return refused;
    }
    return (int)
        onFile(
            fd,
            file ->
                file.mappable() != null
                    ? file.ioctl(request, argument)
                    : shared(() -> file.ioctl(request, argument)));
  }

  private static int returnedFd(int result, ByteBuffer structure) {
    return result < 0 ? result : structure.getInt(Abi.FD_OFFSET);
  }

  // ---- file descriptors ----

  @Override
  public synchronized int memfdCreate(byte[] name, int flags) {
    return (int)
        call(
            () -> {
              int known = ALL_FLAGS;
              if ((flags & Abi.MFD_HUGETLB) != 0) {
                known |= HUGE_MASK << Abi.MFD_HUGE_SHIFT;
              }
              int both = Abi.MFD_EXEC | Abi.MFD_NOEXEC_SEAL;
              if ((flags & ~known) != 0 || (flags & both) == both) {
                return -EINVAL;
              }
              int length = 0;
              while (length < name.length && name[length] != 0) {
                length++;
              }
              if (length > Abi.MEMFD_NAME_MAX) {
                return -EINVAL;
              }
              if (fds.isFull()) {
                return -EMFILE;
              }
              int huge = flags >>> Abi.MFD_HUGE_SHIFT;
              if (huge != 0 && huge != HUGE_2MB) {
                return -ENODEV;
              }
              String text = new String(name, 0, length, StandardCharsets.UTF_8);
              MemFile file = MemFile.create(text, new Backing(process.newData()), flags);
              return fds.install(file, (flags & Abi.MFD_CLOEXEC) != 0);
            });
  }

  @Override
  public synchronized int close(int fd) {
    return (int)
        onFile(
            fd,
            file -> {
              if (file instanceof Session) {
                return shared(() -> closeFile(fd));
              }
              return closeFile(fd);
            });
  }

  private int closeFile(int fd) throws IOException {
    fds.close(fd);
    return 0;
  }

  @Override
  public synchronized int duplicate(int fd) {
    return (int) onFile(fd, file -> fds.install(file, true));
  }

  @Override
  public synchronized int lock(int fd) {
    return (int) call(() -> -ENOSYS);
  }

  @Override
  public synchronized int descriptorFlags(int fd) {
    return (int) onFile(fd, file -> fds.isCloseOnExec(fd) ? Abi.FD_CLOEXEC : 0);
  }

  @Override
  public synchronized int setDescriptorFlags(int fd, int flags) {
    return (int)
        onFile(
            fd,
            file -> {
              fds.setCloseOnExec(fd, (flags & Abi.FD_CLOEXEC) != 0);
              return 0;
            });
  }

  @Override
  public synchronized int statusFlags(int fd) {
    return (int) onFile(fd, OpenFile::statusFlags);
  }

  @Override
  public synchronized int seals(int fd) {
    return (int) onFile(fd, OpenFile::seals);
  }

  @Override
  public synchronized int addSeals(int fd, int seals) {
    return (int) onFile(fd, file -> file.addSeals(seals));
  }

  @Override
  public synchronized long size(int fd) {
    return onFile(fd, OpenFile::size);
  }

  @Override
  public synchronized long allocated(int fd) {
    return onFile(fd, OpenFile::allocated);
  }

  @Override
  public synchronized int truncate(int fd, long size) {
    if (size < 0) {
      return isDead() ? -EBADF : -EINVAL;
    }
    return (int) onFile(fd, file -> file.truncate(size));
  }

  @Override
  public synchronized int allocate(int fd, int mode, long offset, long length) {
    return (int)
        onFile(
            fd,
            file -> {
              if (offset < 0 || length <= 0) {
                return -EINVAL;
              }
              return isFallocateMode(mode) ? file.allocate(mode, offset, length) : -EOPNOTSUPP;
            });
  }

  /** Whether the kernel takes a mode as far as the file. */
  private static boolean isFallocateMode(int mode) {
    boolean keepSize = (mode & Abi.FALLOC_FL_KEEP_SIZE) != 0;
    switch (mode & ~Abi.FALLOC_FL_KEEP_SIZE) {
      case 0:
      case FALLOC_FL_ZERO_RANGE:
      case FALLOC_FL_UNSHARE_RANGE:
        return true;
      case Abi.FALLOC_FL_PUNCH_HOLE:
        return keepSize;
      case FALLOC_FL_COLLAPSE_RANGE:
      case FALLOC_FL_INSERT_RANGE:
      case FALLOC_FL_WRITE_ZEROES:
        return !keepSize;
      default:
        return false;
    }
  }

  @Override
  public synchronized long seek(int fd, long offset, int whence) {
    return onFile(
        fd,
        file -> {
          if (whence < 0 || whence > SEEK_MAX) {
            return -EINVAL;
          }
          if (whence > Abi.SEEK_END && file.mappable() != null) {
            return -EINVAL;
          }
          return file.seek(offset, whence);
        });
  }

  @Override
  public synchronized long read(int fd, ByteBuffer buffer, int start, int length, long fileOffset) {
    if (isOutside(buffer, start, length)) {
      return -EFAULT;
    }
    return onFile(fd, file -> file.read(buffer, start, length, fileOffset));
  }

  @Override
  public synchronized long write(
      int fd, ByteBuffer buffer, int start, int length, long fileOffset) {
    if (isOutside(buffer, start, length)) {
      return -EFAULT;
    }
    return onFile(fd, file -> file.write(buffer, start, length, fileOffset));
  }

  private static boolean isOutside(ByteBuffer buffer, int start, int length) {
    return !buffer.isDirect() || start < 0 || length < 0 || start > buffer.capacity() - length;
  }

  @Override
  public synchronized @Nullable String describe(int fd) {
    OpenFile file = isDead() ? null : fds.file(fd);
    return file == null ? null : file.describe();
  }

  // ---- Unix sockets ----

  @Override
  public synchronized int sendTo(byte[] address, byte[] message, int[] fds, long timeoutMillis) {
    return noSockets();
  }

  @Override
  public synchronized int bind(byte[] address) {
    return noSockets();
  }

  @Override
  public synchronized int listen(byte[] address, int backlog) {
    return noSockets();
  }

  @Override
  public synchronized int connect(byte[] address, long timeoutMillis) {
    return noSockets();
  }

  @Override
  public synchronized int accept(int listener) {
    return noSockets();
  }

  @Override
  public synchronized int send(int socket, byte[] message, int[] fds) {
    return noSockets();
  }

  @Override
  public synchronized int receive(int socket, byte[] buffer, int[] fds) {
    return noSockets();
  }

  @Override
  public synchronized int peer(int socket, int[] pidUidGid) {
    return noSockets();
  }

  @Override
  public synchronized int setTimeout(int socket, long timeoutMillis) {
    return noSockets();
  }

  @Override
  public synchronized int shutdown(int socket) {
    return noSockets();
  }

  // ---- ordinary files, which have real fds: not here ----

  @Override
  public int openFile(byte[] path, boolean create) {
    return -ENOSYS;
  }

  @Override
  public int lockFile(int fd) {
    return -ENOSYS;
  }

  @Override
  public int unlock(int fd) {
    return -ENOSYS;
  }

  @Override
  public int status(int fd, long[] fields) {
    return -ENOSYS;
  }

  @Override
  public int userId() {
    return -ENOSYS;
  }

  @Override
  public long bootTime() {
    return -ENOSYS;
  }

  private int noSockets() {
    return (int) call(() -> -ENOSYS);
  }

  // ---- memory ----

  @Override
  public synchronized long map(int fd, long offset, long length, boolean writable) {
    if (offset % MemFile.PAGE != 0) {
      return isDead() ? -EBADF : -EINVAL;
    }
    return onFile(
        fd,
        file -> {
          if (length <= 0) {
            return -EINVAL;
          }
          MemFile memory = file.mappable();
          return memory == null ? -ENODEV : addresses.map(memory, offset, length, writable);
        });
  }

  @Override
  public synchronized int unmap(long address, long length) {
    return (int) call(() -> addresses.unmap(address, length));
  }

  /**
   * Memory is unmapped when no view of it is reachable: there is no native code to do it before.
   */
  @Override
  public int revoke(long address, long length) {
    return -ENOSYS;
  }

  @Override
  public int guard(long address, long length) {
    return -ENOSYS;
  }

  @Override
  public int unguard(long address) {
    return -ENOSYS;
  }

  @Override
  public synchronized int advise(long address, long length, int advice) {
    return (int) call(() -> addresses.advise(address, length, advice));
  }

  /**
   * {@inheritDoc}
   *
   * <p>It is read-only when the mapping is, and never faults: what lies beyond the memfd's end can
   * be read and written, and is lost when the size changes.
   *
   * @throws IllegalArgumentException when the range does not lie in one mapping
   * @throws IllegalStateException when the process is dead
   * @throws UncheckedIOException when the disk or the file system refuses
   */
  @Override
  public synchronized ByteBuffer view(long address, int length) {
    if (isDead()) {
      throw new IllegalStateException("the emulated process is dead");
    }
    try {
      return addresses.view(address, length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- calls ----

  /** A call's work; a refusal is a negative result. */
  private interface Call {
    long run() throws IOException;
  }

  /** A call's work on an open file. */
  private interface FileCall {
    long run(OpenFile file) throws IOException;
  }

  private long onFile(int fd, FileCall work) {
    return call(
        () -> {
          OpenFile file = fds.file(fd);
          return file == null ? OpenFile.bad() : work.run(file);
        });
  }

  /** Does a call that concerns this process only. */
  private long call(Call work) {
    if (isDead()) {
      return -EBADF;
    }
    try {
      return work.run();
    } catch (IOException e) {
      if (isDead()) {
        return -EBADF;
      }
      LOGGER.log(System.Logger.Level.WARNING, "a call failed with EIO: " + e);
      return -EIO;
    }
  }

  /** Does a call that concerns the machine, under the folder's lock. */
  private long shared(Call work) {
    return call(() -> folder.locked(() -> isDead() ? -EBADF : work.run()));
  }

  /** Whether the process is dead; it is buried when it is. */
  private boolean isDead() {
    if (!dead && !process.isCurrent()) {
      try {
        die();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return dead;
  }

  /** Gives up all that the process holds of this JVM, and deletes nothing. */
  private void die() throws IOException {
    if (dead) {
      return;
    }
    dead = true;
    for (OpenFile file : fds.files()) {
      if (file instanceof DeviceFile) {
        file.release();
      } else if (file instanceof MemFile memory) {
        memory.abandon();
      }
    }
    addresses.files().forEach(MemFile::abandon);
    fds.clear();
    addresses.clear();
    process.release();
  }

  private boolean isDiskFull() {
    File root = folder.root().toFile();
    // both are 0 where the file system cannot be asked
    return root.getTotalSpace() > 0 && root.getUsableSpace() < 1 << 20;
  }

  private static int requirePositive(int errno) {
    if (errno <= 0) {
      throw new IllegalArgumentException("not an errno: " + errno);
    }
    return errno;
  }
}
