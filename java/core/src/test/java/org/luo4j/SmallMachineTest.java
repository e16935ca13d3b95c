/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** Machines that lack something: it works without, or the reason says exactly what is missing. */
class SmallMachineTest {

  private static final int EPERM = 1;
  private static final int ENOSYS = 38;

  @TempDir Path folder;

  @BeforeEach
  void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  /** A child JVM: what works of what luo4j does. */
  static final class Small {
    private Small() {}

    public static void main(String[] arguments) {
      say("bridge", Small::bridge);
      say("file", () -> file(Path.of(arguments[0])));
      say("clock", () -> BootClock.find().millis().isPresent() ? "runs" : "none");
      say("id", () -> BootClock.id().isEmpty() ? "none" : "known");
      LiveUpdate luo = LiveUpdate.open();
      say("open", luo::describe);
      say("memfd", () -> memfd(luo));
      say("lock", () -> lock(luo));
    }

    /** Work whose outcome is said. */
    private interface Work {
      String run() throws IOException;
    }

    private static void say(String what, Work work) {
      String outcome;
      try {
        outcome = work.run();
      } catch (IOException | RuntimeException | LinkageError e) {
        outcome = e.getClass().getSimpleName() + " " + e.getMessage();
      }
      System.out.println(what + ": " + outcome.replace('\n', ' '));
    }

    private static String bridge() {
      Bridge bridge = LiveUpdate.fileBridge();
      return bridge == null ? "none" : bridge.name();
    }

    private static String file(Path path) throws IOException {
      try (OwnedFile file = OwnedFile.open(path, Duration.ZERO)) {
        file.reserve(8192);
        try (MemoryRegion region = file.map()) {
          region.putLong(4096, 42);
        }
        try (MemoryRegion region = file.map()) {
          return "reads " + region.getLong(4096) + ", lock safe: " + file.isLockSafe();
        }
      } finally {
        Files.deleteIfExists(path);
      }
    }

    private static String memfd(LiveUpdate luo) {
      try (MemFd memfd = luo.createMemFd(MemFdOptions.named("small").size(8192));
          MemoryRegion one = memfd.map();
          MemoryRegion other = memfd.mapReadOnly()) {
        one.putLong(4096, 42);
        return "reads " + other.getLong(4096);
      }
    }

    private static String lock(LiveUpdate luo) {
      try (MemFd memfd = luo.createMemFd(MemFdOptions.named("small").size(8192));
          OwnerLock lock = OwnerLock.of(memfd, "small", Duration.ZERO)) {
        return lock == null ? "none" : "taken";
      }
    }
  }

