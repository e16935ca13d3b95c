/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;

/** Memfds through the public API, over each bridge. */
class MemFdTest {

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void aMemfdIsAsItsOptionsSay(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("defaults"))) {
      assertEquals(0, memfd.size());
      assertTrue(memfd.closeOnExec());
      assertEquals(Set.of(), memfd.seals());
      memfd.closeOnExec(false);
      assertFalse(memfd.closeOnExec());
    }
    MemFdOptions options =
        MemFdOptions.named("other")
            .size(3L << 30)
            .closeOnExec(false)
            .sealing(false)
            .exec(MemFdOptions.ExecPolicy.SYSTEM);
    try (MemFd memfd = luo.createMemFd(options)) {
      assertEquals(3L << 30, memfd.size());
      assertEquals(0, memfd.allocated());
      assertFalse(memfd.closeOnExec());
      assertEquals(Set.of(Seal.SEAL), memfd.seals());
    }
    MemFdOptions noexec = MemFdOptions.named("noexec").exec(MemFdOptions.ExecPolicy.NOEXEC_SEAL);
    try (MemFd memfd = luo.createMemFd(noexec)) {
      assertEquals(Set.of(Seal.EXEC), memfd.seals());
    }
  }

  @ParameterizedTest
  @EnumSource
  void sealsPositionAndDuplicates(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("state").size(100));
        MemFd duplicate = memfd.duplicate()) {
      memfd.position(60);
      assertEquals(60, duplicate.position());
      assertTrue(duplicate.closeOnExec());
      memfd.addSeals(EnumSet.of(Seal.SHRINK, Seal.GROW, Seal.SEAL));
      assertEquals(Set.of(Seal.SHRINK, Seal.GROW, Seal.SEAL), duplicate.seals());
      assertThrows(LuoException.Frozen.class, () -> duplicate.setSize(99));
      assertThrows(LuoException.Frozen.class, () -> duplicate.addSeals(Set.of(Seal.WRITE)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void readAndWriteMoveTheBufferOnly(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("io").size(10))) {
      ByteBuffer out = ByteBuffer.allocateDirect(8).putLong(0, 77).position(2).limit(6);
      assertEquals(4, memfd.write(3, out));
      assertEquals(6, out.position());
      ByteBuffer in = ByteBuffer.allocateDirect(16);
      assertEquals(7, memfd.read(3, in));
      assertEquals(7, in.position());
      assertEquals(0, memfd.read(10, in));
      assertEquals(0, memfd.position());
      assertThrows(IllegalArgumentException.class, () -> memfd.read(0, ByteBuffer.allocate(1)));
      assertThrows(IllegalArgumentException.class, () -> memfd.write(-1, in));
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocationAndHoles(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("holes"))) {
      memfd.allocate(0, 3 * 4096);
      assertEquals(3 * 4096, memfd.size());
      assertEquals(3 * 4096, memfd.allocated());
      memfd.punchHole(4096, 4096);
      assertEquals(2 * 4096, memfd.allocated());
    }
  }

  @ParameterizedTest
  @EnumSource
  void badSizesAndRangesAreNamed(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> MemFdOptions.named("x").size(-1))
            .getMessage()
            .contains("size -1 must be 0 or more"));
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("bad").size(1))) {
      assertThrows(IllegalArgumentException.class, () -> memfd.setSize(Long.MIN_VALUE));
      assertThrows(IllegalArgumentException.class, () -> memfd.allocate(-1, 1));
      assertThrows(IllegalArgumentException.class, () -> memfd.allocate(0, 0));
      assertThrows(IllegalArgumentException.class, () -> memfd.allocate(2, Long.MAX_VALUE));
      assertThrows(IllegalArgumentException.class, () -> memfd.punchHole(0, -1));
      assertThrows(IllegalArgumentException.class, () -> memfd.position(-1));
      memfd.setSize(1L << 50);
      assertEquals(1L << 50, memfd.size());
      LuoException e = assertThrows(LuoException.class, memfd::map);
      assertEquals(Errno.ENOMEM, e.errno());
      memfd.setSize(0);
      assertTrue(
          assertThrows(IllegalStateException.class, memfd::map).getMessage().contains("size 0"));
    }
  }

  @Test
  void badNamesAndPageSizesAreNamed() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> MemFdOptions.named("n".repeat(250)))
            .getMessage();
    assertTrue(message.contains("250 bytes") && message.contains("249"), message);
    assertThrows(IllegalArgumentException.class, () -> MemFdOptions.named("a\0b"));
    MemFdOptions options = MemFdOptions.named("x");
    assertThrows(IllegalArgumentException.class, () -> options.hugeTlb(3 << 20));
    assertThrows(IllegalArgumentException.class, () -> options.hugeTlb(-4096));
    assertThrows(IllegalArgumentException.class, () -> options.hugeFolios().hugeTlb(0));
    assertThrows(IllegalArgumentException.class, () -> options.hugeTlb(0).hugeFolios());
  }

  @ParameterizedTest
  @EnumSource
  void adoptionTakesMemfdsOnly(BridgeType bridge) throws IOException {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("mine").size(9));
        MemFd adopted = luo.adoptMemFd(memfd.duplicate().fd())) {
      assertEquals(9, adopted.size());
    }
    assertThrows(IllegalArgumentException.class, () -> luo.adoptMemFd(-1));
    assertEquals(
        Errno.EBADF, assertThrows(LuoException.class, () -> luo.adoptMemFd(1 << 24)).errno());
    if (bridge == BridgeType.EMULATOR) {
      try (Session session = luo.createSession("no memfd")) {
        LuoException e = assertThrows(LuoException.class, () -> luo.adoptMemFd(session.fd()));
        assertEquals(Errno.EINVAL, e.errno());
      }
    } else {
      try (ForeignFiles file = ForeignFiles.regularFile()) {
        LuoException e = assertThrows(LuoException.class, () -> luo.adoptMemFd(file.fd()));
        assertEquals(Errno.EINVAL, e.errno());
        assertTrue(e.getMessage().contains("luo4j-foreign-"), e.getMessage());
        assertTrue(e.getMessage().contains("not a memfd"), e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aClosedMemfdSaysSo(BridgeType bridge) {
    MemFd memfd = Emulated.by(bridge, folder).createMemFd(MemFdOptions.named("gone"));
    memfd.close();
    memfd.close();
    assertFalse(memfd.isOpen());
    assertTrue(memfd.toString().contains("closed"));
    assertTrue(
        assertThrows(IllegalStateException.class, memfd::size)
            .getMessage()
            .contains("'gone' is closed"));
    assertThrows(IllegalStateException.class, memfd::fd);
    assertThrows(IllegalStateException.class, memfd::map);
    assertThrows(IllegalStateException.class, memfd::duplicate);
    assertThrows(IllegalStateException.class, memfd::seals);
    assertThrows(IllegalStateException.class, () -> memfd.setSize(1));
  }

  /** Close against calls in other threads: a call succeeds or says closed, on no other's fd. */
  @ParameterizedTest
  @EnumSource
  void closeWaitsForCallsAndNoneReachesAnotherFile(BridgeType bridge) throws Exception {
    LiveUpdate luo = Emulated.by(bridge, folder);
    for (int round = 0; round < 50; round++) {
      MemFd memfd = luo.createMemFd(MemFdOptions.named("race").size(1234));
      AtomicReference<Throwable> wrong = new AtomicReference<>();
      Thread[] users = new Thread[3];
      for (int i = 0; i < users.length; i++) {
        users[i] =
            new Thread(
                () -> {
                  try {
                    while (true) {
                      assertEquals(1234, memfd.size());
                    }
                  } catch (IllegalStateException closed) {
                    assertFalse(memfd.isOpen());
                  } catch (Throwable e) {
                    wrong.set(e);
                  }
                });
        users[i].start();
      }
      memfd.close();
      // Takes the number that has become free, with another size.
      try (MemFd next = luo.createMemFd(MemFdOptions.named("next").size(99))) {
        for (Thread user : users) {
          user.join();
        }
        assertEquals(99, next.size());
      }
      assertEquals(null, wrong.get());
    }
  }

  @ParameterizedTest
  @EnumSource
  void hugeFoliosAllocateTheWholeSize(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    MemFdOptions options = MemFdOptions.named("folios").size((4 << 20) + 1).hugeFolios();
    try (MemFd memfd = luo.createMemFd(options)) {
      assertTrue(memfd.allocated() >= (4 << 20) + 1, "allocated " + memfd.allocated());
      assertEquals((4 << 20) + 1, memfd.size());
    }
  }

  /** Whatever fails on the way. */
  @ParameterizedTest
  @CsvSource({"truncate, 1", "map, 1", "advise, 1", "advise, 2"})
  void aMemfdThatCannotBeMadeLeavesNothing(String call, int number) {
    JniLibrary.assumeBuilt();
    Bridge bridge = LiveUpdate.builder().bridge(BridgeType.JNI).open().system();
    FailingBridge failing = new FailingBridge(bridge).fail(call, number, Errno.ENOMEM);
    MemFdOptions options = MemFdOptions.named("failing").size(4 << 20).hugeFolios();
    LuoException e =
        assertThrows(LuoException.class, () -> MemFd.create(failing.bridge(), options));
    assertEquals(Errno.ENOMEM, e.errno());
    assertEquals("close", failing.calls().get(failing.calls().size() - 1), "" + failing.calls());
  }

  @Test
  void theLimitOfOpenFilesIsRefusedWithTheFix() {
    LiveUpdate luo = Emulated.in(folder);
    MemFd memfd = luo.createMemFd(MemFdOptions.named("many"));
    LuoException e =
        assertThrows(
            LuoException.class,
            () -> {
              for (int i = 0; i < 100_000; i++) {
                memfd.duplicate();
              }
            });
    assertEquals(Errno.EMFILE, e.errno());
    assertTrue(e.getMessage().contains("ulimit -n"), e.getMessage());
    luo.emulateKexec(); // ends the process, and with it its fds
  }
}
