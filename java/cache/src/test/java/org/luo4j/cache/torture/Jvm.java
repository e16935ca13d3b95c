/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** A child JVM with this one's class path. It is killed when it says nothing for too long. */
final class Jvm implements Closeable {

  private static final long PATIENCE_SECONDS = 60;

  private static final ScheduledExecutorService WATCHDOG =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "watchdog");
            thread.setDaemon(true);
            return thread;
          });

  private final Process process;
  private final BufferedReader out;
  private final Path errors;
  private volatile boolean hung;

  /** Starts one; what it writes to stderr, and the JVM's notes of a crash, go into the folder. */
  Jvm(Path folder, Class<?> main, List<String> arguments) throws IOException {
    errors = folder.resolve("stderr");
    process =
        new ProcessBuilder(command(folder, main, arguments)).redirectError(errors.toFile()).start();
    out = process.inputReader();
  }

  static List<String> command(Path folder, Class<?> main, List<String> arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-XX:ErrorFile=" + folder.resolve("hs_err.log"),
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(arguments);
    return command;
  }

  /** The next line; null when the JVM has ended. */
  String readLine() throws IOException {
    var patience =
        WATCHDOG.schedule(
            () -> {
              hung = true;
              kill();
            },
            PATIENCE_SECONDS,
            TimeUnit.SECONDS);
    try {
      return out.readLine();
    } finally {
      patience.cancel(false);
    }
  }

  /** SIGKILL; what it has said can still be read. */
  void kill() {
    process.toHandle().destroyForcibly();
  }

  /** Whether it was killed because it said nothing for too long. */
  boolean isHung() {
    return hung;
  }

  int exitCode() throws InterruptedException {
    return process.waitFor();
  }

  /** The end of what it wrote to stderr. */
  String errors() throws IOException {
    String text = Files.readString(errors).strip();
    return text.substring(Math.max(0, text.length() - 2000));
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    out.close();
  }
}
