/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.contract.Contract.assertErrno;
import static org.luo4j.contract.Contract.cString;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** Memfds and mapped memory: mm/memfd.c, mm/shmem.c, mmap(2). Needs no LUO. */
class MemFdContractTest {

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

  private int memfd(int flags) {
    return contract.opened(bridge.memfdCreate(cString("memfd"), flags));
  }

  @Test
  void aNewMemfdIsEmptyAndReadWrite() {
    int memfd = memfd(0);
    assertEquals(0, bridge.size(memfd));
    assertEquals(0, bridge.allocated(memfd));
    assertEquals(0, bridge.seek(memfd, 0, Abi.SEEK_CUR));
    assertEquals(Abi.O_RDWR, bridge.statusFlags(memfd) & Abi.O_ACCMODE);
  }

  @Test
  void cloexecIsAsAskedAndCanBeSet() {
    int plain = memfd(0);
    assertEquals(0, bridge.descriptorFlags(plain));
    assertEquals(0, bridge.setDescriptorFlags(plain, Abi.FD_CLOEXEC));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(plain));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(memfd(Abi.MFD_CLOEXEC)));
  }

  @Test
  void procShowsTheName() {
    assertEquals("/memfd:memfd (deleted)", bridge.describe(memfd(0)));
    assertNull(bridge.describe(999_999));
  }

  @Test
  void aNameOf249BytesIsTheLongest() {
    contract.opened(bridge.memfdCreate(cString("n".repeat(249)), 0));
    assertErrno(Errno.EINVAL, bridge.memfdCreate(cString("n".repeat(250)), 0));
    contract.opened(bridge.memfdCreate(cString(""), 0));
  }

  @Test
  void unknownFlagsAreEINVAL() {
    assertErrno(Errno.EINVAL, bridge.memfdCreate(cString("flags"), 0x8000));
    int both = Abi.MFD_EXEC | Abi.MFD_NOEXEC_SEAL;
    assertErrno(Errno.EINVAL, bridge.memfdCreate(cString("flags"), both));
    int sizeAlone = 21 << Abi.MFD_HUGE_SHIFT;
    assertErrno(Errno.EINVAL, bridge.memfdCreate(cString("flags"), sizeAlone));
  }

  @Test
  void withoutSealingItIsSealedAgainstSeals() {
    int memfd = memfd(0);
    assertEquals(Abi.F_SEAL_SEAL, bridge.seals(memfd));
    assertErrno(Errno.EPERM, bridge.addSeals(memfd, Abi.F_SEAL_GROW));
  }

  @Test
  void withSealingItHasNone() {
    assertEquals(0, bridge.seals(memfd(Abi.MFD_ALLOW_SEALING)));
    assertEquals(0, bridge.seals(memfd(Abi.MFD_ALLOW_SEALING | Abi.MFD_EXEC)));
  }

  @Test
  void noexecSealAllowsSealingAndSealsExec() {
    int memfd = memfd(Abi.MFD_NOEXEC_SEAL);
    assertEquals(Abi.F_SEAL_EXEC, bridge.seals(memfd));
    assertEquals(1, contract.write(memfd, "x", 0));
  }

  @Test
  void anExecSealOnAnExecutableMemfdImpliesTheOthers() {
    int memfd = memfd(Abi.MFD_ALLOW_SEALING | Abi.MFD_EXEC);
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_EXEC));
    assertEquals(0x3E, bridge.seals(memfd));
  }

  @Test
  void unknownSealsAreEINVAL() {
    assertErrno(Errno.EINVAL, bridge.addSeals(contract.memfd(0), 0x8000));
  }

  @Test
  void sealSealEndsSealing() {
    int memfd = contract.memfd(0);
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_SEAL));
    assertErrno(Errno.EPERM, bridge.addSeals(memfd, Abi.F_SEAL_GROW));
  }

  @Test
  void shrinkAndGrowSealsHoldEachItsDirection() {
    int shrink = contract.memfd(PAGE);
    assertEquals(0, bridge.addSeals(shrink, Abi.F_SEAL_SHRINK));
    assertErrno(Errno.EPERM, bridge.truncate(shrink, PAGE - 1));
    assertEquals(0, bridge.truncate(shrink, PAGE + 1));
    int grow = contract.memfd(PAGE);
    assertEquals(0, bridge.addSeals(grow, Abi.F_SEAL_GROW));
    assertErrno(Errno.EPERM, bridge.truncate(grow, PAGE + 1));
    assertErrno(Errno.EPERM, contract.write(grow, "x", PAGE));
    assertErrno(Errno.EPERM, bridge.allocate(grow, 0, 0, 2 * PAGE));
    assertEquals(0, bridge.truncate(grow, PAGE - 1));
  }

  @Test
  void aWriteSealStopsWritesAndWritableMappings() {
    int memfd = contract.memfd(PAGE);
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 0));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 5));
    assertErrno(Errno.EPERM, bridge.map(memfd, 0, PAGE, true));
    int punch = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    assertErrno(Errno.EPERM, bridge.allocate(memfd, punch, 0, PAGE));
    long address = bridge.map(memfd, 0, PAGE, false);
    assertTrue(address > 0);
    assertEquals(0, bridge.unmap(address, PAGE));
  }

  @Test
  void aWriteSealIsEBUSYWhileAWritableMappingExists() {
    int memfd = contract.memfd(PAGE);
    long address = bridge.map(memfd, 0, PAGE, true);
    assertErrno(Errno.EBUSY, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
    assertEquals(0, bridge.unmap(address, PAGE));
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_WRITE));
  }

  @Test
  void aFutureWriteSealSparesMappingsThatExist() {
    int memfd = contract.memfd(PAGE);
    long address = bridge.map(memfd, 0, PAGE, true);
    assertEquals(0, bridge.addSeals(memfd, Abi.F_SEAL_FUTURE_WRITE));
    bridge.view(address, PAGE).put(0, (byte) 'f');
    assertEquals("f", contract.read(memfd, 1, 0));
    assertErrno(Errno.EPERM, contract.write(memfd, "x", 0));
    assertErrno(Errno.EPERM, bridge.map(memfd, 0, PAGE, true));
    assertEquals(0, bridge.unmap(address, PAGE));
  }

  @Test
  void truncateSetsTheSizeAndZeroesWhatIsCutOff() {
    int memfd = contract.memfd(0);
    assertEquals(6, contract.write(memfd, "abcdef", 0));
    assertEquals(0, bridge.truncate(memfd, 3));
    assertEquals(0, bridge.truncate(memfd, 6));
    assertEquals("abc\0\0\0", contract.read(memfd, 99, 0));
    assertErrno(Errno.EINVAL, bridge.truncate(memfd, -1));
  }

  @Test
  void sizesBeyondMemoryArePossible() {
    int memfd = contract.memfd(1L << 44);
    assertEquals(1L << 44, bridge.size(memfd));
    assertEquals("\0", contract.read(memfd, 1, (1L << 44) - 1));
    assertEquals(0, bridge.allocated(memfd));
  }

  @Test
  void readsAndWritesMoveThePositionUnlessGivenAnOffset() {
    int memfd = contract.memfd(0);
    assertEquals(4, contract.write(memfd, "wxyz", -1));
    assertEquals(2, contract.write(memfd, "AB", 1));
    assertEquals(4, bridge.seek(memfd, 0, Abi.SEEK_CUR));
    assertEquals("", contract.read(memfd, 9, -1));
    assertEquals("wABz", contract.read(memfd, 9, 0));
    assertEquals(1, bridge.seek(memfd, -3, Abi.SEEK_END));
    assertEquals("A", contract.read(memfd, 1, -1));
    assertEquals("wA", contract.read(memfd, 2, 0));
    assertEquals("Bz", contract.read(memfd, 9, -1));
    assertEquals("", contract.read(memfd, 9, -1));
  }

  @Test
  void positionsBeyondTheLargestFileAreRefused() {
    int memfd = contract.memfd(10);
    ByteBuffer buffer = ByteBuffer.allocateDirect(PAGE);
    assertErrno(Errno.EINVAL, bridge.read(memfd, buffer, 0, 2, Long.MAX_VALUE - 1));
    assertEquals(0, bridge.read(memfd, buffer, 0, 2, Long.MAX_VALUE - 2));
  }

  @Test
  void whatIsCutOffIsFreed() {
    int memfd = contract.memfd(0);
    assertEquals(3 * PAGE, contract.write(memfd, "p".repeat(3 * PAGE), 0));
    assertEquals(0, bridge.truncate(memfd, PAGE));
    assertEquals(PAGE, bridge.allocated(memfd));
    assertEquals(0, bridge.truncate(memfd, 3 * PAGE));
    assertEquals(PAGE, bridge.allocated(memfd));
  }

  @Test
  void aWriteBeyondTheEndGrowsTheFileWithAHole() {
    int memfd = contract.memfd(0);
    assertEquals(1, contract.write(memfd, "x", 3L << 30));
    assertEquals((3L << 30) + 1, bridge.size(memfd));
    assertEquals(PAGE, bridge.allocated(memfd));
    assertEquals("\0x", contract.read(memfd, 9, (3L << 30) - 1));
  }

  @Test
  void seekRefusesWhatIsNegativeOrUnknown() {
    int memfd = contract.memfd(10);
    assertErrno(Errno.EINVAL, bridge.seek(memfd, -1, Abi.SEEK_SET));
    assertErrno(Errno.EINVAL, bridge.seek(memfd, -11, Abi.SEEK_END));
    assertErrno(Errno.EINVAL, bridge.seek(memfd, 0, 99));
    assertEquals(1L << 40, bridge.seek(memfd, 1L << 40, Abi.SEEK_SET));
  }

  @Test
  void allocateGrowsTheFileAndKeepSizeDoesNot() {
    int memfd = contract.memfd(0);
    assertEquals(0, bridge.allocate(memfd, 0, 0, PAGE + 1));
    assertEquals(PAGE + 1, bridge.size(memfd));
    assertEquals(2 * PAGE, bridge.allocated(memfd));
    assertEquals(0, bridge.allocate(memfd, Abi.FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE));
    assertEquals(PAGE + 1, bridge.size(memfd));
    int other = contract.memfd(0);
    assertEquals(0, bridge.allocate(other, 0, 2 * PAGE, PAGE));
    assertEquals(PAGE, bridge.allocated(other));
    assertEquals(3 * PAGE, bridge.size(other));
    assertEquals(0, bridge.addSeals(other, Abi.F_SEAL_GROW));
    assertEquals(0, bridge.allocate(other, 0, 0, 3 * PAGE));
    assertErrno(Errno.EPERM, bridge.allocate(other, 0, 0, 3 * PAGE + 1));
  }

  @Test
  void allocateRefusesBadRangesAndModes() {
    int memfd = contract.memfd(PAGE);
    assertErrno(Errno.EINVAL, bridge.allocate(memfd, 0, -1, 1));
    assertErrno(Errno.EINVAL, bridge.allocate(memfd, 0, 0, 0));
    assertErrno(Errno.EINVAL, bridge.allocate(memfd, 0, 0, -1));
    assertErrno(Errno.EFBIG, bridge.allocate(memfd, 0, 1, Long.MAX_VALUE));
    assertErrno(Errno.EOPNOTSUPP, bridge.allocate(memfd, Abi.FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    int zeroRange = 0x10;
    assertErrno(Errno.EOPNOTSUPP, bridge.allocate(memfd, zeroRange, 0, PAGE));
  }

  @Test
  void aPunchedHoleReadsAsZeroAndIsFreed() {
    int memfd = contract.memfd(0);
    assertEquals(3 * PAGE, contract.write(memfd, "p".repeat(3 * PAGE), 0));
    int punch = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    assertEquals(0, bridge.allocate(memfd, punch, PAGE, PAGE));
    assertEquals("p\0", contract.read(memfd, 2, PAGE - 1));
    assertEquals("\0p", contract.read(memfd, 2, 2 * PAGE - 1));
    assertEquals(2 * PAGE, bridge.allocated(memfd));
    assertEquals(3 * PAGE, bridge.size(memfd));
  }

  @Test
  void aDuplicateSharesTheOpenFileAndIsClosedOnExec() {
    int memfd = memfd(0);
    int duplicate = contract.opened(bridge.duplicate(memfd));
    assertNotEquals(memfd, duplicate);
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(duplicate));
    assertEquals(0, bridge.descriptorFlags(memfd));
    assertEquals(3, contract.write(memfd, "abc", -1));
    assertEquals(3, bridge.seek(duplicate, 0, Abi.SEEK_CUR));
    contract.close(memfd);
    assertEquals("abc", contract.read(duplicate, 9, 0));
  }

  @Test
  void aLockIsOfOneOpenFileWhoeverElseHasTheMemfd() {
    int memfd = memfd(0);
    if (Subject.isEmulator()) {
      assertErrno(Errno.ENOSYS, bridge.lock(memfd));
      return;
    }
    int duplicate = contract.opened(bridge.duplicate(memfd));
    int lock = contract.opened(bridge.lock(memfd));
    assertEquals(Abi.FD_CLOEXEC, bridge.descriptorFlags(lock));
    assertErrno(Errno.EAGAIN, bridge.lock(memfd));
    contract.close(duplicate);
    assertErrno(Errno.EAGAIN, bridge.lock(memfd));
    contract.close(lock);
    contract.opened(bridge.lock(memfd));
  }

  @Test
  void aClosedFdIsEBADF() {
    int memfd = contract.closedFd();
    assertErrno(Errno.EBADF, bridge.close(memfd));
    if (!Subject.isEmulator()) {
      assertErrno(Errno.EBADF, bridge.lock(memfd));
    }
    assertErrno(Errno.EBADF, bridge.size(memfd));
    assertErrno(Errno.EBADF, bridge.allocated(memfd));
    assertErrno(Errno.EBADF, bridge.truncate(memfd, 1));
    assertErrno(Errno.EBADF, bridge.allocate(memfd, 0, 0, 1));
    assertErrno(Errno.EBADF, bridge.seals(memfd));
    assertErrno(Errno.EBADF, bridge.addSeals(memfd, 1));
    assertErrno(Errno.EBADF, bridge.seek(memfd, 0, 0));
    assertErrno(Errno.EBADF, bridge.duplicate(memfd));
    assertErrno(Errno.EBADF, bridge.descriptorFlags(memfd));
    assertErrno(Errno.EBADF, bridge.setDescriptorFlags(memfd, 0));
    assertErrno(Errno.EBADF, bridge.statusFlags(memfd));
    assertErrno(Errno.EBADF, contract.write(memfd, "x", 0));
    assertErrno(Errno.EBADF, bridge.map(memfd, 0, 1, true));
    assertErrno(
        Errno.EBADF, bridge.ioctl(memfd, Abi.SESSION_FINISH, new byte[] {8, 0, 0, 0, 0, 0, 0, 0}));
  }

  @Test
  void aBufferThatIsTooShortOrOnTheHeapIsEFAULT() {
    int memfd = contract.memfd(8);
    ByteBuffer direct = ByteBuffer.allocateDirect(8);
    assertErrno(Errno.EFAULT, bridge.read(memfd, direct, 1, 8, 0));
    assertErrno(Errno.EFAULT, bridge.read(memfd, direct, -1, 1, 0));
    assertErrno(Errno.EFAULT, bridge.write(memfd, direct, 0, -1, 0));
    assertErrno(Errno.EFAULT, bridge.write(memfd, ByteBuffer.allocate(8), 0, 8, 0));
    assertEquals(8, bridge.read(memfd, direct, 0, 8, 0));
  }

  @Test
  void aMappingIsSharedAlignedAndOutlivesItsFd() {
    int memfd = contract.memfd(2 * PAGE);
    long address = bridge.map(memfd, 0, 2 * PAGE, true);
    assertTrue(address > 0);
    assertEquals(0, address % Abi.MAP_ALIGNMENT);
    ByteBuffer view = bridge.view(address, 2 * PAGE);
    assertEquals(ByteOrder.nativeOrder(), view.order());
    assertTrue(view.isDirect());
    assertEquals(2 * PAGE, view.capacity());
    assertEquals(1, contract.write(memfd, "w", PAGE));
    assertEquals('w', view.get(PAGE));
    view.put(0, (byte) 'v');
    assertEquals("v", contract.read(memfd, 1, 0));
    contract.close(memfd);
    assertEquals('v', view.get(0));
    assertEquals(0, bridge.unmap(address, 2 * PAGE));
  }

  @Test
  void aMappingMayStartInsideTheFile() {
    int memfd = contract.memfd(3 * PAGE);
    assertEquals(1, contract.write(memfd, "m", 2 * PAGE));
    long address = bridge.map(memfd, 2 * PAGE, PAGE, false);
    assertTrue(address > 0);
    assertEquals('m', bridge.view(address, PAGE).get(0));
    assertEquals(0, bridge.unmap(address, PAGE));
  }

  @Test
  void twoMappingsOfOneFileAreOneMemory() {
    int memfd = contract.memfd(PAGE);
    long first = bridge.map(memfd, 0, PAGE, true);
    long second = bridge.map(memfd, 0, PAGE, true);
    assertNotEquals(first, second);
    bridge.view(first, PAGE).putLong(8, 0x1122334455667788L);
    assertEquals(0x1122334455667788L, bridge.view(second, PAGE).getLong(8));
    assertEquals(0, bridge.unmap(first, PAGE));
    assertEquals(0, bridge.unmap(second, PAGE));
  }

  @Test
  void badMappingsAreRefused() {
    int memfd = contract.memfd(PAGE);
    assertErrno(Errno.EINVAL, bridge.map(memfd, 0, 0, true));
    assertErrno(Errno.EINVAL, bridge.map(memfd, 0, -1, true));
    assertErrno(Errno.EINVAL, bridge.map(memfd, 1, PAGE, true));
    assertErrno(Errno.ENOMEM, bridge.map(memfd, 0, Long.MAX_VALUE, true));
    assertErrno(Errno.ENOMEM, bridge.map(memfd, 0, 1L << 60, true));
  }

  @Test
  void adviceIsTakenOnMappedMemoryOnly() {
    int memfd = contract.memfd(4 * PAGE);
    long address = bridge.map(memfd, 0, 4 * PAGE, true);
    assertEquals(0, bridge.advise(address, 4 * PAGE, Abi.MADV_WILLNEED));
    assertEquals(0, bridge.advise(address, 4 * PAGE, Abi.MADV_DONTDUMP));
    assertEquals(0, bridge.advise(address, 4 * PAGE, Abi.MADV_POPULATE_WRITE));
    assertEquals(4 * PAGE, bridge.allocated(memfd));
    int sparse = contract.memfd(2 * PAGE);
    long beyond = bridge.map(sparse, 0, 4 * PAGE, true);
    assertEquals(0, bridge.advise(beyond + PAGE, PAGE, Abi.MADV_POPULATE_WRITE));
    assertEquals(PAGE, bridge.allocated(sparse));
    assertErrno(Errno.EFAULT, bridge.advise(beyond + 2 * PAGE, PAGE, Abi.MADV_POPULATE_WRITE));
    assertEquals(0, bridge.unmap(beyond, 4 * PAGE));
    assertErrno(Errno.EINVAL, bridge.advise(address + 1, PAGE, Abi.MADV_WILLNEED));
    assertErrno(Errno.EINVAL, bridge.advise(address, PAGE, 9999));
    assertEquals(0, bridge.unmap(address, 4 * PAGE));
    assertErrno(Errno.ENOMEM, bridge.advise(address, PAGE, Abi.MADV_WILLNEED));
  }

  @Test
  void aHugetlbMemfdKeepsToItsPages() {
    int memfd = memfd(Abi.MFD_HUGETLB | 21 << Abi.MFD_HUGE_SHIFT);
    assertErrno(Errno.EINVAL, bridge.truncate(memfd, PAGE));
    assertEquals(0, bridge.truncate(memfd, 2 << 20));
    assertEquals(2 << 20, bridge.size(memfd));
  }

  @Test
  void aHugetlbPageSizeThatTheMachineLacksIsENODEV() {
    int flags = Abi.MFD_HUGETLB | 62 << Abi.MFD_HUGE_SHIFT;
    assertErrno(Errno.ENODEV, bridge.memfdCreate(cString("huge"), flags));
  }
}
