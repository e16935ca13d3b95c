/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Platform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.luo4j.internal.bridge.Machine;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/**
 * On a platform that the jar has no library for JNA serves, else the emulator, and the reasons say
 * which platform that is. The children are told that they are on one.
 */
class UnknownPlatformTest {

  @TempDir Path temporary;

  private static String platform;

  @BeforeAll
  static void nameThisPlatform() {
    JniLibrary.assumeBuilt();
    platform = Machine.platform();
  }

  private ChildJvm.Command child() {
    return ChildJvm.of(Probe.class)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property("luo4j.emulator.dir", temporary.resolve("emulator"))
        .property("jna.tmpdir", temporary);
  }

  private static void assertContains(String text, String... words) {
    for (String word : words) {
      assertTrue(text.contains(word), word + " is not in: " + text);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "os.arch, s390x, the machine s390x is not among those with known ioctl numbers",
    "os.arch, ppc64le, the machine ppc64le is not among those with known ioctl numbers",
    "os.name, Windows 11, this is Windows 11: LUO and memfds are Linux's",
    "os.name, Mac OS X, this is Mac OS X: LUO and memfds are Linux's",
  })
  void whereNoBridgeMayBeUsedTheEmulatorSaysWhy(String property, String value, String reason)
      throws Exception {
    ChildJvm.Ended ended = child().property(property, value).run("open");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("ok", ended.answer("open memfd: "));
    assertContains(
        ended.answer("open: "),
        "EMULATOR",
        "JNI: no JNI library: " + reason,
        "JNA: no JNA bridge: " + reason);
    assertTrue(Files.isDirectory(temporary.resolve("emulator")));
  }

  /** JNA's own library is that of this machine, as one for the other cannot be loaded. */
  @Test
  void whereTheJarHasNoLibraryJnaServesAndTheReasonSaysSo() throws Exception {
    ChildJvm.Ended ended =
        child()
            .property("os.arch", "riscv64")
            .property("jna.prefix", Platform.RESOURCE_PREFIX)
            .run("native", "memfd-jna");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("jna", ended.answer("native: "));
    assertContains(
        ended.answer("native refused: "),
        "JNI: this build of luo4j carries no JNI library for linux-riscv64",
        "but for ",
        platform,
        "-Dluo4j.library.path");
    assertEquals("ok", ended.answer("memfd-jna memfd: "));
  }

  @Test
  void whereJnaHasNoneEitherTheEmulatorNamesBoth() throws Exception {
    ChildJvm.Ended ended = child().property("os.arch", "loongarch64").run("open");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("ok", ended.answer("open memfd: "));
    assertContains(
        ended.answer("open: "),
        "EMULATOR",
        "JNI: this build of luo4j carries no JNI library for linux-loongarch64",
        platform,
        "JNA: JNA could not load its own library");
    assertEquals(1, ended.linesWith("WARNING").size(), ended::toString);
  }

  /** The lock that a file has then is not the one that is promised. */
  @Test
  void thatFilesAreUsedWithoutNativeCodeIsSaidOnce() throws Exception {
    ChildJvm.Ended ended = child().property("os.arch", "loongarch64").run("files");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("[false, false]", ended.answer("files locks are safe: "));
    assertEquals(1, ended.linesWith("WARNING").size(), ended::toString);
    assertContains(
        ended.linesWith("WARNING").get(0),
        "without native code (JNI: this build of luo4j carries no JNI library for",
        "a file's lock ends when anything else in this JVM opens and closes the file");
    ChildJvm.Ended forced = child().property("luo4j.bridge", "emulator").run("files");
    assertEquals("[false, false]", forced.answer("files locks are safe: "));
    assertEquals(List.of(), forced.linesWith("WARNING"));
  }

  @Test
  void aBridgeThatIsForcedThereIsUnavailable() throws Exception {
    ChildJvm.Ended ended =
        child().property("os.arch", "loongarch64").property("luo4j.bridge", "jni").run("open");
    assertEquals(0, ended.exit(), ended::toString);
    assertContains(
        ended.answer("open: "), "BridgeUnavailable", "no JNI library for linux-loongarch64");
    assertFalse(Files.exists(temporary.resolve("emulator")));
  }
}
