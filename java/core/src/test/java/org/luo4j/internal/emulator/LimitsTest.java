/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** What the emulator refuses: full tables, what it does not model, and mistakes of a test's own. */
class LimitsTest {

  private static final int PAGE = 4096;

  @TempDir Path temporary;
  private Path folder;
  private Emulator emulator;

  @BeforeEach
  void open() throws Exception {
    folder = temporary.resolve("machine");
    emulator = Emulator.open(folder);
  }

  @AfterEach
  void exit() {
    emulator.exit();
  }

  @Test
  void aFullTableOfFdsIsEMFILE() {
    int device = ok(emulator.openDevice());
    int session = ok(emulator.createSession(device, Calls.field("cache")));
    int memory = Calls.memfd(emulator, PAGE);
    ok(emulator.preserve(session, memory, 1));
    int last = memory;
    for (int fd = ok(emulator.duplicate(memory)); fd >= 0; fd = emulator.duplicate(memory)) {
      last = fd;
    }
    assertEquals(65536, last - device + 1);
    assertEquals(-Errno.EMFILE, emulator.duplicate(memory));
    assertEquals(-Errno.EMFILE, emulator.memfdCreate(new byte[] {'a', 0}, 0));
    assertEquals(-Errno.EMFILE, emulator.openDevice());
    assertEquals(-Errno.EMFILE, emulator.createSession(device, Calls.field("other")));
    ok(emulator.close(last));
    assertEquals(last, emulator.duplicate(session), "the lowest that is free");
  }

  /** What an fd is needed for does not happen in part: what arrived stays there to be retrieved. */
  @Test
  void aFullTableOfFdsCostsNeitherASessionNorAFile() throws Exception {
    ok(emulator.preserve(ok(Calls.create(emulator, "cache")), Calls.memfd(emulator, PAGE), 1));
    assertEquals(0, emulator.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int device = ok(next.openDevice());
      int last = device;
      for (int fd = ok(next.duplicate(device)); fd >= 0; fd = next.duplicate(device)) {
        last = fd;
      }
      assertEquals(-Errno.EMFILE, next.retrieveSession(device, Calls.field("cache")));
      assertEquals(-Errno.EMFILE, next.createSession(device, Calls.field("new")));
      ok(next.close(last));
      int created = ok(next.createSession(device, Calls.field("new")));
      ok(next.close(created));
      int session = ok(next.retrieveSession(device, Calls.field("cache")));
      assertEquals(-Errno.EMFILE, next.retrieve(session, 1));
      ok(next.close(last - 1));
      assertEquals(PAGE, next.size(ok(next.retrieve(session, 1))));
    }
  }

  @Test
  void filesThatAreNoMemfdsRefuseWhatOnlyMemfdsCan() {
    int device = ok(emulator.openDevice());
    int session = ok(emulator.createSession(device, Calls.field("cache")));
    ByteBuffer buffer = ByteBuffer.allocateDirect(8);
    for (int fd : new int[] {device, session}) {
      assertEquals(Abi.O_RDWR, emulator.statusFlags(fd) & Abi.O_ACCMODE);
      assertEquals(-Errno.EINVAL, emulator.seals(fd));
      assertEquals(-Errno.EINVAL, emulator.addSeals(fd, Abi.F_SEAL_GROW));
      assertEquals(0, emulator.size(fd));
      assertEquals(0, emulator.allocated(fd));
      assertEquals(-Errno.EINVAL, emulator.truncate(fd, 1));
      assertEquals(-Errno.ENODEV, emulator.allocate(fd, 0, 0, 1));
      assertEquals(-Errno.ESPIPE, emulator.seek(fd, 0, Abi.SEEK_CUR));
      assertEquals(-Errno.ENODEV, emulator.map(fd, 0, PAGE, true));
      assertEquals(-Errno.EINVAL, emulator.read(fd, buffer, 0, 8, -1));
      assertEquals(-Errno.EINVAL, emulator.write(fd, buffer, 0, 8, -1));
    }
    for (long at = 0; at < 2; at++) {
      assertEquals(-Errno.EINVAL, emulator.read(device, buffer, 0, 8, at));
      assertEquals(-Errno.EINVAL, emulator.write(device, buffer, 0, 8, at));
      assertEquals(-Errno.ESPIPE, emulator.read(session, buffer, 0, 8, at));
      assertEquals(-Errno.ESPIPE, emulator.write(session, buffer, 0, 8, at));
    }
  }

