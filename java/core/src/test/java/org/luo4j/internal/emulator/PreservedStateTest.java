/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.luo4j.internal.emulator.Calls.ok;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;

/**
 * What arrives of a memfd that is changed while it is preserved. The seals are those that it had
 * when it was preserved. The position is the last one before the kexec.
 */
class PreservedStateTest {

  private static final int PAGE = 4096;

  @TempDir Path temporary;
  private Path folder;
  private Emulator old;
  private int session;

  @BeforeEach
  void open() throws Exception {
    folder = temporary.resolve("machine");
    old = Emulator.open(folder);
    session = ok(Calls.create(old, "cache"));
  }

  @AfterEach
  void exit() {
    old.exit();
  }

  private long position(Emulator emulator, int fd) {
    return emulator.seek(fd, 0, Abi.SEEK_CUR);
  }

  /** The kernel reads the seals of a file when it is preserved, and not again for another file. */
  @Test
  void sealsAddedLaterDoNotArriveWhereAnotherFileIsPreservedAfterThem() throws Exception {
    int first = Calls.memfd(old, PAGE);
    int second = Calls.memfd(old, PAGE);
    ok(old.addSeals(first, Abi.F_SEAL_SHRINK));
    ok(old.preserve(session, first, 1));
    ok(old.addSeals(first, Abi.F_SEAL_GROW | Abi.F_SEAL_FUTURE_WRITE));
    ok(old.addSeals(second, Abi.F_SEAL_GROW));
    ok(old.preserve(session, second, 2));
    ok(old.addSeals(second, Abi.F_SEAL_SEAL));
    assertEquals(-Errno.EBUSY, old.preserve(session, first, 3), "which changes nothing");
    assertEquals(
        Abi.F_SEAL_SHRINK | Abi.F_SEAL_GROW | Abi.F_SEAL_FUTURE_WRITE, old.seals(first), "here");
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(Calls.retrieve(next, "cache"));
      int one = ok(next.retrieve(arrived, 1));
      assertEquals(Abi.F_SEAL_SHRINK, next.seals(one));
      assertEquals(-Errno.EPERM, next.truncate(one, 1));
      ok(next.truncate(one, 2 * PAGE));
      Calls.write(next, one, 0, (byte) 1);
      int two = ok(next.retrieve(arrived, 2));
      assertEquals(Abi.F_SEAL_GROW, next.seals(two));
      ok(next.addSeals(two, Abi.F_SEAL_SHRINK));
    }
  }

  @Test
  void sealsAddedBetweenAKexecThatFailedAndTheNextDoNotArrive() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.preserve(session, memory, 1));
    old.failNextKexec(Errno.ENOMEM);
    assertEquals(-Errno.ENOMEM, old.kexec());
    ok(old.addSeals(memory, Abi.F_SEAL_GROW));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(0, next.seals(ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1))));
    }
  }

  /** A second preserve is a preserve of its own. */
  @Test
  void sealsAddedInASessionThatWasClosedArriveFromTheNextOne() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.preserve(session, memory, 1));
    ok(old.addSeals(memory, Abi.F_SEAL_GROW));
    ok(old.close(session));
    ok(old.addSeals(memory, Abi.F_SEAL_WRITE));
    ok(old.preserve(ok(Calls.create(old, "second")), memory, 1));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(next.retrieve(ok(Calls.retrieve(next, "second")), 1));
      assertEquals(Abi.F_SEAL_GROW | Abi.F_SEAL_WRITE, next.seals(arrived));
    }
  }

  /** The pages of a preserved file are pinned, which F_SEAL_WRITE waits for in vain. */
  @Test
  void aWriteSealIsRefusedWhereAPreservedFileHasPagesAndDoesNotArriveWhereItHasNone()
      throws Exception {
    int page = Calls.memfd(old, 1);
    int empty = Calls.memfd(old, 0);
    ok(old.preserve(session, page, 1));
    ok(old.preserve(session, empty, 2));
    assertEquals(-Errno.EBUSY, old.addSeals(page, Abi.F_SEAL_WRITE | Abi.F_SEAL_GROW));
    assertEquals(-Errno.EBUSY, old.addSeals(page, Abi.F_SEAL_EXEC), "which brings it along");
    assertEquals(0, old.seals(page), "none of those that were asked for together");
    ok(old.addSeals(empty, Abi.F_SEAL_WRITE));
    assertEquals(Abi.F_SEAL_WRITE, old.seals(empty));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(Calls.retrieve(next, "cache"));
      assertEquals(0, next.seals(ok(next.retrieve(arrived, 1))));
      assertEquals(0, next.seals(ok(next.retrieve(arrived, 2))));
    }
  }

  /** A seal that is there already is not added, so nothing stands in its way. */
  @Test
  void aWriteSealThatAPreservedFileHasMayBeAskedForAgain() {
    int memory = Calls.memfd(old, PAGE);
    ok(old.addSeals(memory, Abi.F_SEAL_WRITE));
    ok(old.preserve(session, memory, 1));
    ok(old.addSeals(memory, Abi.F_SEAL_WRITE | Abi.F_SEAL_GROW));
    assertEquals(Abi.F_SEAL_WRITE | Abi.F_SEAL_GROW, old.seals(memory));
  }

  @Test
  void readsAndWritesMoveThePositionThatArrivesUnlessGivenAnOffset() throws Exception {
    ByteBuffer buffer = ByteBuffer.allocateDirect(PAGE);
    int read = Calls.memfd(old, PAGE);
    int written = Calls.memfd(old, PAGE);
    int neither = Calls.memfd(old, PAGE);
    ok(old.seek(neither, 3, Abi.SEEK_SET));
    ok(old.preserve(session, read, 1));
    ok(old.preserve(session, written, 2));
    ok(old.preserve(session, neither, 3));
    assertEquals(7, old.read(read, buffer, 0, 7, -1));
    assertEquals(11, old.write(written, buffer, 0, 11, -1));
    for (long at : new long[] {0, 100}) {
      assertEquals(5, old.read(neither, buffer, 0, 5, at));
      assertEquals(5, old.write(neither, buffer, 0, 5, at));
    }
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(Calls.retrieve(next, "cache"));
      assertEquals(7, position(next, ok(next.retrieve(arrived, 1))));
      assertEquals(11, position(next, ok(next.retrieve(arrived, 2))));
      assertEquals(3, position(next, ok(next.retrieve(arrived, 3))));
    }
  }

  /** The position is the open file's, which the session and all fds share. */
  @Test
  void thePositionThatADuplicateMovedArrives() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.preserve(session, memory, 1));
    int duplicate = ok(old.duplicate(memory));
    ok(old.close(memory));
    assertEquals(2L * PAGE, old.seek(duplicate, PAGE, Abi.SEEK_END), "it may lie beyond the end");
    ok(old.close(duplicate));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int arrived = ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1));
      assertEquals(2L * PAGE, position(next, arrived));
      assertEquals(PAGE, next.size(arrived));
    }
  }

  @Test
  void aPositionThatMovedBetweenAKexecThatFailedAndTheNextArrives() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.seek(memory, 1, Abi.SEEK_SET));
    ok(old.preserve(session, memory, 1));
    ok(old.seek(memory, 2, Abi.SEEK_SET));
    old.failNextKexec(Errno.ENOMEM);
    assertEquals(-Errno.ENOMEM, old.kexec());
    ok(old.seek(memory, 1, Abi.SEEK_CUR));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(3, position(next, ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1))));
    }
  }

  @Test
  void aPositionThatMovedBetweenTwoPreservesArrives() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.preserve(session, memory, 1));
    ok(old.seek(memory, 5, Abi.SEEK_SET));
    ok(old.close(session));
    ok(old.seek(memory, 9, Abi.SEEK_SET));
    ok(old.preserve(ok(Calls.create(old, "cache")), memory, 1));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(9, position(next, ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1))));
    }
  }

  /** Size, bytes, seals and position go on from where the first kexec left them. */
  @Test
  void aRetrievedFileThatIsPreservedAgainArrivesAsItIsByThen() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    Calls.write(old, memory, 0, (byte) 1);
    ok(old.addSeals(memory, Abi.F_SEAL_SHRINK));
    ok(old.preserve(session, memory, 1));
    ok(old.seek(memory, 4, Abi.SEEK_SET));
    assertEquals(0, old.kexec());
    Emulator second = Emulator.open(folder);
    int incoming = ok(Calls.retrieve(second, "cache"));
    int kept = ok(second.retrieve(incoming, 1));
    assertEquals(
        -Errno.EBUSY, second.preserve(ok(Calls.create(second, "early")), kept, 1), "not finished");
    ok(second.seek(kept, 6, Abi.SEEK_SET));
    ok(second.finish(incoming));
    ok(second.truncate(kept, 3 * PAGE));
    Calls.write(second, kept, 2 * PAGE, (byte) 2);
    ok(second.addSeals(kept, Abi.F_SEAL_GROW));
    ok(second.preserve(ok(Calls.create(second, "cache")), kept, 8));
    assertEquals(0, second.kexec());
    try (Emulator third = Emulator.open(folder)) {
      int arrived = ok(Calls.retrieve(third, "cache"));
      assertEquals(-Errno.ENOENT, third.retrieve(arrived, 1));
      int file = ok(third.retrieve(arrived, 8));
      assertEquals(6, position(third, file));
      assertEquals(3 * PAGE, third.size(file));
      assertEquals(Abi.F_SEAL_SHRINK | Abi.F_SEAL_GROW, third.seals(file));
      assertArrayEquals(new byte[] {1}, Calls.read(third, file, 0, 1));
      assertArrayEquals(new byte[] {2}, Calls.read(third, file, 2 * PAGE, 1));
    }
  }

  /** Its last fd may be closed meanwhile: the session holds it. */
  @Test
  void aRetrievedFileStaysAsItWasLeftUntilTheFinish() throws Exception {
    int memory = Calls.memfd(old, PAGE);
    ok(old.preserve(session, memory, 1));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int incoming = ok(Calls.retrieve(next, "cache"));
      int file = ok(next.retrieve(incoming, 1));
      Calls.write(next, file, 10, (byte) 5);
      ok(next.seek(file, 12, Abi.SEEK_SET));
      ok(next.close(file));
      int again = ok(next.retrieve(incoming, 1));
      assertEquals(12, position(next, again));
      assertArrayEquals(new byte[] {5}, Calls.read(next, again, 10, 1));
      ok(next.finish(incoming));
      assertArrayEquals(new byte[] {5}, Calls.read(next, again, 10, 1));
    }
  }
}
