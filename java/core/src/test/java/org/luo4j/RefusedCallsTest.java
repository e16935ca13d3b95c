/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;

/** What is left of a call that the kernel refuses half-way: nothing that is open. */
class RefusedCallsTest {

  private TestKernel kernel;

  @BeforeEach
  void start() {
    JniLibrary.assumeBuilt();
    kernel = new TestKernel();
  }

  @AfterEach
  void stop() {
    kernel.close();
  }

  private static void assertErrno(int errno, org.junit.jupiter.api.function.Executable call) {
    assertEquals(errno, assertThrows(LuoException.class, call).errno());
  }

  // ---- memfds ----

  @ParameterizedTest
  @CsvSource({"memfdCreate, 23", "truncate, 28", "map, 12", "advise, 12"})
  void aMemfdThatCannotBeMadeWholeIsClosed(String call, int errno) {
    kernel.fail(call, errno);
    MemFdOptions options =
        MemFdOptions.named("test").size(8192).hugeFolios().exec(MemFdOptions.ExecPolicy.SYSTEM);
    assertErrno(errno, () -> kernel.luo.createMemFd(options));
  }

  /** Then ordinary pages are allocated. */
  @Test
  void aKernelWithoutHugeFoliosAllocatesPages() {
    kernel.fail("advise", Errno.EINVAL);
    try (Logged log = new Logged(MemFd.class);
        MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(8192).hugeFolios())) {
      assertTrue(memfd.allocated() >= 8192);
      assertEquals(1, log.lines().size());
      assertTrue(log.lines().get(0).contains("without transparent huge pages"), "" + log.lines());
    }
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(8192))) {
      assertEquals(0, memfd.allocated());
    }
  }

  /** A kernel before 6.3 knows no policy of execution. */
  @ParameterizedTest
  @EnumSource(MemFdOptions.ExecPolicy.class)
  void aKernelWithoutExecPoliciesMakesMemfdsWithout(MemFdOptions.ExecPolicy policy) {
    kernel.fail("memfdCreate", Errno.EINVAL);
    MemFdOptions options = MemFdOptions.named("test").exec(policy);
    if (policy == MemFdOptions.ExecPolicy.SYSTEM) {
      assertErrno(Errno.EINVAL, () -> kernel.luo.createMemFd(options));
    } else {
      try (Logged log = new Logged(MemFd.class);
          MemFd memfd = kernel.luo.createMemFd(options)) {
        assertFalse(memfd.seals().contains(Seal.EXEC));
        assertEquals(1, log.lines().size());
        assertTrue(log.lines().get(0).contains("does not know MFD_" + policy), "" + log.lines());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "size",
        "allocated",
        "truncate",
        "allocate",
        "seals",
        "addSeals",
        "seek",
        "descriptorFlags",
        "setDescriptorFlags",
        "read",
        "write",
        "duplicate",
        "map"
      })
  void aCallOnAMemfdThatIsRefusedChangesNothing(String call) {
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(8);
      kernel.fail(call, Errno.EIO);
      assertErrno(
          Errno.EIO,
          () -> {
            switch (call) {
              case "size" -> memfd.size();
              case "allocated" -> memfd.allocated();
              case "truncate" -> memfd.setSize(1);
              case "allocate" -> memfd.allocate(0, 4096);
              case "seals" -> memfd.seals();
              case "addSeals" -> memfd.addSeals(Set.of(Seal.GROW));
              case "seek" -> memfd.position(7);
              case "descriptorFlags" -> memfd.closeOnExec();
              case "setDescriptorFlags" -> memfd.closeOnExec(false);
              case "read" -> memfd.read(0, buffer);
              case "write" -> memfd.write(0, buffer);
              case "duplicate" -> memfd.duplicate();
              default -> memfd.map();
            }
          });
      assertEquals(0, buffer.position());
      assertEquals(4096, memfd.size());
      assertEquals(0, memfd.allocated());
      assertEquals(0, memfd.position());
      assertTrue(memfd.closeOnExec());
      assertEquals(Set.of(), memfd.seals());
    }
  }

  @Test
  void anFdThatIsNotAdoptedStaysItsCallers() {
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test"));
        Session session = kernel.luo.createSession("cache")) {
      kernel.fail("seals", Errno.EPERM);
      assertErrno(Errno.EPERM, () -> kernel.luo.adoptMemFd(memfd.fd()));
      assertErrno(Errno.EINVAL, () -> kernel.luo.adoptMemFd(session.fd()));
      for (int errno : new int[] {Errno.ENOTTY, Errno.EINVAL}) {
        kernel.fail("sessionName", errno);
        LuoException refused =
            assertThrows(LuoException.class, () -> kernel.luo.adoptSession(memfd.fd()));
        assertEquals(errno, refused.errno());
        assertTrue(refused.getMessage().contains("it is not a LUO session"), "" + refused);
      }
      assertErrno(Errno.ENOTTY, () -> kernel.luo.adoptSession(memfd.fd()));
      kernel.fail("sessionName", Errno.EPERM);
      assertErrno(Errno.EPERM, () -> kernel.luo.adoptSession(session.fd()));
      assertTrue(memfd.isOpen() && session.isOpen());
      assertEquals(0, memfd.size());
    }
  }

  /** A kernel without GET_NAME says the name in /proc. */
  @Test
  void aSessionsNameIsFoundInItsLinkToo() {
    try (Session session = kernel.luo.createSession("cache")) {
      kernel.fail("sessionName", Errno.EINVAL);
      try (Session adopted = kernel.luo.adoptSession(session.duplicate().fd())) {
        assertEquals("cache", adopted.name());
        assertEquals(Session.Kind.OUTGOING, adopted.kind());
      }
    }
  }

  /** The setting of the machine is said where it has huge folios made of nothing. */
  @Test
  void aMachineWithoutHugeFoliosIsTold() throws IOException {
    Path setting = Path.of("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
    assumeTrue(Files.isReadable(setting));
    String policy = Files.readString(setting);
    boolean isOff = policy.contains("[never]") || policy.contains("[deny]");
    try (Logged log = new Logged(MemFd.class);
        MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(8192).hugeFolios())) {
      assertTrue(memfd.allocated() >= 8192);
      assertEquals(isOff ? 1 : 0, log.lines().size(), "" + log.lines());
      assertTrue(!isOff || log.lines().get(0).contains("" + setting), "" + log.lines());
    }
  }

  @Test
  void optionsAtTheirLimits() {
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").hugeFolios())) {
      assertEquals(0, memfd.size(), "of no size nothing is allocated");
      memfd.position(5);
      memfd.position(0);
      assertEquals(0, memfd.position());
      assertThrows(IllegalArgumentException.class, () -> memfd.allocate(0, 0));
      assertThrows(IllegalArgumentException.class, () -> memfd.allocate(-1, 1));
      memfd.allocate(0, 1);
      memfd.allocate(Long.MAX_VALUE - 4096, 4096);
      assertEquals(Long.MAX_VALUE, memfd.size());
      assertThrows(
          IllegalArgumentException.class, () -> memfd.allocate(Long.MAX_VALUE - 4096, 4097));
    }
    assertThrows(NoRoomException.class, () -> MemFd.checkRoom("'cache'", Long.MAX_VALUE));
    MemFdOptions options = MemFdOptions.named("x".repeat(249));
    assertEquals(Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING, options.flags());
    assertThrows(IllegalArgumentException.class, () -> MemFdOptions.named("x".repeat(250)));
    assertThrows(IllegalArgumentException.class, () -> MemFdOptions.named("\0x"));
    int flags = options.flags() | Abi.MFD_HUGETLB;
    assertEquals(flags, options.hugeTlb(0).flags());
    assertEquals(flags | 12 << Abi.MFD_HUGE_SHIFT, options.hugeTlb(4096).flags());
    assertEquals(flags | 30 << Abi.MFD_HUGE_SHIFT, options.hugeTlb(1 << 30).flags());
    for (long bad : new long[] {2048, 4095, 4097, 6144, -4096, 1}) {
      assertThrows(IllegalArgumentException.class, () -> options.hugeTlb(bad), "" + bad);
    }
  }

  // ---- sessions ----

  @ParameterizedTest
  @ValueSource(strings = {"preserve in cache", "truncate"})
  void memoryThatIsNotPreservedIsClosed(String call) {
    try (Session session = kernel.luo.createSession("cache")) {
      kernel.fail(call, Errno.ENOMEM);
      assertErrno(
          Errno.ENOMEM, () -> session.preserveNew(MemFdOptions.named("test").size(4096), 1));
      session.preserveNew(MemFdOptions.named("test").size(4096), 1).close();
    }
  }

  private Sessions sessions() {
    return new Sessions(kernel.luo, Duration.ZERO);
  }

  /** A process that is ending has its name for a moment still. */
  @Test
  void aSessionsNameIsWaitedFor() {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      kernel.fail("create cache", Errno.EEXIST);
      new Sessions(kernel.luo, Duration.ofSeconds(60)).preserve("cache", memory).close();
      assertEquals(
          List.of("create cache", "create cache", "preserve in cache"), kernel.takeCalls());
    }
  }

  @Test
  void aSessionSaysWhatItIs() {
    assertThrows(IllegalArgumentException.class, () -> kernel.luo.createSession("\0cache"));
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      try (Session session = sessions().preserve("cache", memory)) {
        assertEquals("outgoing session 'cache' (fd " + session.fd() + ")", session.toString());
        kernel.kexecWithoutStore();
      }
    }
    try (Session session = kernel.luo.retrieveSession("cache")) {
      assertEquals("incoming session 'cache' (fd " + session.fd() + ")", session.toString());
    }
  }

  @Test
  void aSessionThatPreservesNothingIsClosed() {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      kernel.fail("preserve in cache", Errno.ENOMEM);
      assertErrno(Errno.ENOMEM, () -> sessions().preserve("cache", memory));
      sessions().preserve("cache", memory).close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"retrieve cache", "retrieve from cache", "finish cache"})
  void memoryThatIsNotRetrievedIsClosed(String call) {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      try (Session session = sessions().preserve("cache", memory)) {
        kernel.kexecWithoutStore();
        assertEquals("cache", session.name());
      }
    }
    kernel.fail(call, Errno.EIO);
    assertErrno(Errno.EIO, () -> sessions().retrieve("cache"));
  }

  @Test
  void whatIsRetrievedIsFinished() {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      try (Session session = sessions().preserve("cache", memory)) {
        kernel.kexecWithoutStore();
        assertEquals("cache", session.name());
      }
    }
    kernel.takeCalls();
    try (MemFd memory = sessions().retrieve("cache")) {
      assertEquals(4096, memory.size());
    }
    assertEquals(
        List.of("retrieve cache", "retrieve from cache", "finish cache"), kernel.takeCalls());
  }

  // ---- memory of a handover in sessions of the process ----

  private Handover process() {
    return Handover.builder()
        .luo(kernel.luo)
        .holder(Handover.Holder.PROCESS)
        .timeout(Duration.ZERO)
        .open();
  }

  private static final MemFdOptions OPTIONS = MemFdOptions.named("cache").size(4096);

  @ParameterizedTest
  @ValueSource(strings = {"create cache", "preserve in cache", "lock", "truncate"})
  void memoryThatIsNotKeptIsClosedAndNotLocked(String call) {
    Handover handover = process();
    kernel.fail(call, Errno.ENOMEM);
    assertErrno(Errno.ENOMEM, () -> handover.make("cache", OPTIONS));
    handover.make("cache", OPTIONS).close();
  }

  @Test
  void memoryIsLockedWhileItIsKept() {
    try (Kept kept = process().make("cache", OPTIONS)) {
      assertThrows(
          LuoException.OwnerAlive.class, () -> OwnerLock.of(kept.memory(), "cache", Duration.ZERO));
    }
  }

  /** It is under its old name still, or again. */
  @ParameterizedTest
  @ValueSource(strings = {"duplicate", "create other", "preserve in other"})
  void memoryThatIsNotRenamedKeepsItsName(String call) {
    try (Kept kept = process().make("cache", OPTIONS)) {
      kept.memory().write(0, ByteBuffer.allocateDirect(1).put(0, (byte) 7));
      kernel.fail(call, Errno.ENOMEM);
      assertErrno(Errno.ENOMEM, () -> kept.rename("other"));
      assertEquals(call.equals("duplicate"), kept.memory().isOpen());
      List<String> calls = kernel.takeCalls();
      assertEquals(
          call.equals("duplicate") ? 2 : 4 + (call.startsWith("preserve") ? 2 : 1), calls.size());
      assertNotEquals("create other", calls.get(calls.size() - 1));
    }
  }

  @Test
  void theDeviceMustBeThere() {
    Handover handover = process();
    assertEquals(Set.of(Loss.KEXEC), handover.protectsFrom());
    kernel.fail("openDevice", Errno.ENOENT);
    Handover none = process();
    assertEquals(Set.of(), none.protectsFrom());
    assertTrue(none.describe().contains("nobody"), none.describe());
    assertTrue(none.find("cache").isEmpty());
    assertTrue(none.whyNothing("cache").contains("ENOENT"), none.whyNothing("cache"));
    assertTrue(none.whyNothing("other").contains("nothing was looked for"));
    try (Kept kept = none.make("cache", OPTIONS)) {
      assertEquals(Set.of(), kept.protectsFrom());
      assertEquals(List.of(), kernel.takeCalls());
    }
  }

  // ---- what an agent holds ----

  private static final AgentHoldings.Owner OWNER = () -> 5;
  private final List<String> log = new ArrayList<>();

  private AgentHoldings holdings() {
    return new AgentHoldings(kernel.luo, new AgentHoldings.Limits(8, 1 << 20), log::add);
  }

  private String store(AgentHoldings holdings) throws Exception {
    return holdings.store(1000, "cache", kernel.luo.createMemFd(OPTIONS), OWNER);
  }

  /** A session of an agent for the first memfd that it held. */
  private static final String SESSION = AgentHoldings.sessionName(1000, 0, "cache");

  private AgentHoldings nextKernel(String failing) throws Exception {
    try (AgentHoldings before = holdings()) {
      assertEquals("", store(before));
      kernel.kexecWithoutStore();
    }
    log.clear();
    kernel.fail(failing, Errno.EIO);
    return holdings();
  }

  @ParameterizedTest
  @ValueSource(strings = {"retrieve ", "retrieve from ", "finish "})
  void whatDoesNotArriveIsLostAndSaid(String call) throws Exception {
    try (AgentHoldings holdings = nextKernel(call + SESSION)) {
      assertEquals(List.of(), holdings.list(0, true));
      assertEquals(1, log.size());
      assertTrue(log.get(0).startsWith("lost: MEMFD 'cache' of uid 1000: "), log.get(0));
      assertEquals(log, holdings.report());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"retrieve from luo4j-agent", "retrieve luo4j-agent"})
  void withoutTheManifestAllIsLost(String call) throws Exception {
    try (AgentHoldings holdings = nextKernel(call)) {
      assertEquals(List.of(), holdings.list(0, true));
      assertTrue(log.get(0).startsWith("what the previous kernel left is lost: "), log.toString());
      assertEquals("", store(holdings), "for the next one it works");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"create ", "preserve in "})
  void whatArrivedIsHeldWhereItCannotBePreservedAgain(String call) throws Exception {
    try (AgentHoldings holdings = nextKernel(call + SESSION)) {
      Agent.Held held = holdings.list(1000, false).get(0);
      assertEquals(Agent.Kind.MEMFD, held.kind());
      assertFalse(held.survivesKexec());
      assertTrue(held.note().contains("EIO"), held.note());
      assertTrue(log.get(0).contains("; it will not survive the next one: "), log.get(0));
      assertEquals(List.of(), holdings.preserveAll(), "before the kexec it is tried again");
      assertTrue(holdings.list(1000, false).get(0).survivesKexec());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"create luo4j-agent", "preserve in luo4j-agent", "truncate"})
  void withoutAManifestNothingSurvivesAndItIsSaid(String call) throws Exception {
    kernel.fail(call, Errno.EIO);
    try (AgentHoldings holdings = holdings()) {
      assertTrue(holdings.whyNoKexec().contains("EIO"), holdings.whyNoKexec());
      assertEquals(holdings.whyNoKexec(), store(holdings));
      assertEquals(
          "nothing will survive a kexec, only restarts of its owner: " + holdings.whyNoKexec(),
          log.get(log.size() - 1));
    }
  }

  /** Another thread of the agent gets on. */
  private static void assertNotLocked(AgentHoldings holdings) throws InterruptedException {
    Thread other = new Thread(() -> holdings.list(0, true));
    other.setDaemon(true);
    other.start();
    other.join(10_000);
    assertFalse(other.isAlive());
  }

  @Test
  void noCallKeepsTheOthersWaiting() throws Exception {
    AgentHoldings holdings = holdings();
    assertNotLocked(holdings);
    store(holdings);
    assertNotLocked(holdings);
    assertEquals(7, holdings.take(1000, "cache", OWNER, (kind, kexec, held) -> 7));
    assertEquals(6, holdings.take(1000, "none", OWNER, (kind, kexec, held) -> 6));
    assertNotLocked(holdings);
    Session session = kernel.luo.createSession("mine");
    assertEquals("", holdings.store(1000, "session", session, OWNER));
    assertNotLocked(holdings);
    assertEquals(Set.of(OWNER), holdings.owners());
    assertNotLocked(holdings);
    assertEquals(List.of(), holdings.preserveAll());
    assertNotLocked(holdings);
    assertEquals(Agent.Kind.SESSION, holdings.drop(1000, "session", OWNER));
    assertNotLocked(holdings);
    assertEquals(
        1,
        holdings.still(
            () -> {
              Thread other = new Thread(() -> holdings.list(0, true));
              other.setDaemon(true);
              other.start();
              other.join(20);
              assertTrue(other.isAlive(), "nothing changes hands meanwhile");
              return 1;
            }));
    assertNotLocked(holdings);
    holdings.leave(OWNER);
    assertNotLocked(holdings);
    holdings.close();
    assertNotLocked(holdings);
    assertEquals(List.of(), holdings.list(0, true));
  }

  @Test
  void whatIsStoredAgainIsNotPreservedAgain() throws Exception {
    try (AgentHoldings holdings = holdings();
        MemFd memfd = kernel.luo.createMemFd(OPTIONS)) {
      assertEquals("", holdings.store(1000, "cache", memfd.duplicate(), OWNER));
      kernel.takeCalls();
      MemFd again = memfd.duplicate();
      assertEquals("", holdings.store(1000, "cache", again, OWNER));
      assertEquals(List.of(), kernel.takeCalls());
      assertFalse(again.isOpen());
      kernel.fail("create " + AgentHoldings.sessionName(1000, 1, "other"), Errno.ENOSPC);
      String why = holdings.store(1000, "other", kernel.luo.createMemFd(OPTIONS), OWNER);
      assertTrue(why.contains("ENOSPC"), why);
    }
  }

  @Test
  void bytesUpToTheLimitAreHeld() throws Exception {
    try (AgentHoldings holdings =
        new AgentHoldings(kernel.luo, new AgentHoldings.Limits(8, 8192), log::add)) {
      MemFdOptions empty = MemFdOptions.named("empty");
      assertEquals("", holdings.store(1, "empty", kernel.luo.createMemFd(empty), OWNER));
      assertEquals("", holdings.store(1, "a", kernel.luo.createMemFd(empty.size(4096)), OWNER));
      assertEquals("", holdings.store(1, "b", kernel.luo.createMemFd(empty.size(4096)), OWNER));
      try (MemFd more = kernel.luo.createMemFd(empty.size(1))) {
        assertThrows(AgentHoldings.Refused.class, () -> holdings.store(1, "c", more, OWNER));
      }
      assertEquals("", holdings.store(2, "a", kernel.luo.createMemFd(empty.size(8192)), OWNER));
      assertEquals(
          "", holdings.store(3, "c", kernel.luo.createMemFd(empty), OWNER), "nothing is held");
    }
  }

  @Test
  void aSessionsNameIsCutToWhatFits() {
    String start = "luo4j-agent.7.0.";
    String fits = "n".repeat(63 - start.length());
    assertEquals(start + fits, AgentHoldings.sessionName(7, 0, fits));
    String hashed = AgentHoldings.sessionName(7, 0, fits + "n");
    assertTrue(hashed.matches(start.replace(".", "\\.") + "~[0-9a-f]{24}"), hashed);
    assertNotEquals(hashed, AgentHoldings.sessionName(7, 0, fits + "m"));
  }

  /** A session needs no preserving: it says why it is lost all the same. */
  @Test
  void aSessionIsHeldOnlyWhereThereIsNoManifest() throws Exception {
    kernel.fail("create luo4j-agent", Errno.EIO);
    try (AgentHoldings holdings = holdings()) {
      Session session = kernel.luo.createSession("mine");
      assertEquals(holdings.whyNoKexec(), holdings.store(1, "mine", session, OWNER));
      assertTrue(holdings.whyNoKexec().contains("EIO"));
    }
  }

  // ---- files ----

  @Test
  void aFileThatCannotBeAllocatedIsWhatItWas(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("cache");
    try (NativeFile owned = NativeFile.tryOpen(kernel.luo.system(), file, true, null)) {
      for (int size = 0; size <= 8192; size += 8192) {
        kernel.fail("allocate", Errno.EIO);
        int more = size + 4096;
        assertThrows(IOException.class, () -> owned.reserve(more));
        assertEquals(size, owned.size());
        owned.reserve(8192);
        assertEquals(8192, owned.size());
      }
    }
  }
}
