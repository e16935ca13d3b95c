/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.select.Selection;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;

/**
 * What a client makes of the answers of an agent that does as it is told here, also of those that
 * no agent gives. Whatever fd comes with an answer that is no use is closed.
 */
class AgentClientTest {

  /** Ends the connection instead of answering. */
  private static final byte[] END = new byte[0];

  private record Answer(byte[] bytes, boolean withMemFd) {}

  private LiveUpdate luo;
  private Bridge bridge;
  private int listener;
  private Thread agent;
  private AgentClient client;

  /** What the agent answers to the next greetings. */
  private final BlockingQueue<Answer> greetings = new LinkedBlockingQueue<>();

  private final AtomicInteger greeted = new AtomicInteger();

  /** Whether all names are another's. */
  private volatile boolean busy;

  /** The fd that comes with an answer; -1 for that of a memfd of its own. */
  private volatile int passed = -1;

  /** What the agent answers next, whatever it is asked. */
  private final BlockingQueue<List<Answer>> answers = new LinkedBlockingQueue<>();

  private final BlockingQueue<AgentMessage> asked = new LinkedBlockingQueue<>();

  @TempDir Path folder;

  @BeforeEach
  void start() {
    JniLibrary.assumeBuilt();
    luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
    bridge = luo.system();
    Path socket = folder.resolve("agent");
    listener = bridge.listen(socket.toString().getBytes(StandardCharsets.UTF_8), 8);
    assertTrue(listener >= 0, "listen: " + listener);
    agent = new Thread(this::serve);
    agent.start();
    client = AgentClient.open(luo, socket);
  }

  @AfterEach
  void stop() throws InterruptedException {
    client.close();
    bridge.shutdown(listener);
    agent.join();
    bridge.close(listener);
  }

  // ---- the agent ----

  /** One connection after another. */
  private void serve() {
    while (true) {
      int socket = bridge.accept(listener);
      if (socket < 0) {
        return;
      }
      bridge.setTimeout(socket, 10_000);
      while (serve(socket)) {
        // It asks once more.
      }
      bridge.close(socket);
    }
  }

  private boolean serve(int socket) {
    byte[] buffer = new byte[AgentMessage.BYTES_MAX];
    int[] fds = new int[1];
    int length = bridge.receive(socket, buffer, fds);
    if (length <= 0) {
      return false;
    }
    if (fds[0] >= 0) {
      bridge.close(fds[0]);
    }
    AgentMessage message;
    try {
      message = AgentMessage.of(buffer, length);
    } catch (AgentMessage.Malformed e) {
      throw new AssertionError(e);
    }
    if (message.type() == AgentMessage.Type.HELLO) {
      greeted.incrementAndGet();
      Answer greeting = greetings.poll();
      return send(
          socket,
          greeting != null ? greeting : new Answer(AgentMessage.welcome("").bytes(), false));
    }
    asked.add(message);
    if (message.type() == AgentMessage.Type.READY) {
      return true;
    }
    List<Answer> next = answers.poll();
    if (next == null) {
      next = List.of(new Answer(usual(message).bytes(), false));
    }
    boolean goesOn = true;
    for (Answer each : next) {
      goesOn = goesOn && send(socket, each);
    }
    return goesOn;
  }

  /** What an agent answers that holds nothing. */
  private AgentMessage usual(AgentMessage message) {
    if (busy && !message.name().isEmpty()) {
      return AgentMessage.busy(message.name(), 5);
    }
    return switch (message.type()) {
      case TAKE -> AgentMessage.held(message.name(), Agent.Kind.NOTHING, false);
      case STORE -> AgentMessage.stored(message.name(), "");
      case DROP -> AgentMessage.dropped(message.name(), Agent.Kind.MEMFD);
      case LIST -> AgentMessage.listed(0);
      default -> AgentMessage.result(true, "");
    };
  }

