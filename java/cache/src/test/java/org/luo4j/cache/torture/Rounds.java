/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A mode whose rounds run in a child JVM, some dozen in one, so that a crash, a hang or a full
 * memory is the child's. Every other JVM has the optimizing compiler, and some have no native code.
 */
final class Rounds implements Mode {

  private static final int ROUNDS_OF_A_JVM = 40;

  /** Where a mode's rounds are made, and where they keep their files. */
  enum Kinds {
    CLOSE,
    FULL,
    LIMIT,
    TRUNCATE;

    Round in(Path folder) {
      return switch (this) {
        case CLOSE -> new Closes(folder);
        case FULL -> new Fills(folder);
        case LIMIT -> new Limits(folder);
        case TRUNCATE -> new Truncations(folder);
      };
    }
  }

  private final Path notes;
  private final Kinds kind;
  private final Path folder;
  private final Jvm.Command command;
  private final SplittableRandom random;
  private final int roundsOfJvm;
  private final Tally tally = new Tally();
  private Jvm jvm;
  private int left;
  private String how = "";

  /**
   * @param notes a folder for what the JVMs note
   * @param folder where the caches are, as the JVM sees it
   * @param command how the JVM is started
   */
  Rounds(Kinds kind, Path notes, Path folder, Jvm.Command command, long seed) {
    this(kind, notes, folder, command, seed, ROUNDS_OF_A_JVM);
  }

  Rounds(Kinds kind, Path notes, Path folder, Jvm.Command command, long seed, int roundsOfJvm) {
    this.kind = kind;
    this.notes = notes;
    this.folder = folder;
    this.command = command;
    this.random = new SplittableRandom(seed);
    this.roundsOfJvm = roundsOfJvm;
  }

  @Override
  public Tally tally() {
    return tally;
  }

  @Override
  public String how() {
    return how;
  }

  /** Arguments: kind, folder, seed. Each line of stdin is a round, which is answered by "done". */
  public static void main(String[] args) throws Exception {
    Round round = Kinds.valueOf(args[0]).in(Path.of(args[1]));
    SplittableRandom random = new SplittableRandom(Long.parseLong(args[2]));
    Tally tally = new Tally();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    while (in.readLine() != null) {
      try {
        round.run(random, tally);
      } catch (Throwable e) {
        tally.findings().add(Kind.EXCEPTION, Texts.of(e));
      }
      tally.tell();
      System.out.println("done");
    }
  }

  @Override
  public void round() throws IOException, InterruptedException {
    if (jvm == null) {
      start();
    }
    jvm.send("round");
    String line = jvm.readLine();
    while (line != null && !line.equals("done")) {
      if (!tally.hear(line)) {
        tally.findings().add(Kind.EXCEPTION, "the JVM said: " + line);
      }
      line = jvm.readLine();
    }
    if (jvm.isHung()) {
      tally.findings().add(Kind.HANG, "a round did not end, " + how + "; see stderr");
    } else if (line == null) {
      tally
          .findings()
          .add(Kind.CRASH, "exit code " + jvm.exitCode() + ", " + how + ": " + jvm.errors());
    }
    tally.roundDone();
    left--;
    if (line == null || left == 0 || !tally.findings().isEmpty()) {
      close();
    }
  }

  private void start() throws IOException {
    left = roundsOfJvm;
    List<String> flags = new ArrayList<>();
    if (random.nextBoolean()) {
      flags.add("-XX:TieredStopAtLevel=1");
    }
    // Without native code closed memory is given back only when it is collected.
    if (kind != Kinds.LIMIT && random.nextInt(4) == 0) {
      flags.add("-Dluo4j.bridge=emulator");
    }
    String seed = Long.toString(random.nextLong());
    how = "JVM " + flags + ", its seed " + seed;
    jvm =
        new Jvm(
            notes,
            "",
            command.with(flags.toArray(new String[0])),
            Rounds.class,
            List.of(kind.name(), folder.toString(), seed));
  }

  @Override
  public void close() throws IOException {
    if (jvm != null) {
      jvm.close();
      jvm = null;
    }
  }
}
