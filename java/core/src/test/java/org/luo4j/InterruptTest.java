/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.JniLibrary;

/** An interrupt, before a call or in it, ends no call and no wait, and is not lost. */
class InterruptTest {

  private static final Duration LONG = Duration.ofMinutes(2);

  @TempDir Path folder;

  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  private static <T> T interrupted(Callable<T> call) throws Exception {
    Thread.currentThread().interrupt();
    try {
      return call.call();
    } finally {
      // In plain Java: a class loader of a test's has no JUnit.
      if (!Thread.interrupted()) {
        throw new AssertionError("the flag is lost");
      }
    }
  }

  private static void interrupted(Runnable call) throws Exception {
    interrupted(
        () -> {
          call.run();
          return true;
        });
  }

  // ---- loading ----

  /** What an interrupted thread gets of a class loader that has loaded nothing yet. */
  public static final class Load implements Callable<String> {
    @Override
    public String call() throws Exception {
      return interrupted(() -> LiveUpdate.openNative().describe());
    }
  }

  /** As {@link Load}, of JNA. */
  public static final class LoadJna implements Callable<String> {
    @Override
    public String call() throws Exception {
      return interrupted(() -> LiveUpdate.builder().bridge(BridgeType.JNA).open().describe());
    }
  }

  @Test
  void jniIsNotGivenUp() throws Exception {
    JniLibrary.assumeBuilt();
    try (FreshLoader loader = new FreshLoader()) {
      assertEquals("KERNEL through the bridge JNI", loader.call(Load.class));
    }
  }

  @Test
  void jnaIsLoaded() throws Exception {
    try (FreshLoader loader = new FreshLoader()) {
      String described = (String) loader.call(LoadJna.class);
      assertTrue(described.startsWith("KERNEL through the bridge JNA"), described);
    }
  }

  // ---- the emulator ----

  @Test
  void everyCallOnTheEmulatorWorks() throws Exception {
    LiveUpdate luo = interrupted(() -> Emulated.in(folder));
    MemFd memfd = interrupted(() -> luo.createMemFd(MemFdOptions.named("test").size(1 << 20)));
    interrupted(() -> memfd.setSize(2 << 20));
    interrupted(() -> memfd.allocate(0, 8192));
    interrupted(() -> memfd.punchHole(0, 4096));
    interrupted(() -> memfd.addSeals(Set.of(Seal.SHRINK)));
    MemoryRegion region = interrupted(() -> memfd.map());
    interrupted(() -> region.putLong(0, 42));
    interrupted(() -> memfd.position(8));
    assertEquals(8192, interrupted(memfd::allocated));
    MemFd duplicate = interrupted(memfd::duplicate);
    interrupted(duplicate::close);
    Session session = interrupted(() -> luo.createSession("s"));
    interrupted(() -> session.preserve(memfd, 1));
    interrupted(() -> session.preserveNew(MemFdOptions.named("b").size(4096), 2));
    interrupted(region::close);
    interrupted(luo::emulateKexec);
    LiveUpdate next = interrupted(() -> Emulated.in(folder));
    Session arrived = interrupted(() -> next.retrieveSession("s"));
    MemFd retrieved = interrupted(() -> arrived.retrieve(1));
    interrupted(arrived::finish);
    interrupted(arrived::close);
    assertEquals(42, interrupted(() -> retrieved.mapReadOnly().getLong(0)));
    interrupted(retrieved::close);
    Handover handover = interrupted(() -> Handover.builder().luo(next).open());
    Kept kept = interrupted(() -> handover.open("kept", MemFdOptions.named("kept").size(4096)));
    interrupted(kept::close);
    interrupted(handover::close);
  }

  @Test
  void interruptsInTheMiddleOfCallsOnTheEmulatorDoNothing() throws Exception {
    Thread caller = Thread.currentThread();
    AtomicBoolean stop = new AtomicBoolean();
    Thread storm =
        new Thread(
            () -> {
              while (!stop.get()) {
                caller.interrupt();
              }
            });
    LiveUpdate luo = Emulated.in(folder);
    storm.start();
    try {
      for (int i = 0; i < 20; i++) {
        LiveUpdate same = i == 0 ? Emulated.in(folder) : luo;
        try (Session session = same.createSession("s" + i);
            MemFd memfd = session.preserveNew(MemFdOptions.named("test").size(8192), 1);
            MemoryRegion region = memfd.map()) {
          region.putLong(0, i);
          assertEquals(i, region.getLong(0));
        }
      }
    } finally {
      stop.set(true);
      while (storm.isAlive()) {
        try {
          storm.join();
        } catch (InterruptedException e) {
          // its last one
        }
      }
    }
  }

  // ---- waits ----

  /** A call of a thread that is interrupted before it, and while it waits. */
  private static final class Waiter<T> {
    private final FutureTask<T> task;
    private final Thread thread;

