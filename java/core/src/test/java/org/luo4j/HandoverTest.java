/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.Logged;

/**
 * A service's processes, one after the other, under each holder. A socket of the test's own stands
 * in for systemd, whose store it keeps.
 */
class HandoverTest {

  private static final long PID = 4711;
  private static final MemFdOptions OPTIONS = MemFdOptions.named("cache").size(4096);
  private static final byte[] WORDS = "warm".getBytes(StandardCharsets.US_ASCII);

  private LiveUpdate luo;
  private final Map<String, String> environment = new HashMap<>();

  /** What systemd's stand-in keeps, by name. */
  private final Map<String, Integer> store = new LinkedHashMap<>();

  private final List<String> messages = new ArrayList<>();
  private int listening = -1;
  private boolean hasStore = true;

  /** Answers what a process waits for, in the tests that start it. */
  private Thread answering;

  @TempDir Path folder;

  @BeforeEach
  void open() {
    luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
  }

  @AfterEach
  void close() throws InterruptedException {
    if (answering != null) {
      answering.interrupt();
      answering.join();
    }
    if (listening >= 0) {
      luo.system().close(listening);
    }
    store.values().forEach(fd -> luo.system().close(fd));
  }

  private void startSystemd(int storeMax) {
    String path = folder.resolve("notify").toString();
    listening = luo.system().bind(path.getBytes(StandardCharsets.UTF_8));
    assertTrue(listening >= 0, "bind: " + listening);
    luo.system().setTimeout(listening, 1);
    environment.put("NOTIFY_SOCKET", path);
    environment.put("FDSTORE", "" + storeMax);
  }

  /** A systemd that tells a unit of no number of places in a store. */
  private void startSystemdThatDoesNotSay(boolean hasStore) {
    startSystemd(-1);
    environment.remove("FDSTORE");
    this.hasStore = hasStore;
    answering =
        new Thread(
            () -> {
              try {
                while (true) {
                  systemdReads();
                  Thread.sleep(1);
                }
              } catch (InterruptedException e) {
                // the test has ended
              }
            });
    answering.start();
  }

  /** Does what the messages say that have come since it was last called. */
  private synchronized void systemdReads() {
    byte[] buffer = new byte[4096];
    int[] fds = new int[4];
    while (true) {
      int length = luo.system().receive(listening, buffer, fds);
      if (length < 0) {
        return;
      }
      String message = new String(buffer, 0, length, StandardCharsets.UTF_8);
      String name = message.replaceAll("(?s).*FDNAME=([^\n]*).*", "$1");
      if (message.equals("BARRIER=1")) {
        luo.system().close(fds[0]);
        continue;
      }
      if (!name.equals("luo4j.probe")) {
        messages.add(message);
      }
      if (message.startsWith("FDSTORE=1") && !hasStore) {
        luo.system().close(fds[0]);
      } else if (message.startsWith("FDSTORE=1")) {
        assertEquals(null, store.put(name, fds[0]), "stored twice: " + name);
      } else if (message.startsWith("FDSTOREREMOVE=1")) {
        luo.system().close(store.remove(name));
      }
    }
  }

  /** A process of the service: it has the fds of the store. */
  private Handover process(Duration timeout) {
    systemdReads();
    environment.remove("LISTEN_FDS");
    environment.remove("LISTEN_FDNAMES");
    if (!store.isEmpty()) {
      // Fds count from 3, so those of this JVM are in between; under names nobody asks for.
      Map<Integer, String> handed = new HashMap<>();
      synchronized (this) {
        store.forEach((name, fd) -> handed.put(luo.system().duplicate(fd), name));
      }
      int last = handed.keySet().stream().max(Integer::compare).orElseThrow();
      List<String> names = new ArrayList<>();
      for (int fd = 3; fd <= last; fd++) {
        names.add(handed.getOrDefault(fd, "other"));
      }
      environment.put("LISTEN_PID", "" + PID);
      environment.put("LISTEN_FDS", "" + names.size());
      environment.put("LISTEN_FDNAMES", String.join(":", names));
    }
    return Handover.builder()
        .luo(luo)
        .systemd(calls -> Systemd.of(calls, environment, PID, new HashSet<>()))
        .agentSocket(folder.resolve("agent"))
        .timeout(timeout)
        .open();
  }

