/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.cString;
import static org.luo4j.contract.Contract.field;
import static org.luo4j.contract.Contract.struct;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.luo4j.ForeignFiles;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** Outgoing sessions: luo_session.c, luo_file.c, and what mm/memfd_luo.c does to a memfd. */
class SessionContractTest {

  private static final int PAGE = 4096;

  private static Bridge bridge;

  private final Contract contract = new Contract(bridge);

  @BeforeAll
  static void open() {
    bridge = Subject.open();
  }

  @AfterAll
  static void closeBridge() {
    Subject.close(bridge);
  }

  @AfterEach
  void close() {
    contract.close();
  }

  @Test
  void anUnknownCallIsEINVAL() {
    int session = contract.session("unknown-call");
    byte[] argument = struct(16, 16).array();
    assertErrno(Errno.EINVAL, bridge.ioctl(session, 0xBA44, argument));
    assertErrno(Errno.EINVAL, bridge.ioctl(session, 0xBA3F, argument));
  }

  @Test
  void aDevicesCallIsEINVAL() {
    byte[] argument = struct(72, 72).array();
    assertErrno(
        Errno.EINVAL, bridge.ioctl(contract.session("device-call"), Abi.CREATE_SESSION, argument));
  }

  @Test
  void aKnownNumberWithAnotherEncodingIsENOTTY() {
    int session = contract.session("encoding");
    byte[] argument = struct(16, 16).array();
    assertErrno(Errno.ENOTTY, bridge.ioctl(session, 0xBB40, argument));
    assertErrno(
        Errno.ENOTTY,
        bridge.ioctl(session, 3 << 30 | 16 << 16 | Abi.SESSION_PRESERVE_FD, argument));
  }

  @Test
  void aStructureThatIsTooSmallIsEINVAL() {
    int session = contract.session("small");
    assertErrno(
        Errno.EINVAL, bridge.ioctl(session, Abi.SESSION_PRESERVE_FD, struct(16, 15).array()));
    assertErrno(Errno.EINVAL, bridge.ioctl(session, Abi.SESSION_GET_NAME, struct(72, 71).array()));
  }

  @Test
  void aLargerStructureWithAZeroTailIsAccepted() {
    int session = contract.session("larger");
    ByteBuffer argument = struct(64, 64).putInt(4, contract.memfd(1)).putLong(8, 7);
    assertEquals(0, bridge.ioctl(session, Abi.SESSION_PRESERVE_FD, argument.array()));
  }

  @Test
  void aLargerStructureWithAnotherTailIsE2BIG() {
    int session = contract.session("tail");
    ByteBuffer argument =
        struct(24, 24).putInt(4, contract.memfd(1)).putLong(8, 7).put(16, (byte) 1);
    assertErrno(Errno.E2BIG, bridge.ioctl(session, Abi.SESSION_PRESERVE_FD, argument.array()));
  }

  @Test
  void getNameGivesTheName() {
    byte[] name = new byte[64];
    assertEquals(0, bridge.sessionName(contract.session("called this"), name));
    assertEquals(new String(field("called this")), new String(name));
  }

  @Test
  void getNameWithAReservedFieldIsEINVAL() {
    byte[] argument = struct(72, 72).putInt(4, 1).array();
    assertErrno(
        Errno.EINVAL, bridge.ioctl(contract.session("reserved"), Abi.SESSION_GET_NAME, argument));
  }

  @Test
  void luoCallsOnAMemfdAreENOTTY() {
    int memfd = contract.memfd(1);
    assertErrno(Errno.ENOTTY, bridge.preserve(memfd, memfd, 1));
    assertErrno(Errno.ENOTTY, bridge.retrieve(memfd, 1));
    assertErrno(Errno.ENOTTY, bridge.finish(memfd));
    assertErrno(Errno.ENOTTY, bridge.sessionName(memfd, new byte[64]));
  }

  @Test
  void retrieveOnAnOutgoingSessionIsEINVAL() {
    int session = contract.session("retrieve");
    assertEquals(0, bridge.preserve(session, contract.memfd(1), 1));
    assertErrno(Errno.EINVAL, bridge.retrieve(session, 1));
  }

