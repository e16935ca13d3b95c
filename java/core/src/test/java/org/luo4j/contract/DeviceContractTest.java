/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.field;
import static org.luo4j.contract.Contract.struct;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** The device: kernel/liveupdate/luo_core.c and the naming of sessions in luo_session.c. */
class DeviceContractTest {

  private static final Bridge BRIDGE = Subject.open();

  private final Contract contract = new Contract(BRIDGE);

  @AfterEach
  void close() {
    contract.close();
  }

  private int device() {
    return contract.opened(BRIDGE.openDevice());
  }

  @Test
  void aSecondOpenIsEBUSYUntilTheFirstIsClosed() {
    int device = device();
    assertErrno(Errno.EBUSY, BRIDGE.openDevice());
    contract.close(device);
    device();
  }

  @Test
  void aDuplicateOfTheDeviceKeepsItBusy() {
    int device = device();
    int duplicate = contract.opened(BRIDGE.duplicate(device));
    contract.close(device);
    assertErrno(Errno.EBUSY, BRIDGE.openDevice());
    contract.close(duplicate);
    device();
  }

  @Test
  void theDeviceIsClosedOnExec() {
    assertEquals(Abi.FD_CLOEXEC, BRIDGE.descriptorFlags(device()));
  }

  @Test
  void theDeviceIsWhatItsPathSays() {
    assertEquals(Abi.DEVICE, BRIDGE.describe(device()));
  }

  @Test
  void sessionsOutliveTheDevicesFd() {
    int device = device();
    int session = contract.opened(BRIDGE.createSession(device, field("outlives")));
    contract.close(device);
    assertEquals(0, BRIDGE.preserve(session, contract.memfd(1), 1));
  }

  @Test
  void aSessionIsClosedOnExec() {
    assertEquals(Abi.FD_CLOEXEC, BRIDGE.descriptorFlags(contract.session("cloexec")));
  }

  @Test
  void aSessionIsOpenForReadingAndWriting() {
    int flags = BRIDGE.statusFlags(contract.session("flags"));
    assertEquals(Abi.O_RDWR, flags & Abi.O_ACCMODE);
  }

  @Test
  void aSessionShowsItsNameToProc() {
    String shown = BRIDGE.describe(contract.session("shown"));
    assertTrue(shown.contains("[luo_session] shown"), shown);
  }

  @Test
  void createWithAnEmptyNameIsEINVAL() {
    assertErrno(Errno.EINVAL, BRIDGE.createSession(device(), field("")));
  }

  @Test
  void createWithANameOf63BytesSucceeds() {
    contract.opened(BRIDGE.createSession(device(), field("n".repeat(63))));
  }

  @Test
  void createWithANameOf64BytesIsEINVAL() {
    byte[] name = new byte[64];
    Arrays.fill(name, (byte) 'n');
    assertErrno(Errno.EINVAL, BRIDGE.createSession(device(), name));
  }

  @Test
  void aNameIsBytesAndEndsAtItsNul() {
    int device = device();
    byte[] name = field("é-ж-語");
    int session = contract.opened(BRIDGE.createSession(device, name));
    byte[] back = new byte[64];
    assertEquals(0, BRIDGE.sessionName(session, back));
    assertEquals(new String(name), new String(back));

    byte[] tail = field("ends");
    tail[5] = 'x';
    contract.opened(BRIDGE.createSession(device, tail));
    assertErrno(Errno.EEXIST, BRIDGE.createSession(device, field("ends")));
  }

  @Test
  void createWithANameInUseIsEEXIST() {
    int device = device();
    contract.opened(BRIDGE.createSession(device, field("twice")));
    assertErrno(Errno.EEXIST, BRIDGE.createSession(device, field("twice")));
  }

  @Test
  void aNameIsFreeAgainOnceItsSessionIsClosed() {
    int device = device();
    int session = contract.opened(BRIDGE.createSession(device, field("again")));
    contract.close(session);
    contract.opened(BRIDGE.createSession(device, field("again")));
  }