  private static void fill(Kept kept) {
    assertEquals(Kept.Origin.NEW, kept.origin(), kept.how());
    kept.memory().write(0, ByteBuffer.allocateDirect(WORDS.length).put(WORDS).flip());
  }

  private static void assertFilled(Kept kept) {
    assertNotEquals(Kept.Origin.NEW, kept.origin(), kept.how());
    ByteBuffer buffer = ByteBuffer.allocateDirect(WORDS.length);
    kept.memory().read(0, buffer);
    byte[] read = new byte[WORDS.length];
    buffer.flip().get(read);
    assertArrayEquals(WORDS, read);
  }

  // ---- systemd ----

  @Test
  void systemdHandsMemoryToTheNextProcess() {
    startSystemdThatDoesNotSay(true);
    try (Handover first = process(Duration.ZERO)) {
      assertEquals(Handover.Holder.SYSTEMD, first.holder());
      assertEquals(Set.of(Loss.RESTART, Loss.CRASH, Loss.SOFT_REBOOT), first.protectsFrom());
      try (Kept kept = first.open("cache", OPTIONS)) {
        fill(kept);
        first.ready();
      }
    }
    for (int i = 0; i < 2; i++) {
      try (Handover next = process(Duration.ZERO);
          Kept kept = next.open("cache", OPTIONS)) {
        assertFilled(kept);
        assertEquals(Kept.Origin.KEPT, kept.origin());
        assertEquals(Set.of(Loss.RESTART, Loss.CRASH, Loss.SOFT_REBOOT), kept.protectsFrom());
      }
    }
    systemdReads();
    assertEquals(
        List.of("FDSTORE=1\nFDNAME=cache\nFDPOLL=0", "READY=1"), messages, "stored once, and only");
  }

  @Test
  void aProcessWaitsForTheEndOfTheOneBeforeAndSaysSo() {
    startSystemd(8);
    Kept old = process(Duration.ZERO).open("cache", OPTIONS);
    fill(old);
    LuoException.OwnerAlive alive =
        assertThrows(
            LuoException.OwnerAlive.class,
            () -> process(Duration.ofMillis(30)).open("cache", OPTIONS));
    assertTrue(alive.getMessage().contains("'cache'"), alive.getMessage());
    assertTrue(alive.getMessage().contains("PT0.03S"), alive.getMessage());
    assertTrue(alive.getMessage().contains("this process has it open"), alive.getMessage());
    Thread ending = new Thread(old::close);
    Handover next = process(Duration.ofSeconds(60));
    ending.start();
    try (Kept kept = next.open("cache", OPTIONS)) {
      assertFilled(kept);
    }
  }

  @Test
  void whatIsGivenUpIsNotHandedOver() {
    startSystemd(8);
    Kept kept = process(Duration.ZERO).open("cache", OPTIONS);
    fill(kept);
    kept.discard();
    Handover next = process(Duration.ZERO);
    assertTrue(next.find("cache").isEmpty());
    assertTrue(store.isEmpty());
  }

  @Test
  void aRenamedMemoryIsKeptAsTheOtherName() {
    startSystemd(8);
    Handover first = process(Duration.ZERO);
    Kept kept = first.open("cache", OPTIONS);
    fill(kept);
    Kept aside = kept.rename("aside");
    Kept fresh = first.make("cache", OPTIONS);
    assertFalse(kept.memory().isOpen());
    aside.close();
    fresh.close();
    Handover next = process(Duration.ZERO);
    assertEquals(Set.of("aside", "cache"), store.keySet());
    try (Kept again = next.find("aside").orElseThrow()) {
      assertFilled(again);
    }
    next.find("cache").orElseThrow().close();
  }

  @Test
  void aFullStoreIsSaidAndLosesNothing() {
    startSystemd(1);
    Handover handover = process(Duration.ZERO);
    try (Kept first = handover.open("cache", OPTIONS)) {
      fill(first);
      String message =
          assertThrows(IllegalStateException.class, () -> handover.open("second", OPTIONS))
              .getMessage();
      assertTrue(message.contains("FileDescriptorStoreMax=1"), message);
      assertThrows(IllegalStateException.class, () -> handover.make("third", OPTIONS));
    }
    try (Kept kept = process(Duration.ZERO).open("cache", OPTIONS)) {
      assertFilled(kept);
    }
  }

