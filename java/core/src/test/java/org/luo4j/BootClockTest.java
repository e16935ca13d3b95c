/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** The clock of a boot, read by native code and without. */
class BootClockTest {

  /** How far a time namespace's clock is ahead. */
  private static final long AHEAD_SECONDS = 5_000_000;

  private final SystemProperties properties = new SystemProperties();

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  /** Another process: what it reads. */
  static final class Other {
    private Other() {}

    public static void main(String[] none) {
      System.out.println("id: " + BootClock.id());
      System.out.println("millis: " + BootClock.find().millis().orElse(-1));
    }
  }

  private static ChildJvm.Command other(String bridge) {
    return ChildJvm.of(Other.class)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  private static long uptimeMillis() throws IOException {
    String seconds = Files.readString(Path.of("/proc/uptime")).split(" ", 2)[0];
    return (long) (Double.parseDouble(seconds) * 1000);
  }

  /** Of the kernel's uptime, not of the wall clock, which anybody may set. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void itIsTheTimeSinceBoot(String bridge) throws IOException {
    if (bridge.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, bridge);
    BootClock clock = BootClock.find();
    long before = uptimeMillis();
    long time = clock.millis().orElseThrow();
    long after = uptimeMillis();
    // /proc/uptime is rounded down to 10 ms
    assertTrue(before <= time && time <= after + 10, () -> before + " " + time + " " + after);
  }

  @Test
  void allProcessesOfABootSeeOneClock() throws Exception {
    String id = BootClock.id();
    String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    assertTrue(id.startsWith(boot + " "), id);
    ChildJvm.Ended ended = other("emulator").run();
    assertEquals(id, ended.answer("id: "), ended::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aTimeNamespaceHasAClockOfItsOwn(String bridge) throws Exception {
    if (bridge.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    assumeTrue(OwnedFile.uid(Path.of("/proc/self")) == 0, "only root can make namespaces");
    assumeTrue(Files.exists(Path.of("/proc/self/ns/time")), "a kernel without time namespaces");
    long before = uptimeMillis() + AHEAD_SECONDS * 1000;
    ChildJvm.Ended ended =
        other(bridge).under("unshare", "-T", "--boottime", Long.toString(AHEAD_SECONDS)).run();
    assertEquals(0, ended.exit(), ended::toString);
    long after = uptimeMillis() + AHEAD_SECONDS * 1000 + 10;
    long millis = Long.parseLong(ended.answer("millis: "));
    assertTrue(before <= millis && millis <= after, () -> before + " " + millis + " " + after);
    assertNotEquals(BootClock.id(), ended.answer("id: "));
  }
}
