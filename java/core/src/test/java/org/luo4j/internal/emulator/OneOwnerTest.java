/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.SystemProperties;

/** Another class loader of this JVM costs an emulated process none of its locks. */
class OneOwnerTest {

  private static final String FOLDER = "luo4j.test.folder";

  private final SystemProperties properties = new SystemProperties();

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void nameTheFolder() {
    folder = temporary.resolve("machine");
    properties.set(FOLDER, folder);
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  /** Opens the folder, looks at all processes, tries the device; in another class loader. */
  public static final class Stranger implements Callable<String> {
    @Override
    public String call() throws IOException {
      try (Emulator emulator = Emulator.open(Path.of(System.getProperty(FOLDER)))) {
        int device = emulator.openDevice();
        if (device >= 0) {
          emulator.close(device);
          Calls.create(emulator, "strange");
        }
        return "" + device;
      }
    }
  }

  private static String stranger() throws Exception {
    try (FreshLoader loader = new FreshLoader()) {
      return (String) loader.call(Stranger.class);
    }
  }

  @Test
  void anotherClassLoaderSeesTheDeviceAsBusyAndOtherJvmsGoOnDoingSo() throws Exception {
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = new ChildJvm(Peer.class, folder.toString())) {
      int device = ok(here.openDevice());
      for (int i = 0; i < 3; i++) {
        assertEquals("" + -Errno.EBUSY, stranger());
        assertEquals("" + -Errno.EBUSY, there.ask("device"));
      }
      ok(here.close(device));
      assertTrue(Integer.parseInt(there.ask("device")) >= 0);
    }
  }

  @Test
  void aProcessStaysAliveForOtherJvmsWhenAnotherClassLoaderHasLooked() throws Exception {
    try (Emulator here = Emulator.open(folder)) {
      ok(Calls.create(here, "mine"));
      stranger();
      try (ChildJvm there = new ChildJvm(Peer.class, folder.toString())) {
        assertEquals("" + -Errno.EEXIST, there.ask("create mine"));
        assertTrue(here.isAlive());
      }
    }
  }

  @Test
  void allFilesAreTheOwnersOnly() throws Exception {
    Files.createDirectory(folder);
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    try (Emulator here = Emulator.open(folder)) {
      int session = ok(Calls.create(here, "s"));
      int memory = Calls.memfd(here, 8192);
      Calls.write(here, memory, 0, new byte[] {1});
      ok(here.preserve(session, memory, 1));
      assertEquals(List.of(), opened());
      ok(here.kexec());
      assertEquals(List.of(), opened());
    }
  }

  /** What a user other than the owner may read or write. */
  private List<String> opened() throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths
          .filter(path -> !path.equals(folder))
          .filter(path -> !permissions(path).endsWith("------"))
          .map(path -> path + " " + permissions(path))
          .toList();
    }
  }

  private static String permissions(Path path) {
    try {
      return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aFileThatNobodyHoldsIsNotHeld() throws Exception {
    Path file = temporary.resolve("lock");
    assertFalse(FileLocks.isHeld(file));
    FileLocks.Held held = FileLocks.tryHold(file);
    assertTrue(FileLocks.isHeld(file));
    assertEquals(null, FileLocks.tryHold(file));
    held.close();
    held.close();
    assertFalse(FileLocks.isHeld(file));
    FileLocks.tryHold(file).close();
  }

  @Test
  void anEndedJvmLeavesNoProcessBehind() throws Exception {
    ChildJvm.Ended ended = ChildJvm.of(Opens.class).run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    try (Stream<Path> processes = Files.list(folder.resolve("boot-1"))) {
      assertEquals(List.of(), processes.filter(path -> path.toString().contains("p-")).toList());
    }
  }

  /** A JVM that opens an emulated machine and ends. */
  static final class Opens {
    private Opens() {}

    public static void main(String[] arguments) throws IOException {
      Emulator.open(Path.of(arguments[0]));
    }
  }
}
