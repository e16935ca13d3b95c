/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Who has what another process waits for. */
@EnabledOnOs(OS.LINUX)
class OwnersTest {

  private final Owners.Owner self = new Owners.Owner(ProcessHandle.current().pid(), "this process");
  private final LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();

  @Test
  void theLocksOwnerIsThisProcess() {
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("test"));
        MemFd other = luo.createMemFd(MemFdOptions.named("other"))) {
      assertEquals(Owners.Owner.UNKNOWN, Owners.ofLock(memory), "nobody");
      OwnerLock lock = OwnerLock.of(memory, "test", Duration.ZERO);
      assertEquals(self, Owners.ofLock(memory));
      assertEquals(Owners.Owner.UNKNOWN, Owners.ofLock(other));
      LuoException.OwnerAlive alive =
          assertThrows(
              LuoException.OwnerAlive.class, () -> OwnerLock.of(memory, "test", Duration.ZERO));
      assertTrue(alive.getMessage().contains("this process has it open"), alive.getMessage());
      assertEquals(self.pid(), alive.pid().orElseThrow());
      lock.close();
      OwnerLock.of(memory, "test", Duration.ZERO).close();
    }
  }

  @Test
  void aProcessThatHasASessionIsFound(@TempDir Path folder) throws Exception {
    assertEquals(Owners.Owner.UNKNOWN, Owners.ofSession("luo4j-no-such-session"));
    String name = "luo4j-owners-" + ProcessHandle.current().pid();
    assertEquals(Owners.Owner.UNKNOWN, Owners.ofFile("/memfd:" + name + " (deleted)"));
    try (MemFd memory = luo.createMemFd(MemFdOptions.named(name))) {
      assertEquals(self, Owners.ofFile("/memfd:" + name + " (deleted)"));
      assertTrue(memory.isOpen());
    }
    Path file = Files.createFile(folder.resolve("file")).toRealPath();
    Process other = new ProcessBuilder("sleep", "60").redirectInput(file.toFile()).start();
    try {
      Owners.Owner owner = Owners.Owner.UNKNOWN;
      for (int i = 0; i < 1000 && !owner.words().endsWith("(sleep)"); i++) {
        owner = Owners.ofFile(file.toString()); // before its exec it is a copy of this process
      }
      assertEquals(new Owners.Owner(other.pid(), "process " + other.pid() + " (sleep)"), owner);
    } finally {
      other.destroyForcibly().waitFor();
    }
  }

  /** It looks again every 10 ms, for as long as it is told. */
  @Test
  void anOwnerIsWaitedFor() {
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("test"))) {
      OwnerLock lock = OwnerLock.of(memory, "test", Duration.ZERO);
      long begun = System.nanoTime();
      assertThrows(
          LuoException.OwnerAlive.class, () -> OwnerLock.of(memory, "test", Duration.ofMillis(50)));
      assertTrue(System.nanoTime() - begun >= 50_000_000);
      lock.close();
    }
  }
}
