/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;

/** Which folders are opened and which are refused, and what damage does. */
class StateFolderTest {

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void nameTheFolder() {
    folder = temporary.resolve("machine");
  }

  private String refusal() {
    IOException refused = assertThrows(IOException.class, () -> Emulator.open(folder));
    assertTrue(refused.getMessage().contains(folder.toString()), refused.getMessage());
    return refused.getMessage();
  }

  private void assumePosix() throws IOException {
    assumeTrue(
        Files.getFileStore(temporary).supportsFileAttributeView("posix"),
        "the file system has no POSIX permissions");
  }

  @Test
  void aNewFolderIsForItsOwnerOnly() throws Exception {
    assumePosix();
    folder = temporary.resolve("parent").resolve("machine");
    Emulator.open(folder).exit();
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)));
  }

  @Test
  void anEmptyFolderIsTakenAndOpenedAgain() throws Exception {
    Files.createDirectory(folder);
    try (Emulator first = Emulator.open(folder)) {
      assertEquals(folder.toRealPath(), first.directory());
      assertEquals(1, first.bootNumber());
    }
    Emulator.open(folder).exit();
  }

  @Test
  void aFolderWhoseCreationWasCutShortIsTaken() throws Exception {
    Files.createDirectory(folder);
    Files.write(folder.resolve("luo4j-emulator.123.tmp"), new byte[3]);
    Emulator.open(folder).exit();
    assertFalse(Files.exists(folder.resolve("luo4j-emulator.123.tmp")));
  }

  @Test
  void aForeignFolderIsRefusedAndLeftAlone() throws Exception {
    Files.createDirectory(folder);
    Path photo = Files.write(folder.resolve("photo.jpg"), new byte[10]);
    assertTrue(refusal().contains("photo.jpg"));
    try (var paths = Files.list(folder)) {
      assertEquals(1, paths.count());
    }
    assertEquals(10, Files.size(photo));
  }

  @Test
  void anotherFormatIsRefusedAndLeftAlone() throws Exception {
    Files.createDirectory(folder);
    Path marker = Files.writeString(folder.resolve("luo4j-emulator"), "luo4j format 99\n");
    assertTrue(refusal().contains("luo4j format 99"));
    try (var paths = Files.list(folder)) {
      assertEquals(1, paths.count());
    }
    assertEquals("luo4j format 99\n", Files.readString(marker));
  }

  @Test
  void aFileIsRefused() throws Exception {
    Files.write(folder, new byte[1]);
    assertTrue(refusal().contains("not a directory"));
  }

  @Test
  void aSymbolicLinkIsRefused() throws Exception {
    assumePosix();
    Path target = Files.createDirectory(temporary.resolve("target"));
    Files.createSymbolicLink(folder, target);
    assertTrue(refusal().contains("symbolic link"));
    try (var paths = Files.list(target)) {
      assertEquals(0, paths.count());
    }
  }

  @Test
  void aFolderThatOthersCanWriteIsRefused() throws Exception {
    assumePosix();
    Files.createDirectory(folder);
    for (String permissions : new String[] {"rwxrwx---", "rwx---rwx"}) {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(permissions));
      assertTrue(refusal().contains("chmod 700"));
    }
  }

  @Test
  void aBootFileThatIsDamagedIsRefused() throws Exception {
    Emulator.open(folder).exit();
    Path boot = folder.resolve("boot");
    for (byte[] content : new byte[][] {{}, new byte[7], new byte[8], {9, 0, 0, 0, 0, 0, 0, 1}}) {
      Files.write(boot, content);
      assertTrue(refusal().contains("damaged"));
    }
  }

  @Test
  void aFirstBootWhoseCreationWasCutShortIsFinished() throws Exception {
    Emulator.open(folder).exit();
    Files.delete(folder.resolve("boot")); // which is written last
    try (Emulator emulator = Emulator.open(folder)) {
      assertEquals(1, emulator.bootNumber());
    }
  }

  @Test
  void aLaterBootWithoutItsNumberIsDamage() throws Exception {
    Emulator.open(folder).exit();
    Files.delete(folder.resolve("boot"));
    Files.move(folder.resolve("boot-1"), folder.resolve("boot-7"));
    IOException e = assertThrows(IOException.class, () -> Emulator.open(folder));
    assertTrue(e.getMessage().contains("it holds boot-7 and no file boot"), e.getMessage());
    assertTrue(Files.exists(folder.resolve("boot-7")));
  }

  @Test
  void whatACrashLeavesIsSwept() throws Exception {
    Emulator.open(folder).exit();
    Files.createDirectories(folder.resolve("boot-2.tmp").resolve("incoming").resolve("63"));
    Files.createDirectories(folder.resolve("boot-2").resolve("incoming"));
    Path process = Files.createDirectory(folder.resolve("boot-1").resolve("p-of-the-dead"));
    Files.write(process.resolve("alive"), new byte[0]);
    Emulator.open(folder).exit();
    assertFalse(Files.exists(folder.resolve("boot-2.tmp")));
    assertFalse(Files.exists(folder.resolve("boot-2")));
    assertFalse(Files.exists(process));
  }

  /** Reboots with one session of one token. */
  private void preserveAndReboot() throws IOException {
    try (Emulator old = Emulator.open(folder)) {
      int session = ok(Calls.create(old, "cache"));
      int memory = Calls.memfd(old, 4096);
      Calls.write(old, memory, 0, (byte) 1);
      ok(old.preserve(session, memory, 5));
      assertEquals(0, old.kexec());
    }
  }

  @Test
  void aDamagedArrivalMakesEveryOpenOfTheDeviceFailInThatBoot() throws Exception {
    preserveAndReboot();
    Path manifest = Damage.only(folder, "manifest");
    byte[] good = Files.readAllBytes(manifest);
    Damage.flipAByte(manifest);
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(-Errno.EIO, next.openDevice());
      Files.write(manifest, good);
      assertEquals(-Errno.EIO, next.openDevice());
      try (Emulator other = Emulator.open(folder)) {
        assertEquals(-Errno.EIO, other.openDevice());
      }
      assertEquals(0, next.kexec());
    }
    try (Emulator healthy = Emulator.open(folder)) {
      assertEquals(-Errno.ENOENT, Calls.retrieve(healthy, "cache"));
    }
  }

  @Test
  void aStrayFileAmongArrivalsIsDamage() throws Exception {
    preserveAndReboot();
    Files.write(Damage.only(folder, "incoming").resolve("garbage"), new byte[100]);
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(-Errno.EIO, next.openDevice());
    }
  }

  @Test
  void bytesThatAreMissingFailTheirRetrieveForever() throws Exception {
    preserveAndReboot();
    Path data = Damage.only(folder, "5.data");
    Path aside = temporary.resolve("aside");
    Files.move(data, aside);
    try (Emulator next = Emulator.open(folder)) {
      int session = ok(Calls.retrieve(next, "cache"));
      assertEquals(-Errno.EIO, next.retrieve(session, 5));
      Files.move(aside, Damage.only(folder, "manifest").resolveSibling("5.data"));
      assertEquals(-Errno.EIO, next.retrieve(session, 5));
      assertEquals(0, next.finish(session));
    }
  }

  @Test
  void anArrivalUnderAnotherNameIsDamage() throws Exception {
    preserveAndReboot();
    Path session = Damage.only(folder, "manifest").getParent();
    Files.move(session, session.resolveSibling(Manifest.hexName(Calls.field("other"))));
    try (Emulator next = Emulator.open(folder)) {
      assertEquals(-Errno.EIO, next.openDevice());
    }
  }
}
