/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * A file of which this process has the lock, without native code. The lock is a POSIX lock, which
 * any close of the file in this process ends (fcntl_locking(2)). So a file that is open here is not
 * opened again by luo4j, in whatever class loader: all share one register of such files.
 *
 * <p>An interrupt would close the channel, and so end the lock: another thread does all work on it.
 */
final class ChannelFile extends OwnedFile {

  /** What the JDK says of EMFILE. */
  private static final String TOO_MANY = "Too many open files";

  /** What the JDK says of ENOTDIR and ENAMETOOLONG, and what to do. */
  private static final Map<String, String> OF_NAMES =
      Map.of("Not a directory", NO_FOLDER, "File name too long", LONG_NAME);

  /** The register, in the system properties, which all class loaders see. */
  private static final String REGISTER = "luo4j.open.files";

  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  private final FileChannel channel;
  private final String key;
  private boolean closed;

  private ChannelFile(FileChannel channel, String key, Path file) {
    super(file);
    this.channel = channel;
    this.key = key;
  }

  /** Does work on the channel, which an interrupt of this thread would close. */
  private <T extends @Nullable Object> T work(Uninterrupted.Io<T> work) throws IOException {
    try {
      return Uninterrupted.apart(work);
    } catch (ClosedChannelException e) {
      throw new IllegalStateException(path() + " is closed", e);
    }
  }

  /** The keys of the files that are open here. Values are of no meaning; locked by itself. */
  @SuppressWarnings("unchecked")
  private static Map<String, Boolean> register() {
    return (Map<String, Boolean>)
        System.getProperties().computeIfAbsent(REGISTER, name -> new ConcurrentHashMap<>());
  }

  /** Whether to open the file would cost a cache of this JVM its lock. */
  static boolean isOpenHere(Path file) throws IOException {
    return Files.exists(file) && register().containsKey(key(file));
  }

  /** Device and inode, in words of the JDK, whose classes all class loaders share. */
  private static String key(Path file) throws IOException {
    Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    return String.valueOf(key != null ? key : file.toRealPath());
  }

  /**
   * The file with its lock; null while another has that, or the name is being given to another.
   *
   * @param self the user whose file it must be; null for any
   */
  static @Nullable ChannelFile tryOpen(Path file, boolean create, @Nullable Long self)
      throws IOException {
    Map<String, Boolean> register = register();
    synchronized (register) {
      if (isOpenHere(file)) {
        return null;
      }
      Optional<ChannelFile> owned = Uninterrupted.apart(() -> locked(file, create, self));
      owned.ifPresent(opened -> register.put(opened.key, true));
      return owned.orElse(null);
    }
  }