  @Test
  void aUnitThatLostItsStoreIsPassedOverWithTheReason() {
    startSystemd(0);
    Handover handover = process(Duration.ZERO);
    assertEquals(Handover.Holder.PROCESS, handover.holder());
    assertTrue(handover.describe().contains("FileDescriptorStoreMax="), handover.describe());
    assertTrue(handover.describe().contains("there is no " + folder), handover.describe());
    try (Kept kept = handover.open("cache", OPTIONS)) {
      fill(kept);
      handover.ready();
    }
    systemdReads();
    assertEquals(List.of("READY=1"), messages);
  }

  @Test
  void aUnitWithoutAStoreIsFoundOutWhereSystemdDoesNotSay() {
    startSystemdThatDoesNotSay(false);
    Handover handover = process(Duration.ZERO);
    assertEquals(Handover.Holder.PROCESS, handover.holder());
    assertTrue(handover.describe().contains("FileDescriptorStoreMax="), handover.describe());
    systemdReads();
    assertEquals(List.of(), messages);
  }

  // ---- an agent ----

  @Test
  void anAgentHandsMemoryToTheNextProcess() throws Exception {
    try (Agent agent = Agent.builder(luo).socket(folder.resolve("agent")).start()) {
      assertTrue(agent.toString().contains("agent"));
      try (Handover first = process(Duration.ZERO);
          Kept kept = first.open("cache", OPTIONS)) {
        assertEquals(Handover.Holder.AGENT, first.holder());
        assertTrue(kept.protectsFrom().containsAll(Set.of(Loss.RESTART, Loss.CRASH)));
        fill(kept);
        try (Handover early = process(Duration.ofMillis(30))) {
          assertThrows(LuoException.class, () -> early.open("cache", OPTIONS));
        }
      }
      try (Handover next = process(Duration.ofSeconds(60));
          Kept kept = next.open("cache", OPTIONS)) {
        assertFilled(kept);
        kept.rename("aside").close();
        try (Kept anew = next.open("cache", OPTIONS)) {
          assertEquals(Kept.Origin.NEW, anew.origin());
        }
      }
      try (Handover last = process(Duration.ofSeconds(60));
          Kept aside = last.find("aside").orElseThrow()) {
        assertFilled(aside);
      }
    }
  }

  // ---- this process ----

  @Test
  void aSessionOfTheProcessGoesOverTheKexec(@TempDir Path emulated) {
    Kept old = emulator(emulated).open("cache", OPTIONS);
    fill(old);
    assertEquals(Set.of(Loss.KEXEC), old.protectsFrom());
    assertThrows(LuoException.OwnerAlive.class, () -> emulator(emulated).open("cache", OPTIONS));
    LiveUpdate.builder()
        .emulatorDirectory(emulated)
        .bridge(BridgeType.EMULATOR)
        .open()
        .emulateKexec();
    Kept kept = emulator(emulated).open("cache", OPTIONS);
    assertFilled(kept);
    assertEquals(Kept.Origin.KEXEC, kept.origin());
    kept.close();
    Kept cold = emulator(emulated).open("cache", OPTIONS);
    assertEquals(Kept.Origin.NEW, cold.origin());
    assertFalse(cold.how().isEmpty());
    cold.close();
  }

  private Handover emulator(Path directory) {
    LiveUpdate emulator =
        LiveUpdate.builder().emulatorDirectory(directory).bridge(BridgeType.EMULATOR).open();
    Handover handover = Handover.builder().luo(emulator).timeout(Duration.ZERO).open();
    assertEquals(Handover.Holder.PROCESS, handover.holder());
    return handover;
  }

