/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.select.Selection;
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

  /** As after a lost connection. */
  @Test
  void theSameMemfdStoredAgainCountsOnce() throws IOException {
    MemFdOptions options = MemFdOptions.named("half").size(512 << 10);
    try (Agent agent = builder().maxBytesPerUid(1 << 20).start();
        AgentClient client = AgentClient.open(luo, folder.resolve("agent"));
        MemFd memfd = luo.createMemFd(options);
        MemFd other = luo.createMemFd(options)) {
      client.store("a", memfd);
      client.store("a", memfd);
      client.store("b", other);
      assertEquals(2, agent.list().size());
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
    builder().helloTimeout(Duration.ofDays(1));
    for (Duration tooLong :
        List.of(Duration.ofDays(1).plusMillis(1), Duration.ofSeconds(Long.MAX_VALUE))) {
      assertThrows(IllegalArgumentException.class, () -> builder().helloTimeout(tooLong));
    }
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

  // ---- users ----

  private static final int ONE = 1001;
  private static final int OTHER = 1002;
  private static final int STRANGER = 1003;

  /** Whose connections the agent sees, one after the other; then this process's. */
  private final Queue<Integer> peers = new ConcurrentLinkedQueue<>();

  private Bridge bridgeWithPeers() {
    Bridge real = luo.system();
    return (Bridge)
        Proxy.newProxyInstance(
            Bridge.class.getClassLoader(),
            new Class<?>[] {Bridge.class},
            (proxy, method, arguments) -> {
              Object result = method.invoke(real, arguments);
              Integer uid = method.getName().equals("peer") ? peers.poll() : null;
              if (uid != null) {
                ((int[]) arguments[1])[1] = uid;
              }
              return result;
            });
  }

  private static LiveUpdate over(Bridge bridge) {
    return new LiveUpdate(new Selection(bridge, null, List.of()), Duration.ZERO, "a test's");
  }

  private Agent.Builder builder(Bridge bridge) {
    return Agent.builder(over(bridge)).socket(folder.resolve("agent")).log(log::add);
  }

  /** A connection that the agent takes to be a user's, greeted; -1 where it was ended. */
  private int connect(Agent agent, int uid) {
    Bridge bridge = luo.system();
    long accepted = agent.accepted();
    peers.add(uid);
    byte[] address = folder.resolve("agent").toString().getBytes(StandardCharsets.UTF_8);
    int socket = bridge.connect(address, 10_000);
    assertTrue(socket >= 0, "connect: " + socket);
    await(() -> agent.accepted() > accepted);
    if (ask(socket, AgentMessage.hello()) != null) {
      return socket;
    }
    bridge.close(socket);
    return -1;
  }

  /** The answer; null at the end of the connection. */
  private AgentMessage ask(int socket, AgentMessage message) {
    luo.system().send(socket, message.bytes(), new int[0]);
    return answer(socket);
  }

  private AgentMessage answer(int socket) {
    byte[] buffer = new byte[AgentMessage.BYTES_MAX];
    int[] fds = new int[1];
    int length = luo.system().receive(socket, buffer, fds);
    if (length <= 0) {
      return null;
    }
    assertEquals(-1, fds[0]);
    try {
      return AgentMessage.of(buffer, length);
    } catch (AgentMessage.Malformed e) {
      throw new AssertionError(e);
    }
  }

  private void close(int... sockets) {
    for (int socket : sockets) {
      luo.system().close(socket);
    }
  }

  /** So that users that have taken all connections do not keep an update away. */
  @Test
  void connectionsOfRootAreNotCountedAmongThoseOfUsers() throws IOException {
    try (Agent agent = builder(bridgeWithPeers()).allow(ONE, OTHER).maxConnections(2).start()) {
      int root = connect(agent, 0);
      int one = connect(agent, ONE);
      int other = connect(agent, OTHER);
      assertTrue(root >= 0 && one >= 0 && other >= 0, "" + log);
      assertEquals(-1, connect(agent, ONE));
      assertTrue(log.toString().contains("there are 2 connections, as many as may be"), "" + log);
      int second = connect(agent, 0);
      assertTrue(second >= 0, "" + log);
      close(one);
      int next = -1;
      for (int i = 0; next < 0 && i < 1000; i++) {
        next = connect(agent, OTHER); // the agent has yet to see the end of the other
      }
      assertTrue(next >= 0, "" + log);
      close(root, other, second, next);
    }
  }

  @Test
  void aUserHasNamesOfItsOwnAndDoesNotReplaceTheKernel() throws IOException {
    try (Agent agent = builder(bridgeWithPeers()).allow(ONE, OTHER).start()) {
      assertEquals(-1, connect(agent, STRANGER));
      assertTrue(log.toString().contains("the agent allows (luo agent --allow UID)"), "" + log);
      int one = connect(agent, ONE);
      int other = connect(agent, OTHER);
      int root = connect(agent, 0);
      assertEquals(AgentMessage.Type.HELD, ask(one, AgentMessage.take("name")).type());
      assertEquals(AgentMessage.Type.HELD, ask(other, AgentMessage.take("name")).type());
      assertEquals(
          List.of(ONE, OTHER), agent.list().stream().map(Agent.Held::uid).sorted().toList());
      assertEquals(ONE, ask(one, AgentMessage.list()).uid());
      assertEquals(2, listed(root));
      AgentMessage refused = ask(other, Agent.Update.to(Path.of("/kernel")).message());
      assertEquals(AgentMessage.Type.REFUSED, refused.type());
      assertEquals(Errno.EPERM, refused.number());
      close(one, other, root);
    }
  }

  private int listed(int socket) {
    int entries = 0;
    AgentMessage answer = ask(socket, AgentMessage.list());
    while (answer.type() == AgentMessage.Type.ENTRY) {
      entries++;
      answer = answer(socket);
    }
    assertEquals(entries, answer.number());
    return entries;
  }

  // ---- calls that fail ----

  @Test
  void aConnectionWhoseUserIsNotKnownIsClosed() throws IOException {
    FailingBridge failing = new FailingBridge(luo.system()).fail("peer", 1, Errno.EIO);
    try (Agent agent = builder(failing.bridge()).start()) {
      assertEquals(-1, connect(agent, 0));
      assertTrue(log.toString().contains("its user is not known: EIO"), "" + log);
      int next = connect(agent, 0);
      assertTrue(next >= 0, "" + log);
      close(next);
    }
  }

  /** As where the process has too many open files: the connection waits. */
  @Test
  void aConnectionThatCannotBeAcceptedIsAcceptedLater() throws IOException {
    FailingBridge failing = new FailingBridge(luo.system()).fail("accept", 1, Errno.EMFILE);
    try (Agent agent = builder(failing.bridge()).start()) {
      int socket = connect(agent, 0);
      assertTrue(socket >= 0, "" + log);
      assertTrue(log.toString().contains("cannot accept a connection: EMFILE"), "" + log);
      close(socket);
    }
    for (int errno : new int[] {Errno.EAGAIN, Errno.ECONNABORTED}) {
      log.clear();
      FailingBridge usual = new FailingBridge(luo.system()).fail("accept", 1, errno);
      try (Agent agent = builder(usual.bridge()).start()) {
        int socket = connect(agent, 0);
        assertFalse(log.toString().contains("cannot accept"), "" + log);
        close(socket);
      }
    }
  }

  @Test
  void aConnectionThatCannotBeReadOrWrittenIsClosedAndLogged() throws IOException {
    for (String call : List.of("receive", "send")) {
      FailingBridge failing = new FailingBridge(luo.system()).fail(call, 1, Errno.EIO);
      try (Agent agent = builder(failing.bridge()).start()) {
        assertEquals(-1, connect(agent, 0));
        String line = call.equals("receive") ? "receive: EIO" : "cannot be sent a WELCOME: EIO";
        await(() -> log.toString().contains(line));
        int next = connect(agent, 0);
        assertTrue(next >= 0, "" + log);
        close(next);
      }
    }
  }

  @Test
  void anAgentThatDoesNotStartLeavesNothing() throws IOException {
    FailingBridge failing = new FailingBridge(luo.system()).fail("listen", 1, Errno.EIO);
    LuoException e = assertThrows(LuoException.class, () -> builder(failing.bridge()).start());
    assertEquals(Errno.EIO, e.errno());
    assertFalse(Files.exists(folder.resolve("agent")));
    builder().start().close();
  }

  @Test
  void aSocketThatCannotBeRemovedIsLogged() throws IOException {
    Agent agent = builder().start();
    Files.delete(folder.resolve("agent"));
    Files.createDirectories(folder.resolve("agent/in the way"));
    agent.close();
    assertTrue(log.toString().contains("cannot remove " + folder.resolve("agent")), "" + log);
  }

  /** 107 bytes, as many as the address of a socket takes. */
  @Test
  void aPathMayBeAsLongAsAnAddress() throws IOException {
    int length = 107 - folder.toString().length() - 1;
    assumeTrue(length > 0, "the temporary folder has a long name");
    Path longest = folder.resolve("a".repeat(length));
    try (Agent agent = Agent.builder(luo).socket(longest).log(log::add).start();
        AgentClient client = AgentClient.open(luo, longest)) {
      assertEquals(List.of(), client.list());
      assertEquals(List.of(), agent.list());
    }
    Path longer = folder.resolve("a".repeat(length + 1));
    assertThrows(IllegalArgumentException.class, () -> Agent.builder(luo).socket(longer).start());
    assertThrows(IllegalArgumentException.class, () -> AgentClient.open(luo, longer));
  }
}
