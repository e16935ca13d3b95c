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
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.commons.io.FileUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.JniLibrary;

/** An agent and its clients, over real sockets. Needs no LUO: here the agent holds only. */
@ParameterizedClass
@EnumSource(names = {"JNI", "JNA"})
class AgentTest {

  private static final Duration NOW = Duration.ZERO;
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final int OTHER_UID = 64_123;
  private static final int CONNECTS = 1_000;

  @Parameter BridgeType type;

  @TempDir Path folder;

  private LiveUpdate luo;
  private Bridge bridge;
  private Path socket;
  private final BlockingQueue<String> log = new LinkedBlockingQueue<>();
  private final List<AutoCloseable> open = new ArrayList<>();
  private final FakeKexec kexec = new FakeKexec();

  /** Notes what it is told, and fails where it is told to. */
  private static final class FakeKexec implements KexecCommand {
    private final BlockingQueue<String> calls = new LinkedBlockingQueue<>();
    private volatile String failing = "execute";
    private volatile String gated = "execute";
    private volatile CountDownLatch gate = new CountDownLatch(0);

    private void call(String name, String argument) throws IOException {
      calls.add(name + argument);
      if (name.equals(gated)) {
        try {
          gate.await();
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
      }
      if (name.equals(failing)) {
        throw new IOException("the fake " + name + " failed");
      }
    }

    @Override
    public void load(Agent.Update update) throws IOException {
      call("load", " " + update.kernel() + " " + update.initrd() + " " + update.commandLine());
    }

    @Override
    public void sync() throws IOException {
      call("sync", "");
    }

    @Override
    public void execute() throws IOException {
      call("execute", "");
    }
  }

  @BeforeEach
  void openBridge() {
    if (type == BridgeType.JNI) {
      JniLibrary.assumeBuilt();
    }
    luo = LiveUpdate.builder().bridge(type).open();
    bridge = luo.system();
    socket = folder.resolve("agent.sock");
  }

  @AfterEach
  void closeAll() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.add(resource);
    return resource;
  }

  private Agent.Builder builder() {
    return Agent.builder(luo).socket(socket).kexec(kexec).log(log::add);
  }

  private Agent agent() throws IOException {
    return opened(builder().start());
  }

  private AgentClient client() {
    return opened(AgentClient.open(luo, socket));
  }

  private ChildJvm peer(String... under) throws IOException {
    return opened(ChildJvm.of(AgentPeer.class).under(under).start(type.name(), "" + socket));
  }

  private MemFd memfd(long value) {
    MemFd memfd = opened(luo.createMemFd(MemFdOptions.named("test").size(4096)));
    try (MemoryRegion region = memfd.map()) {
      region.putLong(0, value);
    }
    return memfd;
  }

  private static long value(MemFd memfd) {
    try (MemoryRegion region = memfd.mapReadOnly()) {
      return region.getLong(0);
    }
  }

  private long taken(AgentClient client, String name) {
    return value(opened(client.takeMemFd(name, MINUTE).orElseThrow()));
  }

