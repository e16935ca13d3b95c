/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.luo4j.LuoException;
import org.luo4j.NoRoomException;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.Start;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A JVM that has a cache for a while, one of several that take turns. It does what the lines of its
 * stdin say, and tells each phase in a line. Arguments: the folder of the cache, that of journals.
 *
 * <pre>
 *   open SERIES EPOCH TIMEOUT_MS MAY_BE_COLD  attaching, attached KIND | busy PID | no-room
 *   check                                     checked
 *   work SEED                                 working
 *   stop                                      stopped
 *   clear EPOCH                               clearing, cleared
 *   close                                     closing, closed
 * </pre>
 */
final class Tenant {

  private final Path folder;
  private final Path journals;
  private final Tally tally = new Tally();
  private Contest contest;
  private WarmCache<Integer, byte[]> cache;
  private Workers workers;
  private int epoch;

  private Tenant(Path folder, Path journals) {
    this.folder = folder;
    this.journals = journals;
  }

  public static void main(String[] args) throws Exception {
    Tenant tenant = new Tenant(Path.of(args[0]), Path.of(args[1]));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      try {
        tenant.obey(line.split(" "));
      } catch (Throwable e) {
        tenant.tally.findings().add(Kind.EXCEPTION, line + ": " + Texts.of(e));
        tenant.tally.tell();
        say("failed");
      }
    }
    Runtime.getRuntime().halt(0); // as a process that is killed: workers may be at work
  }

  /** The journal of a cache of this shape. */
  private Path journal(Series series) {
    return journals.resolve("journal-" + series.text().replace(',', '-'));
  }

  private static void say(String line) {
    System.out.println(line);
  }

  private void obey(String[] words) throws IOException, InterruptedException {
    switch (words[0]) {
      case "open" -> open(words);
      case "check" -> {
        // When the owner before has ended its calls: it writes to the journal after each.
        tally.checked(contest.check(cache, epoch));
        tell();
        say("checked");
      }
      case "work" -> {
        workers = new Workers(cache, contest, epoch, Long.parseLong(words[1]), Workers::isClosed);
        say("working");
      }
      case "stop" -> {
        stopWorkers();
        say("stopped");
      }
      case "clear" -> clear(Integer.parseInt(words[1]));
      case "close" -> {
        say("closing");
        cache.close();
        stopWorkers();
        cache = null;
        say("closed");
      }
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  private void open(String[] words) throws IOException {
    Series series = Series.of(words[1]);
    epoch = Integer.parseInt(words[2]);
    Duration timeout = Duration.ofMillis(Long.parseLong(words[3]));
    boolean mayBeCold = Boolean.parseBoolean(words[4]);
    Path path = journal(series);
    Journal journal = Journal.map(path, series.keys());
    contest = Contest.of(series, journal, new Ticks(epoch), Contest.Outside.NOTHING);
    say("attaching");
    try {
      cache =
          series.open(
              folder.resolve("cache"),
              timeout,
              contest.ticks()::now,
              OnRefusal.KEEP,
              contest.listener());
    } catch (LuoException.OwnerAlive e) {
      say("busy " + e.pid().orElse(0));
      return;
    } catch (NoRoomException e) {
      say("no-room " + e.getMessage());
      return;
    }
    if (cache.start().kind() == Start.Kind.COLD && journal.wasOpened()) {
      if (mayBeCold) {
        Files.delete(path);
        journal = Journal.map(path, series.keys());
        contest = Contest.of(series, journal, new Ticks(epoch), Contest.Outside.NOTHING);
      } else {
        contest.findings().add(Kind.START, "cold: " + cache.start().reason());
      }
    }
    journal.opened();
    contest.verify(cache);
    tell();
    say("attached " + cache.start().kind());
  }

  private void clear(int nextEpoch) throws InterruptedException {
    stopWorkers();
    epoch = nextEpoch;
    say("clearing");
    Clearing.clear(cache, contest, epoch);
    tally.checked(contest.check(cache, epoch));
    tell();
    say("cleared");
  }

  private void stopWorkers() throws InterruptedException {
    if (workers != null) {
      workers.stop();
      tally.count("calls", workers.await());
      workers = null;
    }
    tell();
  }

  private void tell() {
    contest.findings().takeTexts().forEach(tally.findings()::addText);
    tally.tell();
  }
}
