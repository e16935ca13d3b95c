/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.Agent;
import org.luo4j.Handover;
import org.luo4j.Kept;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFdOptions;

class AgentCommandTest {

  @TempDir Path folder;

  private Path socket;
  private LiveUpdate luo;
  private Agent agent;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("agent.sock");
    luo = LiveUpdate.openNative();
    agent = Agent.builder(luo).socket(socket).start();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  @Test
  void nothingIsKeptAtFirst() {
    Run list = Run.luo("agent", "list", "--socket", socket);
    assertEquals(0, list.exit(), list.err());
    assertEquals("the agent keeps nothing\n", list.out());
  }

  @Test
  void whatIsKeptIsListedWithItsOwner() {
    try (Handover handover =
            Handover.builder()
                .luo(luo)
                .holder(Handover.Holder.AGENT)
                .agentSocket(socket)
                .timeout(Duration.ofSeconds(30))
                .open();
        Kept kept = handover.open("my-cache", MemFdOptions.named("my-cache").size(8192))) {
      assertTrue(kept.memory().isOpen());
      assertTrue(handover.find("a-name-that-is-only-taken").isEmpty());
      Run list = Run.luo("agent", "--socket", socket, "list");
      assertEquals(0, list.exit(), list.err());
      assertEquals(2, list.out().lines().count(), list.out());
      String line = list.out().lines().skip(1).findFirst().orElseThrow();
      assertTrue(line.contains(" " + ProcessHandle.current().pid() + " "), line);
      assertTrue(line.contains(" 8192 ") && line.contains(" my-cache"), line);
    }
  }

  @Test
  void aKernelThatIsNoneIsRefusedAndTheAgentGoesOn() throws IOException {
    Path kernel = Files.writeString(folder.resolve("kernel"), "none");
    Run update = Run.luo("agent", "update", "--socket", socket, "--kernel", kernel);
    assertEquals(Luo.FAILED, update.exit(), update.out());
    assertTrue(update.err().startsWith("luo: "), update.err());
    assertEquals(0, Run.luo("agent", "list", "--socket", socket).exit());
  }

  @Test
  void aSecondAgentOnTheSocketSaysSo() {
    Run second = Run.luo("agent", "--socket", socket);
    assertEquals(Luo.FAILED, second.exit());
    assertTrue(second.err().contains("another agent has"), second.err());
  }
}
