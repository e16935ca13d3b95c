/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Bridge;

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

  /** A child that is being started has the lock's fd, until it executes its program. */
  @Test
  void whatIsClosedIsFreeWhileAChildIsBeingStarted(@TempDir Path folder) throws Exception {
    Bridge bridge = luo.system();
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("test"))) {
      OwnerLock lock = OwnerLock.of(memory, "test", Duration.ZERO);
      int inherited = bridge.duplicate(locked("FLOCK"));
      lock.close();
      OwnerLock.of(memory, "test", Duration.ZERO).close();
      assertEquals(0, bridge.close(inherited));
    }
    OwnedFile file = OwnedFile.open(folder.resolve("file"), Duration.ZERO);
    int inherited = bridge.duplicate(locked("OFDLCK"));
    file.close();
    OwnedFile.open(folder.resolve("file"), Duration.ZERO).close();
    assertEquals(0, bridge.close(inherited));
  }

  /** The fd of this process that has a lock of a kind (proc_pid_fdinfo(5)). */
  private static int locked(String kind) throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fdinfo"))) {
      return fds.filter(fd -> has(fd, kind))
          .map(fd -> Integer.parseInt(fd.getFileName().toString()))
          .findFirst()
          .orElseThrow();
    }
  }

  private static boolean has(Path fd, String kind) {
    try {
      return Files.readString(fd).matches("(?s).*lock:[^\n]* " + kind + " .*");
    } catch (IOException e) {
      return false; // closed since
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
