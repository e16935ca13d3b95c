/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A child JVM with this one's class path. It is killed when it says nothing for too long. */
final class Jvm implements Closeable {

  private static final long PATIENCE_SECONDS = 60;

  /** The first version that warns of native access. */
  private static final int NATIVE_ACCESS = 24;

  private static final ScheduledExecutorService WATCHDOG =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "watchdog");
            thread.setDaemon(true);
            return thread;
          });

  private final Process process;
  private final BufferedReader out;
  private final BufferedWriter in;
  private final Path errors;
  private volatile boolean hung;

  /**
   * How to start one.
   *
   * @param prefix a program that runs its arguments, or nothing
   * @param flags of the JVM's
   * @param environment variables to add
   */
  record Command(List<String> prefix, List<String> flags, Map<String, String> environment) {
    static final Command PLAIN =
        new Command(List.of(), List.of("-XX:TieredStopAtLevel=1"), Map.of());

    /** With flags that are chosen at each start. */
    static final Command ANY = new Command(List.of(), List.of(), Map.of());

    Command under(List<String> program) {
      return new Command(program, flags, environment);
    }

    Command with(String... more) {
      List<String> all = new ArrayList<>(flags);
      all.addAll(List.of(more));
      return new Command(prefix, all, environment);
    }
  }

  /** Starts one; what it writes to stderr, and the JVM's notes of a crash, go into the folder. */
  Jvm(Path folder, Class<?> main, List<String> arguments) throws IOException {
    this(folder, "", Command.PLAIN, main, arguments);
  }

  /** As the other, of several in the folder: the name tells which notes are whose. */
  Jvm(Path folder, String name, Command command, Class<?> main, List<String> arguments)
      throws IOException {
    errors = folder.resolve("stderr" + name);
    ProcessBuilder builder =
        new ProcessBuilder(command(folder, name, command, main, arguments))
            .redirectError(errors.toFile());
    builder.environment().putAll(command.environment);
    process = builder.start();
    out = process.inputReader();
    in = process.outputWriter();
  }

  private static List<String> command(
      Path folder, String name, Command command, Class<?> main, List<String> arguments) {
    List<String> words = new ArrayList<>(command.prefix);
    words.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-Xshare:auto",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-XX:+DisplayVMOutputToStderr",
            "-XX:ErrorFile=" + folder.resolve("hs_err" + name + ".log")));
    if (Runtime.version().feature() >= NATIVE_ACCESS) {
      words.add("--enable-native-access=ALL-UNNAMED");
    }
    words.addAll(command.flags);
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    words.addAll(arguments);
    return words;
  }

  /** Sends a line. Where the JVM has ended, {@link #readLine} says so. */
  void send(String line) {
    try {
      in.write(line + "\n");
      in.flush();
    } catch (IOException ended) {
      // what it has said is still to be read
    }
  }

  /** Whether {@link #readLine} would not wait. */
  boolean hasLine() throws IOException {
    return out.ready();
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Stops all of its threads (SIGSTOP), and returns when they stand. */
  void stop() throws IOException, InterruptedException {
    signal("STOP");
    while (process.isAlive() && !isStopped()) {
      Thread.onSpinWait();
    }
  }

  /** Lets it go on after {@link #stop}. */
  void goOn() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("sh", "-c", "kill -" + name + " " + process.pid())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }

  private boolean isStopped() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
      for (Path task : tasks.toList()) {
        String status = Files.readString(task.resolve("stat"));
        if (!"Tt".contains(status.substring(status.lastIndexOf(')') + 2).substring(0, 1))) {
          return false;
        }
      }
      return true;
    } catch (NoSuchFileException | UncheckedIOException ended) {
      return false;
    }
  }

  /** The next line; null when the JVM has ended. */
  String readLine() throws IOException {
    var patience =
        WATCHDOG.schedule(
            () -> {
              hung = true;
              showThreads();
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

  /** Has it write where its threads are to stderr, which is kept. */
  private void showThreads() {
    try {
      signal("QUIT");
      Thread.sleep(1000);
    } catch (IOException | InterruptedException e) {
      // it is killed without
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
    process.onExit().join();
    out.close();
    try {
      in.close();
    } catch (IOException ended) {
      // it has not read the last line
    }
  }
}