  @Test
  void closeOnExecIsTakenBackAndOtherFlagsAreNotLookedAt() {
    int memory = Calls.memfd(emulator, PAGE);
    ok(emulator.setDescriptorFlags(memory, ~Abi.FD_CLOEXEC));
    assertEquals(0, emulator.descriptorFlags(memory));
    ok(emulator.setDescriptorFlags(memory, ~0));
    assertEquals(Abi.FD_CLOEXEC, emulator.descriptorFlags(memory));
  }

  @Test
  void addressesEnd() {
    int memory = Calls.memfd(emulator, PAGE);
    long half = 1L << 45;
    assertEquals(-Errno.EOVERFLOW, emulator.map(memory, Long.MAX_VALUE - PAGE + 1, 2 * PAGE, true));
    long first = ok(emulator.map(memory, 0, half, true));
    assertEquals(-Errno.ENOMEM, emulator.map(memory, 0, half, true), "there is room in between");
    long second = ok(emulator.map(memory, 0, half - (1 << 30), true));
    assertTrue(second >= first + half);
    ok(emulator.unmap(first, half));
    ok(emulator.unmap(second, half - (1 << 30)));
    assertEquals(first, emulator.map(memory, 0, 2 * half, true));
    assertEquals(-Errno.ENOMEM, emulator.map(memory, 0, 1, true));
  }

  @Test
  void pagesArePopulatedWhereTheyAreMapped() {
    int memory = Calls.memfd(emulator, 8 * PAGE);
    long readable = ok(emulator.map(memory, 2 * PAGE, 2 * PAGE, false));
    assertEquals(-Errno.EINVAL, emulator.advise(readable, PAGE, Abi.MADV_POPULATE_WRITE));
    assertEquals(0, emulator.allocated(memory));
    assertEquals(0, emulator.advise(readable, 0, Abi.MADV_POPULATE_READ));
    assertEquals(-Errno.EINVAL, emulator.advise(readable, -1, Abi.MADV_POPULATE_READ));
    assertEquals(0, emulator.advise(readable, PAGE, Abi.MADV_WILLNEED));
    assertEquals(0, emulator.allocated(memory));
    assertEquals(0, emulator.advise(readable + PAGE, PAGE, Abi.MADV_POPULATE_READ));
    assertEquals(PAGE, emulator.allocated(memory));
    assertEquals(-Errno.ENOMEM, emulator.advise(readable + PAGE, 2 * PAGE, Abi.MADV_POPULATE_READ));
    assertEquals(-Errno.ENOMEM, emulator.advise(readable + 2 * PAGE, PAGE, Abi.MADV_WILLNEED));
    ok(emulator.truncate(memory, 3 * PAGE));
    assertEquals(-Errno.EFAULT, emulator.advise(readable + PAGE, PAGE, Abi.MADV_POPULATE_READ));
    assertEquals(0, emulator.allocated(memory), "the page was cut off");
    assertEquals(0, emulator.advise(readable, PAGE, Abi.MADV_POPULATE_READ));
    Calls.write(emulator, memory, 2 * PAGE, (byte) 1);
    assertEquals(PAGE, emulator.allocated(memory), "it is the page that was populated");
  }

