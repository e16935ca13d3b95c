/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * The folder that stands for a machine: what outlives an emulated process, or a reboot, is here.
 *
 * <pre>
 * luo4j-emulator            says what the folder is, and its format
 * lock                      held while the state changes; beside each lock its NAME.guard
 * boot                      8 bytes, big-endian: the number N of the boot that runs now
 * boot-N/device             held while /dev/liveupdate is open
 * boot-N/deserialized       the errno of the first open of the device in this boot
 * boot-N/incoming/NAME/     a session that nobody has retrieved: its manifest and its bytes
 * boot-N/p-ID/alive         held while the process lives
 * boot-N/p-ID/in-NAME/      an incoming session that the process has retrieved
 * boot-N/p-ID/s-NAME        the manifest of an outgoing session of the process
 * boot-N/p-ID/m-*           bytes and position of the process's memfds
 * </pre>
 *
 * <p>Ownership is a matter of place. What a process owns lies in its directory, and goes with it
 * when the process is found dead; a session is retrieved by moving it there. So a JVM may be killed
 * between any two steps: what it leaves is either in force or below a name that is swept by the
 * next one that opens the folder or looks at the processes.
 *
 * <p>One instance serves one emulator. State changes only while a {@link #locked lock} is held,
 * which any thread may take.
 */
final class StateFolder {

  private static final String MARKER = "luo4j-emulator";
  private static final String MARKER_TEXT = "luo4j emulator state, format 1\n";
  private static final long LOCK_PAUSE_NANOS = 1_000_000;
  private static final VarHandle BOOT_NUMBER =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
  private static final ConcurrentMap<Path, ReentrantLock> IN_THIS_JVM = new ConcurrentHashMap<>();

  private final Path root;
  private final ByteBuffer bootView;

  private StateFolder(Path root) throws IOException {
    this.root = root;
    this.bootView = locked(this::prepare);
  }

  /**
   * Opens a folder, creating it when it is not there.
   *
   * @throws IOException when the folder is not one of the emulator's, is not safe to use, or is
   *     damaged; the message names it, what was found and the remedy
   */
  static StateFolder open(Path directory) throws IOException {
    Path absolute = directory.toAbsolutePath().normalize();
    create(absolute);
    requireSafe(absolute);
    requireMarked(absolute);
    return new StateFolder(absolute.toRealPath());
  }

  Path root() {
    return root;
  }

  /** The number of the boot that runs now; cheap, without a lock. */
  long boot() {
    return (long) BOOT_NUMBER.getVolatile(bootView, 0);
  }

  Path bootDirectory(long boot) {
    return root.resolve("boot-" + boot);
  }

  /** Makes another boot the one that runs. The caller holds the lock. */
  void setBoot(long boot) throws IOException {
    try (RandomAccessFile file = writable(root.resolve("boot"))) {
      file.write(ByteBuffer.allocate(8).putLong(boot).array());
    }
  }

  /** The directories of the processes that live; those of dead ones are deleted. */
  List<Path> liveProcesses(long boot) throws IOException {
    List<Path> live = new ArrayList<>();
    for (Path process : list(bootDirectory(boot), "p-*")) {
      if (FileLocks.isHeld(process.resolve(ProcessDirectory.ALIVE))) {
        live.add(process);
      } else {
        deleteTree(process);
      }
    }
    return live;
  }

  /** Deletes what does not belong to the running boot. The caller holds the lock. */
  void sweepBoots(long boot) throws IOException {
    for (Path path : list(root, "boot-*")) {
      if (!path.equals(bootDirectory(boot))) {
        deleteTree(path);
      }
    }
    for (Path path : list(root, "*.tmp")) {
      deleteTree(path);
    }
  }

  /** Work under the lock. */
  interface Work<T> {
    T run() throws IOException;
  }

  /**
   * Does work while no other thread or JVM changes the state; waits for that as long as it takes.
   * An interrupt ends neither.
   */
  <T> T locked(Work<T> work) throws IOException {
    ReentrantLock inThisJvm = IN_THIS_JVM.computeIfAbsent(root, path -> new ReentrantLock());
    inThisJvm.lock();
    try (FileLocks.Held held = holdLock()) {
      assert held != null;
      return work.run();
    } finally {
      inThisJvm.unlock();
    }
  }

  private FileLocks.Held holdLock() throws IOException {
    Path file = root.resolve("lock");
    FileLocks.Held held;
    while ((held = FileLocks.tryHold(file)) == null) {
      Uninterrupted.pause(LOCK_PAUSE_NANOS);
    }
    return held;
  }

  // ---- opening ----

  private static void create(Path directory) throws IOException {
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (directory.getParent() != null) {
      Files.createDirectories(directory.getParent());
    }
    try {
      newFolder(directory);
    } catch (FileAlreadyExistsException e) {
      // Another JVM was first.
    }
  }

  private static void requireSafe(Path directory) throws IOException {
    if (Files.isSymbolicLink(directory)) {
      throw new IOException(
          directory + " is a symbolic link: name the directory that it points to instead");
    }
    if (!Files.isDirectory(directory)) {
      throw new IOException(directory + " is not a directory: name another path");
    }
    if (!isPosix(directory)) {
      return;
    }
    Set<PosixFilePermission> others =
        EnumSet.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);
    others.retainAll(Files.getPosixFilePermissions(directory));
    if (!others.isEmpty()) {
      throw new IOException(
          directory + " can be written by others: run chmod 700 on it, or name another path");
    }
    UserPrincipal owner = Files.getOwner(directory);
    if (!owner.equals(self())) {
      throw new IOException(
          directory + " belongs to " + owner.getName() + ": name a path of your own");
    }
  }

  /** The user that this process's files belong to. */
  private static UserPrincipal self() throws IOException {
    Path proc = Path.of("/proc/self");
    if (Files.exists(proc)) {
      return Files.getOwner(proc);
    }
    Path probe = Files.createTempFile("luo4j-owner", null);
    try {
      return Files.getOwner(probe);
    } finally {
      Files.delete(probe);
    }
  }

  private static void requireMarked(Path directory) throws IOException {
    Path marker = directory.resolve(MARKER);
    if (!Files.exists(marker)) {
      String stranger = stranger(directory);
      if (stranger != null && !Files.exists(marker)) {
        throw new IOException(
            directory
                + " is not a folder of the luo4j emulator: it holds "
                + stranger
                + " and no file "
                + MARKER
                + "; name an empty or a new folder");
      }
      replace(marker, MARKER_TEXT.getBytes(StandardCharsets.US_ASCII));
    }
    String found = new String(readAll(marker), StandardCharsets.US_ASCII);
    if (!found.equals(MARKER_TEXT)) {
      String line = found.lines().findFirst().orElse("");
      throw new IOException(
          directory
              + " is of another format: its file "
              + MARKER
              + " says \""
              + line.substring(0, Math.min(80, line.length()))
              + "\", not \""
              + MARKER_TEXT.strip()
              + "\"; name another folder, or delete this one when its state is not wanted");
    }
  }

  /** The name of something that a half-created folder would not hold, or null. */
  private static @Nullable String stranger(Path directory) throws IOException {
    for (Path path : list(directory, "*")) {
      String name = path.getFileName().toString();
      if (!name.startsWith(MARKER + ".") || !name.endsWith(".tmp")) {
        return name;
      }
    }
    return null;
  }

  /** Makes the folder one that a process can start in. */
  private ByteBuffer prepare() throws IOException {
    createFirstBoot();
    ByteBuffer view = mapBoot();
    long boot = view.getLong(0);
    sweepBoots(boot);
    liveProcesses(boot);
    return view;
  }

  private void createFirstBoot() throws IOException {
    Path boot = root.resolve("boot");
    if (Files.exists(boot)) {
      return;
    }
    for (Path path : list(root, "boot-*")) {
      if (!path.equals(bootDirectory(1))) {
        throw damaged("it holds " + path.getFileName() + " and no file boot");
      }
    }
    Path first = bootDirectory(1);
    if (!Files.exists(first)) {
      newFolder(first);
    }
    Path incoming = first.resolve("incoming");
    if (!Files.exists(incoming)) {
      newFolder(incoming);
    }
    replace(boot, ByteBuffer.allocate(8).putLong(1).array());
  }

  private ByteBuffer mapBoot() throws IOException {
    Path boot = root.resolve("boot");
    if (Files.size(boot) != 8) {
      throw damaged("its file boot has " + Files.size(boot) + " bytes, not 8");
    }
    ByteBuffer view = Uninterrupted.map(boot, false, 0, 8);
    long number = view.getLong(0);
    if (number < 1 || !Files.isDirectory(bootDirectory(number))) {
      throw damaged("its file boot names boot " + number + ", which is not there");
    }
    return view;
  }

  private IOException damaged(String what) {
    return new IOException(root + " is damaged: " + what + "; delete it to start anew");
  }

  // ---- files ----

  private static boolean isPosix(Path path) {
    try {
      return Files.getFileStore(path).supportsFileAttributeView("posix");
    } catch (IOException e) {
      // In a chroot the JDK finds no mount point: "Mount point not found".
      return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }
  }

  /** The attributes of a new file that is its owner's only. */
  static FileAttribute<?>[] ownFile(Path file) {
    return own(file, "rw-------");
  }

  private static FileAttribute<?>[] own(Path path, String permissions) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }

  /** Makes a folder that is its owner's only. */
  static Path newFolder(Path folder) throws IOException {
    return Files.createDirectory(folder, own(folder, "rwx------"));
  }

  /** Opens a file to read and write it, and makes it where it is not there. */
  static RandomAccessFile writable(Path file) throws IOException {
    if (!Files.exists(file)) {
      try {
        Files.createFile(file, ownFile(file));
      } catch (FileAlreadyExistsException e) {
        // Another JVM was first.
      }
    }
    return new RandomAccessFile(file.toFile(), "rw");
  }

  /** What a directory holds by now; nothing when it is not there. */
  static List<Path> list(Path directory, String glob) throws IOException {
    List<Path> paths = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
      stream.forEach(paths::add);
    } catch (NoSuchFileException e) {
      return List.of();
    }
    return paths;
  }

  static byte[] readAll(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      byte[] bytes = new byte[(int) Math.min(in.length(), 1 << 28)];
      in.readFully(bytes);
      return bytes;
    }
  }

  /** Replaces a file so that a reader, now or after a crash, sees the old or the new content. */
  static void replace(Path file, byte[] content) throws IOException {
    Path temporary =
        Files.createTempFile(file.getParent(), file.getFileName().toString() + ".", ".tmp");
    try {
      try (FileOutputStream out = new FileOutputStream(temporary.toFile())) {
        out.write(content);
      }
      moveAtomically(temporary, file);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  static void moveAtomically(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException(to.getParent() + " is on a file system without atomic renames", e);
    }
  }

  /** Deletes as much as the system lets it; what stays is swept later. */
  static void deleteTree(Path path) {
    try {
      Files.walkFileTree(
          path,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException e) {
              delete(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      // The visitor keeps all failures to itself.
    }
  }

  /** Deletes a file if the system lets it. */
  static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // Open or mapped, on a system that keeps such files.
    }
  }
}