  private boolean send(int socket, Answer answer) {
    if (answer.bytes == END) {
      return false;
    }
    if (!answer.withMemFd) {
      return bridge.send(socket, answer.bytes, new int[0]) >= 0;
    }
    int fd = passed >= 0 ? bridge.duplicate(passed) : bridge.memfdCreate(new byte[] {'a', 0}, 1);
    try {
      return bridge.send(socket, answer.bytes, new int[] {fd}) >= 0;
    } finally {
      bridge.close(fd);
    }
  }

  private void answer(Answer... next) {
    answers.add(List.of(next));
  }

  private void answer(AgentMessage message, boolean withMemFd) {
    answer(new Answer(message.bytes(), withMemFd));
  }

  private AgentMessage asked() throws InterruptedException {
    AgentMessage message = asked.poll(10, TimeUnit.SECONDS);
    assertTrue(message != null, "nothing was asked");
    return message;
  }

  private Optional<MemFd> take() {
    return client.takeMemFd("cache", Duration.ZERO);
  }

  private static void assertRefused(int errno, String part, Executable call) {
    LuoException refused = assertThrows(LuoException.AgentRefused.class, call);
    assertEquals(errno, refused.errno(), refused.getMessage());
    assertTrue(refused.getMessage().contains(part), refused.getMessage());
  }

  // ---- answers ----

