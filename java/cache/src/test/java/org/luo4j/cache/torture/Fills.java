/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.luo4j.NoRoomException;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * Caches on a small tmpfs that somebody else fills and empties, before they are opened and while
 * threads use them. An open succeeds or says that there is no room, and costs nothing then; what is
 * open needs no more room.
 */
final class Fills implements Round {

  /** Of the tmpfs. */
  static final long BYTES = 12 << 20;

  private static final int THREADS = 4;
  private static final int ROUNDS_OF_A_SERIES = 8;
  private static final int STEPS = 4;
  private static final int MOST_MICROS = 5_000;
  private static final int PAGE = 4096;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};

  private final Path file;
  private final Path filler;
  private Contest contest;
  private int epoch;
  private int left;

  Fills(Path folder) {
    file = folder.resolve("cache");
    filler = folder.resolve("filler");
  }

  @Override
  public void run(SplittableRandom random, Tally tally) throws Exception {
    if (left-- == 0) {
      left = ROUNDS_OF_A_SERIES - 1;
      Files.deleteIfExists(file);
      Files.deleteIfExists(file.resolveSibling("cache.refused"));
      contest = newContest(random);
      epoch = 1;
    }
    fill(random);
    epoch++;
    try (WarmCache<Integer, byte[]> cache = open(contest)) {
      if (cache.start().isWarm() != contest.journal().wasOpened()) {
        contest.findings().add(Kind.START, "is " + cache.start());
      }
      contest.journal().opened();
      tally.checked(contest.check(cache, epoch));
      Workers workers = new Workers(cache, contest, epoch, random.nextLong(), thrown -> false);
      for (int step = 0; step < STEPS; step++) {
        fill(random);
        LockSupport.parkNanos(random.nextInt(MOST_MICROS) * 1000L);
      }
      workers.stop();
      tally.count("calls", workers.await());
      tally.checked(contest.check(cache, epoch + 1));
      epoch++;
    } catch (NoRoomException e) {
      tally.count("no room");
      refused(e);
    }
    // Without native code what is deleted to make room takes it until its mapping is collected.
    boolean givesBack = System.getProperty("luo4j.bridge") == null;
    if (contest.journal().wasOpened() && givesBack && random.nextInt(4) == 0) {
      openOther(random, tally);
    }
    contest.findings().takeTexts().forEach(tally.findings()::addText);
  }

  private static Contest newContest(SplittableRandom random) {
    long capacity = CAPACITIES[random.nextInt(CAPACITIES.length)];
    Series series = Series.random(random, capacity, THREADS, random.nextBoolean());
    return Contest.of(
        series, Journal.inMemory(series.keys()), new Ticks(1), Contest.Outside.NOTHING);
  }

  private WarmCache<Integer, byte[]> open(Contest opened) throws IOException {
    return opened.series().open(file, opened.ticks()::now, OnRefusal.KEEP, opened.listener());
  }

  private void refused(NoRoomException e) {
    if (contest.journal().wasOpened()) {
      contest.findings().add(Kind.LOST, "no room for what has its room: " + e);
    }
    if (e.needed() <= e.available()) {
      contest.findings().add(Kind.EXCEPTION, "no room where there is: " + e);
    }
    if (Files.exists(file)) {
      contest.findings().add(Kind.EXCEPTION, "what was refused room has left a file: " + e);
    }
  }

  /** Opens a cache of another shape in its place, and goes back to the one that was there. */
  private void openOther(SplittableRandom random, Tally tally) throws IOException {
    fill(random);
    Contest other = newContest(random);
    while (other.series().capacity() == contest.series().capacity()) {
      other = newContest(random);
    }
    boolean opened = false;
    try (WarmCache<Integer, byte[]> cache = open(other)) {
      opened = !cache.start().isWarm();
      cache.put(0, Values.of(0, 1, Values.SMALLEST));
      tally.count("opened another");
    } catch (NoRoomException e) {
      tally.count("no room for another");
    }
    if (opened) {
      left = 0; // what was there was set aside, or deleted for want of room
    }
  }

  /** Fills the tmpfs, or leaves some room, or all. */
  private void fill(SplittableRandom random) throws IOException {
    int how = random.nextInt(4);
    if (how == 0) {
      Files.deleteIfExists(filler);
      return;
    }
    try (RandomAccessFile target = new RandomAccessFile(filler.toFile(), "rw")) {
      long most = how == 1 ? random.nextLong(BYTES) : BYTES;
      target.setLength(Math.min(target.length(), most));
      byte[] page = new byte[PAGE];
      target.seek(target.length());
      while (target.length() < most) {
        target.write(page);
      }
      if (how == 2) {
        target.setLength(Math.max(0, target.length() - random.nextInt(1 << 20)));
      }
    } catch (IOException full) {
      // The file system is full now, which is the aim.
    }
  }
}
