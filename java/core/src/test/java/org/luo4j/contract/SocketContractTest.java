/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.cString;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** Unix sockets: net/unix/af_unix.c, unix(7). Needs no LUO. */
class SocketContractTest {

  /** Messages or connections: more than any queue holds. */
  private static final int MANY = 100_000;

  private static final long MINUTE = 60_000;
  private static final int[] NO_FDS = {};

  private static Bridge bridge;
  private static int names;

  private final Contract contract = new Contract(bridge);

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    bridge = Subject.openWithSockets();
  }

  @AfterEach
  void close() {
    contract.close();
  }

  /** An abstract name that no other test and no other process has. */
  private static byte[] abstractName() {
    return bytes("\0luo4j-contract-" + ProcessHandle.current().pid() + "-" + names++);
  }

  private byte[] path(String name) {
    return bytes(folder.resolve(name).toString());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private int listener(byte[] address) {
    return contract.opened(bridge.listen(address, 1));
  }

  private int datagramSocket(byte[] address) {
    return contract.opened(bridge.bind(address));
  }

  /** Both ends of a connection; the first one connected. Each wait on them ends in a minute. */
  private int[] connection() {
    byte[] address = abstractName();
    int listener = listener(address);
    int connected = contract.opened(bridge.connect(address, MINUTE));
    int accepted = contract.opened(bridge.accept(listener));
    assertEquals(0, bridge.setTimeout(accepted, MINUTE));
    contract.close(listener);
    return new int[] {connected, accepted};
  }

  private static int send(int socket, String text, int... fds) {
    return bridge.send(socket, bytes(text), fds);
  }

  /** The message that a receive must return, without fds. */
  private static String receive(int socket) {
    byte[] buffer = new byte[64];
    int length = bridge.receive(socket, buffer, NO_FDS);
    assertTrue(length >= 0, () -> "receive: " + Errno.describe(-length));
    return new String(buffer, 0, length, StandardCharsets.US_ASCII);
  }

  /** How many fds of this process are what {@link Bridge#describe} says with this start. */
  private static int count(String start) throws IOException {
    int count = 0;
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : fds) {
        String what = bridge.describe(Integer.parseInt(fd.getFileName().toString()));
        count += what != null && what.startsWith(start) ? 1 : 0;
      }
    }
    return count;
  }

  private static int untilRefused(IntSupplier call) {
    int result = 0;
    for (int i = 0; result >= 0 && i < MANY; i++) {
      result = call.getAsInt();
    }
    return result;
  }

  @Test
  void badAddressesAreEINVAL() {
    byte[] tooLong = bytes("a".repeat(Abi.ADDRESS_MAX + 1));
    byte[] tooLongAbstract = bytes("\0" + "a".repeat(Abi.ADDRESS_MAX));
    for (byte[] bad :
        new byte[][] {{}, tooLong, tooLongAbstract, bytes("a\0"), new byte[1 << 20]}) {
      assertErrno(Errno.EINVAL, bridge.listen(bad, 1));
      assertErrno(Errno.EINVAL, bridge.bind(bad));
      assertErrno(Errno.EINVAL, bridge.connect(bad, 1));
      assertErrno(Errno.EINVAL, bridge.sendTo(bad, bytes("x"), NO_FDS, 1));
    }
  }

  @Test
  void anAddressOf107BytesIsTheLongest() {
    byte[] start = path("");
    byte[] path = bytes("p".repeat(Abi.ADDRESS_MAX));
    System.arraycopy(start, 0, path, 0, start.length);
    path[start.length] = '/';
    byte[] name = Arrays.copyOf(abstractName(), Abi.ADDRESS_MAX);
    for (byte[] address : new byte[][] {path, name}) {
      int listener = listener(address);
      int connected = contract.opened(bridge.connect(address, MINUTE));
      int accepted = contract.opened(bridge.accept(listener));
      assertEquals(0, send(connected, "long"));
      assertEquals("long", receive(accepted));
    }
  }

  @Test
  void allBytesOfAnAbstractNameCount() {
    byte[] name = abstractName();
    listener(name);
    byte[] longer = Arrays.copyOf(name, name.length + 1);
    assertErrno(Errno.ECONNREFUSED, bridge.connect(longer, MINUTE));
    listener(longer);
    assertErrno(Errno.EADDRINUSE, bridge.listen(longer, 1));
  }

  @Test
  void aListeningPathIsItsOwnersOnlyAndStays() throws IOException {
    Path file = folder.resolve("socket");
    int listener = listener(path("socket"));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    contract.close(listener);
    assertErrno(Errno.ECONNREFUSED, bridge.connect(path("socket"), MINUTE));
    assertErrno(Errno.EADDRINUSE, bridge.listen(path("socket"), 1));
    Files.delete(file);
    assertErrno(Errno.ENOENT, bridge.connect(path("socket"), MINUTE));
    listener(path("socket"));
  }

  @Test
  void aDatagramSocketsPathIsItsOwnersOnly() throws IOException {
    Path file = folder.resolve("datagram");
    datagramSocket(path("datagram"));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    assertErrno(Errno.EADDRINUSE, bridge.bind(path("datagram")));
  }

  @Test
  void socketsAreClosedOnExec() {
    byte[] address = abstractName();
    int receiver = datagramSocket(abstractName());
    int listener = listener(address);
    int connected = contract.opened(bridge.connect(address, MINUTE));
    int accepted = contract.opened(bridge.accept(listener));
    for (int socket : new int[] {receiver, listener, connected, accepted}) {
      assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(socket));
    }
  }

  @Test
  void messagesKeepTheirBoundsAndOrderInBothDirections() {
    int[] ends = connection();
    assertEquals(0, send(ends[0], "one"));
    assertEquals(0, send(ends[0], "two"));
    assertEquals(0, send(ends[1], "back"));
    assertEquals("one", receive(ends[1]));
    assertEquals("two", receive(ends[1]));
    assertEquals("back", receive(ends[0]));
    byte[] sent = new byte[1 << 16];
    for (int i = 0; i < sent.length; i++) {
      sent[i] = (byte) (i * 31);
    }
    assertEquals(0, bridge.send(ends[0], sent, NO_FDS));
    byte[] got = new byte[1 << 16];
    assertEquals(got.length, bridge.receive(ends[1], got, NO_FDS));
    assertArrayEquals(sent, got);
  }

  @Test
  void anFdThatIsPassedIsTheSameOpenFile() {
    int[] ends = connection();
    int memfd = contract.opened(bridge.memfdCreate(cString("passed"), 0));
    assertEquals(3, contract.write(memfd, "abc", -1));
    assertEquals(0, send(ends[0], "take", memfd, ends[0]));
    byte[] buffer = new byte[64];
    int[] fds = new int[4];
    assertEquals(4, bridge.receive(ends[1], buffer, fds));
    assertEquals("take", new String(buffer, 0, 4, StandardCharsets.US_ASCII));
    int taken = contract.opened(fds[0]);
    int socket = contract.opened(fds[1]);
    assertArrayEquals(new int[] {taken, socket, -1, -1}, fds);
    assertEquals(0, bridge.descriptorFlags(memfd));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(taken));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(socket));
    assertEquals(bridge.describe(ends[0]), bridge.describe(socket));
    assertEquals(3, bridge.seek(taken, 0, Abi.SEEK_CUR));
    contract.close(memfd);
    assertEquals("abc", contract.read(taken, 9, 0));
  }

  @Test
  void anFdOnItsWayOutlivesItsSender() {
    int[] ends = connection();
    int memfd = contract.memfd(0);
    assertEquals(4, contract.write(memfd, "kept", 0));
    assertEquals(0, send(ends[0], "x", memfd));
    contract.close(memfd);
    contract.close(ends[0]);
    int[] fds = new int[1];
    assertEquals(1, bridge.receive(ends[1], new byte[1], fds));
    assertEquals("kept", contract.read(contract.opened(fds[0]), 9, 0));
    assertEquals(0, bridge.receive(ends[1], new byte[1], fds));
    assertEquals(-1, fds[0]);
  }

  @Test
  void aDatagramCarriesItsFdsToAPathAndToAName() throws IOException {
    for (byte[] address : new byte[][] {abstractName(), path("datagram")}) {
      int receiver = datagramSocket(address);
      int memfd = contract.memfd(0);
      assertEquals(5, contract.write(memfd, "store", 0));
      int sockets = count("socket:");
      byte[] message = bytes("FDSTORE=1\nFDNAME=cache");
      assertEquals(0, bridge.sendTo(address, message, new int[] {memfd}, MINUTE));
      assertEquals(sockets, count("socket:"));
      byte[] buffer = new byte[64];
      int[] fds = new int[2];
      assertEquals(message.length, bridge.receive(receiver, buffer, fds));
      assertArrayEquals(message, Arrays.copyOf(buffer, message.length));
      assertEquals("store", contract.read(contract.opened(fds[0]), 9, 0));
      assertEquals(-1, fds[1]);
    }
  }

  @Test
  void atMost253FdsArePassed() throws IOException {
    int[] ends = connection();
    int memfd = contract.opened(bridge.memfdCreate(cString("at-most"), 0));
    int[] sent = new int[Abi.FDS_MAX + 1];
    Arrays.fill(sent, memfd);
    assertErrno(Errno.E2BIG, bridge.send(ends[0], bytes("x"), sent));
    byte[] address = abstractName();
    int receiver = datagramSocket(address);
    assertErrno(Errno.E2BIG, bridge.sendTo(address, bytes("x"), sent, MINUTE));
    sent = Arrays.copyOf(sent, Abi.FDS_MAX);
    assertEquals(0, bridge.send(ends[0], bytes("x"), sent));
    assertEquals(0, bridge.sendTo(address, bytes("x"), sent, MINUTE));
    assertEquals(1, count("/memfd:at-most"));
    assertErrno(Errno.E2BIG, bridge.receive(ends[1], new byte[1], new int[Abi.FDS_MAX + 1]));
    for (int socket : new int[] {ends[1], receiver}) {
      int[] fds = new int[Abi.FDS_MAX];
      assertEquals(1, bridge.receive(socket, new byte[1], fds));
      assertEquals(1 + Abi.FDS_MAX, count("/memfd:at-most"));
      for (int fd : fds) {
        assertEquals(0, bridge.close(fd));
      }
    }
  }

  @Test
  void whatIsCutShortIsEMSGSIZEAndLeaksNothing() throws IOException {
    int[] ends = connection();
    int memfd = contract.opened(bridge.memfdCreate(cString("cut"), 0));
    for (int sent = 1; sent <= 4; sent++) {
      int[] all = new int[sent];
      Arrays.fill(all, memfd);
      int[] fewer = new int[sent - 1];
      assertEquals(0, send(ends[0], "x", all));
      assertErrno(Errno.EMSGSIZE, bridge.receive(ends[1], new byte[9], fewer));
      assertTrue(Arrays.stream(fewer).allMatch(fd -> fd == -1));
      int[] enough = new int[sent];
      assertEquals(0, send(ends[0], "long", all));
      assertErrno(Errno.EMSGSIZE, bridge.receive(ends[1], new byte[3], enough));
      assertTrue(Arrays.stream(enough).allMatch(fd -> fd == -1));
      assertEquals(1, count("/memfd:cut"));
    }
    assertEquals(0, send(ends[0], "next"));
    assertErrno(Errno.EINVAL, bridge.receive(ends[1], new byte[0], NO_FDS));
    assertEquals("next", receive(ends[1]));
  }

  @Test
  void anEmptyMessageIsEINVAL() {
    int[] ends = connection();
    assertErrno(Errno.EINVAL, send(ends[0], ""));
    assertErrno(Errno.EINVAL, bridge.sendTo(abstractName(), new byte[0], NO_FDS, MINUTE));
  }

  @Test
  void aMessageBeyondTheSocketsBufferIsEMSGSIZE() {
    byte[] message = new byte[16 << 20];
    assertErrno(Errno.EMSGSIZE, bridge.send(connection()[0], message, NO_FDS));
    byte[] address = abstractName();
    datagramSocket(address);
    assertErrno(Errno.EMSGSIZE, bridge.sendTo(address, message, NO_FDS, MINUTE));
  }

  @Test
  void aPeerIsTheProcessThatMadeTheOtherEnd() throws IOException {
    Path self = Path.of("/proc/self");
    int[] wanted = {
      (int) ProcessHandle.current().pid(),
      (Integer) Files.getAttribute(self, "unix:uid"),
      (Integer) Files.getAttribute(self, "unix:gid")
    };
    for (int end : connection()) {
      int[] peer = new int[3];
      assertEquals(0, bridge.peer(end, peer));
      assertArrayEquals(wanted, peer);
      assertErrno(Errno.EINVAL, bridge.peer(end, new int[2]));
      assertErrno(Errno.EINVAL, bridge.peer(end, new int[4]));
    }
  }

  @Test
  void aTimeLimitEndsEachWait() throws IOException {
    int[] ends = connection();
    assertEquals(0, bridge.setTimeout(ends[0], 1));
    assertErrno(Errno.EAGAIN, bridge.receive(ends[0], new byte[1], NO_FDS));
    assertErrno(Errno.EAGAIN, untilRefused(() -> send(ends[0], "x")));
    byte[] address = abstractName();
    int listener = contract.opened(bridge.listen(address, 0));
    assertEquals(0, bridge.setTimeout(listener, 1));
    assertErrno(Errno.EAGAIN, bridge.accept(listener));
    int first = contract.opened(bridge.connect(address, 1));
    int sockets = count("socket:");
    assertErrno(Errno.EAGAIN, bridge.connect(address, 1));
    assertErrno(Errno.EAGAIN, bridge.receive(first, new byte[1], NO_FDS));
    byte[] other = abstractName();
    datagramSocket(other);
    byte[] message = bytes("x");
    assertErrno(Errno.EAGAIN, untilRefused(() -> bridge.sendTo(other, message, NO_FDS, 1)));
    assertEquals(sockets + 1, count("socket:"));
  }

  @Test
  void aTimeLimitIsNotNegative() {
    byte[] address = abstractName();
    int listener = listener(address);
    assertErrno(Errno.EINVAL, bridge.setTimeout(listener, -1));
    assertErrno(Errno.EINVAL, bridge.connect(address, -1));
    assertErrno(Errno.EINVAL, bridge.sendTo(address, bytes("x"), NO_FDS, Long.MIN_VALUE));
    assertEquals(0, bridge.setTimeout(listener, Long.MAX_VALUE));
    assertEquals(0, bridge.setTimeout(listener, 0));
  }

  @Test
  void shutdownEndsAWaitThatHasBegunOrBegins() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      for (int round = 0; round < 50; round++) {
        int listener = listener(abstractName());
        assertEquals(0, bridge.setTimeout(listener, MINUTE));
        assertErrno(Errno.EINVAL, whenShutDown(executor, listener, () -> bridge.accept(listener)));
        int[] ends = connection();
        byte[] buffer = new byte[1];
        assertEquals(
            0, whenShutDown(executor, ends[0], () -> bridge.receive(ends[0], buffer, NO_FDS)));
        assertErrno(Errno.EPIPE, send(ends[0], "x"));
        assertErrno(Errno.EPIPE, send(ends[1], "x"));
        close();
      }
    } finally {
      executor.shutdown();
    }
  }

  /** The result of a call on a socket that another thread makes while this one shuts it down. */
  private static int whenShutDown(ExecutorService executor, int socket, IntSupplier call)
      throws Exception {
    CountDownLatch begins = new CountDownLatch(1);
    CompletableFuture<Integer> result =
        CompletableFuture.supplyAsync(
            () -> {
              begins.countDown();
              return call.getAsInt();
            },
            executor);
    begins.await();
    assertEquals(0, bridge.shutdown(socket));
    return result.get();
  }

  @Test
  void aClosedEndIsEPIPEAndTheEnd() {
    int[] ends = connection();
    assertEquals(0, send(ends[0], "last"));
    contract.close(ends[0]);
    assertErrno(Errno.EPIPE, send(ends[1], "x"));
    assertEquals("last", receive(ends[1]));
    assertEquals("", receive(ends[1]));
  }

  @Test
  void aConnectionClosedBeforeItsMessagesAreReadIsECONNRESET() {
    int[] ends = connection();
    assertEquals(0, send(ends[0], "unread"));
    contract.close(ends[1]);
    assertErrno(Errno.ECONNRESET, bridge.receive(ends[0], new byte[1], NO_FDS));
  }

  @Test
  void nobodyThereIsECONNREFUSEDOrENOENTAndLeavesNoSocket() throws IOException {
    int sockets = count("socket:");
    assertErrno(Errno.ECONNREFUSED, bridge.connect(abstractName(), MINUTE));
    assertErrno(Errno.ECONNREFUSED, bridge.sendTo(abstractName(), bytes("x"), NO_FDS, MINUTE));
    assertErrno(Errno.ENOENT, bridge.connect(path("nobody"), MINUTE));
    assertErrno(Errno.ENOENT, bridge.sendTo(path("nobody"), bytes("x"), NO_FDS, MINUTE));
    assertErrno(Errno.ENOENT, bridge.listen(path("no/folder"), 1));
    assertErrno(Errno.EBADF, bridge.sendTo(path("nobody"), bytes("x"), new int[] {-1}, MINUTE));
    assertEquals(sockets, count("socket:"));
  }

  @Test
  void theOtherTypeOfSocketIsEPROTOTYPE() {
    listener(path("listener"));
    assertErrno(Errno.EPROTOTYPE, bridge.sendTo(path("listener"), bytes("x"), NO_FDS, MINUTE));
    datagramSocket(path("datagram"));
    assertErrno(Errno.EPROTOTYPE, bridge.connect(path("datagram"), MINUTE));
  }

  @Test
  void whatIsNoSocketIsENOTSOCKAndWhatIsClosedIsEBADF() {
    assertRefused(Errno.ENOTSOCK, contract.memfd(1));
    int[] ends = connection();
    int closed = contract.closedFd();
    assertRefused(Errno.EBADF, closed);
    assertErrno(Errno.EBADF, send(ends[0], "x", closed));
    assertErrno(Errno.EINVAL, bridge.accept(ends[0]));
    assertErrno(Errno.ENOTCONN, send(listener(abstractName()), "x"));
    assertErrno(Errno.ENOTCONN, bridge.receive(listener(abstractName()), new byte[1], NO_FDS));
  }

  private static void assertRefused(int errno, int fd) {
    int[] fds = new int[3];
    assertErrno(errno, bridge.accept(fd));
    assertErrno(errno, send(fd, "x"));
    assertErrno(errno, bridge.receive(fd, new byte[1], fds));
    assertArrayEquals(new int[] {-1, -1, -1}, fds);
    assertErrno(errno, bridge.peer(fd, fds));
    assertErrno(errno, bridge.setTimeout(fd, 1));
    assertErrno(errno, bridge.shutdown(fd));
  }
}