  @Test
  void modesOfFallocateThatNoMemfdHasAreRefused() {
    int memory = Calls.memfd(emulator, 8 * PAGE);
    int keepSize = Abi.FALLOC_FL_KEEP_SIZE;
    for (int mode : List.of(0x08, 0x20, 0x80, 0x10, 0x40, 0x100, 0x04)) {
      assertEquals(-Errno.EOPNOTSUPP, emulator.allocate(memory, mode, 0, PAGE), "mode " + mode);
      assertEquals(
          -Errno.EOPNOTSUPP, emulator.allocate(memory, mode | keepSize, 0, PAGE), "mode " + mode);
    }
    int device = ok(emulator.openDevice());
    assertEquals(-Errno.ENODEV, emulator.allocate(device, 0x08, 0, PAGE));
    assertEquals(-Errno.EOPNOTSUPP, emulator.allocate(device, 0x08 | keepSize, 0, PAGE));
    assertEquals(-Errno.EOPNOTSUPP, emulator.allocate(device, 0x100, 0, PAGE));
    for (int mode : new int[] {0, 0x10, 0x40, 0x20, 0x80}) {
      assertEquals(-Errno.ENODEV, emulator.allocate(device, mode, 0, PAGE), "mode " + mode);
    }
    for (int mode : new int[] {0, 0x10, 0x40, Abi.FALLOC_FL_PUNCH_HOLE}) {
      assertEquals(
          -Errno.ENODEV, emulator.allocate(device, mode | keepSize, 0, PAGE), "mode " + mode);
    }
    for (int mode : new int[] {Abi.FALLOC_FL_PUNCH_HOLE, 0x20 | keepSize, 0x80 | keepSize, 0x18}) {
      assertEquals(-Errno.EOPNOTSUPP, emulator.allocate(device, mode, 0, PAGE), "mode " + mode);
    }
  }

  /** The last page that a file can have is one that cannot be allocated or mapped. */
  @Test
  void theLastPageButOneIsTheLastToBeHad() {
    int memory = Calls.memfd(emulator, PAGE);
    long last = Long.MAX_VALUE - PAGE + 1;
    assertEquals(-Errno.EFBIG, emulator.allocate(memory, 0, last - 1, PAGE));
    assertEquals(PAGE, emulator.size(memory));
    ok(emulator.allocate(memory, 0, last - PAGE, PAGE));
    assertEquals(last, emulator.size(memory));
    assertEquals(PAGE, emulator.allocated(memory));
    for (long length : new long[] {1, PAGE - 1, PAGE}) {
      assertEquals(-Errno.EOVERFLOW, emulator.map(memory, last, length, true));
    }
    assertEquals(-Errno.EOVERFLOW, emulator.map(memory, last - PAGE, PAGE + 1, true));
    assertEquals(-Errno.EOVERFLOW, emulator.map(memory, -PAGE, PAGE, true));
    ok(emulator.map(memory, last - PAGE, PAGE, true));
  }

  @Test
  void seekingDataAndHolesIsNotModelled() {
    int memory = Calls.memfd(emulator, PAGE);
    for (int whence : new int[] {3, 4, 5, -1}) {
      assertEquals(-Errno.EINVAL, emulator.seek(memory, 0, whence));
    }
    int device = ok(emulator.openDevice());
    assertEquals(-Errno.ESPIPE, emulator.seek(device, 0, 4));
    assertEquals(-Errno.EINVAL, emulator.seek(device, 0, 5));
  }

  @Test
  void ordinaryFilesAreNotModelled() {
    Bridge bridge = emulator;
    assertEquals(-Errno.ENOSYS, bridge.openFile(new byte[] {'/', 'a'}, false));
    assertEquals(-Errno.ENOSYS, bridge.lockFile(3));
    assertEquals(-Errno.ENOSYS, bridge.unlock(3));
    assertEquals(-Errno.ENOSYS, bridge.status(3, new long[Bridge.STATUS_FIELDS]));
    assertEquals(-Errno.ENOSYS, bridge.userId());
    assertEquals(-Errno.ENOSYS, bridge.bootTime());
    int memory = Calls.memfd(emulator, PAGE);
    assertEquals(-Errno.ENOSYS, bridge.lock(memory));
    long address = ok(emulator.map(memory, 0, PAGE, true));
    assertEquals(-Errno.ENOSYS, bridge.revoke(address, PAGE));
    assertEquals(-Errno.ENOSYS, bridge.guard(address, PAGE));
    assertEquals(-Errno.ENOSYS, bridge.unguard(address));
  }

