/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/**
 * Temporary folders from which nothing can be loaded: on a file system that is mounted noexec, as
 * hardened hosts do, on a full one, missing, and none.
 */
class TemporaryFolderTest {

  private static final String FULL = "size=8k";
  private static final String NOEXEC = "noexec";

  @TempDir Path temporary;

  private Path emulator;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  @BeforeEach
  void nameTheEmulatorsFolder() {
    emulator = temporary.resolve("emulator");
  }

  /** Both bridges' temporary folder is {@code folder}. */
  private ChildJvm.Command child(Path folder) {
    return ChildJvm.of(Probe.class)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property("java.io.tmpdir", folder)
        .property("luo4j.emulator.dir", emulator)
        .property("user.home", folder)
        .environment("XDG_CACHE_HOME", folder);
  }

  /** As {@link #child}, in a mount namespace of its own, with a tmpfs on the folder. */
  private ChildJvm.Command childOnTmpfs(String options) throws Exception {
    Path folder = Files.createDirectory(temporary.resolve("tmpfs"));
    String mount = "mount -t tmpfs -o " + options + " tmpfs " + folder;
    assumeTrue(
        mounts(mount),
        "mounting a tmpfs needs root, unshare(1) and mount(8), and one of them is missing");
    return child(folder).under("unshare", "-m", "sh", "-c", mount + " && exec \"$@\"", "sh");
  }

  private static boolean mounts(String mount) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder("unshare", "-m", "sh", "-c", mount)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(1, TimeUnit.MINUTES) && process.exitValue() == 0;
    } catch (IOException noUnshare) {
      return false;
    }
  }

  private static void assertContains(String text, String... words) {
    for (String word : words) {
      assertTrue(text.contains(word), word + " is not in: " + text);
    }
  }

  private static void assertEnded(ChildJvm.Ended ended) {
    assertEquals(0, ended.exit(), ended::toString);
  }

  @Test
  void noexecStopsBothBridgesWhichSaySo() throws Exception {
    ChildJvm.Ended ended = childOnTmpfs(NOEXEC).run("jni", "jna");
    assertEnded(ended);
    assertEquals("nothing", ended.answer("jni: "));
    assertContains(
        ended.answer("jni refused: "),
        temporary.toString(),
        "noexec",
        "-Dluo4j.tmpdir",
        "-Dluo4j.library.path");
    assertEquals("nothing", ended.answer("jna: "));
    assertContains(
        ended.answer("jna refused: "),
        temporary.toString(),
        "noexec",
        "-Djna.tmpdir",
        "-Djna.boot.library.path");
  }

  @Test
  void onNoexecOpenEmulatesAndWarnsOnceWithBothReasons() throws Exception {
    ChildJvm.Ended ended = childOnTmpfs(NOEXEC).run("open");
    assertEnded(ended);
    assertEquals("ok", ended.answer("open memfd: "));
    assertContains(ended.answer("open: "), "EMULATOR", emulator.toString(), "JNI: ", "JNA: ");
    assertEquals(1, ended.linesWith("WARNING").size(), ended::toString);
    assertContains(
        ended.linesWith("WARNING").get(0),
        "nothing will survive",
        "JNI: ",
        "-Dluo4j.tmpdir",
        "JNA: ",
        "-Djna.tmpdir");
    assertTrue(Files.isDirectory(emulator));
  }

  /** The emulator executes nothing there. */
  @Test
  void theEmulatorsFolderMayBeNoexec() throws Exception {
    emulator = temporary.resolve("tmpfs").resolve("emulator");
    ChildJvm.Ended ended = childOnTmpfs(NOEXEC).run("open");
    assertEnded(ended);
    assertEquals("ok", ended.answer("open memfd: "));
  }

  @Test
  void aBridgeThatIsForcedOnNoexecIsUnavailableWithItsReason() throws Exception {
    ChildJvm.Ended jni = childOnTmpfs(NOEXEC).property("luo4j.bridge", "jni").run("open");
    assertUnavailable(jni, "JNI: ", "-Dluo4j.tmpdir");
    Files.delete(temporary.resolve("tmpfs"));
    ChildJvm.Ended jna = childOnTmpfs(NOEXEC).property("luo4j.bridge", "jna").run("open");
    assertUnavailable(jna, "JNA: ", "-Djna.tmpdir");
  }

  private void assertUnavailable(ChildJvm.Ended ended, String bridge, String property) {
    assertEnded(ended);
    assertContains(ended.answer("open: "), "BridgeUnavailable", bridge, property);
    assertTrue(ended.answer("open refused: ").startsWith(bridge), ended::toString);
    assertFalse(Files.exists(emulator), "a forced bridge falls back to nothing");
  }

  @Test
  void theKernelIsNotToBeHadWithoutABridge() throws Exception {
    ChildJvm.Ended ended = childOnTmpfs(NOEXEC).run("kernel");
    assertEnded(ended);
    assertContains(ended.answer("kernel: "), "BridgeUnavailable", "JNI: ", "JNA: ");
    assertEquals(2, ended.linesWith("kernel refused: ").size(), ended::toString);
    assertFalse(Files.exists(emulator));
  }

  @Test
  void thePropertiesNameAFolderThatWorks() throws Exception {
    ChildJvm.Ended ended =
        childOnTmpfs(NOEXEC)
            .property("luo4j.tmpdir", temporary)
            .property("jna.tmpdir", temporary)
            .run("memfd-jni", "memfd-jna");
    assertEnded(ended);
    assertEquals("ok", ended.answer("memfd-jni memfd: "));
    assertEquals("ok", ended.answer("memfd-jna memfd: "));
  }

  @Test
  void jnaStepsInWhereOnlyJnisFolderIsNoexec() throws Exception {
    ChildJvm.Ended ended = childOnTmpfs(NOEXEC).property("jna.tmpdir", temporary).run("native");
    assertEnded(ended);
    assertEquals("jna", ended.answer("native: "));
    assertContains(ended.answer("native refused: "), "JNI: ", "noexec");
  }

  @Test
  void aFullFolderIsNamedWithTheProperty() throws Exception {
    ChildJvm.Ended ended = childOnTmpfs(FULL).run("jni", "jna");
    assertEnded(ended);
    assertContains(
        ended.answer("jni refused: "),
        temporary.resolve("tmpfs").toString(),
        "No space left",
        "-Dluo4j.tmpdir");
    assertContains(
        ended.answer("jna refused: "),
        temporary.resolve("tmpfs").toString(),
        "No space left",
        "-Djna.tmpdir");
  }

  @Test
  void aMissingFolderIsNamedWithTheProperties() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    assertUnwritable(file.resolve("missing"));
  }

  @Test
  void aFileInPlaceOfTheFolderIsNamedWithTheProperties() throws Exception {
    assertUnwritable(Files.createFile(temporary.resolve("file")));
  }

  private void assertUnwritable(Path folder) throws Exception {
    ChildJvm.Ended ended = child(folder).run("native", "open");
    assertEnded(ended);
    assertEquals("nothing", ended.answer("native: "));
    String text = String.join(" ", ended.linesWith("native refused: "));
    assertContains(text, "JNI: cannot write the JNI library under " + folder, "-Dluo4j.tmpdir");
    assertContains(text, "JNA: ", "-Djna.tmpdir", "else " + folder);
    assertEquals("ok", ended.answer("open memfd: "));
  }
}