  private ChildJvm.Command child(Jdk jdk, String bridge) {
    ChildJvm.Command child =
        ChildJvm.of(Small.class)
            .java(jdk.home())
            .flags(jdk.nativeAccess("ALL-UNNAMED"))
            .property(LiveUpdate.EMULATOR_DIR_PROPERTY, folder.resolve("machine"));
    return bridge.isEmpty() ? child : child.property(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  private ChildJvm.Ended run(ChildJvm.Command child) throws Exception {
    ChildJvm.Ended ended = child.run(folder.resolve("file").toString());
    assertEquals(0, ended.exit(), ended::toString);
    return ended;
  }

  private static void assertContains(String text, String... words) {
    for (String word : words) {
      assertTrue(text.contains(word), word + " is not in: " + text);
    }
  }

  // ---- no /proc ----

  static Stream<Arguments> bridgesOfEachJdk() {
    return Jdk.all()
        .flatMap(
            jdk -> Stream.of("jni", "jna", "emulator").map(bridge -> Arguments.of(jdk, bridge)));
  }

  /** The launcher finds its libraries by /proc: they are named to it. */
  @ParameterizedTest
  @MethodSource("bridgesOfEachJdk")
  void withoutProcAllButMemfdsLocksWorks(Jdk jdk, String bridge) throws Exception {
    assumeTrue(OwnedFile.uid(Path.of("/proc/self")) == 0, "only root can hide /proc");
    boolean isNative = !bridge.equals("emulator");
    ChildJvm.Ended ended =
        run(
            child(jdk, bridge)
                .environment("LD_LIBRARY_PATH", jdk.home() + "/lib:" + jdk.home() + "/lib/server")
                .under(
                    "unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"));
    assertEquals(isNative ? bridge : "none", ended.answer("bridge: "));
    assertEquals("reads 42, lock safe: " + isNative, ended.answer("file: "));
    assertEquals("reads 42", ended.answer("memfd: "));
    assertEquals(isNative ? "runs" : "none", ended.answer("clock: "));
    assertEquals("none", ended.answer("id: "));
    if (isNative) {
      assertContains(ended.answer("lock: "), "/proc/self/fd", "mount /proc");
    }
  }

  // ---- a seccomp filter ----

  private ChildJvm.Command refusing(String call, int errno, String bridge) throws Exception {
    Path program = folder.resolve("refuse");
    Path source =
        Path.of(System.getProperty("luo4j.root.directory")).resolve("native/test/refuse.c");
    Process compiler;
    try {
      compiler =
          new ProcessBuilder("cc", "-o", program.toString(), source.toString()).inheritIO().start();
    } catch (IOException e) {
      assumeTrue(false, "there is no C compiler");
      throw e;
    }
    assertEquals(0, compiler.waitFor());
    return child(Jdk.current(), bridge).under(program.toString(), call, Integer.toString(errno));
  }

  @ParameterizedTest
  @CsvSource({"1, EPERM", "38, ENOSYS"})
  void whereMemfdsAreRefusedTheEmulatorSaysSoAndFilesWork(int errno, String name) throws Exception {
    ChildJvm.Ended ended = run(refusing("memfd_create", errno, ""));
    assertEquals("none", ended.answer("bridge: "));
    assertEquals("reads 42, lock safe: false", ended.answer("file: "));
    assertEquals("reads 42", ended.answer("memfd: "));
    assertEquals("runs", ended.answer("clock: "));
    String reason = "memfd_create: " + name;
    assertContains(
        ended.answer("open: "),
        "EMULATOR",
        "JNI: self-test: " + reason,
        "JNA: self-test: " + reason,
        "allow memfd_create in the filter's profile");
  }

  /** From 22 on the JDK's own Files calls statx, and does without where it is unknown only. */
  private boolean isLeftToTheJdk(ChildJvm.Command refusingStatx) throws Exception {
    if (Runtime.version().feature() < 22) {
      return false;
    }
    ChildJvm.Ended ended = refusingStatx.run(folder.resolve("file").toString());
    assertContains(ended.answer("file: "), "FileSystemException", "Operation not permitted");
    return true;
  }

  @ParameterizedTest
  @ValueSource(ints = {EPERM, ENOSYS})
  void whereStatxIsRefusedJniDoesWithout(int errno) throws Exception {
    if (errno == EPERM && isLeftToTheJdk(refusing("statx", EPERM, ""))) {
      return;
    }
    ChildJvm.Ended ended = run(refusing("statx", errno, ""));
    assertEquals("jni", ended.answer("bridge: "));
    assertEquals("reads 42, lock safe: true", ended.answer("file: "));
    assertEquals("reads 42", ended.answer("memfd: "));
  }

  /** Where statx is unknown the C library may have another way; where it is refused it has none. */
  @Test
  void whereStatxIsRefusedJnaSaysSo() throws Exception {
    if (isLeftToTheJdk(refusing("statx", EPERM, "jna"))) {
      return;
    }
    ChildJvm.Ended ended = refusing("statx", EPERM, "jna").run(folder.resolve("file").toString());
    assertContains(
        ended.answer("file: "),
        "BridgeUnavailable",
        "JNA: self-test: statx: EPERM",
        "allow statx in the filter's profile",
        "or use JNI");
  }

  // ---- a small Java ----

  @Test
  void anImageOfJavaBaseHasJniAndSaysWhatJnaNeeds() throws Exception {
    Jdk image = Jdk.image(folder.resolve("image"), "java.base");
    ChildJvm.Ended ended = run(child(image, ""));
    assertEquals("jni", ended.answer("bridge: "));
    assertEquals("reads 42, lock safe: true", ended.answer("file: "));
    assertEquals("reads 42", ended.answer("memfd: "));
    assertEquals("runs", ended.answer("clock: "));
    ChildJvm.Ended jna = child(image, "jna").run(folder.resolve("file").toString());
    assertContains(
        jna.answer("file: "),
        "JNA needs the module java.logging",
        "jlink --add-modules java.logging");
    ChildJvm.Ended java = run(child(image, "emulator"));
    assertEquals("reads 42, lock safe: false", java.answer("file: "));
    assertEquals("reads 42", java.answer("memfd: "));
  }

  @Test
  void anImageWithLoggingHasJna() throws Exception {
    ChildJvm.Ended ended = run(child(Jdk.image(folder.resolve("image"), "java.logging"), "jna"));
    assertEquals("jna", ended.answer("bridge: "));
    assertEquals("reads 42, lock safe: true", ended.answer("file: "));
    assertEquals("reads 42", ended.answer("memfd: "));
    assertEquals("taken", ended.answer("lock: "));
    assertEquals(List.of(), ended.linesWith("WARNING"));
  }
}