  @Test
  void finishOnAnOutgoingSessionIsEINVAL() {
    assertErrno(Errno.EINVAL, bridge.finish(contract.session("finish")));
  }

  @Test
  void anyTokenIsGood() {
    int session = contract.session("tokens");
    for (long token : new long[] {0, 1, -1, Long.MIN_VALUE, Long.MAX_VALUE, 0x1_0000_0000L}) {
      assertEquals(0, bridge.preserve(session, contract.memfd(1), token), "token " + token);
    }
  }

  @Test
  void aTokenInUseIsEEXIST() {
    int session = contract.session("token-twice");
    assertEquals(0, bridge.preserve(session, contract.memfd(1), 5));
    assertErrno(Errno.EEXIST, bridge.preserve(session, contract.memfd(1), 5));
  }

  @Test
  void aTokenInUseIsSeenBeforeABadFd() {
    int session = contract.session("token-first");
    assertEquals(0, bridge.preserve(session, contract.memfd(1), 5));
    assertErrno(Errno.EEXIST, bridge.preserve(session, -1, 5));
  }

  @Test
  void twoSessionsMayUseOneToken() {
    assertEquals(0, bridge.preserve(contract.session("token-a"), contract.memfd(1), 5));
    assertEquals(0, bridge.preserve(contract.session("token-b"), contract.memfd(1), 5));
  }

  @Test
  void aFailedPreserveLeavesItsTokenFree() {
    int session = contract.session("token-free");
    assertErrno(Errno.EBADF, bridge.preserve(session, -1, 5));
    assertEquals(0, bridge.preserve(session, contract.memfd(1), 5));
  }

  @Test
  void aBadFdIsEBADF() {
    int session = contract.session("bad-fd");
    assertErrno(Errno.EBADF, bridge.preserve(session, -1, 1));
    assertErrno(Errno.EBADF, bridge.preserve(session, 999_999, 1));
    assertErrno(Errno.EBADF, bridge.preserve(session, contract.closedFd(), 1));
  }

  @Test
  void aSessionItselfIsENOENT() {
    int session = contract.session("itself");
    assertErrno(Errno.ENOENT, bridge.preserve(session, session, 1));
  }

  @Test
  void theDeviceIsENOENT() {
    int session = contract.session("device");
    int device = contract.opened(bridge.openDevice());
    assertErrno(Errno.ENOENT, bridge.preserve(session, device, 1));
  }

  /** On the emulator, whose files are memfds, sessions and devices, there are none of these. */
  @Test
  void filesOfOtherKindsAreENOENT() throws IOException {
    int session = contract.session("other-kinds");
    List<ForeignFiles> files =
        Subject.isEmulator()
            ? List.of()
            : List.of(ForeignFiles.regularFile(), ForeignFiles.devNull(), ForeignFiles.pipe());
    for (ForeignFiles file : files) {
      try (file) {
        assertErrno(Errno.ENOENT, bridge.preserve(session, file.fd(), 1));
      }
    }
    int other = contract.session("other-kinds-2");
    assertErrno(Errno.ENOENT, bridge.preserve(session, other, 1));
  }

  @Test
  void aHugetlbMemfdIsENOENT() {
    int memfd = contract.opened(bridge.memfdCreate(cString("huge"), Abi.MFD_HUGETLB));
    assertErrno(Errno.ENOENT, bridge.preserve(contract.session("hugetlb"), memfd, 1));
  }

  @Test
  void aFilePreservedAlreadyIsEBUSY() {
    int session = contract.session("busy");
    int memfd = contract.memfd(1);
    assertEquals(0, bridge.preserve(session, memfd, 1));
    assertErrno(Errno.EBUSY, bridge.preserve(session, memfd, 2));
  }

  @Test
  void aFilePreservedInAnotherSessionIsEBUSY() {
    int memfd = contract.memfd(1);
    assertEquals(0, bridge.preserve(contract.session("busy-a"), memfd, 1));
    assertErrno(Errno.EBUSY, bridge.preserve(contract.session("busy-b"), memfd, 1));
  }

  @Test
  void aDuplicateOfAPreservedFileIsEBUSY() {
    int session = contract.session("busy-dup");
    int memfd = contract.memfd(1);
    assertEquals(0, bridge.preserve(session, memfd, 1));
    int duplicate = contract.opened(bridge.duplicate(memfd));
    assertErrno(Errno.EBUSY, bridge.preserve(session, duplicate, 2));
  }