  /** Waits for what another thread does, a minute at most. */
  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + MINUTE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "it did not come to be within a minute");
      Thread.sleep(2);
    }
  }

  /** Waits for a line of the log. */
  private void awaitLog(String part) throws InterruptedException {
    for (String line; (line = log.poll(1, TimeUnit.MINUTES)) != null; ) {
      if (line.contains(part)) {
        return;
      }
    }
    throw new AssertionError("the agent did not log '" + part + "'");
  }

  // ---- a connection without a client ----

  private int connected() {
    int fd = bridge.connect(socket.toString().getBytes(StandardCharsets.UTF_8), 60_000);
    assertTrue(fd >= 0, () -> "connect: " + Errno.describe(-fd));
    open.add(() -> bridge.close(fd));
    return fd;
  }

  private int greeted() {
    int fd = connected();
    assertEquals(AgentMessage.Type.WELCOME, asked(fd, AgentMessage.hello()).type());
    return fd;
  }

  private int send(int fd, AgentMessage message, int... fds) {
    return bridge.send(fd, message.bytes(), fds);
  }

  /** The answer to a message; one with an fd is closed. */
  private AgentMessage asked(int fd, AgentMessage message, int... fds) {
    assertEquals(0, send(fd, message, fds));
    return answer(fd);
  }

  private AgentMessage answer(int fd) {
    byte[] buffer = new byte[AgentMessage.BYTES_MAX];
    int[] got = new int[1];
    int length = bridge.receive(fd, buffer, got);
    assertTrue(length > 0, () -> "the agent ended the connection: " + length + " " + log);
    if (got[0] >= 0) {
      bridge.close(got[0]);
    }
    try {
      return AgentMessage.of(buffer, length);
    } catch (AgentMessage.Malformed e) {
      throw new AssertionError(e);
    }
  }

  private void assertEnded(int fd) {
    int result = bridge.receive(fd, new byte[AgentMessage.BYTES_MAX], new int[1]);
    assertTrue(result == 0 || result == -Errno.ECONNRESET, "not the end: " + result);
  }

  // ---- holding ----

  @Test
  void aMemfdIsTakenStoredListedAndDropped() throws Exception {
    agent();
    AgentClient client = client();
    assertEquals(Optional.empty(), client.takeMemFd("cache", NOW));
    AgentClient.Stored stored = client.store("cache", memfd(42));
    assertFalse(stored.survivesKexec());
    assertTrue(stored.note().contains("/dev/liveupdate"), stored.note());
    Agent.Held held = client.list().get(0);
    assertEquals("cache", held.name());
    assertEquals(Agent.Kind.MEMFD, held.kind());
    assertEquals(4096, held.bytes());
    assertEquals(ProcessHandle.current().pid(), held.owner());
    assertEquals(1, client.list().size());
    assertEquals(42, taken(client, "cache"));
    assertTrue(client.drop("cache"));
    assertFalse(client.drop("cache"));
    assertEquals(List.of(), client.list());
    assertEquals(Optional.empty(), client.takeMemFd("cache", NOW));
  }

  @Test
  void itIsSaidOnceThatNothingSurvivesAKexecWithoutLuo() throws Exception {
    agent();
    AgentClient client = client();
    client.store("a", memfd(1));
    client.store("b", memfd(2));
    assertEquals(1, log.stream().filter(line -> line.contains("survive a kexec")).count());
  }

  @Test
  void whatIsStoredAgainIsTheSameAndAnotherMemfdReplacesIt() throws Exception {
    agent();
    AgentClient client = client();
    MemFd memfd = memfd(1);
    client.store("a", memfd);
    client.store("a", memfd);
    client.store("a", memfd(2));
    assertEquals(2, taken(client, "a"));
    assertEquals(1, client.list().size());
  }

  @Test
  void aKilledOwnersMemoryIsTheNextOnes() throws Exception {
    agent();
    ChildJvm first = peer();
    assertEquals("nothing", first.ask("take cache 0"));
    assertEquals("stored false", first.ask("store cache 42"));
    assertEquals("put", first.ask("put cache 43"));
    ChildJvm second = peer();
    String busy = second.ask("take cache 100");
    assertTrue(busy.startsWith("NameBusy take 'cache'") && busy.contains("process "), busy);
    first.kill();
    assertEquals("held 43", second.ask("take cache 60000"));
    assertEquals("held 43", second.ask("take cache 0"));
  }

  @Test
  void whoWaitsGetsTheNameWhenItsOwnerLeaves() throws Exception {
    agent();
    AgentClient owner = client();
    owner.store("a", memfd(7));
    AgentClient waiting = client();
    CompletableFuture<Optional<MemFd>> taken =
        CompletableFuture.supplyAsync(() -> waiting.takeMemFd("a", MINUTE));
    owner.close();
    assertEquals(7, value(opened(taken.get(1, TimeUnit.MINUTES).orElseThrow())));
  }

  @Test
  void aNameThatIsBusyUntilTheDeadlineSaysWhose() throws Exception {
    agent();
    client().store("a", memfd(1));
    AgentClient other = client();
    for (LuoException.NameBusy busy :
        List.of(
            assertThrows(
                LuoException.NameBusy.class, () -> other.takeMemFd("a", Duration.ofMillis(50))),
            assertThrows(LuoException.NameBusy.class, () -> other.drop("a")))) {
      assertEquals(Errno.EBUSY, busy.errno());
      assertTrue(busy.remedy().contains("" + ProcessHandle.current().pid()), busy.remedy());
      LuoException.OwnerAlive alive = busy; // one type says so of all memory that has an owner
      assertEquals(ProcessHandle.current().pid(), alive.pid().orElseThrow());
    }
  }

  @Test
  void otherFilesAreNoMemfdsAndNoSessions() throws Exception {
    agent();
    int fd = greeted();
    int memfd = memfd(1).fd();
    AgentMessage noSession = asked(fd, AgentMessage.store("a", Agent.Kind.SESSION), memfd);
    assertEquals(AgentMessage.Type.REFUSED, noSession.type());
    assertTrue(noSession.text().contains("adopt session"), noSession.text());
    AgentMessage noMemfd = asked(fd, AgentMessage.store("a", Agent.Kind.MEMFD), fd);
    assertEquals(Errno.EINVAL, noMemfd.number());
    AgentClient client = client();
    client.store("m", memfd(1));
    LuoException.AgentRefused refused =
        assertThrows(LuoException.AgentRefused.class, () -> client.takeSession("m", NOW));
    assertTrue(refused.getMessage().contains("MEMFD"), refused.getMessage());
  }

  @Test
  void namesThatAreNoneAreRefusedBeforeTheyAreSent() throws Exception {
    AgentClient client = client();
    MemFd memfd = memfd(1);
    for (String name : List.of("", "a:b", "a b", "n".repeat(256))) {
      assertThrows(IllegalArgumentException.class, () -> client.takeMemFd(name, NOW));
      assertThrows(IllegalArgumentException.class, () -> client.store(name, memfd));
      assertThrows(IllegalArgumentException.class, () -> client.drop(name));
    }
  }

  // ---- an agent that ends ----

  @Test
  void anAgentThatIsStartedAgainGetsWhatItsClientsHave() throws Exception {
    Agent first = agent();
    AgentClient client = client();
    MemFd stored = memfd(1);
    client.store("stored", stored);
    AgentClient before = client();
    before.store("left", memfd(2));
    before.close();
    MemFd taken = opened(client.takeMemFd("left", MINUTE).orElseThrow());
    client.takeMemFd("empty", NOW);
    client.store("dropped", memfd(3));
    client.drop("dropped");
    first.close();
    assertFalse(Files.exists(socket));
    await(() -> !client.isConnected());
    try (MemoryRegion region = stored.map()) {
      region.putLong(0, 11); // the service goes on
    }
    Agent second = agent();
    await(client::isConnected);
    assertEquals(
        List.of("stored", "left", "empty"), second.list().stream().map(Agent.Held::name).toList());
    assertEquals(2, value(taken));
    client.close();
    AgentClient next = client();
    assertEquals(11, taken(next, "stored"));
    assertEquals(2, taken(next, "left"));
  }

  @Test
  void aKilledAgentTakesNothingFromItsClients() throws Exception {
    ChildJvm killed = opened(ChildJvm.of(AgentHost.class).start(type.name(), "" + socket));
    assertEquals("started", killed.readLine());
    AgentClient client = client();
    client.store("cache", memfd(5));
    ChildJvm service = peer();
    assertEquals("stored false", service.ask("store other 6"));
    killed.kill();
    await(() -> !client.isConnected());
    assertEquals("6", service.ask("value other"));
    Agent agent = agent();
    await(() -> agent.list().size() == 2);
    service.kill();
    assertEquals(6, taken(client, "other"));
    assertEquals(5, taken(client, "cache"));
  }

  /** An agent in a JVM of its own: {@code AgentHost BRIDGE SOCKET}. */
  static final class AgentHost {
    public static void main(String[] args) throws Exception {
      LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.valueOf(args[0])).open();
      Agent.builder(luo).socket(Path.of(args[1])).start();
      System.out.println("started");
      System.in.read();
    }
  }

  @Test
  void aClientNeedsNoAgentUntilItAsks() throws Exception {
    AgentClient client = client();
    CompletableFuture<AgentClient.Stored> stored =
        CompletableFuture.supplyAsync(() -> client.store("early", memfd(9)));
    assertFalse(client.isConnected());
    agent();
    stored.get(1, TimeUnit.MINUTES);
    assertEquals(9, taken(client, "early"));
  }

  @Test
  void oneAgentAtATimeHasASocket() throws Exception {
    Agent agent = agent();
    IllegalStateException second =
        assertThrows(IllegalStateException.class, () -> builder().start());
    assertTrue(second.getMessage().contains("another agent"), second.getMessage());
    agent.close();
    agent.close();
    // One that was killed leaves its socket behind.
    int left = bridge.listen(socket.toString().getBytes(StandardCharsets.UTF_8), 1);
    bridge.close(left);
    assertTrue(Files.exists(socket));
    agent();
    assertEquals(List.of(), client().list());
  }

  @Test
  void aPlaceThatIsNotSafeIsRefused() throws Exception {
    Path shared = Files.createDirectory(folder.resolve("shared"));
    Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));
    IOException writable =
        assertThrows(
            IOException.class, () -> Agent.builder(luo).socket(shared.resolve("a")).start());
    assertTrue(writable.getMessage().contains("others can write"), writable.getMessage());
    Files.writeString(socket, "a file");
    IOException file = assertThrows(IOException.class, () -> builder().start());
    assertTrue(file.getMessage().contains("is no socket"), file.getMessage());
    assertEquals("a file", Files.readString(socket));
    assertThrows(
        IllegalArgumentException.class,
        () -> Agent.builder(luo).socket(folder.resolve("x".repeat(108))).start());
    assertThrows(
        IllegalArgumentException.class,
        () -> AgentClient.open(luo, folder.resolve("x".repeat(108))));
  }

  @Test
  void theEmulatorHasNoSockets() {
    LiveUpdate emulated = Emulated.in(folder.resolve("emulator"));
    LuoException agent =
        assertThrows(LuoException.class, () -> Agent.builder(emulated).socket(socket).start());
    LuoException client =
        assertThrows(LuoException.class, () -> AgentClient.open(emulated, socket));
    assertEquals(Errno.ENOSYS, agent.errno());
    assertEquals(Errno.ENOSYS, client.errno());
    assertTrue(agent.remedy().contains("bridge(JNI)"), agent.remedy());
  }

  // ---- users ----

  @Test
  void theSocketIsItsOwnersUnlessOthersAreAllowed() throws Exception {
    Agent agent = agent();
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
    agent.close();
    opened(builder().allow(OTHER_UID).start());
    assertEquals("rw-rw-rw-", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
  }

  @Test
  void aUserSeesItsOwnNamesOnly() throws Exception {
    int uid = (Integer) Files.getAttribute(folder, "unix:uid");
    Assumptions.assumeTrue(uid == 0, "needs root, to run a JVM as another user");
    // Others may have no way to where this is built.
    Path readable = Files.createTempDirectory(Path.of("/tmp"), "luo4j-agent-");
    socket = readable.resolve("agent.sock");
    open.add(() -> FileUtils.deleteDirectory(readable.toFile()));
    List<Path> classPath = new ArrayList<>();
    for (Path entry : ChildJvm.classPath()) {
      Path copy = readable.resolve(classPath.size() + "-" + entry.getFileName());
      if (Files.isDirectory(entry)) {
        FileUtils.copyDirectory(entry.toFile(), copy.toFile());
      } else {
        Files.copy(entry, copy);
      }
      classPath.add(copy);
    }
    assertEquals(0, new ProcessBuilder("chmod", "-R", "a+rX", "" + readable).start().waitFor());

    opened(builder().allow(OTHER_UID).start());
    AgentClient root = client();
    root.store("cache", memfd(1));
    root.store("roots", memfd(2));
    ChildJvm other = foreign(OTHER_UID, classPath);
    assertEquals("nothing", other.ask("take cache 0"));
    assertEquals("stored false", other.ask("store cache 77"));
    assertEquals("[cache]", other.ask("list"));
    assertEquals("false", other.ask("drop roots"));
    String update = other.ask("update /boot/kernel");
    assertTrue(update.startsWith("AgentRefused") && update.contains("EPERM"), update);
    assertTrue(kexec.calls.isEmpty());
    assertEquals(1, taken(root, "cache"));
    assertEquals(3, root.list().size());

    ChildJvm stranger = foreign(OTHER_UID + 1, classPath);
    awaitLog("not one of those that the agent allows");
    assertEquals("false", stranger.ask("connected"));
  }

  private ChildJvm foreign(int uid, List<Path> classPath) throws IOException {
    return opened(
        ChildJvm.of(AgentPeer.class)
            .under("setpriv", "--reuid", "" + uid, "--regid", "" + uid, "--clear-groups")
            .classPath(classPath)
            .start(type.name(), "" + socket));
  }

  // ---- what breaks the protocol, or a limit ----

  /** Does what ends a connection, and sees that what is held and others are as before. */
  private interface Offence {
    void by(int fd) throws Exception;
  }

  private void assertEnds(String reason, Offence offence) throws Exception {
    AgentClient client = client();
    client.store("held", memfd(3));
    int fd = connected();
    offence.by(fd);
    awaitLog(reason);
    assertEnded(fd);
    assertEquals(3, taken(client, "held"));
    client.close();
  }

  @Test
  void aConnectionThatBreaksTheProtocolIsClosedAndAllElseStays() throws Exception {
    opened(builder().helloTimeout(Duration.ofSeconds(3)).start());
    int memfd = memfd(1).fd();
    assertEnds("it said nothing for", fd -> {});
    assertEnds("before HELLO", fd -> send(fd, AgentMessage.list()));
    assertEnds("malformed", fd -> bridge.send(fd, new byte[] {1}, new int[0]));
    assertEnds(
        "malformed",
        fd -> {
          byte[] hello = AgentMessage.hello().bytes();
          bridge.send(fd, Arrays.copyOf(hello, hello.length - 1), new int[0]);
        });
    assertEnds("more than", fd -> bridge.send(fd, new byte[100_000], new int[0]));
    assertEnds("a HELLO with an fd", fd -> send(fd, AgentMessage.hello(), memfd));
    assertEnds("more than an fd", fd -> send(fd, AgentMessage.hello(), memfd, memfd));
    assertEnds(
        "a second HELLO",
        fd -> {
          asked(fd, AgentMessage.hello());
          send(fd, AgentMessage.hello());
        });
    assertEnds(
        "a STORE without an fd",
        fd -> {
          asked(fd, AgentMessage.hello());
          send(fd, AgentMessage.store("held", Agent.Kind.MEMFD));
        });
    assertEnds(
        "which is the agent's to send",
        fd -> {
          asked(fd, AgentMessage.hello());
          send(fd, AgentMessage.listed(0));
        });
    assertEnds(
        "it speaks version 2",
        fd -> {
          byte[] hello = AgentMessage.hello().bytes();
          hello[16] = 2;
          bridge.send(fd, hello, new int[0]);
          assertEquals(AgentMessage.Type.REFUSED, answer(fd).type());
        });
  }

  @Test
  void noFdIsLeftOpenByWhatIsRefused() throws Exception {
    agent();
    int memfd = memfd(1).fd();
    greeted();
    long before = openFds();
    for (int i = 0; i < 50; i++) {
      int fd = bridge.connect(socket.toString().getBytes(StandardCharsets.UTF_8), 60_000);
      send(fd, AgentMessage.hello(), i % 2 == 0 ? new int[] {memfd} : new int[0]);
      if (i % 2 == 1) {
        answer(fd);
        send(fd, AgentMessage.take("x"), memfd);
      }
      assertEnded(fd);
      bridge.close(fd);
    }
    int fd = greeted();
    for (int i = 0; i < 50; i++) {
      asked(fd, AgentMessage.store("a", Agent.Kind.SESSION), memfd);
      asked(fd, AgentMessage.store("b", Agent.Kind.MEMFD), fd);
    }
    await(() -> openFds() <= before + 2);
  }

  private static long openFds() {
    String[] fds = Path.of("/proc/self/fd").toFile().list();
    return fds == null ? 0 : fds.length;
  }

  @Test
  void aFloodOfRequestsWhoseAnswersNobodyReadsEndsThatConnectionOnly() throws Exception {
    opened(builder().sendTimeout(Duration.ofMillis(300)).start());
    AgentClient client = client();
    client.store("held", memfd(3));
    int fd = greeted();
    bridge.setTimeout(fd, 100);
    int sent = 0;
    while (sent < 100_000 && send(fd, AgentMessage.take("flood")) == 0) {
      sent++;
    }
    assertTrue(sent < 100_000, "the flood was taken whole");
    assertEquals(3, taken(client, "held"));
    awaitLog("cannot be sent a HELD");
    await(() -> List.of("held").equals(client.list().stream().map(Agent.Held::name).toList()));
  }

  @Test
  void aThousandConnectsInASecondLoseNothing() throws Exception {
    Agent agent = agent();
    AgentClient client = client();
    for (int i = 0; i < 20; i++) {
      client.store("n" + i, memfd(i));
    }
    byte[] address = socket.toString().getBytes(StandardCharsets.UTF_8);
    byte[] hello = AgentMessage.hello().bytes();
    long accepted = agent.accepted();
    long began = System.nanoTime();
    for (int i = 0; i < CONNECTS; i++) {
      int fd = bridge.connect(address, 60_000);
      assertTrue(fd >= 0, "connect " + i + ": " + fd);
      // Half of them say something; none waits for an answer.
      if (i % 2 == 0) {
        bridge.send(fd, hello, new int[0]);
      }
      bridge.close(fd);
    }
    await(() -> agent.accepted() == accepted + CONNECTS);
    double seconds = (System.nanoTime() - began) / 1e9;
    System.out.printf("%s: %,d connects in %.3f s%n", type, CONNECTS, seconds);
    for (int i = 0; i < 20; i++) {
      assertEquals(i, taken(client, "n" + i));
    }
    assertEquals(20, client().list().size());
  }

  @Test
  void connectionsAreBounded() throws Exception {
    opened(builder().maxConnectionsPerUid(3).start());
    int[] fds = {greeted(), greeted(), greeted()};
    int fourth = connected();
    assertEnded(fourth);
    awaitLog("maxConnectionsPerUid");
    bridge.shutdown(fds[0]);
    assertEnded(fds[0]);
    AgentClient client = client();
    client.store("a", memfd(1));
    assertEquals(1, taken(client, "a"));
  }

  @Test
  void namesAndBytesAreBoundedAndTheMessageSaysByWhat() throws Exception {
    opened(builder().maxNamesPerUid(2).maxBytesPerUid(3 * 4096).start());
    AgentClient client = client();
    client.store("a", memfd(1));
    client.store("b", memfd(2));
    LuoException.AgentRefused names =
        assertThrows(LuoException.AgentRefused.class, () -> client.store("c", memfd(3)));
    assertEquals(Errno.ENOSPC, names.errno());
    assertTrue(names.getMessage().contains("maxNamesPerUid"), names.getMessage());
    MemFd large = opened(luo.createMemFd(MemFdOptions.named("large").size(3 * 4096)));
    LuoException.AgentRefused bytes =
        assertThrows(LuoException.AgentRefused.class, () -> client.store("b", large));
    assertTrue(
        bytes.getMessage().contains("(luo agent --max-memory, maxBytesPerUid)"),
        bytes.getMessage());
    assertEquals(1, taken(client, "a"));
    assertEquals(2, taken(client, "b"));
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    Agent.Builder builder = builder();
    assertThrows(IllegalArgumentException.class, () -> builder.maxConnections(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxConnectionsPerUid(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxNamesPerUid(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxBytesPerUid(0));
    assertThrows(IllegalArgumentException.class, () -> builder.maxMessageBytes(511));
    assertThrows(IllegalArgumentException.class, () -> builder.helloTimeout(Duration.ZERO));
    assertThrows(IllegalArgumentException.class, () -> builder.allow(-1));
  }

  // ---- an update ----

  private static final Agent.Update UPDATE =
      new Agent.Update(
          Path.of("/boot/kernel"),
          Optional.of(Path.of("/boot/initrd")),
          Optional.of("a b"),
          MINUTE);

  @Test
  void allClientsAreReadyBeforeTheKernelIsReplacedAndAreToldThatItWasNot() throws Exception {
    agent();
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    List<AgentClient> clients = List.of(client(), client());
    for (AgentClient client : clients) {
      client.onPrepare(
          deadline -> {
            assertEquals(MINUTE, deadline);
            events.add("prepared with " + kexec.calls.size() + " calls");
          });
      client.onAborted(events::add);
      client.store("n" + clients.indexOf(client), memfd(clients.indexOf(client)));
    }
    AgentClient control = client();
    List<String> progress = new ArrayList<>();
    IOException failed =
        assertThrows(IOException.class, () -> control.update(UPDATE, progress::add));
    assertEquals("the fake execute failed", failed.getMessage());
    assertEquals("load /boot/kernel Optional[/boot/initrd] Optional[a b]", kexec.calls.poll());
    assertEquals("sync", kexec.calls.poll());
    assertEquals("execute", kexec.calls.poll());
    for (int i = 0; i < 2; i++) {
      assertEquals("prepared with 1 calls", events.poll(1, TimeUnit.MINUTES));
    }
    for (int i = 0; i < 2; i++) {
      assertEquals("the fake execute failed", events.poll(1, TimeUnit.MINUTES));
    }
    assertTrue(progress.get(0).contains("loading"), progress.toString());
    assertTrue(progress.stream().anyMatch(line -> line.contains("n0")), progress.toString());
    assertTrue(progress.contains("waiting for 2 clients to be ready"), progress.toString());
    assertEquals("jumping", progress.get(progress.size() - 1));
    assertEquals(0, taken(clients.get(0), "n0"));
    // And once more, with what was answered before not counting.
    assertThrows(IOException.class, () -> control.update(UPDATE, line -> {}));
    assertEquals("prepared with 1 calls", events.poll(1, TimeUnit.MINUTES));
  }

  @Test
  void aKernelThatCannotBeLoadedTroublesNoClient() throws Exception {
    agent();
    kexec.failing = "load";
    AgentClient client = client();
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    client.onPrepare(deadline -> events.add("prepare"));
    client.onAborted(events::add);
    client.store("a", memfd(1));
    IOException failed =
        assertThrows(IOException.class, () -> client.update(UPDATE, progress -> {}));
    assertEquals("the fake load failed", failed.getMessage());
    assertEquals(1, kexec.calls.size());
    assertEquals(1, taken(client, "a"));
    assertEquals(List.of(), List.copyOf(events));
  }

  @Test
  void fileSystemsThatCannotBeWrittenKeepNoUpdateAway() throws Exception {
    Agent agent = agent();
    kexec.failing = "sync";
    List<String> progress = new ArrayList<>();
    agent.update(UPDATE, progress::add); // the fake kernel takes over
    assertTrue(
        progress.contains("file systems may lack what was written last: the fake sync failed"),
        "" + progress);
    assertTrue(kexec.calls.contains("execute"));
  }

  @Test
  void aClientThatIsNotReadyIsWaitedForUntilTheDeadline() throws Exception {
    Agent agent = agent();
    int fd = greeted();
    asked(fd, AgentMessage.take("slow"));
    AgentClient ready = client();
    ready.store("ready", memfd(1));
    List<String> progress = new ArrayList<>();
    Agent.Update soon =
        new Agent.Update(
            Path.of("/boot/kernel"), Optional.empty(), Optional.empty(), Duration.ofMillis(300));
    long began = System.nanoTime();
    assertThrows(IOException.class, () -> agent.update(soon, progress::add));
    assertTrue(System.nanoTime() - began >= 300_000_000L);
    assertTrue(kexec.calls.contains("execute"));
    assertEquals(
        1, progress.stream().filter(line -> line.startsWith("not ready: ")).count(), "" + progress);
    AgentMessage prepare = answer(fd);
    assertEquals(AgentMessage.Type.PREPARE, prepare.type());
    assertEquals(300, prepare.number());
    AgentMessage aborted = answer(fd);
    assertEquals(AgentMessage.Type.ABORTED, aborted.type());
    assertEquals(prepare.id(), aborted.id());
  }

  @Test
  void aClientThatEndsWhileItPreparesIsNotWaitedFor() throws Exception {
    Agent agent = agent();
    int fd = greeted();
    asked(fd, AgentMessage.take("ends"));
    CompletableFuture<Void> update =
        CompletableFuture.runAsync(
            () -> assertThrows(IOException.class, () -> agent.update(UPDATE, progress -> {})));
    assertEquals(AgentMessage.Type.PREPARE, answer(fd).type());
    bridge.shutdown(fd);
    update.get(50, TimeUnit.SECONDS);
  }

  private CompletableFuture<Void> updateThatMeetsTheClose(Agent agent) {
    return CompletableFuture.runAsync(
        () -> {
          IOException e =
              assertThrows(IOException.class, () -> agent.update(UPDATE, progress -> {}));
          assertEquals("the agent is closed", e.getMessage());
        });
  }

  /** Its memory is lost: a kexec would end all that was kept. */
  @Test
  void anAgentThatIsClosedWhileClientsPrepareDoesNotJump() throws Exception {
    Agent agent = agent();
    int fd = greeted();
    asked(fd, AgentMessage.take("slow"));
    CompletableFuture<Void> update = updateThatMeetsTheClose(agent);
    assertEquals(AgentMessage.Type.PREPARE, answer(fd).type());
    agent.close();
    update.get(1, TimeUnit.MINUTES);
    assertFalse(kexec.calls.contains("execute"), () -> "" + kexec.calls);
  }

  @Test
  void anAgentThatIsClosedWhileFileSystemsAreWrittenDoesNotJump() throws Exception {
    Agent agent = agent();
    kexec.gated = "sync";
    kexec.gate = new CountDownLatch(1);
    CompletableFuture<Void> update = updateThatMeetsTheClose(agent);
    assertTrue(kexec.calls.poll(1, TimeUnit.MINUTES).startsWith("load"));
    assertEquals("sync", kexec.calls.poll(1, TimeUnit.MINUTES));
    agent.close();
    kexec.gate.countDown();
    update.get(1, TimeUnit.MINUTES);
    assertTrue(kexec.calls.isEmpty(), () -> "" + kexec.calls);
  }

  @Test
  void aReadyOfAnEarlierUpdateDoesNotCount() throws Exception {
    Agent agent = agent();
    int fd = greeted();
    asked(fd, AgentMessage.take("late"));
    Agent.Update soon =
        new Agent.Update(
            Path.of("/boot/kernel"), Optional.empty(), Optional.empty(), Duration.ofMillis(100));
    assertThrows(IOException.class, () -> agent.update(soon, progress -> {}));
    int first = answer(fd).id();
    assertEquals(AgentMessage.Type.ABORTED, answer(fd).type());
    List<String> progress = new ArrayList<>();
    CompletableFuture<Void> update =
        CompletableFuture.runAsync(
            () -> assertThrows(IOException.class, () -> agent.update(soon, progress::add)));
    assertEquals(AgentMessage.Type.PREPARE, answer(fd).type());
    send(fd, AgentMessage.ready(first));
    update.get(1, TimeUnit.MINUTES);
    assertTrue(progress.stream().anyMatch(line -> line.startsWith("not ready: ")), "" + progress);
  }

  @Test
  void oneUpdateAtATimeAndNamesStayAsTheyAreInTheJump() throws Exception {
    Agent agent = agent();
    AgentClient client = client();
    client.store("a", memfd(1));
    CountDownLatch gate = new CountDownLatch(1);
    kexec.gate = gate;
    CountDownLatch jumping = new CountDownLatch(1);
    CompletableFuture<Void> update =
        CompletableFuture.runAsync(
            () ->
                assertThrows(
                    IOException.class,
                    () ->
                        agent.update(
                            UPDATE,
                            line -> {
                              if (line.equals("jumping")) {
                                jumping.countDown();
                              }
                            })));
    assertTrue(jumping.await(1, TimeUnit.MINUTES));
    IOException second =
        assertThrows(IOException.class, () -> client().update(UPDATE, progress -> {}));
    assertTrue(second.getMessage().contains("an update is going on"), second.getMessage());
    gate.countDown();
    update.get(1, TimeUnit.MINUTES);
    assertEquals(1, taken(client, "a"));
  }

  @Test
  void aListenerThatThrowsKeepsNobodyWaiting() throws Exception {
    Agent agent = agent();
    AgentClient client = client();
    client.onPrepare(
        deadline -> {
          throw new IllegalStateException("of the test");
        });
    client.store("a", memfd(1));
    List<String> progress = new ArrayList<>();
    assertThrows(IOException.class, () -> agent.update(UPDATE, progress::add));
    assertFalse(progress.stream().anyMatch(line -> line.startsWith("not ready")), "" + progress);
  }

  @Test
  void anUpdateIsCheckedBeforeItIsSent() {
    Path relative = Path.of("kernel");
    Path kernel = Path.of("/boot/kernel");
    assertThrows(IllegalArgumentException.class, () -> Agent.Update.to(relative));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Agent.Update(kernel, Optional.of(relative), Optional.empty(), MINUTE));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Agent.Update(kernel, Optional.empty(), Optional.of(" "), MINUTE));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Agent.Update(kernel, Optional.empty(), Optional.of("x".repeat(5000)), MINUTE));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Agent.Update(kernel, Optional.empty(), Optional.empty(), Duration.ofDays(2)));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Agent.Update(kernel, Optional.empty(), Optional.empty(), NOW));
  }
}