  @Test
  void aHolderThatIsNotThereIsNotReplacedByAnother() {
    String message =
        assertThrows(
                IllegalStateException.class,
                () ->
                    Handover.builder()
                        .luo(luo)
                        .systemd(calls -> Systemd.of(calls, environment, PID, new HashSet<>()))
                        .holder(Handover.Holder.SYSTEMD)
                        .open())
            .getMessage();
    assertTrue(message.contains("NOTIFY_SOCKET is not set"), message);
  }

  @Test
  void aNameIsChecked() {
    Handover handover = process(Duration.ZERO);
    for (String bad : List.of("", "a:b", "a b", "x".repeat(56), "ü")) {
      assertThrows(IllegalArgumentException.class, () -> handover.find(bad), bad);
    }
  }

  @Test
  void namesHaveAtMost55PrintableCharacters() {
    Handover handover = process(Duration.ZERO);
    for (String bad : List.of("", "a:b", "a b", "x".repeat(56), "\u007f")) {
      assertThrows(IllegalArgumentException.class, () -> handover.make(bad, OPTIONS), bad);
    }
    for (String good : List.of("x".repeat(55), "!", "~")) {
      assertTrue(handover.find(good).isEmpty(), good);
      handover.make(good, OPTIONS).close();
    }
  }

  @Test
  void settingsThatContradictEachOtherAreRefused(@TempDir Path emulated) {
    LiveUpdate emulator =
        LiveUpdate.builder().emulatorDirectory(emulated).bridge(BridgeType.EMULATOR).open();
    for (Handover.Holder holder : Handover.Holder.values()) {
      Handover.Builder withSocket = Handover.builder().agentSocket(folder.resolve("agent"));
      Handover.Builder onEmulator = Handover.builder().luo(emulator);
      if (holder == Handover.Holder.AGENT) {
        withSocket.holder(holder);
      } else {
        assertThrows(IllegalStateException.class, () -> withSocket.holder(holder));
        assertThrows(
            IllegalStateException.class,
            () -> Handover.builder().holder(holder).agentSocket(folder.resolve("agent")));
      }
      if (holder == Handover.Holder.PROCESS) {
        onEmulator.holder(holder);
      } else {
        assertThrows(IllegalStateException.class, () -> onEmulator.holder(holder));
        assertThrows(
            IllegalStateException.class, () -> Handover.builder().holder(holder).luo(emulator));
      }
    }
  }

  @Test
  void systemdIsToldHowTheServiceIs() {
    try (TestKernel kernel = new TestKernel()) {
      Handover handover = Handover.builder().luo(kernel.luo).systemd(kernel::systemd).open();
      handover.ready();
      handover.status("warm");
      handover.stopping();
      handover.onUpdate(left -> {});
      assertEquals(List.of("READY=1", "STATUS=warm", "STOPPING=1"), kernel.takeCalls());
      assertEquals("Handover[" + handover.describe() + "]", handover.toString());
      assertTrue(
          handover.describe().startsWith("memory is kept by systemd's store for 16 fds, with a"),
          handover.describe());
      try (Kept kept = handover.make("cache", OPTIONS)) {
        assertTrue(kept.toString().startsWith("'cache' (memfd 'cache'"), kept.toString());
        assertTrue(kept.toString().contains("NEW"), kept.toString());
      }
    }
  }