  @Test
  void aFileWhoseSessionWasClosedCanBePreservedAgain() {
    int memfd = contract.memfd(1);
    int first = contract.session("first");
    assertEquals(0, bridge.preserve(first, memfd, 1));
    contract.close(first);
    assertEquals(0, bridge.preserve(contract.session("second"), memfd, 1));
  }

  @Test
  void aFileOfMoreThanUintMaxPagesIsEFBIG() {
    int memfd = contract.memfd(17L << 40);
    assertErrno(Errno.EFBIG, bridge.preserve(contract.session("efbig"), memfd, 1));
  }

  @Test
  void aFileWhosePageTableCannotBeAllocatedIsENOMEM() {
    int memfd = contract.memfd(2L << 40);
    assertErrno(Errno.ENOMEM, bridge.preserve(contract.session("enomem"), memfd, 1));
    assertEquals(0, bridge.truncate(memfd, 1), "a failed preserve leaves the file unfrozen");
  }

  @Test
  void manyFilesMayBePreserved() {
    int session = contract.session("many");
    for (int i = 0; i < 200; i++) {
      assertEquals(0, bridge.preserve(session, contract.memfd(1), i));
    }
  }

  @Test
  void aMemfdOfSizeZeroCanBePreservedAndIsFrozen() {
    int memfd = contract.memfd(0);
    assertEquals(0, bridge.preserve(contract.session("zero"), memfd, 1));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 0));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, 1));
  }

  @Test
  void preservingAllocatesHoles() {
    int memfd = contract.memfd(10 * PAGE + 1);
    assertEquals(0, bridge.allocated(memfd));
    assertEquals(0, bridge.preserve(contract.session("holes"), memfd, 1));
    assertEquals(11 * PAGE, bridge.allocated(memfd));
    assertEquals("\0\0", contract.read(memfd, 2, 10 * PAGE - 1));
  }

  @Test
  void aPreservedFileKeepsItsSize() {
    int memfd = contract.memfd(PAGE);
    assertEquals(0, bridge.preserve(contract.session("size"), memfd, 1));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, 0));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, PAGE - 1));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, PAGE + 1));
    assertEquals(0, bridge.truncate(memfd, PAGE), "to the size that it has");
    assertEquals(PAGE, bridge.size(memfd));
  }

  @Test
  void aPreservedFileRefusesEveryFallocate() {
    int memfd = contract.memfd(2 * PAGE);
    assertEquals(0, bridge.preserve(contract.session("fallocate"), memfd, 1));
    assertErrno(Errno.EPERM, bridge.allocate(memfd, 0, 0, PAGE));
    assertErrno(Errno.EPERM, bridge.allocate(memfd, Abi.FALLOC_FL_KEEP_SIZE, 0, PAGE));
    int punch = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    assertErrno(Errno.EPERM, bridge.allocate(memfd, punch, 0, PAGE));
  }

  @Test
  void aWriteBeyondTheEndOfAPreservedFileIsEPERM() {
    int memfd = contract.memfd(PAGE);
    assertEquals(0, bridge.preserve(contract.session("beyond"), memfd, 1));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", PAGE));
    assertErrno(Errno.EPERM, contract.write(memfd, "xy", PAGE - 1));
    assertEquals("\0", contract.read(memfd, 1, PAGE - 1), "nothing of it was written");
  }

  /** A write goes in steps of the largest folio, 2 MiB: the step that meets the end fails. */
  @Test
  void aWriteAcrossTheEndOfAPreservedFileIsShort() {
    int memfd = contract.memfd(3 << 20);
    assertEquals(0, bridge.preserve(contract.session("across"), memfd, 1));
    assertEquals(2 << 20, contract.write(memfd, "w".repeat(4 << 20), 0));
    assertEquals("w\0", contract.read(memfd, 2, (2 << 20) - 1));
  }

  @Test
  void aPreservedFileCanBeReadAndWritten() {
    int memfd = contract.memfd(PAGE);
    assertEquals(5, contract.write(memfd, "first", 0));
    assertEquals(0, bridge.preserve(contract.session("written"), memfd, 1));
    assertEquals("first", contract.read(memfd, 5, 0));
    assertEquals(6, contract.write(memfd, "second", 0));
    assertEquals("second", contract.read(memfd, 6, 0));
  }

  @Test
  void aPreservedFileCanBeWrittenThroughMappings() {
    int memfd = contract.memfd(PAGE);
    long before = bridge.map(memfd, 0, PAGE, true);
    assertTrue(before > 0);
    assertEquals(0, bridge.preserve(contract.session("mapped"), memfd, 1));
    long after = bridge.map(memfd, 0, PAGE, true);
    assertTrue(after > 0);
    bridge.view(before, PAGE).put(0, (byte) 'b');
    bridge.view(after, PAGE).put(1, (byte) 'a');
    assertEquals("ba", contract.read(memfd, 2, 0));
    assertEquals(0, bridge.unmap(before, PAGE));
    assertEquals(0, bridge.unmap(after, PAGE));
  }

  @Test
  void aWriteSealOnAPreservedFileIsEBUSY() {
    int memfd = contract.memfd(PAGE);
    assertEquals(0, bridge.preserve(contract.session("write-seal"), memfd, 1));
    assertErrno(Errno.EBUSY, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
  }

  @Test
  void otherSealsOnAPreservedFileSucceed() {
    int memfd = contract.memfd(PAGE);
    assertEquals(0, bridge.preserve(contract.session("other-seals"), memfd, 1));
    int seals = Abi.F_SEAL_GROW | Abi.F_SEAL_SHRINK | Abi.F_SEAL_SEAL;
    assertEquals(0, bridge.addSeals(memfd, seals));
    assertEquals(seals, bridge.seals(memfd));
  }

  @Test
  void aFileSealedAgainstWritingCanBePreserved() {
    int memfd = contract.memfd(PAGE);
    assertEquals(4, contract.write(memfd, "seal", 0));
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
    assertEquals(0, bridge.preserve(contract.session("sealed"), memfd, 1));
  }

  @Test
  void aMemfdMadeWithoutSealingCanBePreserved() {
    int memfd = contract.opened(bridge.memfdCreate(cString("plain"), 0));
    assertEquals(0, bridge.truncate(memfd, 1));
    assertEquals(0, bridge.preserve(contract.session("plain"), memfd, 1));
  }

  @Test
  void closingTheSessionUnfreezesTheFile() {
    int memfd = contract.memfd(PAGE);
    int session = contract.session("unfreeze");
    assertEquals(0, bridge.preserve(session, memfd, 1));
    contract.close(session);
    assertEquals(0, bridge.truncate(memfd, 2 * PAGE));
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
  }

  @Test
  void aDuplicateOfTheSessionKeepsItsFilesFrozen() {
    int memfd = contract.memfd(PAGE);
    int session = contract.session("dup");
    int duplicate = contract.opened(bridge.duplicate(session));
    assertEquals(0, bridge.preserve(session, memfd, 1));
    contract.close(session);
    assertErrno(Errno.EPERM, bridge.truncate(memfd, 0));
    assertEquals(0, bridge.preserve(duplicate, contract.memfd(1), 2));
    contract.close(duplicate);
    assertEquals(0, bridge.truncate(memfd, 0));
  }

  @Test
  void aPreservedFileStaysBusyAfterItsFdIsClosed() {
    int session = contract.session("closed-fd");
    int memfd = contract.memfd(PAGE);
    int duplicate = contract.opened(bridge.duplicate(memfd));
    assertEquals(0, bridge.preserve(session, memfd, 1));
    contract.close(memfd);
    assertErrno(Errno.EBUSY, bridge.preserve(session, duplicate, 2));
  }

  @Test
  void callsOnAClosedSessionAreEBADF() {
    int session = contract.session("closed");
    contract.close(session);
    assertErrno(Errno.EBADF, bridge.preserve(session, contract.memfd(1), 1));
    assertErrno(Errno.EBADF, bridge.retrieve(session, 1));
    assertErrno(Errno.EBADF, bridge.finish(session));
    assertErrno(Errno.EBADF, bridge.sessionName(session, new byte[64]));
  }
}
