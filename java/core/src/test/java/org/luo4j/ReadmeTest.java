/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.Examples;
import org.luo4j.testing.NamedTests;

/** Compiles and runs the README's examples, in its order, on the emulator. */
class ReadmeTest {

  private static final Path ROOT =
      Path.of(System.getProperty("luo4j.root.directory", "../..")).toAbsolutePath();

  @TempDir Path folder;

  @BeforeEach
  void emulate() {
    System.setProperty(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    System.setProperty(LiveUpdate.EMULATOR_DIR_PROPERTY, folder.resolve("emulator").toString());
  }

  @AfterEach
  void stopEmulating() {
    System.clearProperty(LiveUpdate.BRIDGE_PROPERTY);
    System.clearProperty(LiveUpdate.EMULATOR_DIR_PROPERTY);
  }

  @Test
  void theExamplesDoWhatTheySay() throws Exception {
    String readme = Files.readString(ROOT.resolve("README.md"));
    int kexec = readme.indexOf("<!-- kexec -->");
    assertTrue(kexec > 0, "the README marks where its examples' kexec is");
    List<String> before = Examples.blocks(readme.substring(0, kexec));
    List<String> after = Examples.blocks(readme.substring(kexec));
    assertEquals(1, before.size());
    assertEquals(4, after.size());

    assertEquals(
        "cold: the previous kernel left none of this name: it was not held open at the"
            + " kexec, or this is a cold boot\n",
        run(after.get(0)));
    assertEquals("", run(before.get(0)));
    LiveUpdate.open().emulateKexec();
    assertEquals("warm: 42\n", run(after.get(0)));
    assertTrue(run(after.get(1)).startsWith("7 "));
    assertTrue(run(after.get(2)).startsWith("1: the memfd is preserved"));
    assertEquals("", run(after.get(3)));
    LiveUpdate.open().emulateKexec(); // ends the process, and with it what the examples hold
  }

  @Test
  void theScriptsItNamesExist() throws Exception {
    String readme = Files.readString(ROOT.resolve("README.md"));
    Matcher script = Pattern.compile("scripts/[a-z0-9-]+\\.sh").matcher(readme);
    int found = 0;
    while (script.find()) {
      assertTrue(Files.isExecutable(ROOT.resolve(script.group())), script.group());
      found++;
    }
    assertTrue(found >= 3);
  }

  @Test
  void theTestsItNamesExist() throws Exception {
    List<String> names = NamedTests.in(Files.readString(ROOT.resolve("README.md")));
    assertTrue(names.size() > 10, names::toString);
    assertEquals(List.of(), NamedTests.missing(ROOT, names));
  }

  @Test
  void testsThatDoNotExistAreFound() throws Exception {
    String page =
        "`ReadmeTest`, `ReadmeTest.theTestsItNamesExist`, `scripts/fuzz.sh --damage`, `read`,"
            + " `NoneTest`, `ReadmeTest.none`, `scripts/none.sh`, `native/none.c`";
    assertEquals(
        List.of("NoneTest", "ReadmeTest.none", "scripts/none.sh", "native/none.c"),
        NamedTests.missing(ROOT, NamedTests.in(page)));
  }

  private String run(String statements) throws Exception {
    String here =
        statements.replace(
            "createTempDirectory(",
            "createTempDirectory(java.nio.file.Path.of(\"" + folder + "\"), ");
    return Examples.run(folder, List.of(LiveUpdate.class), here);
  }
}
