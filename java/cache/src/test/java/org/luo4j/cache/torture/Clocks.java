/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * Sets the wall clock of JVMs that use a cache to any time: before they open the cache, while they
 * use it, and between one JVM and the next. Each entry must expire when it was put to.
 */
final class Clocks implements Mode {

  private static final int ROUNDS_OF_A_CACHE = 25;
  private static final int JUMPS = 3;
  private static final int WORK_MILLIS = 60;

  private final Path folder;
  private final WallClock clock;
  private final SplittableRandom random;
  private final Tally tally = new Tally();
  private Jvm jvm;
  private int names;
  private long offset;

  /**
   * @throws IOException when a JVM's clock cannot be set here
   */
  Clocks(Path folder, long seed) throws IOException, InterruptedException {
    this.folder = folder;
    this.clock = new WallClock(folder);
    this.random = new SplittableRandom(seed);
  }

  @Override
  public Tally tally() {
    return tally;
  }

  @Override
  public String how() {
    return "the wall clock is off by " + offset + " ms";
  }

  @Override
  public void round() throws IOException, InterruptedException {
    if (tally.roundsDone() % ROUNDS_OF_A_CACHE == 0 || !tally.findings().isEmpty()) {
      close();
      Files.deleteIfExists(folder.resolve("cache"));
      Files.deleteIfExists(folder.resolve("journal"));
    }
    jump();
    if (jvm == null) {
      jvm =
          new Jvm(
              folder,
              "-" + names++ % 8,
              clock.command(),
              Expiring.class,
              List.of(folder.toString()));
    }
    if (!live()) {
      close();
    }
    tally.roundDone();
  }

  private boolean live() throws IOException, InterruptedException {
    jvm.send("open");
    if (!await("opened")) {
      return false;
    }
    jvm.send("work " + WORK_MILLIS + " " + random.nextLong());
    for (int jumps = 0; jumps < JUMPS; jumps++) {
      Pause.micros(random.nextInt(WORK_MILLIS * 1000 / JUMPS));
      jump();
    }
    if (random.nextInt(5) == 0) {
      tally.count("killed");
      close();
      return true;
    }
    if (!await("worked")) {
      return false;
    }
    jump();
    jvm.send("close");
    if (!await("closed")) {
      return false;
    }
    if (random.nextInt(5) == 0) {
      close(); // the next JVM comes after it
    }
    return true;
  }

  /** Waits for a line; false where the JVM ends before. */
  private boolean await(String wanted) throws IOException, InterruptedException {
    String line = jvm.readLine();
    while (line != null && !line.split(" ")[0].equals(wanted)) {
      if (!tally.hear(line)) {
        tally.findings().add(Kind.EXCEPTION, "the JVM said: " + line);
      }
      line = jvm.readLine();
    }
    if (line == null) {
      tally
          .findings()
          .add(
              jvm.isHung() ? Kind.HANG : Kind.CRASH,
              "before '" + wanted + "': exit code " + jvm.exitCode() + ": " + jvm.errors());
      return false;
    }
    if (wanted.equals("opened") && !isSet(Long.parseLong(line.split(" ")[1]))) {
      throw new IOException("the JVM's wall clock cannot be set: it shows " + line);
    }
    return true;
  }

  /** Whether the JVM sees the clock that it is given. */
  private boolean isSet(long seconds) {
    long expected = (System.currentTimeMillis() + offset) / 1000;
    return Math.abs(seconds - expected) < TimeUnit.MINUTES.toSeconds(2);
  }

  private void jump() throws IOException {
    long now = System.currentTimeMillis();
    long years = TimeUnit.DAYS.toMillis(3652);
    offset =
        switch (random.nextInt(8)) {
          case 0 -> 0;
          case 1 -> random.nextInt(10_000) - 5_000;
          case 2 -> random.nextInt(600_000) - 300_000;
          case 3 -> TimeUnit.DAYS.toMillis(random.nextInt(5) - 2);
          case 4 -> years;
          case 5 -> -years;
          case 6 -> 30_000 - now; // 1970: a board without a battery
          default -> 8 * years;
        };
    clock.set(offset);
    tally.count("jumps");
  }

  @Override
  public void close() throws IOException {
    if (jvm != null) {
      jvm.close();
      jvm = null;
    }
  }
}
