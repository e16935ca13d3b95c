/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.field;
import static org.luo4j.contract.Contract.struct;
import static org.luo4j.contract.IncomingFixtures.PAGE;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * Incoming sessions, after a kexec: luo_session.c, luo_file.c and mm/memfd_luo.c. On the kernel it
 * needs the fixtures that a process of the kernel before has made and held.
 */
class IncomingContractTest {

  private static Bridge bridge;

  private final Contract contract = new Contract(bridge);

  @BeforeAll
  static void open() {
    bridge = Subject.openAfterKexec();
  }

  @AfterAll
  static void closeBridge() {
    Subject.close(bridge);
  }

  @AfterEach
  void close() {
    contract.close();
  }

  private static String name(String fixture) {
    return IncomingFixtures.session(Subject.NAME, fixture);
  }

  private int session(String fixture) {
    return contract.opened(contract.tryRetrieveSession(name(fixture)));
  }

  private int file(String fixture) {
    return contract.opened(bridge.retrieve(session(fixture), 1));
  }

  @Test
  void aSessionThatWasNeverMadeIsENOENT() {
    assertErrno(Errno.ENOENT, contract.tryRetrieveSession(name("never-made")));
  }

  @Test
  void aSessionThatWasClosedBeforeTheKexecIsENOENT() {
    assertErrno(Errno.ENOENT, contract.tryRetrieveSession(name("closed-before")));
  }

  @Test
  void aSessionIsRetrievedOnceThenEINVAL() {
    session("once");
    assertErrno(Errno.EINVAL, contract.tryRetrieveSession(name("once")));
  }

  @Test
  void aSessionThatWasClosedHereIsENOENT() {
    contract.close(session("closed"));
    assertErrno(Errno.ENOENT, contract.tryRetrieveSession(name("closed")));
  }