    Waiter(Callable<T> call) {
      task = new FutureTask<>(() -> interrupted(call));
      thread = new Thread(task);
      thread.start();
    }

    /** Waits until the thread waits, or has an answer that it should not have. */
    void awaitWaiting() {
      while (thread.getState() != Thread.State.TIMED_WAITING && !task.isDone()) {
        Thread.onSpinWait();
      }
      assertTrue(!task.isDone(), () -> "it did not wait: " + outcome());
      thread.interrupt();
    }

    T outcome() {
      try {
        return task.get();
      } catch (InterruptedException | ExecutionException e) {
        throw new AssertionError(e);
      }
    }
  }

  @Test
  void theDeviceIsWaitedFor() throws Exception {
    try (Emulator other = Emulator.open(folder)) {
      int device = other.openDevice();
      LiveUpdate luo =
          LiveUpdate.builder()
              .provider(Provider.EMULATOR)
              .emulatorDirectory(folder)
              .deviceTimeout(LONG)
              .open();
      Waiter<Session> waiter = new Waiter<>(() -> luo.createSession("waited"));
      waiter.awaitWaiting();
      other.close(device);
      try (Session session = waiter.outcome()) {
        assertEquals("waited", session.name());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void anOwnerIsWaitedFor(BridgeType bridge) throws Exception {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      OwnerLock owner = OwnerLock.of(memory, "name", LONG);
      Waiter<OwnerLock> waiter = new Waiter<>(() -> OwnerLock.of(memory, "name", LONG));
      waiter.awaitWaiting();
      owner.close();
      waiter.outcome().close();
    }
  }

  @Test
  void aSessionsOwnerIsWaitedFor() throws Exception {
    LiveUpdate luo = Emulated.in(folder);
    Session other = luo.createSession("name");
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      Sessions sessions = new Sessions(luo, LONG);
      Waiter<Session> waiter = new Waiter<>(() -> sessions.preserve("name", memory));
      waiter.awaitWaiting();
      other.close();
      waiter.outcome().close();
    }
  }

  // ---- the agent ----

  private static final KexecCommand NO_KEXEC =
      new KexecCommand() {
        @Override
        public void load(Agent.Update update) {}

        @Override
        public void sync() {}

        @Override
        public void execute() throws IOException {
          throw new IOException("no kexec in a test");
        }
      };

  @ParameterizedTest
  @ValueSource(strings = {"JNI", "JNA"})
  void everyCallOfAnAgentAndItsClientWorks(String type) throws Exception {
    LiveUpdate luo = Emulated.by(BridgeType.valueOf(type), folder);
    Path socket = folder.resolve("agent.sock");
    Agent agent = interrupted(() -> Agent.builder(luo).socket(socket).kexec(NO_KEXEC).start());
    AgentClient client = interrupted(() -> AgentClient.open(luo, socket));
    AgentClient other = AgentClient.open(luo, socket);
    AgentClient admin = AgentClient.open(luo, socket);
    List<String> told = new ArrayList<>();
    client.onPrepare(left -> told.add("prepare"));
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      assertEquals(Optional.empty(), interrupted(() -> client.takeMemFd("a", Duration.ZERO)));
      interrupted(() -> client.store("a", memfd));
      assertEquals(1, interrupted(client::list).size());
      Waiter<MemFd> waiter = new Waiter<>(() -> other.takeMemFd("a", LONG).orElseThrow());
      waiter.awaitWaiting();
      Agent.Update update =
          new Agent.Update(Path.of("/k"), Optional.empty(), Optional.empty(), LONG);
      IOException local =
          assertThrows(IOException.class, () -> interrupted(() -> update(agent, update)));
      assertEquals("no kexec in a test", local.getMessage());
      assertEquals(List.of("prepare"), told);
      IOException remote =
          assertThrows(IOException.class, () -> interrupted(() -> update(admin, update)));
      assertEquals("no kexec in a test", remote.getMessage());
      interrupted(admin::close);
      interrupted(client::close);
      waiter.outcome().close();
      assertTrue(interrupted(() -> other.drop("a")));
    }
    interrupted(other::close);
    interrupted(agent::close);
  }

  private static boolean update(Agent agent, Agent.Update update) throws IOException {
    agent.update(update, progress -> {});
    return true;
  }

  private static boolean update(AgentClient client, Agent.Update update) throws IOException {
    client.update(update, progress -> {});
    return true;
  }

  @Test
  void kexecIsNotKilled() throws Exception {
    Path program = Files.writeString(folder.resolve("kexec"), "#!/bin/sh\nsleep 0.2\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    KexecTools tools = new KexecTools(program);
    interrupted(
        () -> {
          tools.load(Agent.Update.to(Path.of("/boot/k")));
          return true;
        });
  }
}