  private static Optional<ChannelFile> locked(Path file, boolean create, @Nullable Long self)
      throws IOException {
    String named = Files.exists(file) ? key(file) : null;
    if (named != null) {
      checkFile(file, self);
    }
    FileChannel channel;
    try {
      channel = open(file, create);
    } catch (AccessDeniedException e) {
      throw denied(file, "open", userId());
    } catch (FileAlreadyExistsException e) {
      return Optional.empty(); // another has made it since
    } catch (FileSystemException e) {
      if (TOO_MANY.equals(e.getReason())) {
        throw new IOException(file + ": " + TOO_MANY + TOO_MANY_OPEN, e);
      }
      String remedy = OF_NAMES.get(String.valueOf(e.getReason()));
      if (remedy != null) {
        throw refused(file, e.getReason() + remedy);
      }
      throw isReadOnly(file) ? refused(file, e.getReason() + ": " + READ_ONLY) : e;
    }
    boolean isNew = named == null && create;
    boolean done = false;
    try {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        isNew = false;
        return Optional.empty();
      }
      String key = key(file);
      done = named == null || named.equals(key);
      return done
          ? Optional.of(new ChannelFile(channel, key, file))
          : Optional.empty(); // the owner before has given the name to another file
    } catch (NoSuchFileException e) {
      isNew = false;
      return Optional.empty(); // the owner before has moved it
    } catch (OverlappingFileLockException e) {
      isNew = false;
      return Optional.empty(); // a channel of this JVM has it
    } finally {
      if (!done) {
        channel.close();
        if (isNew) {
          Files.deleteIfExists(file); // nothing is left of an open that fails
        }
      }
    }
  }

  private static boolean isReadOnly(Path file) {
    try {
      return Files.getFileStore(file.toAbsolutePath().getParent()).isReadOnly();
    } catch (IOException e) {
      return false; // the JDK finds no mount point in some containers
    }
  }

  private static FileChannel open(Path file, boolean create) throws IOException {
    Set<StandardOpenOption> options = Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
    if (!create || Files.exists(file)) {
      return FileChannel.open(file, options);
    }
    try {
      return FileChannel.open(
          file,
          Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW),
          PosixFilePermissions.asFileAttribute(PRIVATE));
    } catch (NoSuchFileException e) {
      throw new NoSuchFileException(
          file.toString(), null, "its folder is not there: make it, with mode 0700");
    } catch (UnsupportedOperationException e) { // no POSIX file system: it has no modes
      return FileChannel.open(
          file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    }
  }

  private static void checkFile(Path file, @Nullable Long self) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw notOrdinary(file);
    }
    if (self != null && file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      int mode = (Integer) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS);
      checkOwner(file, mode, uid(file), self);
    }
  }

  /** The user whom a new file belongs to. */
  static long userId() throws IOException {
    Path self = Path.of("/proc/self");
    if (Files.exists(self)) {
      return uid(self.toRealPath());
    }
    Path file = Files.createTempFile("luo4j", null);
    try {
      return file.getFileSystem().supportedFileAttributeViews().contains("unix") ? uid(file) : 0;
    } finally {
      Files.delete(file);
    }
  }

  @Override
  public long size() throws IOException {
    return work(channel::size);
  }

  @Override
  public boolean isLockSafe() {
    return false;
  }

  @Override
  public boolean isReserved() throws IOException {
    size(); // which wants an open file
    return false; // as above
  }

  @Override
  public long allocated() throws IOException {
    return size(); // the JDK does not say how many blocks a file has
  }

  @Override
  public void reserve(long bytes) throws IOException {
    work(
        () -> {
          long size = channel.size();
          boolean done = false;
          try {
            new Room().checkFileSize(path().toString(), bytes, size);
            checkFree(bytes - size, 0);
            writeAll(Math.max(bytes, size), size);
            done = true;
          } finally {
            if (!done) {
              channel.truncate(size);
            }
          }
          return bytes;
        });
  }

  @Override
  public boolean isNamed() throws IOException {
    return Files.exists(path()) && key(path()).equals(key);
  }

  @Override
  boolean isMemory() {
    try {
      FileStore store = Files.getFileStore(path());
      return Room.MEMORY_FILE_SYSTEMS.contains(store.type());
    } catch (IOException e) {
      return false; // the JDK finds no mount point in some containers
    }
  }

  /** Writes what is there once more, and zeros after it: the one way to fill holes. */
  private void writeAll(long bytes, long size) throws IOException {
    ByteBuffer block = ByteBuffer.allocate(1 << 16);
    for (long at = 0; at < bytes; ) {
      block.clear().limit((int) Math.min(bytes - at, block.capacity()));
      int length = block.limit();
      while (at < size && block.hasRemaining() && channel.read(block, at + block.position()) > 0) {
        // until the block is full or the file ends
      }
      while (block.hasRemaining()) {
        block.put((byte) 0);
      }
      block.flip();
      while (block.hasRemaining()) {
        channel.write(block, at + block.position());
      }
      at += length;
    }
  }

  @Override
  public void clear() throws IOException {
    work(() -> channel.truncate(0));
  }

  @Override
  public MemoryRegion map() throws IOException {
    long size = size();
    if (size == 0) {
      throw refused(path(), EMPTY);
    }
    return work(() -> MemoryRegion.ofFile(channel, 0, size));
  }

  @Override
  public void close() {
    Map<String, Boolean> register = register();
    synchronized (register) {
      if (!closed) {
        // An error of the JVM that meets this thread halfway leaves it to be done again.
        try {
          Uninterrupted.apart(
              () -> {
                channel.close();
                return true;
              });
        } catch (IOException e) {
          register.remove(key);
          closed = true;
          throw new UncheckedIOException(e);
        }
        register.remove(key);
        closed = true;
      }
    }
  }
}
