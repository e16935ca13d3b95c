/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import com.sun.jna.Native;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.commons.io.IOUtils;
import org.luo4j.LiveUpdate;

/** A child JVM that runs a class of this class path, and talks in lines. Closing it kills it. */
public final class ChildJvm implements AutoCloseable {

  private static final int MINUTES_TO_END = 3;

  private final Process process;
  private final BufferedReader out;
  private final BufferedWriter in;

  public ChildJvm(Class<?> main, String... arguments) throws IOException {
    this(of(main), arguments);
  }

  private ChildJvm(Command command, String... arguments) throws IOException {
    process = command.builder(arguments).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    in =
        new BufferedWriter(
            new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
  }

  /** A JVM of this JDK that runs {@code main}, to be told more before it is started. */
  public static Command of(Class<?> main) {
    return new Command(main.getName());
  }

  /** A JVM of this JDK that runs the main class of a module. */
  public static Command ofModule(String moduleAndClass) {
    return new Command(moduleAndClass);
  }

  /** The folders and jars of the tests, of luo4j and of its libraries, as a launcher hides them. */
  public static List<Path> classPath() {
    return List.of(
        location(ChildJvm.class),
        location(LiveUpdate.class),
        location(Native.class),
        location(IOUtils.class));
  }

  /** The folder or jar that a class is in. */
  public static Path location(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends a line and waits for the answer. */
  public String ask(String line) throws IOException {
    in.write(line + "\n");
    in.flush();
    return readLine();
  }

  /** The next line, or null when the child has ended. */
  public String readLine() throws IOException {
    return out.readLine();
  }

  /**
   * Kills the child (SIGKILL where there are signals), and waits for its end. What it has written
   * can still be read.
   */
  public void kill() {
    process.toHandle().destroyForcibly();
    process.onExit().join();
  }

  @Override
  public void close() {
    kill();
  }

  /** How to start a child. Each method changes this and returns it. */
  public static final class Command {

    private final String main;
    private final List<String> prefix = new ArrayList<>();
    private final List<String> flags = new ArrayList<>();
    private final Map<String, String> environment = new HashMap<>();
    private Path javaHome = Path.of(System.getProperty("java.home"));
    private List<Path> classPath = ChildJvm.classPath();
    private List<Path> modulePath = List.of();

    private Command(String main) {
      this.main = main;
    }

    /** With the JVM in this folder. */
    public Command java(Path home) {
      javaHome = home;
      return this;
    }

    /** With these flags of the JVM's. */
    public Command flags(List<String> more) {
      flags.addAll(more);
      return this;
    }

    /** With a system property. */
    public Command property(String name, Object value) {
      flags.add("-D" + name + "=" + value);
      return this;
    }

    /** With a variable of the environment. */
    public Command environment(String name, Object value) {
      environment.put(name, value.toString());
      return this;
    }

    /** Run by a program that executes its arguments. */
    public Command under(String... program) {
      prefix.addAll(List.of(program));
      return this;
    }

    /** With this class path. */
    public Command classPath(List<Path> entries) {
      classPath = entries;
      return this;
    }

    /** With this module path, and no class path. */
    public Command modulePath(List<Path> entries) {
      modulePath = entries;
      classPath = List.of();
      return this;
    }

    /** Starts it, to be talked to. */
    public ChildJvm start(String... arguments) throws IOException {
      return new ChildJvm(this, arguments);
    }

    /** Runs it to its end. A child that does not end in minutes is killed, and is an error. */
    public Ended run(String... arguments) throws IOException, InterruptedException {
      Path output = Files.createTempFile("luo4j-child-", ".out");
      try {
        Process process =
            builder(arguments).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        boolean ended = process.waitFor(MINUTES_TO_END, TimeUnit.MINUTES);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        List<String> lines = Files.readString(output).lines().toList();
        if (!ended) {
          throw new IOException("killed, as it did not end: " + flags + " " + lines);
        }
        return new Ended(process.exitValue(), lines);
      } finally {
        Files.delete(output);
      }
    }

    private ProcessBuilder builder(String... arguments) {
      List<String> command = new ArrayList<>(prefix);
      command.add(javaHome.resolve("bin").resolve("java").toString());
      command.add("-XX:TieredStopAtLevel=1");
      command.add("-Xshare:auto");
      command.add("-Xmx128m");
      // Two JVMs of one number, as in namespaces, share a file of them, and say so among the
      // output.
      command.add("-XX:-UsePerfData");
      command.addAll(flags);
      if (modulePath.isEmpty()) {
        command.addAll(List.of("-cp", join(classPath)));
      } else {
        command.addAll(List.of("-p", join(modulePath), "-m"));
      }
      command.add(main);
      command.addAll(List.of(arguments));
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.environment().putAll(environment);
      return builder;
    }

    private static String join(List<Path> paths) {
      return paths.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }
  }

  /**
   * How a child ended.
   *
   * @param exit its exit status; from 128 on the signal's number plus 128
   * @param lines what it wrote to stdout and stderr
   */
  public record Ended(int exit, List<String> lines) {

    /** The lines with a word in them. */
    public List<String> linesWith(String word) {
      return lines.stream().filter(line -> line.contains(word)).toList();
    }

    /** The only line that starts so, without that start. */
    public String answer(String start) {
      List<String> found = lines.stream().filter(line -> line.startsWith(start)).toList();
      if (found.size() != 1) {
        throw new AssertionError("one line must start with '" + start + "': " + this);
      }
      return found.get(0).substring(start.length());
    }

    @Override
    public String toString() {
      return "exit " + exit + "\n" + String.join("\n", lines);
    }
  }
}