  @Test
  void manySessionsMayBeOpen() {
    int device = device();
    for (int i = 0; i < 100; i++) {
      contract.opened(BRIDGE.createSession(device, field("many-" + i)));
    }
  }

  @Test
  void retrieveOfAnUnknownNameIsENOENT() {
    assertErrno(Errno.ENOENT, BRIDGE.retrieveSession(device(), field("unknown")));
  }

  @Test
  void retrieveOfAnEmptyNameIsENOENT() {
    assertErrno(Errno.ENOENT, BRIDGE.retrieveSession(device(), field("")));
  }

  @Test
  void retrieveOfAnOutgoingNameIsENOENT() {
    int device = device();
    contract.opened(BRIDGE.createSession(device, field("outgoing")));
    assertErrno(Errno.ENOENT, BRIDGE.retrieveSession(device, field("outgoing")));
  }

  @Test
  void anUnknownCallOnTheDeviceIsEINVAL() {
    int device = device();
    byte[] argument = struct(72, 72).array();
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device, 0xBA02, argument));
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device, 0xBAFF, argument));
  }

  @Test
  void aSessionsCallOnTheDeviceIsEINVAL() {
    byte[] argument = struct(16, 16).array();
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device(), Abi.SESSION_PRESERVE_FD, argument));
  }

  @Test
  void aKnownNumberWithAnotherTypeIsENOTTY() {
    byte[] argument = struct(72, 72).array();
    assertErrno(Errno.ENOTTY, BRIDGE.ioctl(device(), 0xBB00, argument));
  }

  @Test
  void aKnownNumberWithADirectionIsENOTTY() {
    byte[] argument = struct(72, 72).array();
    int readWrite72 = 3 << 30 | 72 << 16 | Abi.CREATE_SESSION;
    assertErrno(Errno.ENOTTY, BRIDGE.ioctl(device(), readWrite72, argument));
  }

  @Test
  void aStructureThatIsTooSmallIsEINVAL() {
    int device = device();
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device, Abi.CREATE_SESSION, named(72, 71, "small")));
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device, Abi.CREATE_SESSION, named(72, 0, "small")));
    assertErrno(Errno.EINVAL, BRIDGE.ioctl(device, Abi.RETRIEVE_SESSION, named(72, 71, "small")));
  }

  @Test
  void aLargerStructureWithAZeroTailIsAccepted() {
    byte[] argument = named(128, 128, "larger");
    assertEquals(0, BRIDGE.ioctl(device(), Abi.CREATE_SESSION, argument));
    int session = ByteBuffer.wrap(argument).order(java.nio.ByteOrder.nativeOrder()).getInt(4);
    contract.opened(session);
    assertEquals(0, BRIDGE.sessionName(session, new byte[64]));
  }

  @Test
  void aLargerStructureWithAnotherTailIsE2BIG() {
    byte[] argument = named(80, 80, "tail");
    argument[79] = 1;
    assertErrno(Errno.E2BIG, BRIDGE.ioctl(device(), Abi.CREATE_SESSION, argument));
  }

  @Test
  void aStructureThatClaimsMoreThanItsArrayIsEFAULT() {
    assertErrno(Errno.EFAULT, BRIDGE.ioctl(device(), Abi.CREATE_SESSION, named(72, 73, "over")));
  }

  @Test
  void callsOnAClosedDeviceAreEBADF() {
    int device = device();
    contract.close(device);
    assertErrno(Errno.EBADF, BRIDGE.createSession(device, field("closed")));
    assertErrno(Errno.EBADF, BRIDGE.retrieveSession(device, field("closed")));
    assertErrno(Errno.EBADF, BRIDGE.close(device));
  }

  private static byte[] named(int length, int size, String name) {
    return struct(length, size).put(8, field(name), 0, 64).array();
  }
}
