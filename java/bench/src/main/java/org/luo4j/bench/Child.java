/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a main class of this package in a JVM of its own, with the flags that a peer needs. */
final class Child {

  /** What the measuring JVMs have in common: a heap that no collection of garbage can grow. */
  static final List<String> HEAP =
      List.of("-Xms4g", "-Xmx4g", "-XX:+UseG1GC", "-XX:MaxDirectMemorySize=16g");

  /** The same with all of the heap in memory from the start. */
  static final List<String> TOUCHED_HEAP = touched();

  private static final String RESULT = "@result ";
  private static final String FAILED = "@failed ";

  private Child() {}

  private static List<String> touched() {
    List<String> flags = new ArrayList<>(HEAP);
    flags.add("-XX:+AlwaysPreTouch");
    return List.copyOf(flags);
  }

  /** The program of a child: what it answers goes to its parent. */
  interface Program {
    /** Runs and answers the cells of its result. */
    List<?> run() throws Exception;
  }

  /** The child's side: runs the program and ends the JVM without closing anything. */
  static void answer(Program program) {
    int status = 0;
    try {
      System.out.println(
          RESULT + String.join("\t", program.run().stream().map(String::valueOf).toList()));
    } catch (Throwable e) {
      e.printStackTrace();
      System.out.println(FAILED + describe(e));
      status = 1;
    }
    System.out.flush();
    System.err.flush();
    Runtime.getRuntime().halt(status);
  }

  /**
   * The parent's side: runs the child to its end and answers its cells.
   *
   * @throws ChildException with the child's reason
   */
  static List<String> run(
      List<String> flags, Class<?> main, List<String> arguments, PrintStream log)
      throws IOException, InterruptedException, ChildException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    String folder = System.getProperty(Folders.PROPERTY);
    if (folder != null) {
      command.add("-D" + Folders.PROPERTY + "=" + folder);
    }
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(main.getName());
    command.addAll(arguments);
    log.println("+ " + String.join(" ", command));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    Thread killer = new Thread(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(killer);
    String result = null;
    String failure = null;
    String last = "no output";
    try (BufferedReader out = process.inputReader()) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        log.println(line);
        if (line.startsWith(RESULT)) {
          result = line.substring(RESULT.length());
        } else if (line.startsWith(FAILED)) {
          failure = line.substring(FAILED.length());
        } else if (!line.isBlank()) {
          last = line;
        }
      }
    }
    int status = process.waitFor();
    Runtime.getRuntime().removeShutdownHook(killer);
    if (failure != null || result == null) {
      throw new ChildException(
          failure != null ? failure : "ended with " + status + "; last line: " + last);
    }
    return List.of(result.split("\t", -1));
  }

  /** The exception and its causes in one line. */
  static String describe(Throwable e) {
    StringBuilder text = new StringBuilder();
    for (Throwable each = e; each != null; each = each.getCause()) {
      text.append(text.isEmpty() ? "" : ", caused by ").append(each);
    }
    String line = text.toString().replaceAll("\\s+", " ");
    return line.length() > 600 ? line.substring(0, 600) + "..." : line;
  }

  /** A child that failed; the message is its reason. */
  static final class ChildException extends Exception {
    private static final long serialVersionUID = 1;

    ChildException(String message) {
      super(message);
    }
  }
}
