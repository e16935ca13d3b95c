/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * An ordinary file as memory with one owner at a time, among all processes, class loaders and
 * threads. The file outlives its process; on a tmpfs, such as /dev/shm, until the machine is
 * rebooted.
 *
 * <p>The owner holds a lock of the open file (F_OFD_SETLK, fcntl(2)), which ends with the process
 * at the latest. No other open, copy or close of the file ends it. Without native code the lock is
 * one of {@link java.nio.channels.FileChannel}, a POSIX lock: it ends when any code in the process
 * opens the file and closes it. luo4j never does; {@link #isLockSafe} says which lock it is.
 *
 * <p>A new file has mode 0600. A file or symbolic link of another user is refused, and so is a file
 * that others may write. Any thread may call any method.
 *
 * @since 0.1.0
 */
public abstract sealed class OwnedFile implements AutoCloseable permits NativeFile, ChannelFile {

  private static final int OTHERS_MAY_WRITE = 022;

  /** Why a file cannot be mapped. */
  static final String EMPTY = "it is empty: reserve its memory before it is mapped";

  /** What to do about a file system that is mounted read-only. */
  static final String READ_ONLY =
      "mount it to be written (mount -o remount,rw), or name a file on another file system";

  /** What to do about EMFILE. */
  static final String TOO_MANY_OPEN =
      ": raise this process's limit of open files (ulimit -n, RLIMIT_NOFILE), or have it close some";

  /** What to do about ENOTDIR. */
  static final String NO_FOLDER = ": a part of its path is no directory: name a file in one";

  /** What to do about ENAMETOOLONG. */
  static final String LONG_NAME =
      ": name a file whose name has at most 255 bytes, and whose path has at most 4095";

  /** As many as the kernel follows (path_resolution(7)). */
  private static final int MAX_LINKS = 40;

  private static final long PAUSE_NANOS = 10_000_000;

  /** Where the file is; {@link #moveTo} changes it. */
  private volatile Path path;

  OwnedFile(Path path) {
    this.path = path;
  }

  /**
   * Opens a file, or makes an empty one. Waits while another owner has it.
   *
   * @param file the file; its folder must be there. A symbolic link is followed where this user or
   *     root has made it
   * @param timeout how long to wait for another owner to end: 0 to try once, or more. An interrupt
   *     does not end the wait, and the flag stays set
   * @return the file, owned
   * @throws LuoException.OwnerAlive when another owner has it at the end of the timeout; its
   *     process is not known
   * @throws IOException when it cannot be opened or made, or is refused: the reason says what to do
   * @throws IllegalArgumentException when the path is not of Java's default file system
   */
  public static OwnedFile open(Path file, Duration timeout) throws IOException {
    return open(file, timeout, true, false);
  }

  /**
   * As {@link #open(Path, Duration)}, of a file that must be there.
   *
   * @param file the file
   * @param timeout how long to wait for another owner
   * @param foreign true to open also a file of another user, or one that others may write: for
   *     tools that do not trust its contents
   * @return the file, owned
   * @throws NoSuchFileException when it is not there
   * @throws LuoException.OwnerAlive when another owner has it at the end of the timeout
   * @throws IOException when it cannot be opened, or is refused
   * @throws IllegalArgumentException when the path is not of Java's default file system
   */
  public static OwnedFile openExisting(Path file, Duration timeout, boolean foreign)
      throws IOException {
    return open(file, timeout, false, foreign);
  }

  private static OwnedFile open(Path file, Duration timeout, boolean create, boolean foreign)
      throws IOException {
    if (file.getFileSystem() != FileSystems.getDefault()) {
      throw new IllegalArgumentException(
          "file '"
              + file
              + "' is a path of "
              + file.getFileSystem().provider().getScheme()
              + ": it must be of the default file system, as Path.of(name) gives it");
    }
    Bridge bridge = LiveUpdate.fileBridge();
    Long self = foreign ? null : userId(bridge);
    long end = System.nanoTime() + LiveUpdate.nanos(timeout);
    while (true) {
      Path target = followed(file, self);
      OwnedFile owned = tryOpen(bridge, target, create, self);
      if (owned != null) {
        return owned;
      }
      long left = end - System.nanoTime();
      if (left <= 0) {
        throw busy(file, target, timeout);
      }
      Uninterrupted.pause(Math.min(left, PAUSE_NANOS));
    }
  }

  private static @Nullable OwnedFile tryOpen(
      @Nullable Bridge bridge, Path file, boolean create, @Nullable Long self) throws IOException {
    if (bridge == null) {
      return ChannelFile.tryOpen(file, create, self);
    }
    return ChannelFile.isOpenHere(file) ? null : NativeFile.tryOpen(bridge, file, create, self);
  }

  /**
   * Whether code of this JVM may open and close a file by other means. Where it may not, that would
   * end the lock of the file's owner.
   *
   * @param file any file, there or not
   * @return false while it is owned in this JVM and {@link #isLockSafe} is false
   * @throws IOException when it cannot be asked
   */
  public static boolean mayBeRead(Path file) throws IOException {
    return !ChannelFile.isOpenHere(file);
  }

  private static LuoException.OwnerAlive busy(Path file, Path target, Duration waited) {
    boolean here = isLockedHere(target);
    return new LuoException.OwnerAlive(
        "open",
        Errno.EBUSY,
        file.toString(),
        (here ? "this process itself has it open" : "it is open elsewhere")
            + (waited.isZero() ? "" : " (waited " + waited + ")")
            + ": a file has one owner at a time; "
            + (here
                ? "close it first, where it was opened (perhaps by another class loader)"
                : "close the other, or end its process"));
  }

  /** Whether this process has the file's lock, as far as /proc tells (proc_pid_fdinfo(5)). */
  private static boolean isLockedHere(Path file) {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.anyMatch(fd -> isLock(fd, file));
    } catch (IOException | UncheckedIOException e) {
      return false; // no /proc
    }
  }

  private static boolean isLock(Path fd, Path file) {
    try {
      return Files.isSameFile(fd, file)
          && Files.readString(Path.of("/proc/self/fdinfo", fd.getFileName().toString()))
              .contains("lock:");
    } catch (IOException e) {
      return false; // closed meanwhile, or no file
    }
  }

  /**
   * Where a symbolic link leads, unless one of another user could turn it elsewhere.
   *
   * @param self the user whose links are followed, and root's; null for all
   */
  private static Path followed(Path file, @Nullable Long self) throws IOException {
    Path followed = file;
    for (int links = 0; Files.isSymbolicLink(followed); links++) {
      if (links == MAX_LINKS) {
        throw refused(file, "there are more than " + MAX_LINKS + " symbolic links in a row");
      }
      long uid = uid(followed);
      if (self != null && uid != 0 && uid != self) {
        throw refused(
            file,
            "the symbolic link "
                + followed
                + " belongs to user "
                + uid
                + ", not to user "
                + self
                + " or root: name the file itself");
      }
      followed = followed.resolveSibling(Files.readSymbolicLink(followed));
    }
    return followed;
  }

  static long uid(Path file) throws IOException {
    return Integer.toUnsignedLong(
        (Integer) Files.getAttribute(file, "unix:uid", LinkOption.NOFOLLOW_LINKS));
  }

  /** The user whom new files belong to. */
  static long userId(@Nullable Bridge bridge) throws IOException {
    return bridge == null ? ChannelFile.userId() : Integer.toUnsignedLong(bridge.userId());
  }

  /**
   * Refuses a file that another user could have made or could change.
   *
   * @param mode as stat(2) has it
   */
  static void checkOwner(Path file, long mode, long uid, long self) throws FileSystemException {
    if (uid != self) {
      throw refused(file, foreign(uid, self));
    }
    if ((mode & OTHERS_MAY_WRITE) != 0) {
      throw refused(
          file,
          "others may write it (mode "
              + Long.toOctalString(mode & 07777)
              + "): chmod 600 it if you trust what is in it, or delete it");
    }
  }

  private static String foreign(long uid, long self) {
    return "it belongs to user "
        + uid
        + ", this process runs as user "
        + self
        + ": chown it to this user if you trust what is in it, delete it, or run as its user";
  }

  /** What to do about a file that may not be opened or made. */
  static AccessDeniedException denied(Path file, String why, long self) throws IOException {
    String fix;
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      fix = "give user " + self + " the right to make files in its folder, and to enter that";
    } else if (file.getFileSystem().supportedFileAttributeViews().contains("unix")
        && uid(file) != self) {
      fix = foreign(uid(file), self);
    } else {
      fix = "chmod 600 it";
    }
    return new AccessDeniedException(file.toString(), null, why + ": " + fix);
  }

  static FileSystemException notOrdinary(Path file) {
    return refused(
        file,
        Files.isDirectory(file)
            ? "it is a directory: name a file in it"
            : "it is not an ordinary file: name one, or one that is not there yet");
  }

  static FileSystemException refused(Path file, String reason) {
    return new FileSystemException(file.toString(), null, reason);
  }

  /** Why a file cannot be so large, where the limit is not known. */
  static String tooLarge(long bytes) {
    return "it cannot have "
        + bytes
        + " bytes (EFBIG): make the memory smaller, raise this process's limit of the size of a"
        + " file (ulimit -f, RLIMIT_FSIZE), or name a file on a file system that has larger ones";
  }

  /**
   * The file system has no room.
   *
   * @param memory whether its files lie in memory
   */
  final NoRoomException noRoom(long needed, long usable, boolean memory) {
    return new NoRoomException(
        path.toString(),
        needed,
        usable,
        "its file system",
        memory
            ? "make the memory (a cache: its capacity) smaller, delete other files there, or make the"
                + " tmpfs larger (mount -o remount,size=; docker run --shm-size; sizeLimit of"
                + " Kubernetes' emptyDir)"
            : "make the memory (a cache: its capacity) smaller, or delete other files there");
  }

  /**
   * Checks, before anything is given up for it, that a new file in this file's place would find
   * room.
   *
   * @param bytes its size, 1 or more
   * @param freed how many bytes are given back before, as {@link #allocated} has them. They are
   *     taken to be of this process's cgroups
   * @throws NoRoomException when {@link #reserve} would throw it
   * @throws IOException when the file cannot be asked
   * @throws IllegalStateException when it is closed
   */
  public final void checkRoom(long bytes, long freed) throws IOException {
    new Room().checkFileSize(path.toString(), bytes, 0);
    checkFree(bytes, freed);
  }

  /** Whether there is so much room, once so much has been given back. */
  final void checkFree(long needed, long freed) throws IOException {
    if (needed <= freed) {
      return;
    }
    // 0 where the file system cannot be asked: then the allocation will tell
    long usable = path.toFile().getUsableSpace();
    if (path.toFile().getTotalSpace() > 0 && usable < needed - freed) {
      throw noRoom(needed, usable, isMemory());
    }
    if (isMemory()) {
      new Room().checkMemory(path.toString(), needed, freed);
    }
  }

  /** Whether its file system's files lie in memory, as far as that can be told. */
  abstract boolean isMemory() throws IOException;

  /**
   * How much its deletion gives back, once nobody has it open or mapped.
   *
   * @return bytes of its blocks; without native code its size
   * @throws IOException when the file cannot be asked
   * @throws IllegalStateException when it is closed
   */
  public abstract long allocated() throws IOException;

  /**
   * Where the file is.
   *
   * @return the path, symbolic links of its last component followed
   */
  public final Path path() {
    return path;
  }

  /**
   * The size.
   *
   * @return bytes
   * @throws IOException when the file cannot be asked
   * @throws IllegalStateException when it is closed
   */
  public abstract long size() throws IOException;

  /**
   * Whether no code in this process can end the lock by chance.
   *
   * @return false without native code, whose lock is a POSIX lock
   */
  public abstract boolean isLockSafe();

  /**
   * Allocates all blocks of the file, and makes it larger where needed, so that no later write to
   * it can run out of room. What is in the file stays. On failure the file keeps its size.
   *
   * @param bytes the least size, 1 or more
   * @throws NoRoomException when the file system, the machine or the cgroup has no room, or this
   *     process may not make files so large
   * @throws IOException when the file system refuses
   * @throws IllegalStateException when the file is closed
   */
  public abstract void reserve(long bytes) throws IOException;

  /**
   * Whether all blocks of the file are known to be allocated.
   *
   * @return false where there are holes, or it cannot be told
   * @throws IOException when the file cannot be asked
   * @throws IllegalStateException when it is closed
   */
  public abstract boolean isReserved() throws IOException;

  /**
   * Makes the file empty.
   *
   * @throws IOException when the file system refuses
   * @throws IllegalStateException when the file is closed
   */
  public abstract void clear() throws IOException;

  /**
   * Maps the whole file, shared: what is written to the region is in the file.
   *
   * @return the region, which the caller closes before the file
   * @throws IOException when the file is empty, or the kernel refuses
   * @throws IllegalStateException when the file is closed
   */
  public abstract MemoryRegion map() throws IOException;

  /**
   * Renames the file within its file system, in place of any other file of that name. It stays
   * owned.
   *
   * @param target its new path
   * @throws IOException when the file system refuses: it has its old name then
   */
  public final void moveTo(Path target) throws IOException {
    Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
    path = target;
  }

  /**
   * Deletes the file, which stays open and owned. Another file that has its name by now, as this
   * one was deleted or moved by others, stays.
   *
   * @throws IOException when the file system refuses
   */
  public final void delete() throws IOException {
    if (isNamed()) {
      Files.deleteIfExists(path);
    }
  }

  /**
   * Whether the path is still this file's: not once others have deleted the file, moved it, or put
   * another one in its place.
   *
   * @return whether who opens the path gets this file
   * @throws IOException when it cannot be seen
   */
  public abstract boolean isNamed() throws IOException;

  /** Gives the file up. Idempotent. */
  @Override
  public abstract void close();
}
