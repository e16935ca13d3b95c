/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;

/** No access through a view faults, whatever happens to the memfd, and sizes have no limit. */
class MappingSafetyTest {

  private static final long TIB = 1L << 40;

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
  void aMemfdOf17TiBIsMadeMappedAndUsed() {
    int memory = Calls.memfd(emulator, 17 * TIB);
    assertEquals(17 * TIB, emulator.size(memory));
    assertEquals(0, emulator.allocated(memory));
    assertArrayEquals(new byte[8], Calls.read(emulator, memory, 17 * TIB - 8, 8));
    Calls.write(emulator, memory, 4 * TIB / 1024, (byte) 1);
    assertEquals(4096, emulator.allocated(memory));
    long address = ok(emulator.map(memory, 0, 17 * TIB, true));
    emulator.view(address + (1 << 30), 4096).put(0, (byte) 9);
    assertArrayEquals(new byte[] {9}, Calls.read(emulator, memory, 1 << 30, 1));
    assertEquals(8192, emulator.allocated(memory));
    assertEquals(0, emulator.unmap(address, 17 * TIB));
  }

  @Test
  void preservingRefusesMorePagesThanTheKernelCanCount() {
    int session = ok(Calls.create(emulator, "big"));
    int memory = Calls.memfd(emulator, 17 * TIB);
    assertEquals(-Errno.EFBIG, emulator.preserve(session, memory, 1));
    ok(emulator.truncate(memory, 0xffffffffL * 4096 + 1));
    assertEquals(-Errno.EFBIG, emulator.preserve(session, memory, 1));
    ok(emulator.truncate(memory, 0xffffffffL * 4096));
    assertEquals(-Errno.ENOMEM, emulator.preserve(session, memory, 1));
    ok(emulator.truncate(memory, TIB - 4095));
    assertEquals(-Errno.ENOMEM, emulator.preserve(session, memory, 1));
    ok(emulator.truncate(memory, TIB - 4096));
    assertEquals(0, emulator.preserve(session, memory, 1));
    assertEquals(TIB - 4096, emulator.allocated(memory));
  }

  @Test
  void shrinkingUnderAViewZeroesAndDoesNotFault() {
    int memory = Calls.memfd(emulator, 1 << 20);
    long address = ok(emulator.map(memory, 0, 1 << 20, true));
    ByteBuffer view = emulator.view(address, 1 << 20);
    assertEquals(ByteOrder.nativeOrder(), view.order());
    for (int i = 0; i < view.capacity(); i += 512) {
      view.put(i, (byte) 7);
    }
    ok(emulator.truncate(memory, 5000));
    assertEquals(7, view.get(4608));
    assertEquals(0, view.get(5120));
    assertEquals(0, view.get((1 << 20) - 512));
    assertEquals(8192, emulator.allocated(memory));
    view.put((1 << 20) - 512, (byte) 8);
    ok(emulator.truncate(memory, 1 << 20));
    assertEquals(0, view.get((1 << 20) - 512));
    assertArrayEquals(new byte[] {7}, Calls.read(emulator, memory, 4608, 1));
  }

  @Test
  void whatIsWrittenBeyondTheEndIsLost() {
    int memory = Calls.memfd(emulator, 100);
    long address = ok(emulator.map(memory, 0, 1 << 20, true));
    ByteBuffer view = emulator.view(address, 1 << 20);
    view.put(200, (byte) 1);
    view.put(80000, (byte) 1);
    assertEquals(100, emulator.size(memory));
    assertEquals(0, Calls.read(emulator, memory, 100, 10).length);
    ok(emulator.truncate(memory, 1 << 20));
    assertEquals(0, view.get(200));
    assertEquals(0, view.get(80000));
  }

  @Test
  void aViewOutlivesItsMappingItsMemfdItsProcessAndItsKernel() throws Exception {
    int memory = Calls.memfd(emulator, 8192);
    long address = ok(emulator.map(memory, 0, 8192, true));
    ByteBuffer view = emulator.view(address, 8192);
    ok(emulator.close(memory));
    view.put(0, (byte) 1);
    assertEquals(1, emulator.view(address, 1).get(0));
    ok(emulator.unmap(address, 8192));
    view.put(8191, (byte) 2);
    assertThrows(IllegalArgumentException.class, () -> emulator.view(address, 1));
    assertEquals(0, emulator.kexec());
    view.put(4096, (byte) 3);
    emulator.exit();
    assertEquals(3, view.get(4096));
  }

