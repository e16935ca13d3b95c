/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A JVM that has the cache open stops (SIGSTOP) at a random moment, and another one tries to open
 * it: it is told whose the cache is, as long as that JVM lives. The first one then goes on or is
 * killed, and the other must find everything.
 */
final class Stops implements Mode {

  private static final int THREADS = 4;
  private static final int ROUNDS_OF_A_SERIES = 40;
  private static final int PATIENCE_MILLIS = 30_000;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20};

  /** At what the owner is stopped: what it is told, and when that is under way. */
  private enum At {
    OPEN(20_000),
    WORK(20_000),
    CLEAR(4_000),
    CLOSE(1_500);

    private final int mostMicros;

    At(int mostMicros) {
      this.mostMicros = mostMicros;
    }
  }

  private final Path folder;
  private final SplittableRandom random;
  private final Tally tally = new Tally();
  private Series series;
  private int epoch;
  private int names;
  private Tenancy owner;
  private Tenancy other;
  private String how = "";

  Stops(Path folder, long seed) {
    this.folder = folder;
    this.random = new SplittableRandom(seed);
  }

  @Override
  public Tally tally() {
    return tally;
  }

  @Override
  public String how() {
    return "series " + series.text() + ", " + how;
  }

  @Override
  public void round() throws IOException, InterruptedException {
    if (tally.roundsDone() % ROUNDS_OF_A_SERIES == 0 || !tally.findings().isEmpty()) {
      begin();
    }
    owner = alive(owner);
    other = alive(other);
    if (!turn()) {
      close();
    }
    tally.roundDone();
  }

  private void begin() throws IOException {
    close();
    Folders.empty(folder);
    long capacity = CAPACITIES[random.nextInt(CAPACITIES.length)];
    series = Series.random(random, capacity, THREADS, random.nextBoolean());
    epoch = 0;
    owner = start();
    other = start();
  }

  private Tenancy start() throws IOException {
    return new Tenancy(folder, "-" + names++ % 8, Jvm.Command.PLAIN, folder, tally);
  }

  private Tenancy alive(Tenancy one) throws IOException {
    return one.isAlive() ? one : start();
  }

  /** Stops the owner and looks at what the other gets; false when something was found. */
  private boolean turn() throws IOException, InterruptedException {
    At at = At.values()[random.nextInt(At.values().length)];
    boolean opens = at == At.OPEN || !owner.phase().equals("working");
    how = "stopped at " + at;
    tally.count("stopped at " + at.name().toLowerCase(java.util.Locale.ROOT));
    if (opens && !openAnew(at)) {
      return false;
    }
    if (!bring(at)) {
      return false;
    }
    Pause.micros(random.nextInt(at.mostMicros));
    owner.stop();
    owner.drain();
    // From when the header names it, to the close, it must be the owner.
    boolean owns =
        at == At.WORK || at == At.CLEAR || at == At.OPEN && !owner.phase().equals("attaching");
    open(other, random.nextInt(30));
    if (!other.await(List.of("busy", "attached"))) {
      return false;
    }
    boolean entered = other.phase().equals("attached");
    if (entered && owns) {
      tally.findings().add(Kind.OWNER, "another JVM opened it while its owner was stopped");
    } else if (!entered && owns && !other.lastLine().equals("busy " + owner.pid())) {
      tally.findings().add(Kind.OWNER, other.lastLine() + ", the owner is process " + owner.pid());
    }
    tally.count(entered ? "opened beside it" : "told of the owner");
    return tally.findings().isEmpty() && release(at, entered);
  }

  /** Lets the owner give up what it has, so that it opens the cache anew, or is about to. */
  private boolean openAnew(At at) throws IOException, InterruptedException {
    if (owner.phase().equals("working")) {
      owner.send("close");
      if (!owner.await("closed")) {
        return false;
      }
    }
    open(owner, PATIENCE_MILLIS);
    return at == At.OPEN
        || owner.await("attached")
            && owner.tell("check", "checked")
            && owner.tell("work " + random.nextLong(), "working");
  }

  /** Brings the owner to what it is to be stopped at. */
  private boolean bring(At at) throws IOException, InterruptedException {
    return switch (at) {
      case OPEN -> owner.await("attaching");
      case WORK -> true;
      case CLEAR -> {
        owner.send("clear " + (epoch += 2));
        yield owner.await("clearing");
      }
      case CLOSE -> owner.tell("close", "closing");
    };
  }

  private void open(Tenancy tenancy, int timeoutMillis) {
    epoch += 2;
    tenancy.send("open " + series.text() + " " + epoch + " " + timeoutMillis + " false");
  }

  /** Ends the owner, or lets it go on and close; the other then has the cache, and they change. */
  private boolean release(At at, boolean entered) throws IOException, InterruptedException {
    // One that waits for the other's end would wait for long.
    boolean kill = random.nextBoolean() || entered && at == At.OPEN;
    if (!entered) {
      open(other, PATIENCE_MILLIS);
      Pause.micros(random.nextInt(2_000));
    }
    tally.count(kill ? "killed" : "gone on");
    if (kill) {
      owner.close();
    } else {
      owner.goOn();
      boolean good =
          switch (at) {
            case OPEN -> owner.phase().equals("attached") || owner.await("attached");
            case WORK -> true;
            case CLEAR -> owner.phase().equals("cleared") || owner.await("cleared");
            case CLOSE -> owner.phase().equals("closed") || owner.await("closed");
          };
      if (!good || at != At.CLOSE && !owner.tell("close", "closed")) {
        return false;
      }
    }
    if (!entered && !other.await("attached") || !other.tell("check", "checked")) {
      return false;
    }
    Tenancy before = owner;
    owner = other;
    other = before;
    return owner.tell("work " + random.nextLong(), "working");
  }

  @Override
  public void close() throws IOException {
    if (owner != null) {
      owner.close();
      other.close();
    }
  }
}
