/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.testing.JniLibrary;

/** What an agent takes at its limits, and what it writes when much goes wrong. */
class AgentLimitsTest {

  private LiveUpdate luo;
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());

  @TempDir Path folder;

  @BeforeEach
  void open() {
    JniLibrary.assumeBuilt();
    luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
  }

  private Agent.Builder builder() {
    return Agent.builder(luo).socket(folder.resolve("agent")).log(log::add);
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + 10_000_000_000L;
    while (!condition.getAsBoolean() && System.nanoTime() - end < 0) {
      LockSupport.parkNanos(1_000_000);
    }
    assertTrue(condition.getAsBoolean());
  }

  /** A connection whose first message is none: it is closed, with a line. */
  private void offend() {
    Bridge bridge = luo.system();
    byte[] address = folder.resolve("agent").toString().getBytes(StandardCharsets.UTF_8);
    int socket = bridge.connect(address, 10_000);
    assertTrue(socket >= 0, "connect: " + socket);
    bridge.send(socket, new byte[] {1}, new int[0]);
    assertTrue(bridge.receive(socket, new byte[1], new int[0]) <= 0);
    bridge.close(socket);
  }

  /** Who breaks the protocol a thousand times does not fill the disk. */
  @Test
  void twentyLinesASecondAreWritten() throws IOException {
    try (Agent agent = builder().start()) {
      long before = System.nanoTime();
      log.clear();
      for (int i = 0; i < 60; i++) {
        offend();
      }
      await(() -> agent.accepted() == 60);
      long took = (System.nanoTime() - before) / 1_000_000_000 + 1;
      assertTrue(log.size() >= 19 && log.size() <= 21 * (took + 1), log.size() + " lines");
      long end = System.nanoTime() + 1_050_000_000;
      while (System.nanoTime() - end < 0) {
        LockSupport.parkNanos(end - System.nanoTime());
      }
      int lines = log.size();
      offend();
      await(() -> log.size() > lines);
      long said = log.stream().filter(line -> line.contains("is closed: ")).count();
      long left =
          log.stream()
              .filter(line -> line.endsWith(" more lines were left out"))
              .mapToLong(line -> Long.parseLong(line.split(" ")[0]))
              .sum();
      assertEquals(61, said + left, "none is forgotten: " + log);
      assertTrue(left > 0 || took > 1, "" + log);
    }
  }

  @Test
  void settingsAtTheirLimitsAreTaken() throws IOException {
    try (Agent agent =
        builder()
            .maxConnections(1)
            .maxConnectionsPerUid(1)
            .maxNamesPerUid(1)
            .maxBytesPerUid(1)
            .maxMessageBytes(512)
            .helloTimeout(Duration.ofMillis(1))
            .start()) {
      assertEquals("Agent[" + folder.resolve("agent") + "]", agent.toString());
      assertEquals(List.of(), agent.list());
    }
    assertThrows(
        IllegalArgumentException.class, () -> builder().helloTimeout(Duration.ofNanos(999_999)));
  }

  private static Agent.Update update(Duration deadline) {
    return new Agent.Update(Path.of("/kernel"), Optional.empty(), Optional.of("quiet"), deadline);
  }

  @Test
  void aDeadlineIsAMillisecondToADay() throws AgentMessage.Malformed {
    assertThrows(IllegalArgumentException.class, () -> update(Duration.ofNanos(999_999)));
    assertThrows(IllegalArgumentException.class, () -> update(Duration.ofDays(1).plusMillis(1)));
    for (Duration deadline : List.of(Duration.ofMillis(1), Duration.ofDays(1))) {
      Agent.Update update = update(deadline);
      byte[] bytes = update.message().bytes();
      assertEquals(update, Agent.Update.of(AgentMessage.of(bytes, bytes.length)));
    }
    Agent.Update plain = Agent.Update.to(Path.of("/kernel"));
    assertEquals(plain, Agent.Update.of(plain.message()));
  }

  @Test
  void aClosedAgentUpdatesNothingAndItsSocketIsGone() throws IOException {
    Agent agent = builder().start();
    assertTrue(Files.exists(folder.resolve("agent")));
    agent.close();
    agent.close();
    assertTrue(Files.notExists(folder.resolve("agent")));
    assertThrows(
        IllegalStateException.class,
        () -> agent.update(Agent.Update.to(Path.of("/kernel")), text -> {}));
  }
}
