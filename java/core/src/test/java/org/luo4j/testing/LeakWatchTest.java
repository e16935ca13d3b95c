/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFdOptions;

/** Tests that leak, run by themselves: the watch fails each and names what it left. */
class LeakWatchTest {

  /** Frees what the fixtures leaked, the last first. */
  private static final Deque<AutoCloseable> LEFT = new ArrayDeque<>();

  private static Path folder;

  @BeforeEach
  void prepare(@TempDir Path temporary) {
    Assumptions.assumeTrue(Traces.canBeSeen(), "without /proc nothing is watched");
    folder = temporary;
  }

  @AfterEach
  void free() throws Exception {
    while (!LEFT.isEmpty()) {
      LEFT.pop().close();
    }
    Mapped.mapping = null;
  }

  /** Never run but by this test: each leaks one thing. */
  static class Leaks {

    @Test
    void socket() throws IOException {
      LEFT.push(ServerSocketChannel.open());
    }

    @Test
    void memfd() {
      LEFT.push(
          LiveUpdate.builder()
              .bridge(BridgeType.JNA)
              .open()
              .createMemFd(MemFdOptions.named("planted")));
    }

    @Test
    void emulatedSession() {
      LEFT.push(
          LiveUpdate.builder()
              .bridge(BridgeType.EMULATOR)
              .emulatorDirectory(folder.resolve("machine"))
              .open()
              .createSession("planted"));
    }

    @Test
    void lock() throws IOException {
      FileChannel channel =
          FileChannel.open(
              folder.resolve("locked"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      LEFT.push(channel);
      assertTrue(channel.lock().isValid());
    }

    @Test
    void thread() {
      start(new Thread(() -> {}, "planted"), false);
    }

    @Test
    void daemon() {
      start(new Thread(() -> {}, "luo4j-planted"), true);
    }

    private static void start(Thread like, boolean daemon) {
      CountDownLatch end = new CountDownLatch(1);
      Thread thread =
          new Thread(
              () -> {
                try {
                  end.await();
                } catch (InterruptedException e) {
                  // ends
                }
              },
              like.getName());
      thread.setDaemon(daemon);
      thread.start();
      LEFT.push(
          () -> {
            end.countDown();
            thread.join();
          });
    }

    @Test
    void child() throws IOException {
      Process process = new ProcessBuilder("sleep", "600").start();
      LEFT.push(
          () -> {
            process.toHandle().destroyForcibly();
            process.onExit().join();
          });
    }

    @Test
    void temporaryFile() throws IOException {
      Assumptions.assumeFalse(Traces.isTemporaryFolderShared());
      Path file = Files.createTempFile("planted-", "");
      LEFT.push(() -> Files.delete(file));
    }

    @Test
    void sharedMemory() throws IOException {
      Path shm = Path.of("/dev/shm");
      Assumptions.assumeTrue(Files.isWritable(shm), "there is no /dev/shm");
      Path file = Files.createTempFile(shm, "planted-" + ProcessHandle.current().pid() + "-", "");
      LEFT.push(() -> Files.delete(file));
    }

    @Test
    void emulatorState() throws IOException {
      Assumptions.assumeFalse(Traces.isTemporaryFolderShared());
      Path machine =
          Path.of(
              System.getProperty("java.io.tmpdir"),
              "luo4j-emulator-" + System.getProperty("user.name"));
      Path process = Files.createDirectories(machine.resolve("boot-1/p-planted"));
      Path file = Files.createFile(process.resolve("s-planted"));
      LEFT.push(
          () -> {
            Files.delete(file);
            Files.delete(process);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({
    "socket, -> socket:[",
    "memfd, -> /memfd:planted",
    "emulatedSession, emulated fd ",
    "lock, lock POSIX ADVISORY WRITE",
    "thread, planted",
    "daemon, daemon thread",
    "child, sleep 600",
    "temporaryFile, planted-",
    "sharedMemory, /dev/shm/planted-",
    "emulatorState, s-planted"
  })
  void aTestThatLeavesSomethingFailsAndNamesIt(String method, String named) {
    Results results = run(selectMethod(Leaks.class, method));
    assertEquals(1, results.failed.size(), results::toString);
    String failure = results.failed.get(0);
    assertTrue(failure.contains("Leaks." + method + " left behind:"), failure);
    assertTrue(failure.contains(named), failure);
  }

  /** Never run but by this test: leaves a mapping that no collection frees. */
  static class Mapped {

    private static MappedByteBuffer mapping;

    @Test
    void map(@TempDir Path temporary) throws IOException {
      try (FileChannel channel =
          FileChannel.open(
              temporary.resolve("mapped"),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE)) {
        mapping = channel.map(FileChannel.MapMode.READ_WRITE, 0, 8192);
      }
    }
  }

  @Test
  void aMappingThatStaysFailsTheClass() {
    Results results = run(selectClass(Mapped.class));
    assertEquals(1, results.passed, results::toString);
    assertEquals(1, results.failed.size(), results::toString);
    assertTrue(
        results.failed.get(0).contains("Mapped left behind:\n  mapping of 8192 bytes of "),
        results::toString);
  }

  /** Never run but by this test: leaks before its tests begin. */
  static class LeaksAtStart {

    @BeforeAll
    static void leak() throws IOException {
      LEFT.push(ServerSocketChannel.open());
    }

    @Test
    void passes() {}
  }

  @Test
  void whatIsLeftByAClassIsNotBlamedOnItsTests() {
    Results results = run(selectClass(LeaksAtStart.class));
    assertEquals(1, results.passed, results::toString);
    assertEquals(1, results.failed.size(), results::toString);
    assertTrue(results.failed.get(0).contains("LeaksAtStart left behind:"), results::toString);
  }

  /** Never run but by this test: takes what it gives back, and what JUnit does. */
  static class Clean {

    @TempDir static Path ofTheClass;
    @TempDir Path ofTheTest;

    @BeforeAll
    static void write() throws IOException {
      Files.createFile(ofTheClass.resolve("file"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void collected(int number, @TempDir Path ofTheCall) throws IOException {
      Path file = ofTheCall.resolve("" + number);
      try (FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096).put(0, (byte) number);
      }
      Files.createFile(ofTheTest.resolve("file"));
    }

    @Test
    void child() throws Exception {
      Process process = new ProcessBuilder("true").start();
      assertEquals(0, process.waitFor());
    }
  }

  @Test
  void aTestThatGivesBackWhatItTookPasses() {
    Results results = run(selectClass(Clean.class), 10_000);
    assertEquals(List.of(), results.failed);
    assertEquals(3, results.passed);
  }

  private static Results run(DiscoverySelector selector) {
    return run(selector, 50);
  }

  /** Runs tests, the watch among what JUnit finds by itself. */
  private static Results run(DiscoverySelector selector, int patience) {
    Results results = new Results();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(selector)
                .configurationParameter(LeakWatch.PATIENCE_PROPERTY, "" + patience)
                .build(),
            results);
    return results;
  }

  private static final class Results implements TestExecutionListener {

    private final List<String> failed = new ArrayList<>();
    private int passed;

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      switch (result.getStatus()) {
        case FAILED -> failed.add(result.getThrowable().map(Throwable::getMessage).orElse(""));
        case ABORTED -> Assumptions.abort(result.getThrowable().map(String::valueOf).orElse(""));
        default -> passed += test.isTest() ? 1 : 0;
      }
    }

    @Override
    public String toString() {
      return passed + " passed, failed: " + failed;
    }
  }
}
