/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.Logged;

/** Failures that were asked for, and what they leave behind. */
class FaultInjectionTest {

  @TempDir Path temporary;

  @Test
  void aRetrieveThatFailedOnceFailsForeverAndNoOtherDoes() throws Exception {
    Path folder = temporary.resolve("machine");
    Emulator old = Emulator.open(folder);
    int outgoing = ok(Calls.create(old, "cache"));
    ok(old.preserve(outgoing, Calls.memfd(old, 4096), -1));
    ok(old.preserve(outgoing, Calls.memfd(old, 4096), 2));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      next.failNextRetrieve("cache", -1, Errno.ENOMEM);
      int incoming = ok(Calls.retrieve(next, "cache"));
      assertEquals(-Errno.ENOMEM, next.retrieve(incoming, -1));
      assertEquals(-Errno.ENOMEM, next.retrieve(incoming, -1));
      ok(next.retrieve(incoming, 2));
      assertEquals(0, next.finish(incoming));
      assertEquals(-Errno.ENOENT, next.retrieve(incoming, -1));
    }
  }

  @Test
  void aRebootThatFailsLeavesSessionsUsable() throws Exception {
    Path folder = temporary.resolve("machine");
    Emulator old = Emulator.open(folder);
    int outgoing = ok(Calls.create(old, "cache"));
    int memory = Calls.memfd(old, 8192);
    ok(old.preserve(outgoing, memory, 1));
    old.failNextKexec(Errno.EINVAL);
    assertEquals(-Errno.EINVAL, old.kexec());
    assertEquals(1, old.bootNumber());
    assertEquals(-Errno.EPERM, old.truncate(memory, 4096));
    Calls.write(old, memory, 0, (byte) 42);
    int more = Calls.memfd(old, 4096);
    ok(old.preserve(outgoing, more, 2));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int incoming = ok(Calls.retrieve(next, "cache"));
      assertArrayEquals(new byte[] {42}, Calls.read(next, ok(next.retrieve(incoming, 1)), 0, 1));
      ok(next.retrieve(incoming, 2));
    }
  }

  @Test
  void aSessionThatCannotBeReadFailsTheRebootAndNothingChanges() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      int good = ok(Calls.create(old, "good"));
      int bad = ok(Calls.create(old, "bad"));
      int memory = Calls.memfd(old, 4096);
      ok(old.preserve(good, memory, 1));
      Damage.flipAByte(Damage.only(folder, "s-" + Manifest.hexName(Calls.field("bad"))));
      assertEquals(-Errno.EIO, old.kexec());
      assertEquals(1, boots(folder), "what was made of the next boot is deleted");
      ok(old.close(bad));
      assertEquals(0, old.kexec());
      assertEquals(1, boots(folder), "the boot before is deleted");
    }
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(2, next.bootNumber());
      ok(Calls.retrieve(next, "good"));
    }
  }

  /** Where the folder cannot be read or written, the next try is the device's first. */
  @Test
  void aDeviceThatCannotBeOpenedIsNotBusy() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      int device = ok(old.openDevice());
      Path saved = Damage.only(folder, "deserialized");
      ok(old.close(device));
      Files.delete(saved);
      Files.createDirectory(saved);
      assertEquals(-Errno.EIO, old.openDevice());
      Files.delete(saved);
      ok(old.openDevice());
    }
  }

  /** The memfd is as it was: it can be resized, and preserved in another session. */
  @Test
  void memoryThatCouldNotBePreservedIsNotFrozen() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      int bad = ok(Calls.create(old, "bad"));
      int good = ok(Calls.create(old, "good"));
      int memory = Calls.memfd(old, 8192);
      Path manifest = Damage.only(folder, "s-" + Manifest.hexName(Calls.field("bad")));
      Files.delete(manifest);
      Files.createDirectories(manifest.resolve("in the way")); // so that it cannot be replaced
      assertEquals("anon_inode:[luo_session] bad", old.describe(bad));
      assertEquals(-Errno.EIO, old.preserve(bad, memory, 1));
      try (DirectoryStream<Path> left = Files.newDirectoryStream(manifest.getParent(), "*.tmp")) {
        assertFalse(left.iterator().hasNext(), "what was to replace it is deleted");
      }
      ok(old.truncate(memory, 4096));
      ok(old.preserve(good, memory, 1));
      assertEquals(-Errno.EPERM, old.truncate(memory, 8192));
    }
  }

  /** Its bytes may be many, and the session may stay open for long. */
  @Test
  void whatWasNotRetrievedIsDeletedByTheFinish() throws Exception {
    Path folder = temporary.resolve("machine");
    Emulator old = Emulator.open(folder);
    int outgoing = ok(Calls.create(old, "cache"));
    ok(old.preserve(outgoing, Calls.memfd(old, 4096), 7));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int incoming = ok(Calls.retrieve(next, "cache"));
      Path data = Damage.only(folder, "7.data");
      ok(next.finish(incoming));
      assertFalse(Files.exists(data));
    }
  }

  private static int boots(Path folder) throws IOException {
    int count = 0;
    try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder, "boot-*")) {
      for (Path ignored : paths) {
        count++;
      }
    }
    return count;
  }

  /** The JVM may have ended in a reboot, or while it replaced a manifest. */
  @Test
  void whatAnEndedJvmLeftUnfinishedDoesNotStandInTheWayOfAReboot() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      ok(old.preserve(ok(Calls.create(old, "cache")), Calls.memfd(old, 4096), 1));
      Files.createDirectories(folder.resolve("boot-2.tmp").resolve("incoming").resolve("63"));
      Path manifest = Damage.only(folder, "s-" + Manifest.hexName(Calls.field("cache")));
      Files.write(manifest.resolveSibling(manifest.getFileName() + ".1.tmp"), new byte[10]);
      assertEquals(0, old.kexec());
    }
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(4096, next.size(ok(next.retrieve(ok(Calls.retrieve(next, "cache")), 1))));
      assertEquals(-Errno.ENOENT, Calls.retrieve(next, "c"), "the session of the unfinished boot");
    }
  }

  /** Its position is saved when it is preserved, and read by the reboot. */
  @Test
  void aPositionThatCannotBeSavedOrReadIsEIOAndNothingChanges() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      int session = ok(Calls.create(old, "cache"));
      int memory = Calls.memfd(old, 4096);
      Calls.write(old, memory, 0, (byte) 1);
      Path position = Damage.only(folder, "m-0.data").resolveSibling("m-0.pos");
      Files.createDirectory(position);
      assertEquals(-Errno.EIO, old.preserve(session, memory, 1));
      ok(old.truncate(memory, 8192));
      ok(old.close(memory));
      assertFalse(Files.exists(position), "it goes with the memfd");
      ok(old.preserve(session, Calls.memfd(old, 4096), 1));
      Path other = Damage.only(folder, "m-1.pos");
      byte[] good = Files.readAllBytes(other);
      for (int length : new int[] {0, 7, 9}) {
        Files.write(other, Arrays.copyOf(good, length));
        assertEquals(-Errno.EIO, old.kexec(), length + " bytes");
      }
      Files.write(other, good);
      assertEquals(0, old.kexec());
    }
  }

  /** As when the disk is full. */
  @Test
  void aWriteThatTheDiskRefusesIsENOSPCAndChangesNothing() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Emulator old = Emulator.open(folder)) {
      int session = ok(Calls.create(old, "cache"));
      int memory = Calls.memfd(old, 4096);
      Path process = Damage.only(folder, "s-" + Manifest.hexName(Calls.field("cache"))).getParent();
      Path data = Files.createDirectory(process.resolve("m-0.data")); // in the way of the bytes
      ByteBuffer buffer = ByteBuffer.allocateDirect(8192);
      assertEquals(-Errno.ENOSPC, old.write(memory, buffer, 0, 8192, -1));
      assertEquals(4096, old.size(memory));
      assertEquals(0, old.allocated(memory));
      Files.delete(data);
      assertEquals(8192, old.write(memory, buffer, 0, 8192, -1), "at the position as it was");
      assertEquals(8192, old.size(memory));
      ok(old.preserve(session, memory, 1));
    }
  }

  /** A folder in memory would fill up otherwise. */
  @Test
  void theBytesOfARetrievedFileGoWithItsLastFdAfterTheFinish() throws Exception {
    Path folder = temporary.resolve("machine");
    Emulator old = Emulator.open(folder);
    ok(old.preserve(ok(Calls.create(old, "cache")), Calls.memfd(old, 4096), 7));
    assertEquals(0, old.kexec());
    try (Emulator next = Emulator.open(folder)) {
      int incoming = ok(Calls.retrieve(next, "cache"));
      int file = ok(next.retrieve(incoming, 7));
      Path data = Damage.only(folder, "m-0.data");
      ok(next.finish(incoming));
      assertTrue(Files.exists(data), "the fd is open");
      ok(next.close(file));
      assertFalse(Files.exists(data));
    }
  }

  /** An errno does not say what the disk or the folder refused. */
  @Test
  void whatTheFolderRefusedIsInTheLog() throws Exception {
    Path folder = temporary.resolve("machine");
    try (Logged logged = new Logged(Emulator.class);
        Emulator old = Emulator.open(folder)) {
      int session = ok(Calls.create(old, "cache"));
      int memory = Calls.memfd(old, 4096);
      ok(old.preserve(session, memory, 1));
      assertEquals(-Errno.EBUSY, old.preserve(session, memory, 2));
      assertEquals(List.of(), logged.lines(), "that was the kernel's refusal");
      Path position = Damage.only(folder, "m-0.pos");
      Files.delete(position);
      assertEquals(-Errno.EIO, old.kexec());
      Files.createDirectory(position.resolveSibling("m-1.pos"));
      assertEquals(-Errno.EIO, old.preserve(session, Calls.memfd(old, 4096), 2));
      List<String> lines = logged.lines();
      assertEquals(2, lines.size(), lines::toString);
      assertTrue(lines.get(0).startsWith("WARNING kexec failed: "), lines::toString);
      assertTrue(lines.get(0).contains("m-0.pos"), lines::toString);
      assertTrue(lines.get(1).startsWith("WARNING a call failed with EIO: "), lines::toString);
      assertTrue(lines.get(1).contains("m-1.pos"), lines::toString);
    }
  }
}