  @Test
  void oneHolderIsAskedForAndTheOthersAreNot() {
    try (TestKernel kernel = new TestKernel()) {
      Handover handover =
          Handover.builder()
              .luo(kernel.luo)
              .systemd(kernel::systemd)
              .holder(Handover.Holder.PROCESS)
              .open();
      assertEquals(Handover.Holder.PROCESS, handover.holder());
      assertTrue(
          handover
              .describe()
              .endsWith(
                  "which must not end before the kexec; protects from [KEXEC] (systemd: PROCESS was"
                      + " asked for; the agent: PROCESS was asked for)"),
          handover.describe());
      handover.ready();
      handover.status("warm");
      assertEquals(
          List.of("READY=1", "STATUS=warm"), kernel.takeCalls(), "it is told all the same");
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () ->
                      Handover.builder()
                          .luo(kernel.luo)
                          .systemd(kernel::systemd)
                          .agentSocket(folder.resolve("agent"))
                          .holder(Handover.Holder.AGENT)
                          .open())
              .getMessage();
      assertEquals(
          "holder AGENT cannot be had: systemd: AGENT was asked for; the agent: there is no "
              + folder.resolve("agent"),
          message);
    }
  }

  /** Which holder was found is news; that a restart loses the memory is a warning. */
  @Test
  void whatIsFoundIsSaidOnce() {
    try (TestKernel kernel = new TestKernel();
        Logged log = new Logged(Handover.class)) {
      Handover found = Handover.builder().luo(kernel.luo).systemd(kernel::systemd).open();
      Handover process =
          Handover.builder()
              .luo(kernel.luo)
              .systemd(calls -> Systemd.of(calls, environment, PID, new HashSet<>()))
              .agentSocket(folder.resolve("agent"))
              .open();
      Handover asked = Handover.builder().luo(kernel.luo).holder(Handover.Holder.PROCESS).open();
      assertEquals(
          List.of(
              "INFO luo4j: " + found.describe(),
              "WARNING luo4j: " + process.describe(),
              "FINE luo4j: " + asked.describe()),
          log.lines());
    }
  }

  @Test
  void withoutTheDeviceAProcessProtectsFromNothing() {
    try (TestKernel kernel = new TestKernel()) {
      kernel.fail("openDevice", Errno.ENOENT);
      Handover handover = Handover.builder().luo(kernel.luo).holder(Handover.Holder.PROCESS).open();
      assertTrue(handover.describe().startsWith("memory is kept by nobody: "), "" + handover);
      assertTrue(handover.describe().contains("; protects from nothing ("), "" + handover);
      handover.status("no systemd listens");
      handover.stopping();
    }
  }

  /** As a test runs where no kexec can be made, the agent's memory goes over none. */
  @Test
  void anAgentSaysWhatItCannotDo() throws Exception {
    try (Agent agent = Agent.builder(luo).socket(folder.resolve("agent")).start();
        Handover handover = process(Duration.ZERO)) {
      assertEquals(Set.of(Loss.RESTART, Loss.CRASH, Loss.KEXEC), handover.protectsFrom());
      assertTrue(handover.describe().contains("agent"), handover.describe());
      assertEquals(
          "the agent has nothing under 'none' of this user's", handover.whyNothing("none"));
      try (Kept kept = handover.make("cache", OPTIONS)) {
        assertEquals(
            !kept.protectsFrom().contains(Loss.KEXEC), kept.how().contains("; not for a kexec: "));
        assertEquals((int) ProcessHandle.current().pid(), agent.list().get(0).owner());
      }
    }
  }

  @Test
  void whatAnAgentRefusesIsNotKept() throws Exception {
    try (Agent agent =
            Agent.builder(luo).socket(folder.resolve("agent")).maxBytesPerUid(4096).start();
        Handover handover = process(Duration.ZERO)) {
      assertThrows(
          LuoException.AgentRefused.class,
          () -> handover.make("cache", MemFdOptions.named("cache").size(8192)));
      handover.make("cache", OPTIONS).close();
      assertEquals(1, agent.list().size());
    }
  }

  @Test
  void anUpdateIsToldToWhoWantsToKnow() throws Exception {
    KexecCommand none =
        new KexecCommand() {
          @Override
          public void load(Agent.Update update) {
            // there is no kernel
          }

          @Override
          public void sync() {
            // nothing is written
          }

          @Override
          public void execute() throws IOException {
            throw new IOException("no kexec here");
          }
        };
    BlockingQueue<Duration> told = new LinkedBlockingQueue<>();
    try (Agent agent = Agent.builder(luo).socket(folder.resolve("agent")).kexec(none).start();
        Handover handover = process(Duration.ZERO);
        Kept kept = handover.make("cache", OPTIONS)) {
      handover.onUpdate(told::add);
      Agent.Update update =
          new Agent.Update(
              Path.of("/kernel"), Optional.empty(), Optional.empty(), Duration.ofSeconds(9));
      assertEquals(
          "no kexec here",
          assertThrows(IOException.class, () -> agent.update(update, text -> {})).getMessage());
      assertEquals(Duration.ofSeconds(9), told.poll(10, TimeUnit.SECONDS));
      assertTrue(kept.memory().isOpen());
    }
  }
}
