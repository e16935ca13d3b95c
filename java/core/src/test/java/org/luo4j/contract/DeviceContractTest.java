/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.field;
import static org.luo4j.contract.Contract.struct;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** The device: kernel/liveupdate/luo_core.c and the naming of sessions in luo_session.c. */
class DeviceContractTest {

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

  private int device() {
    return contract.opened(bridge.openDevice());
  }

  @Test
  void aSecondOpenIsEBUSYUntilTheFirstIsClosed() {
    int device = device();
    assertErrno(Errno.EBUSY, bridge.openDevice());
    contract.close(device);
    device();
  }

  @Test
  void aDuplicateOfTheDeviceKeepsItBusy() {
    int device = device();
    int duplicate = contract.opened(bridge.duplicate(device));
    contract.close(device);
    assertErrno(Errno.EBUSY, bridge.openDevice());
    contract.close(duplicate);
    device();
  }

  @Test
  void theDeviceIsClosedOnExec() {
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(device()));
  }

  @Test
  void theDeviceIsWhatItsPathSays() {
    assertEquals(Abi.DEVICE, bridge.describe(device()));
  }

  @Test
  void sessionsOutliveTheDevicesFd() {
    int device = device();
    int session = contract.opened(bridge.createSession(device, field("outlives")));
    contract.close(device);
    assertEquals(0, bridge.preserve(session, contract.memfd(1), 1));
  }

  @Test
  void aSessionIsClosedOnExec() {
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(contract.session("cloexec")));
  }

  @Test
  void aSessionIsOpenForReadingAndWriting() {
    int flags = bridge.statusFlags(contract.session("flags"));
    assertEquals(Abi.O_RDWR, flags & Abi.O_ACCMODE);
  }

  @Test
  void aSessionShowsItsNameToProc() {
    String shown = bridge.describe(contract.session("shown"));
    assertTrue(shown.contains("[luo_session] shown"), shown);
  }

  @Test
  void createWithAnEmptyNameIsEINVAL() {
    assertErrno(Errno.EINVAL, bridge.createSession(device(), field("")));
  }

  @Test
  void createWithANameOf63BytesSucceeds() {
    contract.opened(bridge.createSession(device(), field("n".repeat(63))));
  }

  @Test
  void createWithANameOf64BytesIsEINVAL() {
    byte[] name = new byte[64];
    Arrays.fill(name, (byte) 'n');
    assertErrno(Errno.EINVAL, bridge.createSession(device(), name));
  }

  @Test
  void aNameIsBytesAndEndsAtItsNul() {
    int device = device();
    byte[] name = field("é-ж-語");
    int session = contract.opened(bridge.createSession(device, name));
    byte[] back = new byte[64];
    assertEquals(0, bridge.sessionName(session, back));
    assertEquals(new String(name), new String(back));

    byte[] tail = field("ends");
    tail[5] = 'x';
    contract.opened(bridge.createSession(device, tail));
    assertErrno(Errno.EEXIST, bridge.createSession(device, field("ends")));
  }

  @Test
  void createWithANameInUseIsEEXIST() {
    int device = device();
    contract.opened(bridge.createSession(device, field("twice")));
    assertErrno(Errno.EEXIST, bridge.createSession(device, field("twice")));
  }

  @Test
  void aNameIsFreeAgainOnceItsSessionIsClosed() {
    int device = device();
    int session = contract.opened(bridge.createSession(device, field("again")));
    contract.close(session);
    contract.opened(bridge.createSession(device, field("again")));
  }

  @Test
  void manySessionsMayBeOpen() {
    int device = device();
    for (int i = 0; i < 100; i++) {
      contract.opened(bridge.createSession(device, field("many-" + i)));
    }
  }

  @Test
  void retrieveOfAnUnknownNameIsENOENT() {
    assertErrno(Errno.ENOENT, bridge.retrieveSession(device(), field("unknown")));
  }

  @Test
  void retrieveOfAnEmptyNameIsENOENT() {
    assertErrno(Errno.ENOENT, bridge.retrieveSession(device(), field("")));
  }

  @Test
  void retrieveOfAnOutgoingNameIsENOENT() {
    int device = device();
    contract.opened(bridge.createSession(device, field("outgoing")));
    assertErrno(Errno.ENOENT, bridge.retrieveSession(device, field("outgoing")));
  }

  @Test
  void anUnknownCallOnTheDeviceIsEINVAL() {
    int device = device();
    byte[] argument = struct(72, 72).array();
    assertErrno(Errno.EINVAL, bridge.ioctl(device, 0xBA02, argument));
    assertErrno(Errno.EINVAL, bridge.ioctl(device, 0xBAFF, argument));
  }

  @Test
  void aSessionsCallOnTheDeviceIsEINVAL() {
    byte[] argument = struct(16, 16).array();
    assertErrno(Errno.EINVAL, bridge.ioctl(device(), Abi.SESSION_PRESERVE_FD, argument));
  }

  @Test
  void aKnownNumberWithAnotherTypeIsENOTTY() {
    byte[] argument = struct(72, 72).array();
    assertErrno(Errno.ENOTTY, bridge.ioctl(device(), 0xBB00, argument));
  }

  @Test
  void aKnownNumberWithADirectionIsENOTTY() {
    byte[] argument = struct(72, 72).array();
    int readWrite72 = 3 << 30 | 72 << 16 | Abi.CREATE_SESSION;
    assertErrno(Errno.ENOTTY, bridge.ioctl(device(), readWrite72, argument));
  }

  @Test
  void aStructureThatIsTooSmallIsEINVAL() {
    int device = device();
    assertErrno(Errno.EINVAL, bridge.ioctl(device, Abi.CREATE_SESSION, named(72, 71, "small")));
    assertErrno(Errno.EINVAL, bridge.ioctl(device, Abi.CREATE_SESSION, named(72, 0, "small")));
    assertErrno(Errno.EINVAL, bridge.ioctl(device, Abi.RETRIEVE_SESSION, named(72, 71, "small")));
  }

  @Test
  void aLargerStructureWithAZeroTailIsAccepted() {
    byte[] argument = named(128, 128, "larger");
    assertEquals(0, bridge.ioctl(device(), Abi.CREATE_SESSION, argument));
    int session = ByteBuffer.wrap(argument).order(java.nio.ByteOrder.nativeOrder()).getInt(4);
    contract.opened(session);
    assertEquals(0, bridge.sessionName(session, new byte[64]));
  }

  @Test
  void aLargerStructureWithAnotherTailIsE2BIG() {
    byte[] argument = named(80, 80, "tail");
    argument[79] = 1;
    assertErrno(Errno.E2BIG, bridge.ioctl(device(), Abi.CREATE_SESSION, argument));
  }

  @Test
  void aStructureThatClaimsMoreThanItsArrayIsEFAULT() {
    assertErrno(Errno.EFAULT, bridge.ioctl(device(), Abi.CREATE_SESSION, named(72, 73, "over")));
  }

  @Test
  void callsOnAClosedDeviceAreEBADF() {
    int device = device();
    contract.close(device);
    assertErrno(Errno.EBADF, bridge.createSession(device, field("closed")));
    assertErrno(Errno.EBADF, bridge.retrieveSession(device, field("closed")));
    assertErrno(Errno.EBADF, bridge.close(device));
  }

  private static byte[] named(int length, int size, String name) {
    return struct(length, size).put(8, field(name), 0, 64).array();
  }
}
