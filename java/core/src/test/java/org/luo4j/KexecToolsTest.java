/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How kexec(8) is called; a script stands in for it. */
class KexecToolsTest {

  @TempDir Path folder;

  private KexecTools tools(String script) throws IOException {
    Path program = Files.writeString(folder.resolve("kexec"), "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    return new KexecTools(program);
  }

  @Test
  void aKernelIsLoadedByItsFdWithWhatIsGiven() throws Exception {
    Path arguments = folder.resolve("arguments");
    KexecTools tools = tools("for a; do echo \"$a\"; done >" + arguments);
    tools.load(Agent.Update.to(Path.of("/boot/k")));
    assertEquals("-l -s --reuse-cmdline /boot/k", said(arguments));
    tools.load(
        new Agent.Update(
            Path.of("/boot/k"),
            Optional.of(Path.of("/boot/i")),
            Optional.of("quiet $(false) kho=on"),
            Duration.ofSeconds(1)));
    assertEquals(
        "-l -s --initrd=/boot/i --command-line=quiet $(false) kho=on /boot/k", said(arguments));
  }

  private static String said(Path file) throws IOException {
    return String.join(" ", Files.readAllLines(file));
  }

  @Test
  void whatTheProgramSaysIsTheReason() throws Exception {
    KexecTools tools = tools("echo no kernel >&2; echo at all; exit 3");
    IOException failed =
        assertThrows(IOException.class, () -> tools.load(Agent.Update.to(Path.of("/boot/k"))));
    assertTrue(failed.getMessage().contains("ended with 3: no kernel; at all"), "" + failed);
    IOException silent = assertThrows(IOException.class, tools("exit 1")::execute);
    assertTrue(silent.getMessage().contains("-e -x ended with 1: it said nothing"), "" + silent);
  }

  @Test
  void anEndWithoutAKexecIsAFailure() throws Exception {
    IOException ended = assertThrows(IOException.class, tools("exit 0")::execute);
    assertTrue(ended.getMessage().contains("there was no kexec"), "" + ended);
  }

  @Test
  void aProgramThatIsNotThereSaysWhatToInstall() {
    KexecTools tools = new KexecTools(folder.resolve("none"));
    IOException failed = assertThrows(IOException.class, tools::execute);
    assertTrue(failed.getMessage().contains("install kexec-tools"), "" + failed);
  }

  @Test
  void fileSystemsAreWritten() throws Exception {
    new KexecTools(null).sync();
  }
}
