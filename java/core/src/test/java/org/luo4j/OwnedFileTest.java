/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** A file with one owner, with native code and without. */
class OwnedFileTest {

  private static final String FILE_PROPERTY = "luo4j.test.file";
  private static final Duration LONG = Duration.ofMinutes(5);
  private static final int STRANGER = 12_345;
  private static final int MIB = 1 << 20;

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();

  /** How a file is opened. */
  enum Way {
    JNI("jni"),
    JNA("jna"),
    /** Without native code. */
    JAVA("emulator");

    private final String bridge;

    Way(String bridge) {
      this.bridge = bridge;
    }

    boolean isNative() {
      return this != JAVA;
    }
  }

  static Stream<Arguments> pairs() {
    return Stream.of(Way.values())
        .flatMap(one -> Stream.of(Way.values()).map(other -> Arguments.of(one, other)));
  }

  private void use(Way way) {
    if (way == Way.JNI) {
      JniLibrary.assumeBuilt();
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, way.bridge);
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private Path file() {
    return folder.resolve("file");
  }

  private static OwnedFile open(Path file) throws IOException {
    return OwnedFile.open(file, Duration.ZERO);
  }

  private static void assertIsOwned(Path file) {
    LuoException.OwnerAlive e =
        assertThrows(LuoException.OwnerAlive.class, () -> open(file).close());
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
    assertThrows(
        LuoException.OwnerAlive.class,
        () -> OwnedFile.openExisting(file, Duration.ZERO, true).close());
  }

  /** Whether any process has a lock on the file. */
  private static boolean isLocked(Path file) throws IOException {
    String inode = ":" + Files.getAttribute(file, "unix:ino") + " ";
    return Files.readString(Path.of("/proc/locks")).contains(inode);
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  private static void assumeRoot() throws IOException {
    assumeTrue(OwnedFile.uid(Path.of("/proc/self")) == 0, "only root can give files away");
  }

  // ---- one owner ----

  @ParameterizedTest
  @EnumSource
  void aNewFileIsEmptyAndItsUsersOnly(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = open(file())) {
      assertEquals(way.isNative(), owned instanceof NativeFile);
      assertEquals("rw-------", mode(file()));
      assertEquals(file(), owned.path());
      assertEquals(0, owned.size());
      assertEquals(way.isNative(), owned.isLockSafe());
      assertTrue(isLocked(file()));
    }
    assertFalse(isLocked(file()));
    assertTrue(Files.exists(file()), "the file outlives its owner");
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void aFileHasOneOwnerInThisJvm(Way owner, Way other) throws IOException {
    use(owner);
    OwnedFile owned = open(file());
    use(other);
    assertIsOwned(file());
    String message =
        assertThrows(LuoException.OwnerAlive.class, () -> open(file()).close()).getMessage();
    assertTrue(message.contains("this process itself has it open"), message);
    assertFalse(message.contains("end its process"), message);
    assertIsOwned(file()); // the attempts have not cost the owner its lock
    assertTrue(isLocked(file()));
    owned.close();
    owned.close();
    open(file()).close();
  }

  /** Opens the file in another class loader: what becomes of it, as the exception's name. */
  public static final class Attempt implements Callable<String> {
    @Override
    public String call() {
      try (OwnedFile owned = open(Path.of(System.getProperty(FILE_PROPERTY)))) {
        return owned.getClass().getSimpleName();
      } catch (IOException | LuoException e) {
        return e.getClass().getSimpleName() + " " + e.getMessage();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void anotherClassLoaderIsAnother(Way owner, Way other) throws Exception {
    properties.set(FILE_PROPERTY, file());
    try (FreshLoader loader = new FreshLoader()) {
      use(owner);
      try (OwnedFile owned = open(file())) {
        assertEquals(0, owned.size());
        use(other);
        String outcome = (String) loader.call(Attempt.class);
        assertTrue(outcome.startsWith("OwnerAlive "), outcome);
        assertTrue(outcome.contains(file().toString()), outcome);
        assertTrue(isLocked(file()));
      }
      assertEquals(other.isNative() ? "NativeFile" : "ChannelFile", loader.call(Attempt.class));
    }
  }

  /** Another process: says what became of each file that it is told to open; "close" closes it. */
  static final class Other {
    private Other() {}

    public static void main(String[] none) throws IOException {
      OwnedFile owned = null;
      for (int line = System.in.read(); line >= 0; line = System.in.read()) {
        StringBuilder command = new StringBuilder();
        for (; line != '\n'; line = System.in.read()) {
          command.append((char) line);
        }
        String said = "closed";
        if (owned != null) {
          owned.close();
          owned = null;
        } else {
          try {
            owned = open(Path.of(command.toString()));
            said = "owned";
          } catch (LuoException e) {
            said = e.getClass().getSimpleName() + " " + e.getMessage();
          }
        }
        System.out.println(said);
      }
    }
  }

  private static ChildJvm process(Way way) throws IOException {
    return ChildJvm.of(Other.class)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property(LiveUpdate.BRIDGE_PROPERTY, way.bridge)
        .start();
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void anotherProcessIsAnother(Way here, Way there) throws Exception {
    use(there);
    use(here);
    try (ChildJvm other = process(there)) {
      try (OwnedFile owned = open(file())) {
        assertEquals(0, owned.size());
        String outcome = other.ask(file().toString());
        assertTrue(outcome.startsWith("OwnerAlive "), outcome);
        assertTrue(outcome.contains(file().toString()), outcome);
      }
      assertEquals("owned", other.ask(file().toString()));
      assertIsOwned(file());
      String message =
          assertThrows(LuoException.OwnerAlive.class, () -> open(file()).close()).getMessage();
      assertTrue(message.contains("open elsewhere"), message);
      assertTrue(message.contains("or end its process"), message);
      assertEquals("closed", other.ask("close"));
      open(file()).close();
      assertEquals("owned", other.ask(file().toString()));
      FutureTask<OwnedFile> waiter = new FutureTask<>(() -> OwnedFile.open(file(), LONG));
      new Thread(waiter).start();
      assertFalse(waiter.isDone());
      other.kill();
      waiter.get().close();
    }
  }

  /** It is met once: what opens and closes the file ends a channel's lock, see isLockSafe. */
  @ParameterizedTest
  @EnumSource
  void aLockOfThisJvmsChannelsIsAnOwner(Way way) throws IOException {
    use(way);
    Files.createFile(file());
    try (FileChannel channel = FileChannel.open(file(), StandardOpenOption.WRITE);
        FileLock lock = channel.lock()) {
      assertTrue(lock.isValid());
      int before = fds();
      assertThrows(LuoException.OwnerAlive.class, () -> open(file()).close());
      assertTrue(fds() <= before, "an fd was left"); // a collection may close others
    }
    open(file()).close();
  }

  /** A hard link is another name of the same file: to open it must not end the owner's lock. */
  @ParameterizedTest
  @EnumSource
  void aFileOfTwoNamesHasOneOwner(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = open(file())) {
      Path other = Files.createLink(folder.resolve("other"), owned.path());
      assertIsOwned(other);
      assertEquals(way.isNative(), OwnedFile.mayBeRead(other));
      assertTrue(isLocked(file()));
    }
  }

  /** Without native code a read ends the lock, and luo4j says so: isLockSafe, mayBeRead. */
  @ParameterizedTest
  @EnumSource
  void whatElseIsDoneToTheFileDoesNotEndASafeLock(Way way) throws IOException {
    use(way);
    assertTrue(OwnedFile.mayBeRead(file()));
    try (OwnedFile owned = open(file())) {
      assertIsOwned(file());
      assertTrue(isLocked(file()));
      assertEquals(way.isNative(), OwnedFile.mayBeRead(file()));
      assertTrue(OwnedFile.mayBeRead(Files.createFile(folder.resolve("other"))));
      Files.readAllBytes(file());
      Files.copy(file(), folder.resolve("copy"));
      Files.copy(
          folder.resolve("copy"),
          file(),
          StandardCopyOption.COPY_ATTRIBUTES,
          StandardCopyOption.REPLACE_EXISTING);
      assertEquals(owned.isLockSafe(), way.isNative());
    }
    assertTrue(OwnedFile.mayBeRead(file()));
    try (OwnedFile owned = open(file())) {
      Files.readAllBytes(file());
      assertEquals(owned.isLockSafe(), isLocked(file()));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anyTimeoutMayBeGiven(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = OwnedFile.open(file(), Duration.ofSeconds(Long.MAX_VALUE))) {
      assertEquals(file(), owned.path());
      Duration some = Duration.ofMillis(25);
      LuoException.OwnerAlive waited =
          assertThrows(LuoException.OwnerAlive.class, () -> OwnedFile.open(file(), some));
      assertTrue(waited.getMessage().contains("waited " + some), waited.getMessage());
    }
  }

  @Test
  void anOwnerThatIsKnownIsNamed() throws IOException {
    try (OwnedFile owned = open(file())) {
      LuoException.OwnerAlive unknown =
          assertThrows(LuoException.OwnerAlive.class, () -> open(owned.path()));
      assertTrue(unknown.pid().isEmpty());
      assertEquals(unknown, unknown.ownedBy(0));
      assertEquals(unknown, unknown.ownedElsewhere(0));
      LuoException.OwnerAlive elsewhere = unknown.ownedElsewhere(4711);
      assertTrue(elsewhere.pid().isEmpty());
      assertEquals(unknown, elsewhere.getCause());
      assertTrue(
          elsewhere.getMessage().contains("its owner calls itself process 4711"),
          elsewhere.getMessage());
      LuoException.OwnerAlive named = unknown.ownedBy(4711);
      assertEquals(4711, named.pid().orElseThrow());
      assertTrue(named.getMessage().contains("process 4711"), named.getMessage());
      assertTrue(named.getMessage().contains(file().toString()), named.getMessage());
      assertEquals(unknown, named.getCause());
    }
  }

  // ---- names ----

  @ParameterizedTest
  @EnumSource
  void aSymbolicLinkOfThisUserIsFollowed(Way way) throws IOException {
    use(way);
    Path other = Files.createDirectory(folder.resolve("other"));
    Path real = Files.createDirectory(other.resolve("real")).resolve("target");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("other/second"));
    Files.createSymbolicLink(other.resolve("second"), Path.of("real/target")); // beside itself
    try (OwnedFile owned = open(link)) {
      assertEquals(real, owned.path());
      assertTrue(Files.isRegularFile(real, LinkOption.NOFOLLOW_LINKS), "made where the link leads");
      assertIsOwned(link); // the message names the link
      assertIsOwned(real);
    }
  }

  @ParameterizedTest
  @EnumSource
  void linksWithoutEndAreRefused(Way way) throws IOException {
    use(way);
    Files.createFile(folder.resolve("link 0"));
    for (int i = 1; i <= 41; i++) {
      Files.createSymbolicLink(folder.resolve("link " + i), folder.resolve("link " + (i - 1)));
    }
    open(folder.resolve("link 40")).close();
    assertRefused(folder.resolve("link 41"), "more than 40 symbolic links");
    Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
    assertRefused(loop, "more than 40 symbolic links");
  }

  private static void assertRefused(Path file, String... reasons) {
    FileSystemException e = assertThrows(FileSystemException.class, () -> open(file).close());
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
    for (String reason : reasons) {
      assertTrue(e.getMessage().contains(reason), reason + " is not in: " + e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aSymbolicLinkOfAnotherUserIsRefused(Way way) throws IOException {
    assumeRoot();
    use(way);
    Files.createFile(file());
    Path link = Files.createSymbolicLink(folder.resolve("link"), file());
    Files.setAttribute(link, "unix:uid", STRANGER, LinkOption.NOFOLLOW_LINKS);
    assertRefused(link, "belongs to user " + STRANGER, "name the file itself");
    OwnedFile.openExisting(link, Duration.ZERO, true).close();
    open(file()).close();
  }

  @ParameterizedTest
  @EnumSource
  void aMovedFileStaysOwned(Way way) throws IOException {
    use(way);
    Path target = Files.writeString(folder.resolve("target"), "replaced");
    try (OwnedFile owned = open(file())) {
      owned.reserve(4096);
      assertThrows(IOException.class, () -> owned.moveTo(folder.resolve("none/target")));
      assertEquals(file(), owned.path());
      owned.moveTo(target);
      assertEquals(target, owned.path());
      assertEquals(4096, Files.size(target));
      assertFalse(Files.exists(file()));
      assertIsOwned(target);
      try (OwnedFile another = open(file())) {
        assertEquals(0, another.size());
        assertIsOwned(file());
        assertIsOwned(target);
        assertEquals(4096, owned.size());
      }
    }
    open(target).close();
  }

  @ParameterizedTest
  @EnumSource
  void aDeletedFileStaysOpen(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = open(file())) {
      owned.reserve(4096);
      owned.delete();
      owned.delete();
      assertFalse(Files.exists(file()));
      try (MemoryRegion region = owned.map();
          OwnedFile another = open(file())) {
        region.putLong(0, 42);
        assertEquals(0, another.size());
        assertEquals(4096, owned.size());
      }
    }
    assertTrue(Files.exists(file()), "close has deleted another's file");
  }

  @ParameterizedTest
  @EnumSource
  void aFileWithoutAFolderOrThatIsNotThereIsNamed(Way way) throws IOException {
    use(way);
    Path file = folder.resolve("none/file");
    NoSuchFileException e = assertThrows(NoSuchFileException.class, () -> open(file));
    assertTrue(e.getMessage().contains("its folder is not there"), e.getMessage());
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
    assertThrows(
        NoSuchFileException.class, () -> OwnedFile.openExisting(file(), Duration.ZERO, false));
    assertFalse(Files.exists(file()));
  }

  // ---- refusals ----

  @ParameterizedTest
  @EnumSource
  void aFileThatOthersMayWriteIsRefused(Way way) throws IOException {
    use(way);
    Files.writeString(file(), "contents");
    for (String mode : List.of("rw--w----", "rw-----w-", "rw-rw-rw-")) {
      Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString(mode));
      String octal = mode.equals("rw--w----") ? "620" : mode.equals("rw-----w-") ? "602" : "666";
      assertRefused(file(), "others may write it (mode " + octal + ")", "chmod 600");
      assertFalse(isLocked(file()));
      OwnedFile.openExisting(file(), Duration.ZERO, true).close();
    }
    Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString("rwxr-xr-x"));
    open(file()).close();
    assertEquals("contents", Files.readString(file()));
  }

  @ParameterizedTest
  @EnumSource
  void aFileOfAnotherUserIsRefused(Way way) throws IOException {
    assumeRoot();
    use(way);
    Files.createFile(
        file(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.setAttribute(file(), "unix:uid", STRANGER);
    assertRefused(
        file(), "it belongs to user " + STRANGER, "this process runs as user 0", "chown it");
    OwnedFile.openExisting(file(), Duration.ZERO, true).close();
    assertThrows(
        FileSystemException.class,
        () -> OwnedFile.openExisting(file(), Duration.ZERO, false).close());
  }

  @ParameterizedTest
  @EnumSource
  void aPathOfAnotherFileSystemIsRefused(Way way) throws IOException {
    use(way);
    Path zip = folder.resolve("files.zip");
    try (FileSystem files = FileSystems.newFileSystem(zip, Map.of("create", "true"))) {
      Path file = files.getPath("/file");
      for (Executable call :
          List.<Executable>of(
              () -> open(file), () -> OwnedFile.openExisting(file, Duration.ZERO, true))) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertEquals(
            "file '/file' is a path of jar: it must be of the default file system, as"
                + " Path.of(name) gives it",
            message);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNoOrdinaryFileIsRefused(Way way) throws Exception {
    use(way);
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", "-m", "600", fifo.toString()).start().waitFor());
    assertRefused(fifo, "it is not an ordinary file", "name one");
    assertRefused(folder, "it is a directory: name a file in it");
    assertThrows(
        FileSystemException.class, () -> OwnedFile.openExisting(fifo, Duration.ZERO, true).close());
    assertThrows(FileSystemException.class, () -> open(folder).close());
    assertThrows(FileSystemException.class, () -> open(Path.of("/dev/null")).close());
  }

  @ParameterizedTest
  @EnumSource
  void aPathThatNamesNoFileSaysWhatToDo(Way way) throws IOException {
    use(way);
    Files.createFile(file());
    assertRefused(file().resolve("in"), "directory", ": a part of its path is no directory");
    assertRefused(folder.resolve("x".repeat(256)), "ame too long", "at most 255 bytes");
    Path deep = folder;
    while (deep.toString().length() < 4096) {
      deep = deep.resolve("y".repeat(200));
    }
    assertRefused(deep, "ame too long", "whose path has at most 4095");
  }

  /** A child that tries to open files, and says why it cannot. */
  static final class Tries {
    private Tries() {}

    public static void main(String[] files) {
      for (String file : files) {
        try {
          open(Path.of(file)).close();
          System.out.println(file + " opened");
        } catch (IOException e) {
          System.out.println(e.getMessage());
        }
      }
    }
  }

  private static ChildJvm.Command tries(Way way) {
    return ChildJvm.of(Tries.class)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property(LiveUpdate.BRIDGE_PROPERTY, way.bridge);
  }

  /** Root without its rights over files is as any other user. */
  @ParameterizedTest
  @EnumSource
  void whatMayNotBeOpenedNamesItsOwnerAndTheFix(Way way) throws Exception {
    assumeRoot();
    use(way);
    Path theirs = Files.writeString(folder.resolve("theirs"), "");
    Files.setPosixFilePermissions(theirs, PosixFilePermissions.fromString("rw-------"));
    Files.setAttribute(theirs, "unix:uid", STRANGER);
    Path unreadable = Files.writeString(folder.resolve("unreadable"), "");
    Files.setPosixFilePermissions(unreadable, PosixFilePermissions.fromString("r--------"));
    Path closed = Files.createDirectory(folder.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-x------"));
    ChildJvm.Ended ended =
        tries(way)
            .under("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")
            .run("" + theirs, "" + unreadable, "" + closed.resolve("new"));
    assertEquals(0, ended.exit(), ended::toString);
    String[][] parts = {
      {theirs + ": ", "it belongs to user " + STRANGER, "as user 0", "chown it"},
      {unreadable + ": ", "chmod 600 it"},
      {closed.resolve("new") + ": ", "give user 0 the right to make files in its folder"},
    };
    for (int i = 0; i < parts.length; i++) {
      for (String part : parts[i]) {
        assertTrue(ended.lines().get(i).contains(part), part + " is not in: " + ended);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReadOnlyFileSystemSaysWhatToDo(Way way) throws Exception {
    assumeRoot();
    use(way);
    ChildJvm.Ended ended =
        tries(way)
            .under(
                "unshare",
                "-m",
                "sh",
                "-c",
                "mount -t tmpfs none "
                    + folder
                    + " && touch "
                    + file()
                    + " && chmod 600 "
                    + file()
                    + " && mount -o remount,ro "
                    + folder
                    + " && exec \"$@\"",
                "sh")
            .run(file().toString(), folder.resolve("new").toString());
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals(2, ended.linesWith("remount,rw").size(), ended::toString);
    assertEquals(2, ended.linesWith("ead-only file system").size(), ended::toString);
    assertEquals(1, ended.linesWith(file() + ": ").size(), ended::toString);
  }

  // ---- memory ----

  private static long allocated(Path file) throws IOException {
    Bridge bridge = JnaBridge.load();
    int fd = bridge.openFile(file.toString().getBytes(StandardCharsets.UTF_8), false);
    try {
      return bridge.allocated(fd);
    } finally {
      bridge.close(fd);
    }
  }

  /** A file with 8 bytes here and there, and holes between them. */
  private static void writeWithHoles(Path file, long size) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 3; at < size; at += size / 4) {
        channel.write(ByteBuffer.allocate(8).putLong(0, at), at);
      }
      channel.write(ByteBuffer.allocate(1), size - 1);
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  private static void assertContents(Path file, long size) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    for (long at = 3; at < size; at += size / 4) {
      assertEquals(at, bytes.getLong((int) at));
      bytes.putLong((int) at, 0);
    }
    while (bytes.hasRemaining()) {
      assertEquals(0, bytes.get());
    }
  }

  @ParameterizedTest
  @EnumSource
  void reservingGrowsTheFileAndFillsItsHoles(Way way) throws IOException {
    use(way);
    writeWithHoles(file(), 2 * MIB);
    assertTrue(allocated(file()) < MIB, "no holes");
    try (OwnedFile owned = open(file())) {
      assertFalse(owned.isReserved());
      owned.reserve(3 * MIB - 5);
      assertEquals(3 * MIB - 5, owned.size());
      assertEquals(way.isNative(), owned.isReserved());
    }
    assertTrue(allocated(file()) >= 3 * MIB - 5);
    assertContents(file(), 2 * MIB);
  }

  @ParameterizedTest
  @EnumSource
  void allOfALargerFileIsReserved(Way way) throws IOException {
    use(way);
    writeWithHoles(file(), 2 * MIB);
    try (OwnedFile owned = open(file())) {
      owned.reserve(1);
      assertEquals(2 * MIB, owned.size());
      assertEquals(way.isNative(), owned.isReserved());
    }
    assertTrue(allocated(file()) >= 2 * MIB);
    assertContents(file(), 2 * MIB);
  }

  @ParameterizedTest
  @EnumSource
  void whatIsMappedIsTheFile(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = open(file())) {
      IOException empty = assertThrows(IOException.class, owned::map);
      assertTrue(empty.getMessage().contains("it is empty"), empty.getMessage());
      owned.reserve(5000);
      try (MemoryRegion one = owned.map();
          MemoryRegion other = owned.map()) {
        assertEquals(5000, one.size());
        assertTrue(one.isWritable());
        one.putByte(4999, (byte) 7);
        assertEquals(7, other.getByte(4999));
      }
      owned.clear();
      assertEquals(0, owned.size());
      assertIsOwned(file());
      owned.reserve(5000);
    }
    assertEquals(5000, Files.size(file()));
    for (byte each : Files.readAllBytes(file())) {
      assertEquals(0, each);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aClosedFileSaysSo(Way way) throws IOException {
    use(way);
    OwnedFile owned = open(file());
    owned.reserve(4096);
    owned.close();
    owned.close();
    for (Executable call :
        List.<Executable>of(
            owned::size,
            owned::isReserved,
            owned::allocated,
            owned::clear,
            owned::map,
            () -> owned.reserve(8192))) {
      IllegalStateException e = assertThrows(IllegalStateException.class, call);
      assertTrue(e.getMessage().contains(file() + " is closed"), e.getMessage());
    }
    assertEquals(4096, Files.size(file()));
  }

  @ParameterizedTest
  @EnumSource
  void anInterruptedThreadUsesItAsAnyOther(Way way) throws IOException {
    use(way);
    Thread.currentThread().interrupt();
    try (OwnedFile owned = open(file())) {
      assertThrows(
          LuoException.OwnerAlive.class, () -> OwnedFile.open(file(), Duration.ofMillis(25)));
      owned.reserve(4096);
      try (MemoryRegion region = owned.map()) {
        region.putLong(0, 42);
      }
      owned.moveTo(folder.resolve("moved"));
      owned.clear();
      assertEquals(0, owned.size());
      assertTrue(isLocked(owned.path()));
    } finally {
      assertTrue(Thread.interrupted(), "the flag is lost");
    }
  }

  // ---- no room ----

  /** A child in a mount namespace of its own: reserves more than its tmpfs has, then less. */
  static final class OnFullTmpfs {
    private OnFullTmpfs() {}

    public static void main(String[] arguments) throws Exception {
      Path mount = Path.of(arguments[0]);
      int mounted =
          new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=1m", "luo4j", arguments[0])
              .inheritIO()
              .start()
              .waitFor();
      System.out.println("mounted: " + mounted);
      Path file = mount.resolve("file");
      try (OwnedFile owned = open(file)) {
        owned.reserve(8192);
        try {
          owned.reserve(2 << 20);
          System.out.println("reserved");
        } catch (NoRoomException e) {
          System.out.println("needed: " + e.needed());
          System.out.println("available: " + e.available());
          System.out.println("message: " + e.getMessage());
        }
        System.out.println("size: " + owned.size());
        System.out.println("left: " + mount.toFile().getUsableSpace());
        owned.reserve(1 << 20);
        System.out.println("full: " + mount.toFile().getUsableSpace());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFullTmpfsHasNoRoom(Way way) throws Exception {
    assumeRoot();
    use(way);
    ChildJvm.Ended ended =
        ChildJvm.of(OnFullTmpfs.class)
            .under("unshare", "-m", "--propagation", "private")
            .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
            .property(LiveUpdate.BRIDGE_PROPERTY, way.bridge)
            .run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("0", ended.answer("mounted: "));
    assertEquals(Integer.toString((2 << 20) - 8192), ended.answer("needed: "));
    assertEquals(Integer.toString((1 << 20) - 8192), ended.answer("available: "));
    String message = ended.answer("message: ");
    for (String part :
        List.of(
            folder.resolve("file").toString(),
            "needs " + ((2 << 20) - 8192) + " more bytes",
            "its file system has " + ((1 << 20) - 8192) + " left",
            "remount,size=",
            "--shm-size")) {
      assertTrue(message.contains(part), part + " is not in: " + message);
    }
    assertEquals("8192", ended.answer("size: "));
    assertEquals(Integer.toString((1 << 20) - 8192), ended.answer("left: "));
    assertEquals("0", ended.answer("full: "));
  }

  @ParameterizedTest
  @EnumSource
  void roomIsCheckedBeforeAnythingIsGivenUpForIt(Way way) throws IOException {
    use(way);
    try (OwnedFile owned = open(file())) {
      assertEquals(0, owned.allocated());
      owned.reserve(8192);
      assertEquals(8192, owned.allocated());
      long tooMuch = Long.MAX_VALUE / 2;
      owned.checkRoom(1, 0);
      owned.checkRoom(tooMuch, tooMuch);
      owned.checkRoom(tooMuch, tooMuch - 1);
      NoRoomException e = assertThrows(NoRoomException.class, () -> owned.checkRoom(tooMuch, 8192));
      assertEquals(tooMuch, e.needed());
      assertTrue(e.getMessage().startsWith(file() + " needs "), e.getMessage());
      assertEquals(8192, owned.size());
    }
  }

  @Test
  void whatCannotFitIsNotBegun() throws IOException {
    FailingBridge watched = new FailingBridge(JnaBridge.load());
    try (OwnedFile owned = NativeFile.tryOpen(watched.bridge(), file(), true, null)) {
      owned.reserve(8192);
      int begun = Collections.frequency(watched.calls(), "truncate");
      NoRoomException e =
          assertThrows(NoRoomException.class, () -> owned.reserve(Long.MAX_VALUE / 2));
      assertEquals(Long.MAX_VALUE / 2 - 8192, e.needed(), "what it has is not needed once more");
      assertEquals(begun, Collections.frequency(watched.calls(), "truncate"));
      assertEquals(8192, owned.size());
    }
  }

  /** Of two full file systems the one in memory can be made larger by a mount option. */
  @ParameterizedTest
  @EnumSource
  void theRemedyForAFullFileSystemFitsItsType(Way way) throws IOException {
    use(way);
    Path inMemory = Files.createTempFile(Path.of("/dev/shm"), "luo4j-test-", "");
    try {
      for (Path file : List.of(inMemory, file())) {
        boolean tmpfs = Files.getFileStore(file.getParent()).type().equals("tmpfs");
        try (OwnedFile owned = open(file)) {
          NoRoomException e =
              assertThrows(NoRoomException.class, () -> owned.checkRoom(Long.MAX_VALUE / 2, 0));
          assertTrue(e.getMessage().contains("its file system has "), e.getMessage());
          assertEquals(tmpfs, e.getMessage().contains("remount,size="), e.getMessage());
        }
      }
    } finally {
      Files.delete(inMemory);
    }
  }

  /** The allocation will tell. */
  @Test
  void aFileSystemThatCannotBeAskedHasRoom() throws IOException {
    use(Way.JAVA);
    try (OwnedFile owned = open(file())) {
      owned.delete(); // the JDK asks by the path
      owned.checkRoom(Long.MAX_VALUE / 2, 0);
    }
  }

  /** A child in a mount namespace of its own, with a tmpfs that is larger than the memory. */
  static final class OnHugeTmpfs {
    private OnHugeTmpfs() {}

    public static void main(String[] arguments) throws Exception {
      Path mount = Path.of(arguments[0]);
      int mounted =
          new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=1024t", "luo4j", arguments[0])
              .inheritIO()
              .start()
              .waitFor();
      System.out.println("mounted: " + mounted);
      try (OwnedFile owned = open(mount.resolve("file"))) {
        for (long freed : new long[] {0, 1L << 48}) {
          try {
            owned.checkRoom(1L << 49, freed);
            System.out.println("it has room");
          } catch (NoRoomException e) {
            System.out.println("message: " + e.getMessage());
          }
        }
        owned.checkRoom(1L << 49, (1L << 49) - 4096);
        System.out.println("size: " + owned.size());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aTmpfsHasNoMoreRoomThanTheMachine(Way way) throws Exception {
    assumeRoot();
    use(way);
    ChildJvm.Ended ended =
        ChildJvm.of(OnHugeTmpfs.class)
            .under("unshare", "-m", "--propagation", "private")
            .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
            .property(LiveUpdate.BRIDGE_PROPERTY, way.bridge)
            .run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("0", ended.answer("mounted: "));
    List<String> messages = ended.linesWith("message: ");
    assertEquals(2, messages.size(), ended::toString);
    for (String message : messages) {
      assertTrue(message.contains("needs " + (1L << 49) + " more bytes"), message);
      assertTrue(message.contains("memory") || message.contains("cgroup"), message);
    }
    assertEquals("0", ended.answer("size: "));
  }

  /** Sets this process's limit of the size of a file, which no test comes near. */
  private static void limitFileSize(String soft) throws Exception {
    Process prlimit =
        new ProcessBuilder(
                "prlimit", "--pid", "" + ProcessHandle.current().pid(), "--fsize=" + soft + ":")
            .inheritIO()
            .start();
    assertEquals(0, prlimit.waitFor());
  }

  @ParameterizedTest
  @EnumSource
  void aLimitOfTheSizeOfFilesIsNamed(Way way) throws Exception {
    use(way);
    int limit = 64 * MIB;
    try (OwnedFile owned = open(file())) {
      owned.reserve(MIB);
      limitFileSize("" + limit);
      try {
        for (NoRoomException e :
            List.of(
                assertThrows(NoRoomException.class, () -> owned.reserve(limit + 5)),
                assertThrows(NoRoomException.class, () -> owned.checkRoom(limit + 5, limit + 5)))) {
          assertTrue(e.getMessage().startsWith(file() + " needs "), e.getMessage());
          assertTrue(
              e.getMessage().contains("raise the limit (ulimit -f unlimited"), e.getMessage());
          assertEquals(5, e.needed() - e.available());
        }
        assertEquals(MIB, owned.size());
      } finally {
        limitFileSize("unlimited");
      }
    }
  }

  /** Where /proc does not tell the limit. */
  @Test
  void aFileThatIsTooLargeSaysWhatLimitsIt() throws IOException {
    int efbig = 27;
    FailingBridge failing = new FailingBridge(JnaBridge.load()).fail("truncate", 1, efbig);
    try (OwnedFile owned = NativeFile.tryOpen(failing.bridge(), file(), true, null)) {
      FileSystemException e = assertThrows(FileSystemException.class, () -> owned.reserve(4096));
      assertTrue(e.getMessage().contains(file() + ": "), e.getMessage());
      assertTrue(e.getMessage().contains("4096 bytes"), e.getMessage());
      assertTrue(e.getMessage().contains("ulimit -f"), e.getMessage());
      assertEquals(0, owned.size());
    }
  }

  // ---- failures on the way ----

  private static final int EIO = 5;
  private static final int ENOSPC = 28;
  private static final int EOPNOTSUPP = 95;

  /** How many files in the test's folder this JVM has open; others come and go. */
  private int fds() throws IOException {
    Path real = folder.toRealPath();
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return (int) fds.filter(fd -> isOf(fd, real)).count();
    }
  }

  private static boolean isOf(Path fd, Path folder) {
    try {
      return Files.readSymbolicLink(fd).startsWith(folder);
    } catch (IOException e) {
      return false; // closed since
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"openFile 1", "openFile 2", "openFile 3", "status 1", "lockFile 1", "status 2"})
  void anOpenThatFailsLeavesNothing(String step) throws IOException {
    String[] call = step.split(" ");
    FailingBridge failing =
        new FailingBridge(JnaBridge.load()).fail(call[0], Integer.parseInt(call[1]), EIO);
    int before = fds();
    FileSystemException e =
        assertThrows(
            FileSystemException.class,
            () -> NativeFile.tryOpen(failing.bridge(), file(), true, 0L));
    assertTrue(e.getMessage().contains("EIO"), e.getMessage());
    assertFalse(Files.exists(file()));
    assertTrue(fds() <= before, "an fd was left"); // a collection may close others
    Files.writeString(file(), "contents");
    FailingBridge old =
        new FailingBridge(JnaBridge.load()).fail(call[0], Integer.parseInt(call[1]), EIO);
    try (OwnedFile owned = NativeFile.tryOpen(old.bridge(), file(), true, null)) {
      assertTrue(step.equals("openFile 3") || owned == null, step); // of an old file only two
    } catch (FileSystemException failed) {
      assertTrue(failed.getMessage().contains("EIO"), failed.getMessage());
    }
    assertEquals("contents", Files.readString(file()));
    assertTrue(fds() <= before, "an fd was left"); // a collection may close others
  }

  /** What is there, what is not, and what is another user's: each has a fix of its own. */
  @Test
  void anOpenThatIsDeniedNamesTheFix() throws IOException {
    int eacces = 13;
    FailingBridge denying = new FailingBridge(JnaBridge.load());
    Path theirs = Files.createFile(folder.resolve("theirs"));
    Path own = Files.createFile(folder.resolve("own"));
    boolean root = OwnedFile.uid(own) == 0;
    if (root) {
      Files.setAttribute(theirs, "unix:uid", STRANGER);
    }
    Map<Path, String> fixes =
        Map.of(
            own,
            "chmod 600 it",
            theirs,
            root ? "it belongs to user " + STRANGER : "chmod 600 it",
            file(),
            "give user " + OwnedFile.uid(own) + " the right to make files in its folder");
    for (Map.Entry<Path, String> each : fixes.entrySet()) {
      denying.fail("openFile", 1, eacces);
      AccessDeniedException e =
          assertThrows(
              AccessDeniedException.class,
              () -> NativeFile.tryOpen(denying.bridge(), each.getKey(), true, null));
      assertTrue(e.getMessage().contains("open: EACCES"), e.getMessage());
      assertTrue(e.getMessage().contains(each.getValue()), e.getMessage());
    }
  }

  @Test
  void aCallThatFailsIsNamed() throws IOException {
    FailingBridge failing = new FailingBridge(JnaBridge.load());
    try (OwnedFile owned = NativeFile.tryOpen(failing.bridge(), file(), true, null)) {
      failing.fail("status", 1, EIO);
      FileSystemException status = assertThrows(FileSystemException.class, owned::size);
      assertTrue(status.getMessage().contains("statx: EIO"), status.getMessage());
      failing.fail("truncate", 1, EIO);
      FileSystemException truncate = assertThrows(FileSystemException.class, owned::clear);
      assertTrue(truncate.getMessage().contains("ftruncate: EIO"), truncate.getMessage());
    }
  }

  @Test
  void anOwnFileOfAnotherUserIsNotLeftEither() throws IOException {
    int before = fds();
    assertThrows(
        FileSystemException.class,
        () -> NativeFile.tryOpen(JnaBridge.load(), file(), true, (long) STRANGER));
    assertFalse(Files.exists(file()));
    assertTrue(fds() <= before, "an fd was left"); // a collection may close others
  }

  /** As where somebody has deleted the file, and another process has made one. */
  @ParameterizedTest
  @ValueSource(strings = {"jna", "none"})
  void anotherFileOfTheNameIsNotDeleted(String bridge) throws IOException {
    try (OwnedFile owned =
        bridge.equals("jna")
            ? NativeFile.tryOpen(JnaBridge.load(), file(), true, null)
            : ChannelFile.tryOpen(file(), true, null)) {
      Files.delete(file());
      owned.delete();
      Files.writeString(file(), "another's");
      owned.delete();
      assertEquals("another's", Files.readString(file()));
    }
    Files.delete(file());
  }

  /** Only a name without a file, or of another kind of file, says that the file was moved. */
  @Test
  void whatCannotBeSeenIsNoFileThatWasMoved() throws IOException {
    Files.writeString(file(), "contents");
    int before = fds();
    for (int errno : new int[] {Errno.ENOENT, Errno.ENOTDIR, Errno.EISDIR, Errno.ELOOP}) {
      FailingBridge moved = new FailingBridge(JnaBridge.load()).fail("openFile", 2, errno);
      assertEquals(null, NativeFile.tryOpen(moved.bridge(), file(), true, null));
    }
    for (int errno : new int[] {Errno.EMFILE, Errno.ENFILE, Errno.EACCES, Errno.ENOMEM, EIO}) {
      FailingBridge unseen = new FailingBridge(JnaBridge.load()).fail("openFile", 2, errno);
      IOException e =
          assertThrows(
              IOException.class, () -> NativeFile.tryOpen(unseen.bridge(), file(), true, null));
      assertEquals(errno == Errno.EACCES || errno == EIO, e instanceof FileSystemException);
      assertTrue(e.getMessage().contains(Errno.describe(errno)), e.getMessage());
      assertTrue(e.getMessage().contains(file().toString()), e.getMessage());
    }
    assertTrue(fds() <= before, "an fd was left"); // a collection may close others
    assertEquals("contents", Files.readString(file()));
  }

  /** A child that has only so many fds left when it opens a file. */
  static final class WithoutDescriptors {
    private WithoutDescriptors() {}

    public static void main(String[] arguments) throws IOException {
      Path file = Path.of(arguments[0]);
      open(file).close(); // so that all classes are there
      Files.delete(file);
      try {
        open(file.resolveSibling("n".repeat(300))).close();
      } catch (FileSystemException e) {
        System.out.println(e.getMessage());
      }
      Deque<InputStream> all = new ArrayDeque<>();
      StringBuilder told = new StringBuilder();
      for (int free = 0; free < 4; free++) {
        String what = "";
        // Where a thread of the JVM's has given back an fd meanwhile, one more was free: once more.
        for (int tries = 0; tries < (free < 2 ? 20 : 1) && !what.contains("limit"); tries++) {
          take(all);
          for (int i = 0; i < free; i++) {
            all.pop().close();
          }
          try {
            open(file).close();
            what = "opened";
            Files.delete(file);
          } catch (IOException | LuoException e) {
            what = e.getMessage();
          }
        }
        told.append(free).append(": ").append(what).append(", left: ");
        told.append(Files.exists(file)).append('\n');
      }
      while (!all.isEmpty()) {
        all.pop().close();
      }
      System.out.print(told);
    }

    /** Opens files until there can be no more. */
    private static void take(Deque<InputStream> all) throws IOException {
      try {
        while (true) {
          all.push(new FileInputStream("/dev/null"));
        }
      } catch (FileNotFoundException none) {
        // there are no more
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void tooManyOpenFilesAreNoOtherOwner(Way way) throws Exception {
    use(way);
    ChildJvm.Ended ended =
        ChildJvm.of(WithoutDescriptors.class)
            .under("sh", "-c", "ulimit -n 256 && exec \"$@\"", "sh")
            .flags(List.of("-XX:-MaxFDLimit"))
            .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
            .property(LiveUpdate.BRIDGE_PROPERTY, way.bridge)
            .run(file().toString());
    assertEquals(0, ended.exit(), ended::toString);
    for (int free = 0; free < 4; free++) {
      String told = ended.answer(free + ": ");
      assertTrue(told.endsWith("left: false"), told);
      if (free < (way.isNative() ? 2 : 1)) {
        assertTrue(told.contains(way.isNative() ? "EMFILE" : "Too many open files"), told);
        assertTrue(told.contains("raise this process's limit of open files (ulimit -n"), told);
      }
    }
    assertEquals("opened, left: false", ended.answer("3: "));
  }

  /** The owner before renames the file between another's open and its lock. */
  @Test
  void aFileThatIsRenamedMeanwhileIsNotTaken() throws IOException {
    Files.writeString(file(), "old");
    int before = fds();
    FailingBridge renaming =
        new FailingBridge(JnaBridge.load())
            .at(
                "lockFile",
                1,
                () -> {
                  Files.move(file(), folder.resolve("aside"));
                  Files.writeString(file(), "new");
                  return null;
                });
    assertEquals(null, NativeFile.tryOpen(renaming.bridge(), file(), true, null));
    assertTrue(fds() <= before, "an fd was left"); // a collection may close others
    assertEquals("new", Files.readString(file()));
    try (OwnedFile owned = NativeFile.tryOpen(renaming.bridge(), file(), true, null)) {
      assertEquals(3, owned.size());
      assertFalse(isLocked(folder.resolve("aside")));
      assertTrue(isLocked(file()));
    }
  }

  @Test
  void aFileThatIsMadeMeanwhileIsAskedForAnew() throws IOException {
    FailingBridge making =
        new FailingBridge(JnaBridge.load())
            .at(
                "openFile",
                2,
                () -> {
                  Files.writeString(file(), "theirs");
                  return null;
                });
    assertEquals(null, NativeFile.tryOpen(making.bridge(), file(), true, null));
    assertEquals("theirs", Files.readString(file()));
  }

  @Test
  void aReservationThatFailsLeavesTheFileAsItWas() throws IOException {
    for (String call : List.of("truncate", "allocate")) {
      for (int errno : new int[] {EIO, ENOSPC}) {
        Files.writeString(file(), "contents");
        FailingBridge failing = new FailingBridge(JnaBridge.load()).fail(call, 1, errno);
        try (OwnedFile owned = NativeFile.tryOpen(failing.bridge(), file(), true, null)) {
          IOException e = assertThrows(IOException.class, () -> owned.reserve(MIB));
          assertEquals(call.equals("allocate") && errno == ENOSPC, e instanceof NoRoomException);
          assertEquals(8, owned.size());
          assertEquals("contents", Files.readString(file()));
        }
      }
    }
  }

  @Test
  void whatAFullFileSystemLacksIsWhatIsNotAllocated() throws IOException {
    FailingBridge full = new FailingBridge(JnaBridge.load());
    try (OwnedFile owned = NativeFile.tryOpen(full.bridge(), file(), true, null)) {
      owned.reserve(8192);
      full.fail("allocate", 1, ENOSPC); // others were faster
      NoRoomException e = assertThrows(NoRoomException.class, () -> owned.reserve(MIB));
      assertEquals(MIB - 8192, e.needed());
      assertEquals(8192, owned.size());
    }
  }

  /** A hundred in a row do not come by chance. */
  @Test
  void signalsWithoutEndDoEndAReservation() throws IOException {
    FailingBridge interrupted = new FailingBridge(JnaBridge.load()).failAlways("allocate", 4);
    try (OwnedFile owned = NativeFile.tryOpen(interrupted.bridge(), file(), true, null)) {
      FileSystemException e = assertThrows(FileSystemException.class, () -> owned.reserve(MIB));
      assertTrue(e.getMessage().contains("fallocate: EINTR"), e.getMessage());
      assertEquals(100, Collections.frequency(interrupted.calls(), "allocate"));
      assertEquals(0, owned.size());
    }
  }

  @Test
  void aSignalDoesNotEndAReservation() throws IOException {
    FailingBridge interrupted = new FailingBridge(JnaBridge.load()).fail("allocate", 1, 4);
    try (OwnedFile owned = NativeFile.tryOpen(interrupted.bridge(), file(), true, null)) {
      owned.reserve(MIB);
      assertTrue(owned.isReserved());
      assertEquals(2, Collections.frequency(interrupted.calls(), "allocate"));
    }
  }

  @Test
  void holesAreWrittenWhereTheFileSystemCannotAllocate() throws IOException {
    writeWithHoles(file(), 3 * MIB);
    FailingBridge old = new FailingBridge(JnaBridge.load()).fail("allocate", 1, EOPNOTSUPP);
    try (OwnedFile owned = NativeFile.tryOpen(old.bridge(), file(), true, null)) {
      owned.reserve(3 * MIB + 100);
      assertTrue(owned.isReserved());
      assertEquals(3 * MIB + 100, owned.size());
    }
    assertContents(file(), 3 * MIB);
  }

  /** A write may do less than it is asked for. */
  @Test
  void holesAreWrittenWhereEachWriteIsShort() throws IOException {
    writeWithHoles(file(), 3 * MIB);
    Bridge real = JnaBridge.load();
    Bridge slow =
        (Bridge)
            Proxy.newProxyInstance(
                Bridge.class.getClassLoader(),
                new Class<?>[] {Bridge.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("allocate")) {
                    return -EOPNOTSUPP;
                  }
                  if (method.getName().equals("write")) {
                    arguments[3] = Math.min((int) arguments[3], 100_000);
                  }
                  return method.invoke(real, arguments);
                });
    try (OwnedFile owned = NativeFile.tryOpen(slow, file(), true, null)) {
      owned.reserve(3 * MIB + 100);
      assertTrue(owned.isReserved());
      assertEquals(3 * MIB + 100, owned.size());
    }
    assertContents(file(), 3 * MIB);
  }

  @Test
  void aMappingThatFailsLeavesTheFileOwned() throws IOException {
    FailingBridge failing = new FailingBridge(JnaBridge.load()).fail("map", 1, 12);
    try (OwnedFile owned = NativeFile.tryOpen(failing.bridge(), file(), true, null)) {
      owned.reserve(4096);
      IOException e = assertThrows(IOException.class, owned::map);
      assertTrue(e.getMessage().contains("mmap: ENOMEM"), e.getMessage());
      assertNotEquals(0, owned.size());
      owned.map().close();
    }
  }

  /** A name in bytes that the JVM's encoding does not have is kept. */
  @Test
  void aNameIsPassedAsTheFileSystemHasIt() throws IOException {
    Bridge bridge = JnaBridge.load();
    byte[] start = (folder + "/").getBytes(StandardCharsets.UTF_8);
    byte[] path = Arrays.copyOf(start, start.length + 4);
    path[start.length] = 'a';
    path[start.length + 1] = (byte) 0xff;
    path[start.length + 2] = '%';
    path[start.length + 3] = ' ';
    assertEquals(0, bridge.close(bridge.openFile(path, true)));
    try (Stream<Path> files = Files.list(folder)) {
      Path file = files.toList().get(0);
      assertEquals(
          new String(path, StandardCharsets.ISO_8859_1),
          new String(NativeFile.bytes(file), StandardCharsets.ISO_8859_1));
    }
  }
}