  /** As the kernel takes the structures of later versions, up to a page. */
  @Test
  void anArgumentHasFourBytesToAPage() {
    int device = ok(emulator.openDevice());
    for (int length : new int[] {0, 3, 4, 4097}) {
      byte[] argument = new byte[length];
      if (length >= 4) {
        ByteBuffer.wrap(argument).order(ByteOrder.nativeOrder()).putInt(0, length);
      }
      assertEquals(-Errno.EINVAL, emulator.ioctl(device, Abi.CREATE_SESSION, argument));
    }
    ByteBuffer page = ByteBuffer.allocate(4096).order(ByteOrder.nativeOrder()).putInt(0, 4096);
    page.put(Abi.BODY_OFFSET, Calls.field("cache"));
    assertEquals(0, emulator.ioctl(device, Abi.CREATE_SESSION, page.array()));
    assertEquals(-Errno.EEXIST, emulator.createSession(device, Calls.field("cache")));
  }

  @Test
  void flagsOfAnFdAreSetAsAsked() {
    int memory = Calls.memfd(emulator, PAGE);
    ok(emulator.setDescriptorFlags(memory, 0));
    assertEquals(0, emulator.descriptorFlags(memory));
    ok(emulator.setDescriptorFlags(memory, 2));
    assertEquals(0, emulator.descriptorFlags(memory), "another flag");
    ok(emulator.setDescriptorFlags(memory, 3));
    assertEquals(Abi.FD_CLOEXEC, emulator.descriptorFlags(memory));
  }

  @Test
  void faultsThatCannotHappenAreRefused() {
    for (int errno : new int[] {0, -1}) {
      assertThrows(IllegalArgumentException.class, () -> emulator.failNextKexec(errno));
      assertThrows(
          IllegalArgumentException.class, () -> emulator.failNextRetrieve("cache", 1, errno));
    }
    emulator.failNextRetrieve("n".repeat(63), 1, 1);
    for (String name :
        List.of(
            "", "n".repeat(64), "n".repeat(65), "n\0" + "n".repeat(62), "n\0" + "n".repeat(63))) {
      assertThrows(IllegalArgumentException.class, () -> emulator.failNextRetrieve(name, 1, 1));
    }
    emulator.failNextKexec(1);
    assertEquals(-1, emulator.kexec());
  }

  @Test
  void aKernelThatCannotReadWhatArrivedHasNoDevice() {
    emulator.refuseIncoming();
    assertEquals(-Errno.EIO, emulator.openDevice());
    assertEquals(-Errno.EIO, emulator.openDevice());
    ok(Calls.memfd(emulator, PAGE));
  }

  @Test
  void aProcessSaysWhatItIs() throws Exception {
    assertEquals("emulator", emulator.name());
    assertEquals("emulator of boot 1 in " + folder.toRealPath(), emulator.toString());
    assertTrue(emulator.isAlive());
    assertEquals(0, emulator.kexec());
    assertFalse(emulator.isAlive());
    assertEquals("emulator of boot 1 in " + folder.toRealPath(), emulator.toString());
    try (Emulator next = Emulator.open(folder)) {
      assertEquals("emulator of boot 2 in " + folder.toRealPath(), next.toString());
    }
  }

  @Test
  void aClosedProcessGivesUpItsNamesAndItsDevice() throws Exception {
    Emulator other = Emulator.open(folder);
    ok(Calls.create(other, "cache"));
    ok(other.openDevice());
    other.close();
    assertFalse(other.isAlive());
    assertEquals(Calls.DEAD, other.openDevice());
    ok(Calls.create(emulator, "cache"));
    assertTrue(emulator.isAlive());
  }

