/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.testing.Bridges;

/** The calls on ordinary files, on the clock and on mappings whose memory is given up. */
class FileCallsTest {

  private static final int PAGE = 4096;
  private static final long LENGTH = 16 * PAGE;
  private static final int FILE_TYPE = 0170000;
  private static final int O_NONBLOCK = 04000;

  @TempDir Path folder;

  private final Deque<Runnable> closing = new ArrayDeque<>();

  static Stream<Named<Bridge>> bridges() throws IOException {
    return Bridges.all();
  }

  @AfterEach
  void close() {
    closing.forEach(Runnable::run);
  }

  private static byte[] bytes(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void assertErrno(int errno, long result) {
    assertEquals(-errno, result, () -> "not " + Errno.describe(errno));
  }

  /** An fd that is closed at the end of the test. */
  private int open(Bridge bridge, Path path, boolean create) {
    int fd = bridge.openFile(bytes(path), create);
    assertTrue(fd >= 0, () -> path + ": " + Errno.describe(-fd));
    closing.add(() -> assertEquals(0, bridge.close(fd)));
    return fd;
  }

  private static long[] status(Bridge bridge, int fd) {
    long[] fields = new long[Bridge.STATUS_FIELDS];
    assertEquals(0, bridge.status(fd, fields));
    return fields;
  }

  // ---- openFile ----

  @ParameterizedTest
  @MethodSource("bridges")
  void aNewFileIsItsUsersOnlyAndMustNotExist(Bridge bridge) throws IOException {
    Path file = folder.resolve("new");
    int fd = open(bridge, file, true);
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(fd));
    assertEquals(Abi.O_RDWR, bridge.statusFlags(fd) & Abi.O_ACCMODE);
    assertErrno(Errno.EEXIST, bridge.openFile(bytes(file), true));
    int again = open(bridge, file, false);
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(again));
    assertEquals(Abi.O_RDWR, bridge.statusFlags(again) & Abi.O_ACCMODE);
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void openingChangesNothing(Bridge bridge) throws IOException {
    Path file = Files.writeString(folder.resolve("old"), "contents");
    open(bridge, file, false);
    assertEquals("contents", Files.readString(file));
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void whatCannotBeOpenedSaysWhy(Bridge bridge) throws IOException {
    assertErrno(Errno.ENOENT, bridge.openFile(bytes(folder.resolve("none")), false));
    assertErrno(Errno.ENOENT, bridge.openFile(bytes(folder.resolve("none/file")), true));
    assertErrno(Errno.ENOENT, bridge.openFile(new byte[0], false));
    assertErrno(Errno.EISDIR, bridge.openFile(bytes(folder), false));
    assertErrno(Errno.ENAMETOOLONG, bridge.openFile(bytes(folder.resolve("x".repeat(256))), true));
    for (int length : new int[] {4096, 4097, 70_000}) {
      byte[] path = new byte[length];
      Arrays.fill(path, (byte) '/');
      assertErrno(Errno.ENAMETOOLONG, bridge.openFile(path, false));
    }
    byte[] longest = new byte[4095];
    Arrays.fill(longest, (byte) '/');
    assertErrno(Errno.EISDIR, bridge.openFile(longest, false));
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void aSymbolicLinkIsNotFollowed(Bridge bridge) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    assertErrno(Errno.ELOOP, bridge.openFile(bytes(link), false));
    Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("none"));
    assertErrno(Errno.EEXIST, bridge.openFile(bytes(dangling), true));
    assertTrue(Files.notExists(folder.resolve("none")), "made through the link");
    Path inside = Files.createSymbolicLink(folder.resolve("folder"), folder);
    open(bridge, inside.resolve("file"), false);
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void aFifoIsOpenedWithoutWaiting(Bridge bridge) throws Exception {
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    int fd = open(bridge, fifo, false);
    assertEquals(O_NONBLOCK, bridge.statusFlags(fd) & O_NONBLOCK);
    assertEquals(0010000, status(bridge, fd)[Bridge.STATUS_MODE] & FILE_TYPE);
  }

  /** The file system's names are bytes, of whatever encoding. */
  @ParameterizedTest
  @MethodSource("bridges")
  void aNameIsBytes(Bridge bridge) throws IOException {
    byte[] start = bytes(folder);
    byte[] path = Arrays.copyOf(start, start.length + 3);
    path[start.length] = '/';
    path[start.length + 1] = (byte) 0xff;
    path[start.length + 2] = (byte) 0xfe;
    int fd = bridge.openFile(path, true);
    assertTrue(fd >= 0, () -> Errno.describe(-fd));
    assertEquals(0, bridge.close(fd));
    try (Stream<Path> files = Files.list(folder)) {
      assertTrue(
          files.toList().get(0).toUri().getRawPath().endsWith("/%FF%FE"),
          "another name than bytes");
    }
  }

  // ---- lockFile ----

  @ParameterizedTest
  @MethodSource("bridges")
  void theLockIsTheOpenFilesAndNoOtherCloseEndsIt(Bridge bridge) throws IOException {
    Path file = folder.resolve("locked");
    int owner = bridge.openFile(bytes(file), true);
    int other = open(bridge, file, false);
    assertEquals(0, bridge.lockFile(owner));
    assertEquals(0, bridge.lockFile(owner), "it has it already");
    assertErrno(Errno.EAGAIN, bridge.lockFile(other));
    Files.readAllBytes(file);
    assertEquals(0, bridge.close(bridge.openFile(bytes(file), false)));
    assertErrno(Errno.EAGAIN, bridge.lockFile(other));
    int copy = bridge.duplicate(owner);
    assertEquals(0, bridge.close(owner));
    assertErrno(Errno.EAGAIN, bridge.lockFile(other));
    assertEquals(0, bridge.close(copy));
    assertEquals(0, bridge.lockFile(other));
  }

  /** As of a child, before it executes its program. */
  @ParameterizedTest
  @MethodSource("bridges")
  void bothLocksEndWhileAnotherDescriptorOfTheFileIsOpen(Bridge bridge) throws IOException {
    Path file = folder.resolve("locked");
    int owner = open(bridge, file, true);
    int other = open(bridge, file, false);
    assertEquals(0, bridge.unlock(owner), "there is none");
    assertEquals(0, bridge.lockFile(owner));
    int copy = bridge.duplicate(owner);
    assertEquals(0, bridge.unlock(other), "it is not the other's");
    assertErrno(Errno.EAGAIN, bridge.lockFile(other));
    assertEquals(0, bridge.unlock(owner));
    assertEquals(0, bridge.lockFile(other));
    assertErrno(Errno.EAGAIN, bridge.lockFile(copy));
    assertEquals(0, bridge.close(copy));

    int lock = bridge.lock(owner);
    int inherited = bridge.duplicate(lock);
    assertErrno(Errno.EAGAIN, bridge.lock(other));
    assertEquals(0, bridge.unlock(lock));
    int next = bridge.lock(other);
    assertTrue(next >= 0, "" + next);
    for (int fd : new int[] {lock, inherited, next}) {
      assertEquals(0, bridge.close(fd));
    }
    assertErrno(Errno.EBADF, bridge.unlock(-1));
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void theLockKeepsOffThoseOfChannels(Bridge bridge) throws IOException {
    Path file = folder.resolve("locked");
    int fd = open(bridge, file, true);
    int copy = open(bridge, file, false);
    assertEquals(0, bridge.lockFile(fd));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertNull(channel.tryLock());
    }
    assertErrno(Errno.EAGAIN, bridge.lockFile(copy));
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void aChannelsLockKeepsItOff(Bridge bridge) throws IOException {
    Path file = folder.resolve("locked");
    int fd = open(bridge, file, true);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock last = channel.tryLock(1000, 1, false)) {
      assertNotNull(last);
      assertErrno(Errno.EAGAIN, bridge.lockFile(fd));
    }
    assertEquals(0, bridge.lockFile(fd));
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void aBadFdIsEBADF(Bridge bridge) {
    assertErrno(Errno.EBADF, bridge.lockFile(-1));
    assertErrno(Errno.EBADF, bridge.status(-1, new long[Bridge.STATUS_FIELDS]));
  }

  // ---- status, userId, bootTime ----

  @ParameterizedTest
  @MethodSource("bridges")
  void theStatusIsThatOfTheFile(Bridge bridge) throws IOException {
    Path file = folder.resolve("file");
    int fd = open(bridge, file, true);
    assertEquals(0, bridge.truncate(fd, 10_000_000_000L));
    long[] sparse = status(bridge, fd);
    assertEquals(10_000_000_000L, sparse[Bridge.STATUS_SIZE]);
    assertEquals(0, sparse[Bridge.STATUS_ALLOCATED]);
    assertEquals(0, bridge.allocate(fd, 0, 0, 1 << 20));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-x--x"));
    long[] status = status(bridge, fd);
    assertEquals(0100751, status[Bridge.STATUS_MODE]);
    assertEquals((int) Files.getAttribute(file, "unix:mode"), status[Bridge.STATUS_MODE]);
    assertEquals((int) Files.getAttribute(file, "unix:uid"), status[Bridge.STATUS_UID]);
    assertEquals((long) Files.getAttribute(file, "unix:ino"), status[Bridge.STATUS_INODE]);
    assertTrue(status[Bridge.STATUS_ALLOCATED] >= 1 << 20, () -> Arrays.toString(status));
    assertTrue(status[Bridge.STATUS_ALLOCATED] < 3 << 20, () -> Arrays.toString(status));
    // makedev(3) of glibc and of Java
    long device = (long) Files.getAttribute(file, "unix:dev");
    long major = device >>> 8 & 0xfff | device >>> 32 & ~0xfffL;
    long minor = device & 0xff | device >>> 12 & ~0xffL;
    assertEquals(major << 32 | minor, status[Bridge.STATUS_DEVICE]);
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void aStatusOfAnotherLengthIsEINVAL(Bridge bridge) {
    int fd = open(bridge, folder.resolve("file"), true);
    for (int length : new int[] {0, Bridge.STATUS_FIELDS - 1, Bridge.STATUS_FIELDS + 1}) {
      long[] fields = new long[length];
      Arrays.fill(fields, -1);
      assertErrno(Errno.EINVAL, bridge.status(fd, fields));
      assertTrue(Arrays.stream(fields).allMatch(field -> field == -1), "written to");
    }
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void newFilesAreTheUsers(Bridge bridge) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    assertEquals((int) Files.getAttribute(file, "unix:uid"), bridge.userId());
  }

  private static long uptimeMillis() throws IOException {
    String seconds = Files.readString(Path.of("/proc/uptime")).split(" ", 2)[0];
    return (long) (Double.parseDouble(seconds) * 1000);
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void bootTimeIsWhatProcSays(Bridge bridge) throws IOException {
    long before = uptimeMillis();
    long time = bridge.bootTime();
    long after = uptimeMillis();
    // /proc/uptime is rounded down to 10 ms
    assertTrue(before <= time && time <= after + 10, () -> before + " " + time + " " + after);
  }

  // ---- revoke, guard ----

  /** The mapping, unmapped at the end of the test, and its file's fd. */
  private record Mapped(Bridge bridge, int fd, long address, ByteBuffer view) {
    String inMaps() throws IOException {
      String start = Long.toHexString(address) + "-";
      return Files.readAllLines(Path.of("/proc/self/maps")).stream()
          .filter(line -> line.startsWith(start))
          .findFirst()
          .orElseThrow();
    }
  }

  private Mapped mapped(Bridge bridge) {
    Path file = folder.resolve("mapped " + closing.size());
    int fd = open(bridge, file, true);
    assertEquals(0, bridge.truncate(fd, LENGTH));
    long address = bridge.map(fd, 0, LENGTH, true);
    assertTrue(address > 0, () -> Errno.describe((int) -address));
    closing.addFirst(() -> assertEquals(0, bridge.unmap(address, LENGTH)));
    ByteBuffer view = bridge.view(address, (int) LENGTH);
    view.putLong(0, 1).putLong(5 * PAGE, 6).putLong((int) LENGTH - 8, 7);
    return new Mapped(bridge, fd, address, view);
  }

  private static long read(Mapped mapped, long offset) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(8);
    assertEquals(8, mapped.bridge.read(mapped.fd, buffer, 0, 8, offset));
    return buffer.order(mapped.view.order()).getLong(0);
  }

  private static void assertPrivateZeros(Mapped mapped) throws IOException {
    for (int page = 0; page < LENGTH; page += PAGE) {
      assertEquals(0, mapped.view.getLong(page), "page at " + page);
      assertEquals(0, mapped.view.getLong(page + PAGE - 8), "end of page at " + page);
    }
    String line = mapped.inMaps();
    assertTrue(line.matches("\\S+ rw-p 00000000 00:00 0 *"), line);
  }

  @ParameterizedTest
  @MethodSource("bridges")
  void whatIsRevokedReadsZeroAndIsNoLongerTheFiles(Bridge bridge) throws IOException {
    Mapped mapped = mapped(bridge);
    assertTrue(mapped.inMaps().contains(" rw-s "), mapped.inMaps());
    assertEquals(0, bridge.revoke(mapped.address, LENGTH));
    assertPrivateZeros(mapped);
    mapped.view.putLong(5 * PAGE, 99);
    assertEquals(99, mapped.view.getLong(5 * PAGE));
    assertEquals(6, read(mapped, 5 * PAGE));
    assertEquals(7, read(mapped, LENGTH - 8));
  }

  @Test
  void overJnaNothingIsGuarded() throws IOException {
    Bridge jna = bridges().map(Named::getPayload).filter(FileCallsTest::isJna).findFirst().get();
    Mapped mapped = mapped(jna);
    assertErrno(Errno.ENOSYS, jna.guard(mapped.address, LENGTH));
    assertErrno(Errno.ENOSYS, jna.unguard(mapped.address));
  }

  private static boolean isJna(Bridge bridge) {
    return bridge.name().equals("jna");
  }

  static Stream<Named<Bridge>> guarding() throws IOException {
    return Bridges.all().filter(bridge -> !isJna(bridge.getPayload()));
  }

  @ParameterizedTest
  @MethodSource("guarding")
  void aGuardedMappingReadsZeroWhenItsFileIsCut(Bridge bridge) throws IOException {
    Mapped cut = mapped(bridge);
    Mapped whole = mapped(bridge);
    assertEquals(0, bridge.guard(cut.address, LENGTH));
    assertEquals(0, bridge.guard(whole.address, LENGTH));
    assertEquals(0, bridge.truncate(cut.fd, PAGE));
    assertEquals(1, cut.view.getLong(0), "nothing has missed a page yet");
    assertEquals(0, cut.view.getLong(5 * PAGE));
    assertPrivateZeros(cut);
    cut.view.putLong(0, 99);
    assertEquals(1, read(cut, 0));
    assertEquals(6, whole.view.getLong(5 * PAGE));
    assertTrue(whole.inMaps().contains(" rw-s "), whole.inMaps());
    assertEquals(0, bridge.unguard(cut.address));
    assertEquals(0, bridge.unguard(whole.address));
    assertErrno(Errno.EINVAL, bridge.unguard(whole.address));
  }

  @ParameterizedTest
  @MethodSource("guarding")
  void moreThan1024GuardsAreENOSPC(Bridge bridge) {
    // Addresses that nothing is mapped at: no fault there can be absorbed.
    List<Long> guarded = new ArrayList<>();
    int result = 0;
    for (long address = PAGE; result == 0 && guarded.size() <= 1024; address += PAGE) {
      result = bridge.guard(address, PAGE);
      if (result == 0) {
        guarded.add(address);
      }
    }
    for (long address : guarded) {
      assertEquals(0, bridge.unguard(address));
    }
    assertErrno(Errno.ENOSPC, result);
    assertEquals(1024, guarded.size());
    for (long address : new long[] {0, -1}) {
      assertErrno(Errno.EINVAL, bridge.guard(address, PAGE));
      assertErrno(Errno.EINVAL, bridge.unguard(address));
    }
    assertErrno(Errno.EINVAL, bridge.guard(PAGE, 0));
  }

  // ---- the emulator ----

  @Test
  void theEmulatorHasNoneOfThem() throws IOException {
    try (Emulator emulator = Emulator.open(folder.resolve("machine"))) {
      long[] fields = {-1, -1, -1, -1, -1, -1};
      assertErrno(Errno.ENOSYS, emulator.openFile(bytes(folder.resolve("file")), true));
      assertErrno(Errno.ENOSYS, emulator.lockFile(0));
      assertErrno(Errno.ENOSYS, emulator.status(0, fields));
      assertErrno(Errno.ENOSYS, emulator.userId());
      assertErrno(Errno.ENOSYS, emulator.bootTime());
      assertErrno(Errno.ENOSYS, emulator.revoke(PAGE, PAGE));
      assertErrno(Errno.ENOSYS, emulator.guard(PAGE, PAGE));
      assertErrno(Errno.ENOSYS, emulator.unguard(PAGE));
      assertArrayEquals(new long[] {-1, -1, -1, -1, -1, -1}, fields);
    }
    assertTrue(Files.notExists(folder.resolve("file")), "the file was made");
  }
}
