/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.OpenResources;
import org.luo4j.testing.SystemProperties;

/**
 * A class loader that has used luo4j and closed everything can be collected, as that of a web
 * application after a redeployment; no thread, fd or mapping stays.
 */
class RedeploymentTest {

  private static final String FOLDER = "luo4j.test.folder";
  private static final int DEPLOYMENTS = 3;
  private static final long PATIENCE = TimeUnit.MINUTES.toNanos(1);

  private final SystemProperties properties = new SystemProperties();

  @TempDir Path folder;

  @BeforeEach
  void setProperties() {
    JniLibrary.assumeBuilt();
    properties.set(FOLDER, folder);
    properties.set(LiveUpdate.EMULATOR_DIR_PROPERTY, folder.resolve("machine"));
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private static Path folderOfTheTest() {
    return Path.of(System.getProperty(FOLDER));
  }

  private static String memory(LiveUpdate luo) {
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("redeployed").size(4096));
        MemoryRegion region = memfd.map()) {
      region.putLong(0, 42);
    }
    return luo.describe();
  }

  /** An application over JNI. */
  public static final class Jni implements Callable<String> {
    @Override
    public String call() {
      return memory(LiveUpdate.builder().bridge(BridgeType.JNI).open());
    }
  }

  /** An application over JNA. */
  public static final class Jna implements Callable<String> {
    @Override
    public String call() {
      return memory(LiveUpdate.builder().bridge(BridgeType.JNA).open());
    }
  }

  /** An application on the emulator. */
  public static final class OnTheEmulator implements Callable<String> {
    @Override
    public String call() {
      LiveUpdate luo = LiveUpdate.builder().provider(Provider.EMULATOR).open();
      try (Session session = luo.createSession("redeployed");
          MemFd memfd = session.preserveNew(MemFdOptions.named("redeployed").size(4096), 1);
          MemoryRegion region = memfd.map()) {
        region.putLong(0, 42);
      }
      return luo.describe();
    }
  }

  /** An application that takes what there is. */
  public static final class Fallback implements Callable<String> {
    @Override
    public String call() {
      return memory(LiveUpdate.open());
    }
  }

  private static String handover(Handover.Builder builder) {
    try (Handover handover = builder.open();
        Kept kept = handover.open("redeployed", MemFdOptions.named("redeployed").size(4096))) {
      handover.ready();
      return handover.describe() + kept;
    }
  }

  /** An application whose holder is its process. */
  public static final class OfTheProcess implements Callable<String> {
    @Override
    public String call() {
      return handover(Handover.builder().holder(Handover.Holder.PROCESS));
    }
  }

  /** An application whose holder is an agent. */
  public static final class OfAnAgent implements Callable<String> {
    @Override
    public String call() {
      return handover(Handover.builder().agentSocket(folderOfTheTest().resolve("agent.sock")));
    }
  }

  /** An application whose holder is systemd, which does not say whether there is a store. */
  public static final class OfSystemd implements Callable<String> {
    @Override
    public String call() {
      Map<String, String> environment =
          Map.of("NOTIFY_SOCKET", "" + folderOfTheTest().resolve("notify"), "FDSTORE", "9");
      return handover(
          Handover.builder()
              .holder(Handover.Holder.SYSTEMD)
              .systemd(luo -> Systemd.of(luo, environment, 4711, new HashSet<>())));
    }
  }

  /** An application with an agent. */
  public static final class WithAnAgent implements Callable<String> {
    @Override
    public String call() throws IOException {
      LiveUpdate luo = LiveUpdate.openNative();
      Path socket = folderOfTheTest().resolve("own.sock");
      try (Agent agent = Agent.builder(luo).socket(socket).start();
          AgentClient client = AgentClient.open(luo, socket)) {
        client.takeMemFd("redeployed", Duration.ZERO);
        return agent.toString();
      }
    }
  }

  private static WeakReference<ClassLoader> deploy(Class<? extends Callable<String>> application)
      throws Exception {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (FreshLoader loader = new FreshLoader()) {
      thread.setContextClassLoader(loader);
      assertNotNull(loader.call(application));
      return new WeakReference<>(loader);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** The threads of a class loader that has not been collected. */
  private static List<Thread> threadsOf(WeakReference<ClassLoader> deployed) {
    List<Thread> threads = new ArrayList<>();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      ClassLoader loader = thread.getContextClassLoader();
      if (loader != null && loader == deployed.get()) {
        threads.add(thread);
      }
    }
    return threads;
  }

  private void assertNothingStays(Class<? extends Callable<String>> application) throws Exception {
    List<String> before = OpenResources.now(folder.toString());
    List<WeakReference<ClassLoader>> deployed = new ArrayList<>();
    for (int i = 0; i < DEPLOYMENTS; i++) {
      deployed.add(deploy(application));
    }
    long end = System.nanoTime() + PATIENCE;
    for (WeakReference<ClassLoader> each : deployed) {
      while (each.get() != null && System.nanoTime() < end) {
        System.gc(); // JNA's own thread ends by itself, half a minute after its last use
        TimeUnit.MILLISECONDS.sleep(10);
      }
      assertEquals(List.of(), threadsOf(each));
      assertNull(each.get());
    }
    while (!OpenResources.now(folder.toString()).equals(before) && System.nanoTime() < end) {
      System.gc();
      TimeUnit.MILLISECONDS.sleep(10);
    }
    assertEquals(before, OpenResources.now(folder.toString()));
  }

  @Test
  void overJni() throws Exception {
    assertNothingStays(Jni.class);
  }

  @Test
  void overJna() throws Exception {
    assertNothingStays(Jna.class);
  }

  @Test
  void onTheEmulator() throws Exception {
    assertNothingStays(OnTheEmulator.class);
  }

  @Test
  void onWhatThereIs() throws Exception {
    assertNothingStays(Fallback.class);
  }

  @Test
  void withMemoryOfTheProcess() throws Exception {
    assertNothingStays(OfTheProcess.class);
  }

  @Test
  void withMemoryOfAnAgent() throws Exception {
    LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
    try (Agent agent = Agent.builder(luo).socket(folder.resolve("agent.sock")).start()) {
      deploy(OfAnAgent.class); // from here on the agent holds the memory
      assertEquals(1, agent.list().size());
      while (agent.list().get(0).owner() != 0) {
        Thread.onSpinWait();
      }
      assertNothingStays(OfAnAgent.class);
    }
  }

  @Test
  void withMemoryOfSystemd() throws Exception {
    LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
    byte[] address = folder.resolve("notify").toString().getBytes(StandardCharsets.UTF_8);
    int systemd = luo.system().bind(address);
    try {
      luo.system().setTimeout(systemd, 10_000);
      Thread reader = new Thread(() -> discard(luo, systemd));
      reader.start();
      assertNothingStays(OfSystemd.class);
      luo.system().shutdown(systemd);
      reader.join();
    } finally {
      luo.system().close(systemd);
    }
  }

  /** Reads messages and closes the fds with them, until the socket is shut down. */
  private static void discard(LiveUpdate luo, int socket) {
    int[] fds = new int[1];
    while (luo.system().receive(socket, new byte[4096], fds) > 0) {
      if (fds[0] >= 0) {
        luo.system().close(fds[0]);
      }
    }
  }

  @Test
  void withAnAgent() throws Exception {
    assertNothingStays(WithAnAgent.class);
  }
}
