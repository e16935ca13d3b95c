/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.luo4j.cache.torture.Findings.Kind;

/** A {@link Tenant} as the JVM sees it that tells it what to do. */
final class Tenancy implements Closeable {

  private final String name;
  private final Jvm jvm;
  private final Tally tally;

  /** What it said last, without its numbers. */
  private String phase = "started";

  private String lastLine = "";

  /**
   * Starts one.
   *
   * @param notes a folder for journals and for what the JVM notes
   * @param folder where the cache is, as the JVM sees it
   * @param tally takes in what it counts and finds
   */
  Tenancy(Path notes, String name, Jvm.Command command, Path folder, Tally tally)
      throws IOException {
    this.name = name;
    this.tally = tally;
    this.jvm =
        new Jvm(notes, name, command, Tenant.class, List.of(folder.toString(), notes.toString()));
  }

  /** Tells it what to do next. */
  void send(String line) {
    jvm.send(line);
  }

  /** What it said last; "ended" once it has ended. */
  String phase() {
    return phase;
  }

  /** The last line: a phase and what belongs to it. */
  String lastLine() {
    return lastLine;
  }

  long pid() {
    return jvm.pid();
  }

  boolean isAlive() {
    return jvm.isAlive();
  }

  /** Waits for one of these phases. False where it ends before, or failed, which is a finding. */
  boolean await(List<String> phases) throws IOException, InterruptedException {
    do {
      if (!hear()) {
        return false;
      }
    } while (!phases.contains(phase));
    return true;
  }

  boolean await(String wanted) throws IOException, InterruptedException {
    return await(List.of(wanted));
  }

  /** Tells it something and waits for the phase that this ends with. */
  boolean tell(String line, String wanted) throws IOException, InterruptedException {
    send(line);
    return await(wanted);
  }

  /** Takes in what it has said already, without waiting. */
  void drain() throws IOException, InterruptedException {
    while (jvm.hasLine() && hear()) {
      // until there is no more
    }
  }

  private boolean hear() throws IOException, InterruptedException {
    String line = jvm.readLine();
    if (line == null) {
      boolean told = phase.equals("ended");
      String before = phase;
      phase = "ended";
      if (jvm.isHung()) {
        tally.findings().add(Kind.HANG, "JVM " + name + " said nothing after '" + before + "'");
      } else if (!told) {
        int exit = jvm.exitCode();
        tally
            .findings()
            .add(
                Kind.CRASH,
                "JVM " + name + ": exit code " + exit + " after '" + before + "': " + jvm.errors());
      }
      return false;
    }
    if (!tally.hear(line)) {
      lastLine = line;
      phase = line.split(" ")[0];
    }
    return !phase.equals("failed");
  }

  /** Stops all of its threads, until {@link #goOn}. */
  void stop() throws IOException, InterruptedException {
    jvm.stop();
  }

  void goOn() throws IOException, InterruptedException {
    jvm.goOn();
  }

  /** SIGKILL, and its end. */
  @Override
  public void close() throws IOException {
    phase = "ended";
    jvm.close();
  }
}
