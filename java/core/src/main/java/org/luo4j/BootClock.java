/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;

/**
 * The time since the machine booted: CLOCK_BOOTTIME (clock_gettime(2)), which nobody sets and which
 * goes on while the machine is suspended. All processes of a boot see the same one. Any thread.
 *
 * @since 0.1.0
 */
public final class BootClock {

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final Path TIME_NAMESPACE = Path.of("/proc/self/ns/time");

  private final @Nullable Bridge bridge;

  private BootClock(@Nullable Bridge bridge) {
    this.bridge = bridge;
  }

  /**
   * Finds the clock.
   *
   * @return the clock, read by native code where there is any, else from /proc/uptime
   */
  public static BootClock find() {
    return new BootClock(LiveUpdate.fileBridge());
  }

  /**
   * The time since boot.
   *
   * @return in milliseconds; empty where neither native code nor /proc/uptime tells
   */
  public OptionalLong millis() {
    long millis = bridge == null ? -1 : bridge.bootTime();
    if (millis >= 0) {
      return OptionalLong.of(millis);
    }
    try (BufferedReader uptime =
        new BufferedReader(new FileReader("/proc/uptime", StandardCharsets.US_ASCII))) {
      String seconds = String.valueOf(uptime.readLine()).split(" ", 2)[0];
      return OptionalLong.of((long) (Double.parseDouble(seconds) * 1000));
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  /**
   * Which clock {@link #millis} reads: that of a boot, and of a time namespace
   * (time_namespaces(7)), which may have a clock of its own.
   *
   * @return a text that is the same in all processes that see the same clock; empty where it cannot
   *     be told
   */
  public static String id() {
    try (BufferedReader boot =
        new BufferedReader(new FileReader(BOOT_ID.toFile(), StandardCharsets.US_ASCII))) {
      return boot.readLine() + " " + namespace();
    } catch (IOException e) {
      return "";
    }
  }

  private static String namespace() {
    try {
      return Files.readSymbolicLink(TIME_NAMESPACE).toString();
    } catch (IOException e) {
      return ""; // a kernel without them: there is one clock
    }
  }
}