  @Test
  void whatIsHeldIsTaken() {
    answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true), true);
    try (MemFd memfd = take().orElseThrow()) {
      assertEquals(0, memfd.size());
    }
    assertTrue(client.takeMemFd("none", Duration.ZERO).isEmpty());
    assertTrue(client.takeSession("none", Duration.ZERO).isEmpty());
    assertTrue(client.isConnected());
  }

  @Test
  void anFdWithoutItsKindOrAKindWithoutItsFdIsNoAnswer() {
    answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true), false);
    assertRefused(Errno.EPROTO, "a MEMFD without an fd", this::take);
    answer(AgentMessage.held("cache", Agent.Kind.NOTHING, true), true);
    assertRefused(Errno.EPROTO, "a NOTHING with an fd", this::take);
  }

  @Test
  void anotherKindIsLeftForWhoTakesItAsWhatItIs() throws InterruptedException {
    answer(AgentMessage.held("cache", Agent.Kind.SESSION, true), true);
    assertRefused(Errno.EINVAL, "a SESSION is held there", this::take);
    answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true), true);
    assertRefused(
        Errno.EINVAL, "a MEMFD is held there", () -> client.takeSession("cache", Duration.ZERO));
    asked.clear();
    answer(new Answer(END, false));
    assertEquals(List.of(), client.list());
    assertEquals(AgentMessage.Type.LIST, asked().type());
    assertEquals(AgentMessage.take("cache"), asked(), "the name is this client's");
  }

  /** What this client has no duplicate of would be lost with the agent. */
  @Test
  void whatCannotBeKeptIsClosed() {
    client.close();
    FailingBridge full = new FailingBridge(bridge).fail("duplicate", 1, Errno.EMFILE);
    answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true), true);
    try (AgentClient other = AgentClient.open(over(full.bridge()), folder.resolve("agent"))) {
      LuoException e =
          assertThrows(LuoException.class, () -> other.takeMemFd("cache", Duration.ZERO));
      assertEquals(Errno.EMFILE, e.errno());
    }
    try (TestKernel kernel = new TestKernel();
        Session made = kernel.luo.createSession("taken");
        AgentClient other = AgentClient.open(kernel.luo, folder.resolve("agent"))) {
      passed = made.fd();
      kernel.fail("duplicate", Errno.EMFILE);
      answer(AgentMessage.held("s", Agent.Kind.SESSION, true), true);
      LuoException e =
          assertThrows(LuoException.class, () -> other.takeSession("s", Duration.ZERO));
      assertEquals(Errno.EMFILE, e.errno());
    }
  }

  @Test
  void whatCannotBeAdoptedIsClosed() {
    answer(AgentMessage.held("cache", Agent.Kind.SESSION, true), true); // and is a memfd
    assertThrows(LuoException.class, () -> client.takeSession("cache", Duration.ZERO));
  }

  @ParameterizedTest
  @EnumSource(
      value = AgentMessage.Type.class,
      names = {"HELD", "STORED", "DROPPED", "LISTED", "RESULT", "WELCOME"})
  void anAnswerToAnotherRequestIsNone(AgentMessage.Type type) {
    AgentMessage answer =
        switch (type) {
          case HELD -> AgentMessage.held("cache", Agent.Kind.NOTHING, true);
          case STORED -> AgentMessage.stored("cache", "");
          case DROPPED -> AgentMessage.dropped("cache", Agent.Kind.MEMFD);
          case LISTED -> AgentMessage.listed(0);
          case RESULT -> AgentMessage.result(true, "");
          default -> AgentMessage.welcome("");
        };
    String part = "the agent answered with a " + type;
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      if (type != AgentMessage.Type.HELD) {
        answer(answer, true);
        assertRefused(Errno.EPROTO, part, this::take);
      }
      if (type != AgentMessage.Type.STORED) {
        answer(answer, true);
        assertRefused(Errno.EPROTO, part, () -> client.store("cache", memfd));
      }
      if (type != AgentMessage.Type.DROPPED) {
        answer(answer, true);
        assertRefused(Errno.EPROTO, part, () -> client.drop("cache"));
      }
      if (type != AgentMessage.Type.LISTED) {
        answer(answer, true);
        assertRefused(Errno.EPROTO, part, () -> client.list());
      }
      if (type != AgentMessage.Type.RESULT) {
        answer(answer, true);
        assertRefused(
            Errno.EPROTO,
            part,
            () -> client.update(Agent.Update.to(Path.of("/kernel")), text -> {}));
      }
    }
    assertTrue(take().isEmpty(), "the connection goes on");
  }

  /** No answer but HELD comes with one. */
  @Test
  void anFdThatNobodyAskedForIsClosed() throws IOException {
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      answer(AgentMessage.busy("cache", 5), true);
      answer(AgentMessage.stored("cache", ""), true);
      assertThrows(LuoException.NameBusy.class, this::take);
      assertTrue(client.store("cache", memfd).survivesKexec());
      answer(AgentMessage.dropped("cache", Agent.Kind.MEMFD), true);
      assertTrue(client.drop("cache"));
      answer(AgentMessage.listed(0), true);
      assertEquals(List.of(), client.list());
      answer(
          new Answer(AgentMessage.progress("one").bytes(), true),
          new Answer(AgentMessage.result(true, "").bytes(), true));
      client.update(Agent.Update.to(Path.of("/kernel")), text -> {});
    }
  }

  @Test
  void aNameThatIsNotAskedForIsNotBusy() {
    answer(AgentMessage.busy("cache", 5), false);
    assertRefused(Errno.EPROTO, "a BUSY", client::list);
  }

  @Test
  void aBusyNameIsAskedForUntilTheEnd() {
    for (int i = 0; i < 3; i++) {
      answer(AgentMessage.busy("cache", 5), false);
    }
    assertTrue(client.takeMemFd("cache", Duration.ofSeconds(30)).isEmpty());
    assertEquals(4, asked.size());
    answer(AgentMessage.busy("cache", 5), false);
    LuoException busy = assertThrows(LuoException.NameBusy.class, this::take);
    assertTrue(busy.getMessage().contains("process 5"), busy.getMessage());
    assertEquals(5, asked.size());
  }

  @Test
  void aRefusalSaysWhyAndItsFdIsClosed() {
    answer(AgentMessage.refused(Errno.ENOSPC, "no room"), true);
    assertRefused(Errno.ENOSPC, "no room", this::take);
    answer(AgentMessage.refused(0, "no reason"), false);
    assertRefused(1, "no reason", this::take);
  }

  /** A request is made again over the next connection. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aConnectionThatEndsIsMadeAgain(boolean malformed) throws InterruptedException {
    answer(new Answer(malformed ? new byte[] {1, 2, 3} : END, malformed));
    try (Logged logged = new Logged(AgentClient.class)) {
      assertTrue(take().isEmpty());
      assertEquals(
          malformed,
          logged.lines().stream().anyMatch(line -> line.contains("sent a malformed message")),
          () -> "" + logged.lines());
    }
    assertEquals(AgentMessage.Type.TAKE, asked().type());
    assertEquals(AgentMessage.Type.TAKE, asked().type());
    assertEquals(0, asked.size());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRequestThatCannotBeSentIsMadeOverAnotherConnection(boolean withFd) throws Exception {
    client.close();
    FailingBridge failing = new FailingBridge(bridge).fail("send", 2, Errno.EIO); // after HELLO
    LiveUpdate luo = over(failing.bridge());
    try (AgentClient other = AgentClient.open(luo, folder.resolve("agent"));
        MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      await(other::isConnected);
      int before = greeted.get();
      if (withFd) {
        assertTrue(other.store("cache", memfd).survivesKexec());
      } else {
        assertEquals(List.of(), other.list());
      }
      assertEquals(before + 1, greeted.get());
    }
  }

  /** An update is not: it may have happened. */
  @Test
  void anUpdateIsAskedForOnce() throws Exception {
    answer(new Answer(END, false));
    LuoException absent =
        assertThrows(
            LuoException.AgentAbsent.class,
            () -> client.update(Agent.Update.to(Path.of("/kernel")), text -> {}));
    assertEquals(Errno.ECONNRESET, absent.errno());
    assertEquals(1, asked.size());
    List<String> told = new ArrayList<>();
    answer(
        new Answer(AgentMessage.progress("one").bytes(), false),
        new Answer(AgentMessage.progress("two").bytes(), false),
        new Answer(AgentMessage.result(true, "").bytes(), false));
    client.update(Agent.Update.to(Path.of("/kernel")), told::add);
    assertEquals(List.of("one", "two"), told);
    answer(AgentMessage.result(false, "no kernel"), false);
    assertEquals(
        "no kernel",
        assertThrows(
                IOException.class,
                () -> client.update(Agent.Update.to(Path.of("/kernel")), told::add))
            .getMessage());
  }

  /** What was stored is stored again, and what was taken is taken again. */
  @Test
  void aNewConnectionHasWhatTheOneBeforeHad() throws InterruptedException {
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      assertTrue(client.store("stored", memfd).survivesKexec());
      assertTrue(client.takeMemFd("taken", Duration.ZERO).isEmpty());
      client.store("dropped", memfd);
      assertTrue(client.drop("dropped"));
      asked.clear();
      answer(new Answer(END, false));
      answer(AgentMessage.busy("stored", 5), false);
      answer(AgentMessage.stored("stored", ""), true); // an fd that is of no use
      answer(AgentMessage.refused(Errno.ENOSPC, "no room"), false);
      assertEquals(List.of(), client.list());
      assertEquals(AgentMessage.Type.LIST, asked().type());
      assertEquals(AgentMessage.store("stored", Agent.Kind.MEMFD), asked());
      assertEquals(AgentMessage.store("stored", Agent.Kind.MEMFD), asked(), "it was busy");
      assertEquals(AgentMessage.take("taken"), asked());
      assertEquals(AgentMessage.Type.LIST, asked().type());
      assertEquals(0, asked.size());
    }
  }

  @Test
  void whatAnAgentDoesNotStoreIsNotKept() throws InterruptedException {
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      answer(AgentMessage.refused(Errno.ENOSPC, "no room"), false);
      assertRefused(Errno.ENOSPC, "no room", () -> client.store("cache", memfd));
      asked.clear();
      answer(new Answer(END, false));
      client.list();
      assertEquals(2, asked.size(), "nothing but the list was asked for");
    }
  }

  /** Of two connections the second has begun anew. */
  @Test
  void aListIsThatOfTheLastConnection() {
    AgentMessage entry =
        AgentMessage.entry(new Agent.Held(1, "a", Agent.Kind.MEMFD, true, 5, 6, ""));
    AgentMessage other =
        AgentMessage.entry(new Agent.Held(2, "b", Agent.Kind.NOTHING, false, 0, 7, "no LUO"));
    answer(new Answer(entry.bytes(), true), new Answer(END, false));
    answer(
        new Answer(entry.bytes(), false),
        new Answer(other.bytes(), false),
        new Answer(AgentMessage.listed(2).bytes(), false));
    assertEquals(List.of(entry.toHeld(), other.toHeld()), client.list());
    answer(AgentMessage.listed(7), false);
    assertEquals(List.of(), client.list());
  }

  @Test
  void eventsComeBetweenAnswers() throws InterruptedException {
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    client.onPrepare(left -> events.add("prepare " + left));
    client.onAborted(events::add);
    answer(
        new Answer(AgentMessage.prepare(9, 1500).bytes(), true),
        new Answer(AgentMessage.aborted(9, "no kernel").bytes(), true),
        new Answer(AgentMessage.held("cache", Agent.Kind.NOTHING, false).bytes(), false));
    assertTrue(take().isEmpty());
    assertEquals("prepare PT1.5S", events.poll(10, TimeUnit.SECONDS));
    assertEquals("no kernel", events.poll(10, TimeUnit.SECONDS));
    assertEquals(AgentMessage.Type.TAKE, asked().type());
    AgentMessage ready = asked();
    assertEquals(AgentMessage.Type.READY, ready.type());
    assertEquals(9, ready.id());
  }

  @Test
  void aClosedClientSaysSo() {
    assertTrue(take().isEmpty());
    List<Thread> readers = readers();
    assertEquals(List.of(true), readers.stream().map(Thread::isDaemon).toList());
    client.close();
    assertFalse(readers.get(0).isAlive());
    assertFalse(client.isConnected());
    assertThrows(IllegalStateException.class, this::take);
    assertEquals("AgentClient[" + folder.resolve("agent") + "]", client.toString());
  }

  private static List<Thread> readers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("luo4j-agent-client"))
        .toList();
  }

  @Test
  void aCallThatWaitsForAnAgentEndsWithTheClose() throws Exception {
    useImpatient("none", Duration.ofMinutes(5));
    FutureTask<List<Agent.Held>> waiting = new FutureTask<>(client::list);
    Thread thread = new Thread(waiting);
    thread.start();
    await(() -> thread.getState() == Thread.State.TIMED_WAITING);
    client.close();
    ExecutionException e =
        assertThrows(ExecutionException.class, () -> waiting.get(1, TimeUnit.MINUTES));
    assertEquals(IllegalStateException.class, e.getCause().getClass());
  }

  /** An agent that answers twice has nobody who takes the second fd. */
  @Test
  void anAnswerTooManyIsNobodysAndItsFdIsClosed() throws Exception {
    CompletableFuture<String> read = new CompletableFuture<>();
    client.onAborted(read::complete);
    Answer held = new Answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true).bytes(), true);
    answer(held, held, held, new Answer(AgentMessage.aborted(1, "all is read").bytes(), false));
    take().orElseThrow().close();
    assertEquals("all is read", read.get(1, TimeUnit.MINUTES));
    assertEquals(List.of(), client.list());
  }

  @Test
  void anFdForWhichThereIsNoRoomIsARefusal() {
    int emsgsize = 90;
    client.close();
    FailingBridge full = new FailingBridge(bridge);
    full.at(
        "receive",
        2,
        () -> {
          asked(); // the answer is on its way
          return (long) -emsgsize;
        });
    answer(AgentMessage.held("cache", Agent.Kind.MEMFD, true), true);
    try (AgentClient other = AgentClient.open(over(full.bridge()), folder.resolve("agent"))) {
      assertRefused(Errno.EMFILE, "ulimit -n", () -> other.takeMemFd("cache", Duration.ZERO));
    }
  }

  private static LiveUpdate over(Bridge bridge) {
    return new LiveUpdate(new Selection(bridge, null, List.of()), Duration.ZERO, "a test's");
  }

  /** What a listener throws is its caller's, and the next request has answers of its own. */
  @Test
  void aProgressListenerThatThrowsEndsItsUpdateOnly() {
    assertTrue(take().isEmpty());
    int before = greeted.get();
    answer(
        new Answer(AgentMessage.progress("one").bytes(), false),
        new Answer(AgentMessage.result(true, "").bytes(), false));
    RuntimeException own = new IllegalStateException("the listener's own");
    assertEquals(
        own,
        assertThrows(
            IllegalStateException.class,
            () ->
                client.update(
                    Agent.Update.to(Path.of("/kernel")),
                    text -> {
                      throw own;
                    })));
    assertEquals(List.of(), client.list());
    assertEquals(before + 1, greeted.get(), "what is still to come is of the old connection");
  }

  // ---- sessions ----

  /** An outgoing session can be stored again, of an incoming one the name is kept. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSessionThatWasTakenIsStoredAgainWhereItCanBe(boolean outgoing) throws Exception {
    client.close();
    try (TestKernel kernel = new TestKernel();
        Session made = kernel.luo.createSession("taken");
        AgentClient other = AgentClient.open(kernel.luo, folder.resolve("agent"))) {
      if (!outgoing) {
        kernel.kexec();
      }
      passed = made.fd();
      answer(AgentMessage.held("s", Agent.Kind.SESSION, true), true);
      try (Session taken = other.takeSession("s", Duration.ZERO).orElseThrow()) {
        assertEquals("taken", taken.name());
        assertEquals(outgoing ? Session.Kind.OUTGOING : Session.Kind.INCOMING, taken.kind());
        assertEquals(AgentMessage.take("s"), asked());
      }
      answer(new Answer(END, false));
      assertEquals(List.of(), other.list());
      assertEquals(AgentMessage.Type.LIST, asked().type());
      assertEquals(
          outgoing ? AgentMessage.store("s", Agent.Kind.SESSION) : AgentMessage.take("s"), asked());
      passed = -1;
    }
  }

  @Test
  void aSessionIsStored() throws Exception {
    client.close();
    try (TestKernel kernel = new TestKernel();
        Session made = kernel.luo.createSession("made");
        AgentClient other = AgentClient.open(kernel.luo, folder.resolve("agent"))) {
      answer(AgentMessage.stored("s", "no LUO"), false);
      AgentClient.Stored stored = other.store("s", made);
      assertEquals(new AgentClient.Stored(false, "no LUO"), stored);
      assertEquals(AgentMessage.store("s", Agent.Kind.SESSION), asked());
      assertTrue(made.isOpen());
    }
  }

  // ---- no answer ----

  /** In place of the test's client: one that waits for so long. */
  private void useImpatient(String socket, Duration patience) {
    client.close();
    client = AgentClient.open(luo, folder.resolve(socket), patience);
  }

  private static LuoException assertAbsent(int errno, String part, Executable call) {
    LuoException absent = assertThrows(LuoException.AgentAbsent.class, call);
    assertEquals(errno, absent.errno(), absent.getMessage());
    assertTrue(absent.getMessage().contains(part), absent.getMessage());
    assertTrue(absent.getMessage().contains("(luo agent --allow UID)"), absent.getMessage());
    return absent;
  }

  /** Waits for what another thread does, a minute at most. */
  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "it did not come to be within a minute");
      Thread.sleep(2);
    }
  }

  /** What is stored meanwhile is stored when there is an agent, what is dropped is not. */
  @Test
  void aServiceStartsBeforeItsAgent() throws Exception {
    useImpatient("later", Duration.ofMillis(100));
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      await(() -> !assertThrows(LuoException.class, client::list).getMessage().contains("not yet"));
      LuoException absent =
          assertAbsent(Errno.ENOENT, "connect: ENOENT", () -> client.store("stored", memfd));
      assertTrue(absent.remedy().contains("start an agent there"), absent.remedy());
      assertTrue(absent.getMessage().contains(folder.resolve("later").toString()));
      assertThrows(LuoException.AgentAbsent.class, () -> client.store("dropped", memfd));
      assertThrows(LuoException.AgentAbsent.class, () -> client.drop("dropped"));
      assertThrows(LuoException.AgentAbsent.class, this::take);
      Files.move(folder.resolve("agent"), folder.resolve("later"));
      await(client::isConnected);
      do {
        assertEquals(AgentMessage.store("stored", Agent.Kind.MEMFD), asked());
      } while (!asked.isEmpty()); // more than once where the machine was slow to answer
    }
  }

  @Test
  void anAgentThatDoesNotAnswerIsAskedOverAnotherConnection() throws Exception {
    useImpatient("agent", Duration.ofMillis(300));
    await(client::isConnected);
    int before = greeted.get();
    answer(); // nothing
    assertAbsent(Errno.EAGAIN, "the agent did not answer in time", client::list);
    await(() -> greeted.get() > before);
  }

  @Test
  void aRequestThatDoesNotEndIsNamedAsWhatIsWaitedFor() throws Exception {
    useImpatient("agent", Duration.ofMillis(300));
    await(client::isConnected);
    answer(); // nothing
    CompletableFuture<LuoException> update =
        CompletableFuture.supplyAsync(
            () ->
                assertThrows(
                    LuoException.AgentAbsent.class,
                    () -> client.update(Agent.Update.to(Path.of("/kernel")), text -> {})));
    assertEquals(AgentMessage.Type.UPDATE, asked().type());
    assertAbsent(Errno.EAGAIN, "another request did not end", client::list);
    client.close();
    assertEquals(Errno.ECONNRESET, update.get(1, TimeUnit.MINUTES).errno());
  }

  @Test
  void anAgentThatDoesNotWelcomeSaysWhy() throws Exception {
    Answer refusal =
        new Answer(AgentMessage.refused(Errno.EPROTO, "another version").bytes(), true);
    for (Answer greeting : List.of(refusal, new Answer(END, false))) {
      greetings.addAll(Collections.nCopies(1000, greeting));
      int before = greeted.get();
      useImpatient("agent", Duration.ofMillis(100));
      await(() -> greeted.get() > before + 1);
      if (greeting == refusal) {
        assertAbsent(Errno.EPROTO, "the agent answered: another version", client::list);
      } else {
        assertAbsent(Errno.ECONNRESET, "it logs why", client::list);
      }
      assertFalse(client.isConnected());
      greetings.clear();
      await(client::isConnected);
    }
  }

  /** The other things of this client are stored nevertheless. */
  @Test
  void aNameThatAnotherHasTakenMeanwhileIsGivenUpAfterAWhile() throws Exception {
    useImpatient("agent", Duration.ofMillis(300));
    await(client::isConnected);
    assertTrue(take().isEmpty());
    busy = true;
    answer(new Answer(END, false));
    try (Logged logged = new Logged(AgentClient.class)) {
      assertThrows(LuoException.AgentAbsent.class, client::list, "it is storing again");
      await(client::isConnected);
      assertTrue(
          logged.lines().stream()
              .anyMatch(
                  line ->
                      line.startsWith("WARNING ")
                          && line.contains("does not hold 'cache'")
                          && line.contains("process 5 has the name")),
          () -> "" + logged.lines());
    }
  }

  @Test
  void anAgentThatRefusesWhatItHeldBeforeIsLogged() throws Exception {
    assertTrue(take().isEmpty());
    answer(new Answer(END, false));
    answer(AgentMessage.refused(Errno.ENOSPC, "no room"), false);
    try (Logged logged = new Logged(AgentClient.class)) {
      client.list();
      assertTrue(
          logged.lines().stream().anyMatch(line -> line.contains("does not hold 'cache': no room")),
          () -> "" + logged.lines());
    }
  }
}
