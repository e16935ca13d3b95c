/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * Two JVMs in turns: one closes the cache while its threads use it, and the other, which waits for
 * that, opens it at once, checks it and goes on.
 */
final class Successions implements Mode {

  private static final int THREADS = 4;
  private static final int ROUNDS_OF_A_SERIES = 50;
  private static final int MOST_MICROS = 30_000;
  private static final int PATIENCE_MILLIS = 30_000;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20};

  private final Path folder;
  private final SplittableRandom random;
  private final Tally tally = new Tally();
  private Series series;
  private int epoch;

  /** Has the cache open, where there is one. */
  private Tenancy owner;

  private Tenancy next;

  Successions(Path folder, long seed) {
    this.folder = folder;
    this.random = new SplittableRandom(seed);
  }

  @Override
  public Tally tally() {
    return tally;
  }

  @Override
  public String how() {
    return "series " + series.text();
  }

  @Override
  public void round() throws IOException, InterruptedException {
    if (tally.roundsDone() % ROUNDS_OF_A_SERIES == 0 || !tally.findings().isEmpty()) {
      begin();
    }
    owner.send("work " + random.nextLong());
    boolean good = owner.await("working");
    long micros = random.nextInt(MOST_MICROS);
    boolean waits = random.nextBoolean(); // the next one is there before the close, or comes after
    if (waits) {
      open(next);
    }
    Pause.micros(micros);
    owner.send("close");
    if (!waits) {
      open(next);
    }
    if (good && owner.await("closed") && next.await("attached")) {
      next.tell("check", "checked");
    }
    Tenancy before = owner;
    owner = next;
    next = before;
    tally.roundDone();
    if (!tally.findings().isEmpty()) {
      close();
    }
  }

  private void begin() throws IOException, InterruptedException {
    close();
    Folders.empty(folder);
    long capacity = CAPACITIES[random.nextInt(CAPACITIES.length)];
    series = Series.random(random, capacity, THREADS, random.nextBoolean());
    epoch = 0;
    owner = new Tenancy(folder, "-a", Jvm.Command.PLAIN, folder, tally);
    next = new Tenancy(folder, "-b", Jvm.Command.PLAIN, folder, tally);
    open(owner);
    owner.await("attached");
  }

  private void open(Tenancy tenancy) {
    epoch += 2;
    tenancy.send("open " + series.text() + " " + epoch + " " + PATIENCE_MILLIS + " false");
  }

  @Override
  public void close() throws IOException {
    if (owner != null) {
      owner.close();
      next.close();
    }
  }
}
