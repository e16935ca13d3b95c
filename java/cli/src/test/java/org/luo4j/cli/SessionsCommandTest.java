/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.cli.host.Host;

class SessionsCommandTest {

  @TempDir Path folder;

  private List<String> lines() {
    StringWriter out = new StringWriter();
    Host host = new Host(folder, Map.of(), command -> Optional.empty());
    SessionsCommand.print(host, new PrintWriter(out));
    return out.toString().lines().toList();
  }

  private void process(int pid, String command, int fd, String target) throws IOException {
    Path fds = Files.createDirectories(folder.resolve("proc/" + pid + "/fd"));
    Files.writeString(folder.resolve("proc/" + pid + "/comm"), command + "\n");
    Files.createSymbolicLink(fds.resolve("" + fd), Path.of(target));
  }

  @Test
  void eachSessionWithItsProcess() throws IOException {
    Files.createDirectories(folder.resolve("dev"));
    Files.writeString(folder.resolve("dev/liveupdate"), "");
    process(300, "java", 12, "anon_inode:[luo_session] my-service");
    process(42, "luod", 9, "anon_inode:[luo_session] other name");
    process(7, "sh", 0, "pipe:[1]");
    process(8, "x", 3, "anon_inode:[luo_session] bad\u001b[31m");
    assertEquals(
        List.of(
            "     PID  COMMAND            FD  SESSION",
            "       8  x                   3  bad?[31m",
            "      42  luod                9  other name",
            "     300  java               12  my-service"),
        lines());
  }

  @Test
  void nothingThereAndNoLuoAreSaid() throws IOException {
    List<String> lines = lines();
    assertEquals(1, lines.size());
    assertTrue(lines.get(0).startsWith("no /dev/liveupdate"), lines::toString);
    assertTrue(lines.get(0).contains("emulate"), lines::toString);
    Files.createDirectories(folder.resolve("dev"));
    Files.writeString(folder.resolve("dev/liveupdate"), "");
    assertEquals(List.of("no process that may be seen holds a session"), lines());
  }

  @Test
  void aProcessThatMayNotBeSeenIsCounted() throws IOException {
    Files.createDirectories(folder.resolve("proc/5"));
    assertEquals("1 processes are hidden from this user: run as root", lines().get(1));
  }
}