  @Test
  void aRetrievedSessionIsClosedOnExec() {
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(session("cloexec")));
  }

  @Test
  void getNameGivesTheName() {
    byte[] back = new byte[64];
    assertEquals(0, bridge.sessionName(session("name"), back));
    assertEquals(new String(field(name("name"))), new String(back));
  }

  @Test
  void preserveOnAnIncomingSessionIsEINVAL() {
    assertErrno(Errno.EINVAL, bridge.preserve(session("preserve"), contract.memfd(1), 9));
  }

  @Test
  void preserveOnAnIncomingSessionIsEINVALBeforeItsFdIsLookedAt() {
    int session = session("tail");
    assertErrno(Errno.EINVAL, bridge.preserve(session, -1, 9));
    byte[] tail = struct(24, 24).putInt(4, -1).putLong(8, 1).put(23, (byte) 1).array();
    assertErrno(Errno.E2BIG, bridge.ioctl(session, Abi.SESSION_RETRIEVE_FD, tail));
  }

  @Test
  void aStructureThatIsTooSmallIsEINVALAndAnotherEncodingENOTTY() {
    int session = session("encoding");
    byte[] argument = struct(16, 15).putLong(8, 1).array();
    assertErrno(Errno.EINVAL, bridge.ioctl(session, Abi.SESSION_RETRIEVE_FD, argument));
    assertErrno(Errno.EINVAL, bridge.ioctl(session, Abi.SESSION_FINISH, struct(8, 4).array()));
    assertErrno(Errno.ENOTTY, bridge.ioctl(session, 0xBB41, struct(16, 16).array()));
  }

  @Test
  void anUnknownTokenIsENOENT() {
    int session = session("unknown");
    assertErrno(Errno.ENOENT, bridge.retrieve(session, 2));
    assertErrno(Errno.ENOENT, bridge.retrieve(session, -1));
  }

  @Test
  void tokensAreRetrievedInAnyOrder() {
    int session = session("order");
    for (int token : new int[] {3, 1, 2}) {
      int memfd = contract.opened(bridge.retrieve(session, token));
      assertEquals(new String[] {"one", "two", "three"}[token - 1], contract.read(memfd, 99, 0));
    }
  }

  @Test
  void tokensZeroAndAllOnesAreRetrieved() {
    int session = session("tokens");
    int zero = contract.opened(bridge.retrieve(session, 0));
    int ones = contract.opened(bridge.retrieve(session, -1));
    assertEquals("token zero", contract.read(zero, 99, 0));
    assertEquals("token all ones", contract.read(ones, 99, 0));
  }

  @Test
  void aTokenRetrievedAgainIsANewFdOfTheSameOpenFile() {
    int session = session("again");
    int first = contract.opened(bridge.retrieve(session, 1));
    int second = contract.opened(bridge.retrieve(session, 1));
    assertNotEquals(first, second);
    assertEquals(3, bridge.seek(first, 3, Abi.SEEK_SET));
    assertEquals(3, bridge.seek(second, 0, Abi.SEEK_CUR));
    assertEquals(1, contract.write(first, "C", 0));
    assertEquals("Content-again", contract.read(second, 99, 0));
  }

  @Test
  void aRetrievedFileIsClosedOnExecAndReadWrite() {
    int memfd = file("flags");
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(memfd));
    assertEquals(Abi.O_RDWR, bridge.statusFlags(memfd) & Abi.O_ACCMODE);
    assertEquals(1, contract.write(memfd, "C", 0));
    assertEquals("Content-flags", contract.read(memfd, 99, 0));
  }

  @Test
  void aRetrievedFileHasLostItsName() {
    assertEquals("/ (deleted)", bridge.describe(file("nameless")));
  }

  @Test
  void sizeAndContentsOfAnOddSizeArrive() {
    int memfd = file("odd-size");
    assertEquals(PAGE + 1, bridge.size(memfd));
    assertEquals("\0z", contract.read(memfd, 99, PAGE - 1));
  }

  @Test
  void aFileOfSizeZeroArrives() {
    assertEquals(0, bridge.size(file("zero")));
  }

  @Test
  void thePositionArrivesAsItWasAtTheKexec() {
    int memfd = file("position");
    assertEquals(4, bridge.seek(memfd, 0, Abi.SEEK_CUR));
    assertEquals("456", contract.read(memfd, 3, -1));
  }

  @Test
  void whatWasWrittenAfterThePreserveArrives() {
    int memfd = file("written-later");
    assertEquals("aftere", contract.read(memfd, 6, 0));
    assertEquals("m", contract.read(memfd, 1, PAGE));
  }

  @Test
  void holesArriveAsZeroes() {
    int memfd = file("holes");
    assertEquals(100 * PAGE, bridge.size(memfd));
    assertEquals(100 * PAGE, bridge.allocated(memfd));
    assertEquals("\0".repeat(100 * PAGE - 4) + "last", contract.read(memfd, 100 * PAGE, 0));
  }

  @Test
  void sealsArrive() {
    int memfd = file("seals");
    assertEquals(Abi.F_SEAL_GROW | Abi.F_SEAL_SHRINK, bridge.seals(memfd));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, 2));
  }

  @Test
  void sealsAddedAfterThePreserveDoNotArrive() {
    int memfd = file("seals-later");
    assertEquals(0, bridge.seals(memfd));
    assertEquals(0, bridge.truncate(memfd, 2));
  }

  @Test
  void aWriteSealArrives() {
    int memfd = file("write-sealed");
    assertEquals(Abi.F_SEAL_WRITE, bridge.seals(memfd));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 0));
    assertErrno(Errno.EPERM, bridge.map(memfd, 0, 1, true));
  }

  @Test
  void aMemfdMadeWithoutSealingArrivesSealedAgainstSeals() {
    int memfd = file("unsealable");
    assertEquals(Abi.F_SEAL_SEAL, bridge.seals(memfd));
    assertErrno(Errno.EPERM, bridge.addSeals(memfd, Abi.F_SEAL_GROW));
  }

  /**
   * The kernel makes the new file with execute bits and adds the preserved seals; F_SEAL_EXEC on an
   * executable file implies the others (memfd_add_seals in mm/memfd.c).
   */
  @Test
  void aNoexecMemfdArrivesSealedAgainstWriting() {
    int memfd = file("noexec");
    assertEquals(
        Abi.F_SEAL_EXEC
            | Abi.F_SEAL_SHRINK
            | Abi.F_SEAL_GROW
            | Abi.F_SEAL_WRITE
            | Abi.F_SEAL_FUTURE_WRITE,
        bridge.seals(memfd));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 0));
    assertEquals("noexec", contract.read(memfd, 99, 0));
  }

  @Test
  void aRetrievedFileIsNotFrozen() {
    int memfd = file("resize");
    assertEquals(0, bridge.truncate(memfd, 3 * PAGE));
    assertEquals(1, contract.write(memfd, "x", 4 * PAGE));
    assertEquals(4 * PAGE + 1, bridge.size(memfd));
    assertEquals(0, bridge.allocate(memfd, 0, 0, 5 * PAGE));
  }

  @Test
  void aFileWhoseFdWasClosedBeforeTheKexecArrives() {
    assertEquals("its fd was closed", contract.read(file("fd-closed"), 99, 0));
  }

  @Test
  void aSessionThatOnlyADuplicateHeldArrives() {
    assertEquals("held by a duplicate", contract.read(file("by-duplicate"), 99, 0));
  }

  @Test
  void anEmptySessionArrives() {
    int session = session("empty");
    assertErrno(Errno.ENOENT, bridge.retrieve(session, 1));
    assertEquals(0, bridge.finish(session));
  }

  @Test
  void finishWithAReservedFieldIsEINVAL() {
    int session = session("finish-reserved");
    byte[] argument = struct(8, 8).putInt(4, 1).array();
    assertErrno(Errno.EINVAL, bridge.ioctl(session, Abi.SESSION_FINISH, argument));
    contract.opened(bridge.retrieve(session, 1));
  }

  @Test
  void finishKeepsWhatWasRetrievedAndDropsTheRest() {
    int session = session("unretrieved");
    int memfd = contract.opened(bridge.retrieve(session, 1));
    assertEquals(0, bridge.finish(session));
    assertEquals("retrieved", contract.read(memfd, 99, 0));
    assertErrno(Errno.ENOENT, bridge.retrieve(session, 2));
    assertErrno(Errno.ENOENT, bridge.retrieve(session, 1));
  }

  @Test
  void finishAgainSucceedsAndTheNameStaysTaken() {
    int session = session("finished");
    assertEquals(0, bridge.finish(session));
    assertEquals(0, bridge.finish(session));
    assertErrno(Errno.EINVAL, contract.tryRetrieveSession(name("finished")));
  }

  @Test
  void closingFinishes() {
    int session = session("close-finishes");
    int memfd = contract.opened(bridge.retrieve(session, 1));
    contract.close(session);
    assertEquals("retrieved", contract.read(memfd, 99, 0));
    assertErrno(Errno.ENOENT, contract.tryRetrieveSession(name("close-finishes")));
    assertEquals(0, bridge.preserve(contract.session(name("close-out")), memfd, 1));
  }

  @Test
  void aDuplicateKeepsAnIncomingSession() {
    int session = session("dup");
    int duplicate = contract.opened(bridge.duplicate(session));
    contract.close(session);
    int memfd = contract.opened(bridge.retrieve(duplicate, 1));
    assertEquals("content-dup", contract.read(memfd, 99, 0));
  }

  @Test
  void aRetrievedFileCanBePreservedAgainAfterFinishAndIsEBUSYBefore() {
    int session = session("reuse");
    int memfd = contract.opened(bridge.retrieve(session, 1));
    int outgoing = contract.session(name("reuse-out"));
    assertErrno(Errno.EBUSY, bridge.preserve(outgoing, memfd, 1));
    assertEquals(0, bridge.finish(session));
    assertEquals(0, bridge.preserve(outgoing, memfd, 1));
    assertErrno(Errno.EPERM, bridge.truncate(memfd, 0));
  }

  @Test
  void anOutgoingSessionMayHaveAnIncomingOnesName() {
    int incoming = session("same-name");
    int outgoing = contract.session(name("same-name"));
    assertEquals(0, bridge.preserve(outgoing, contract.memfd(1), 1));
    assertErrno(Errno.EINVAL, bridge.retrieve(outgoing, 1));
    int memfd = contract.opened(bridge.retrieve(incoming, 1));
    assertTrue(contract.read(memfd, 99, 0).startsWith("content"));
  }
}
