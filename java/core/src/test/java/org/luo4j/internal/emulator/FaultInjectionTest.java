/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.luo4j.internal.emulator.Calls.ok;

import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;

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
      ok(old.close(bad));
      assertEquals(0, old.kexec());
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
}