  /** Across the blocks that the emulator reads and writes at a time. */
  @Test
  void largeReadsAndWritesArriveWhole() {
    int length = 3 * 65536 + 777;
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 31 >> 4);
    }
    int memory = Calls.memfd(emulator, 0);
    Calls.write(emulator, memory, 5, bytes);
    assertEquals(length + 5, emulator.size(memory));
    assertArrayEquals(bytes, Calls.read(emulator, memory, 5, length + 100));
    ByteBuffer part = ByteBuffer.allocateDirect(length + 10);
    assertEquals(length, emulator.read(memory, part, 7, length, 5));
    assertEquals(bytes[0], part.get(7));
    assertEquals(bytes[length - 1], part.get(6 + length));
    assertEquals(0, part.get(6));
  }

  @Test
  void whatWasNeverWrittenIsZeroAfterWhatWas() {
    int memory = Calls.memfd(emulator, 200_000);
    byte[] ones = new byte[70_000];
    Arrays.fill(ones, (byte) 1);
    Calls.write(emulator, memory, 0, ones);
    byte[] expected = Arrays.copyOf(ones, 200_000);
    assertArrayEquals(expected, Calls.read(emulator, memory, 0, 200_000));
  }

  @Test
  void bytesArriveWhereTheyWereAndNoneFromBeyondTheEnd() throws Exception {
    int session = ok(Calls.create(emulator, "cache"));
    int memory = Calls.memfd(emulator, 400_000);
    Calls.write(emulator, memory, 300_000, (byte) 3);
    ok(emulator.preserve(session, memory, 1));
    int small = Calls.memfd(emulator, 100);
    ByteBuffer view = emulator.view(ok(emulator.map(small, 0, 1 << 20, true)), 1 << 20);
    view.put(99, (byte) 4).put(5000, (byte) 5);
    ok(emulator.preserve(session, small, 2));
    assertEquals(0, emulator.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(Calls.retrieve(next, "cache"));
      int large = ok(next.retrieve(arrived, 1));
      byte[] expected = new byte[400_000];
      expected[300_000] = 3;
      assertArrayEquals(expected, Calls.read(next, large, 0, 400_000));
      int cut = ok(next.retrieve(arrived, 2));
      ok(next.finish(arrived));
      ok(next.truncate(cut, 8192));
      assertArrayEquals(new byte[] {4, 0}, Calls.read(next, cut, 99, 2));
      assertArrayEquals(new byte[] {0}, Calls.read(next, cut, 5000, 1));
    }
  }

  private static int fdsOfThisJvm() {
    String[] fds = Path.of("/proc/self/fd").toFile().list();
    return fds == null ? 0 : fds.length;
  }

  /** A memfd of the emulator needs one of the JVM's own as long as it is open. */
  @Test
  void filesOfThisJvmAreClosedWithTheMemfdsAndTheProcess() {
    int before = fdsOfThisJvm();
    int[] memfds = new int[50];
    for (int i = 0; i < memfds.length; i++) {
      memfds[i] = Calls.memfd(emulator, PAGE);
      Calls.write(emulator, memfds[i], 0, (byte) 1);
    }
    for (int i = 0; i < memfds.length / 2; i++) {
      ok(emulator.close(memfds[i]));
    }
    assertTrue(fdsOfThisJvm() < before + 40, "those of closed memfds are closed");
    for (int i = memfds.length / 2; i < memfds.length; i++) {
      ok(emulator.map(memfds[i], 0, PAGE, true));
      ok(emulator.close(memfds[i]));
    }
    emulator.exit();
    assertTrue(fdsOfThisJvm() < before + 10, "those of the process are closed");
  }

  /** It makes no call after the reboot that would notice. */
  @Test
  void filesOfThisJvmAreClosedByTheReboot() throws Exception {
    int before = fdsOfThisJvm();
    for (int i = 0; i < 20; i++) {
      Emulator process = Emulator.open(folder);
      Calls.write(process, Calls.memfd(process, PAGE), 0, (byte) 1);
      assertEquals(0, process.kexec());
    }
    assertTrue(fdsOfThisJvm() < before + 10, "those of the memfds and the processes");
  }

  @Test
  void filesOfThisJvmAreClosedByTheExit() throws Exception {
    int before = fdsOfThisJvm();
    for (int i = 0; i < 20; i++) {
      Emulator.open(folder).exit();
    }
    assertTrue(fdsOfThisJvm() < before + 10, "those by which the processes were alive");
  }
}