  @Test
  void aViewOfTheOldKernelDoesNotReachTheNewOnesMemory() throws Exception {
    int session = ok(Calls.create(emulator, "cache"));
    int memory = Calls.memfd(emulator, 8192);
    ok(emulator.preserve(session, memory, 1));
    ByteBuffer view = emulator.view(ok(emulator.map(memory, 0, 8192, true)), 8192);
    view.put(0, (byte) 1);
    assertEquals(0, emulator.kexec());
    view.put(0, (byte) 2);
    try (Emulator next = Emulator.open(folder)) {
      int file = ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1));
      assertArrayEquals(new byte[] {1}, Calls.read(next, file, 0, 1));
    }
  }

  /** A folder in memory would fill up otherwise. */
  @Test
  void theBytesOfAMemfdGoWithItsLastFdAndMapping() throws Exception {
    int session = ok(Calls.create(emulator, "cache"));
    int memory = Calls.memfd(emulator, 8192);
    Calls.write(emulator, memory, 0, (byte) 1);
    ok(emulator.preserve(session, memory, 1));
    long address = ok(emulator.map(memory, 0, 8192, true));
    ok(emulator.close(memory));
    assertTrue(Files.exists(Damage.only(folder, "m-0.pos")));
    ok(emulator.close(session));
    assertThrows(IOException.class, () -> Damage.only(folder, "m-0.pos"));
    assertTrue(Files.exists(Damage.only(folder, "m-0.data")));
    ok(emulator.unmap(address, 8192));
    assertThrows(IOException.class, () -> Damage.only(folder, "m-0.data"));
  }

  @Test
  void thePositionAtTheKexecArrives() throws Exception {
    int session = ok(Calls.create(emulator, "cache"));
    int memory = Calls.memfd(emulator, 8192);
    assertEquals(5, emulator.seek(memory, 5, Abi.SEEK_SET));
    ok(emulator.preserve(session, memory, 1));
    assertEquals(4097, emulator.seek(memory, 4097, Abi.SEEK_SET));
    assertEquals(0, emulator.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1));
      assertEquals(4097, next.seek(arrived, 0, Abi.SEEK_CUR));
    }
  }

  /** Of a machine whose pool of huge pages is empty. */
  @Test
  void hugePagesCannotBeHad() {
    int flags = Abi.MFD_HUGETLB | 21 << Abi.MFD_HUGE_SHIFT;
    int huge = ok(emulator.memfdCreate(new byte[] {'h', 0}, flags));
    ok(emulator.truncate(huge, 4 << 20));
    assertEquals(-Errno.EINVAL, emulator.map(huge, 4096, 2 << 20, true));
    assertEquals(-Errno.ENOMEM, emulator.map(huge, 2 << 20, 2 << 20, true));
    assertEquals(-Errno.ENOSPC, emulator.allocate(huge, 0, 0, 2 << 20));
    assertEquals(-Errno.EINVAL, emulator.write(huge, ByteBuffer.allocateDirect(1), 0, 1, 0));
  }

  /** What a view wrote counts, also where a part of it is given back. */
  @Test
  void aHoleIsPunchedInWhatAViewWrote() {
    int memory = Calls.memfd(emulator, 3 * 4096);
    long address = ok(emulator.map(memory, 0, 3 * 4096, true));
    ByteBuffer view = emulator.view(address, 3 * 4096);
    view.put(0, (byte) 1).put(4096, (byte) 2).put(2 * 4096 + 7, (byte) 3);
    int punch = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    ok(emulator.allocate(memory, punch, 4096, 4097));
    assertEquals(0, view.get(4096));
    assertEquals(3, view.get(2 * 4096 + 7));
    assertEquals(2 * 4096, emulator.allocated(memory));
    ok(emulator.allocate(memory, punch, 2 * 4096, 100));
    assertEquals(0, view.get(2 * 4096 + 7), "a page that is not given back is zeroed");
    assertEquals(2 * 4096, emulator.allocated(memory));
  }

  @Test
  void aFileThatGrowsOverAViewIsZeroThere() {
    int memory = Calls.memfd(emulator, 100);
    ByteBuffer view = emulator.view(ok(emulator.map(memory, 0, 1 << 20, true)), 1 << 20);
    view.put(200, (byte) 1);
    ok(emulator.allocate(memory, 0, 0, 4096));
    assertEquals(0, view.get(200));
    view.put(5000, (byte) 1);
    Calls.write(emulator, memory, 6000, (byte) 2);
    assertEquals(0, view.get(5000));
    assertEquals(2, view.get(6000));
  }

  @Test
  void mappingsDoNotTouchAndAddressesAreReused() {
    int memory = Calls.memfd(emulator, 1 << 20);
    long first = ok(emulator.map(memory, 0, 4096, true));
    long second = ok(emulator.map(memory, 4096, 3 << 20, true));
    long third = ok(emulator.map(memory, 0, 1, true));
    for (long address : new long[] {first, second, third}) {
      assertEquals(0, address % Abi.MAP_ALIGNMENT);
    }
    assertTrue(second >= first + 4096 + Abi.MAP_ALIGNMENT);
    assertTrue(third >= second + (3 << 20) + Abi.MAP_ALIGNMENT);
    assertThrows(IllegalArgumentException.class, () -> emulator.view(first, 4097));
    ok(emulator.unmap(second, 3 << 20));
    assertEquals(second, emulator.map(memory, 0, 4096, false));
    assertThrows(ReadOnlyBufferException.class, () -> emulator.view(second, 1).put(0, (byte) 1));
    assertEquals(-Errno.EINVAL, emulator.unmap(first, 8192));
    assertEquals(-Errno.ENOMEM, emulator.map(memory, 0, 1L << 47, true));
  }

  @Test
  void viewsShareTheMemoryWithReadAndWrite() {
    int memory = Calls.memfd(emulator, 1 << 20);
    long address = ok(emulator.map(memory, 8192, 1 << 19, true));
    ByteBuffer one = emulator.view(address, 1 << 19);
    ByteBuffer two = emulator.view(address + 100, 100);
    two.putInt(0, 12345);
    assertEquals(12345, one.getInt(100));
    Calls.write(emulator, memory, 8192, (byte) 77);
    assertEquals(77, one.get(0));
  }

  @Test
  void anInterruptNeitherBreaksACallNorIsLost() throws Exception {
    int memory = Calls.memfd(emulator, 1 << 20);
    long address = ok(emulator.map(memory, 0, 1 << 20, true));
    Thread.currentThread().interrupt();
    try {
      Calls.write(emulator, memory, 0, (byte) 1);
      assertEquals(1, emulator.view(address, 1).get(0));
      int session = ok(Calls.create(emulator, "cache"));
      ok(emulator.preserve(session, memory, 1));
      assertEquals(0, emulator.kexec());
      Emulator.open(folder).exit();
      assertTrue(Thread.currentThread().isInterrupted());
    } finally {
      Thread.interrupted();
    }
  }

  /** A mapping is of pages, whatever the file's size was in between. */
  @Test
  void pagesThatAViewWroteAfterTheFileShrankAndGrewAreCounted() {
    int memory = Calls.memfd(emulator, 4 * 4096);
    ByteBuffer view = emulator.view(ok(emulator.map(memory, 0, 4 * 4096, true)), 4 * 4096);
    view.put(2 * 4096, (byte) 1);
    ok(emulator.truncate(memory, 0));
    ok(emulator.truncate(memory, 4 * 4096));
    assertEquals(0, emulator.allocated(memory));
    view.put(3 * 4096, (byte) 1);
    assertEquals(4096, emulator.allocated(memory));
  }

  @Test
  void aPageBeyondTheEndThatAViewWroteIsNotCounted() {
    int memory = Calls.memfd(emulator, 100);
    ByteBuffer view = emulator.view(ok(emulator.map(memory, 0, 8192, true)), 8192);
    view.put(4096, (byte) 1);
    assertEquals(0, emulator.allocated(memory));
    view.put(99, (byte) 1);
    assertEquals(4096, emulator.allocated(memory));
  }

  /** Seals against either direction leave it, and so does a session that preserves the file. */
  @Test
  void truncatingToTheSameSizeFreesWhatWasAllocatedBeyondIt() {
    int memory = Calls.memfd(emulator, 5000);
    ok(emulator.allocate(memory, Abi.FALLOC_FL_KEEP_SIZE, 0, 5 * 4096));
    ByteBuffer view = emulator.view(ok(emulator.map(memory, 0, 8192, true)), 8192);
    view.put(4999, (byte) 1).put(5000, (byte) 2);
    assertEquals(5 * 4096, emulator.allocated(memory));
    ok(emulator.addSeals(memory, Abi.F_SEAL_GROW | Abi.F_SEAL_SHRINK));
    ok(emulator.truncate(memory, 5000));
    assertEquals(2 * 4096, emulator.allocated(memory));
    assertEquals(1, view.get(4999));
    assertEquals(0, view.get(5000));
    ok(emulator.preserve(ok(Calls.create(emulator, "cache")), memory, 1));
    ok(emulator.truncate(memory, 5000));
  }

  /**
   * It cannot be made writable: mappings that can be, of before the seal, are what stands there.
   */
  @Test
  void aMappingOfASealedFileIsNotInTheWayOfAWriteSeal() {
    int memory = Calls.memfd(emulator, 4096);
    long writable = ok(emulator.map(memory, 0, 4096, true));
    long readable = ok(emulator.map(memory, 0, 4096, false));
    ok(emulator.addSeals(memory, Abi.F_SEAL_FUTURE_WRITE));
    long sealed = ok(emulator.map(memory, 0, 4096, false));
    ok(emulator.unmap(writable, 4096));
    assertEquals(-Errno.EBUSY, emulator.addSeals(memory, Abi.F_SEAL_WRITE));
    ok(emulator.unmap(sealed, 4096));
    assertEquals(-Errno.EBUSY, emulator.addSeals(memory, Abi.F_SEAL_WRITE), "of before the seal");
    sealed = ok(emulator.map(memory, 0, 4096, false));
    ok(emulator.unmap(readable, 4096));
    ok(emulator.addSeals(memory, Abi.F_SEAL_WRITE));
    assertEquals(0, emulator.view(sealed, 4096).get(0));
  }

  @Test
  void aMappingTakesAGapThatItFills() {
    int memory = Calls.memfd(emulator, 4096);
    long first = ok(emulator.map(memory, 0, 4096, true));
    long second = ok(emulator.map(memory, 0, 4096, true));
    long gap = second - first - Abi.MAP_ALIGNMENT;
    ok(emulator.unmap(first, 4096));
    long longer = ok(emulator.map(memory, 0, gap + 1, true));
    assertTrue(longer > second);
    assertEquals(first, emulator.map(memory, 0, gap, true));
  }

  @Test
  void aViewOfNothingIsOfAMappedPlace() {
    int memory = Calls.memfd(emulator, 4096);
    long address = ok(emulator.map(memory, 0, 4096, true));
    assertEquals(0, emulator.view(address + 4095, 0).capacity());
    assertThrows(IllegalArgumentException.class, () -> emulator.view(address + 4096, 0));
    assertThrows(IllegalArgumentException.class, () -> emulator.view(address - 1, 0));
    assertThrows(IllegalArgumentException.class, () -> emulator.view(address, -1));
  }

  @Test
  void readingAndWritingNothingSucceedsAndMovesNothing() {
    int memory = Calls.memfd(emulator, 4096);
    ByteBuffer buffer = ByteBuffer.allocateDirect(8);
    ok(emulator.addSeals(memory, Abi.F_SEAL_GROW));
    for (long at = -1; at < 2; at++) {
      assertEquals(0, emulator.read(memory, buffer, 0, 0, at));
      assertEquals(0, emulator.write(memory, buffer, 0, 0, at));
    }
    assertEquals(0, emulator.write(memory, buffer, 8, 0, 8192));
    assertEquals(4096, emulator.size(memory));
    assertEquals(0, emulator.seek(memory, 0, Abi.SEEK_CUR));
  }

  /** The page stays, though nothing in it tells it from one that was never there. */
  @Test
  void aPageThatAViewWroteCountsWhereAHoleInsideItMadeItZero() {
    int memory = Calls.memfd(emulator, 4096);
    emulator.view(ok(emulator.map(memory, 0, 4096, true)), 4096).put(7, (byte) 1);
    int punch = Abi.FALLOC_FL_PUNCH_HOLE | Abi.FALLOC_FL_KEEP_SIZE;
    ok(emulator.allocate(memory, punch, 0, 100));
    assertArrayEquals(new byte[1], Calls.read(emulator, memory, 7, 1));
    assertEquals(4096, emulator.allocated(memory));
  }

  @Test
  void aWriteThatEndsAtASizeThatMustNotChangeIsWhole() throws Exception {
    int sealed = Calls.memfd(emulator, 5000);
    ok(emulator.addSeals(sealed, Abi.F_SEAL_GROW));
    int preserved = Calls.memfd(emulator, 5000);
    ok(emulator.preserve(ok(Calls.create(emulator, "cache")), preserved, 1));
    ByteBuffer buffer = ByteBuffer.allocateDirect(5001);
    for (int memory : new int[] {sealed, preserved}) {
      assertEquals(5000, emulator.write(memory, buffer, 0, 5000, 0));
      assertEquals(-Errno.EPERM, emulator.write(memory, buffer, 0, 5001, 0));
      assertEquals(1, emulator.write(memory, buffer, 0, 1, 4999));
    }
  }
}
