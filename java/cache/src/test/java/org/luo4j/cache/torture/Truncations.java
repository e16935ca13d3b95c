/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.luo4j.cache.MemoryLostException;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * Caches whose file somebody cuts short, deletes or replaces while threads use them. A call finds
 * what it must, or says that the memory is lost; the next open gives a cache that works.
 */
final class Truncations implements Round {

  private static final int THREADS = 4;
  private static final int MOST_MICROS = 8_000;
  private static final int PAGE = 4096;
  private static final boolean WITHOUT_NATIVE_CODE = System.getProperty("luo4j.bridge") != null;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20, 4 << 20};

  /** What is done to the file. */
  private enum Blow {
    /** Cut to a random length. */
    CUT,
    /** Cut to nothing. */
    EMPTY,
    /** Cut within its last page. */
    END,
    /** Cut, and grown back: what was cut is zeros. */
    REGROWN,
    /** Its name is deleted. The cache keeps its memory. */
    DELETED,
    /** Another file takes its name. The cache keeps its memory. */
    REPLACED;

    boolean takesMemory() {
      return compareTo(DELETED) < 0;
    }
  }

  /** A call of the public API. */
  private interface Call {
    void of(WarmCache<Integer, byte[]> cache);
  }

  private static final List<Call> CALLS =
      List.of(
          cache -> cache.getIfPresent(0),
          cache -> cache.get(0, key -> new byte[1]),
          cache -> cache.read(0, ByteBuffer::remaining),
          cache -> cache.put(0, new byte[1]),
          cache -> cache.putIfAbsent(0, new byte[1]),
          cache -> cache.replace(0, new byte[1]),
          cache -> cache.replace(0, new byte[1], new byte[2]),
          cache -> cache.remove(0),
          cache -> cache.remove(0, new byte[1]),
          cache -> cache.invalidateAll(),
          cache -> cache.verify(),
          cache -> cache.visit((key, value, expires) -> {}, (done, total) -> {}),
          cache -> cache.size(),
          cache -> cache.liveBytes(),
          cache -> cache.asMap().forEach((key, value) -> {}),
          cache -> cache.asMap().containsKey(0),
          cache -> cache.asMap().compute(0, (key, value) -> new byte[1]));

  private final Path file;
  private int epoch = 1;

  Truncations(Path folder) {
    file = folder.resolve("cache");
  }

  @Override
  public void run(SplittableRandom random, Tally tally) throws Exception {
    Files.deleteIfExists(file);
    Files.deleteIfExists(file.resolveSibling("cache.refused"));
    long capacity = CAPACITIES[random.nextInt(CAPACITIES.length)];
    Series series = Series.random(random, capacity, THREADS, random.nextBoolean());
    Contest contest =
        Contest.of(series, Journal.inMemory(series.keys()), new Ticks(1), Contest.Outside.NOTHING);
    Blow blow = Blow.values()[random.nextInt(Blow.values().length)];
    tally.count(blow.name().toLowerCase(java.util.Locale.ROOT));
    // Without native code the JVM may throw the error of a fault in its thread at any later time,
    // also where a cache is to be closed at the end of its block.
    WarmCache<Integer, byte[]> cache = open(contest);
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        new Thread(
            () -> {
              try {
                suffer(cache, contest, blow, random, tally);
              } catch (Throwable e) {
                thrown[0] = e;
              }
            });
    thread.start();
    thread.join();
    cache.close();
    if (thrown[0] != null && !isLost(blow, thrown[0])) {
      throw new IllegalStateException(blow.toString(), thrown[0]);
    }
    contest.findings().takeTexts().forEach(text -> tally.findings().addText(text + "; " + blow));
    again(series, contest.journal(), blow, tally);
  }

  /** Whether a call may throw this after the blow. */
  private static boolean isLost(Blow blow, Throwable thrown) {
    return blow.takesMemory()
        && (thrown instanceof MemoryLostException
            || thrown instanceof InternalError && WITHOUT_NATIVE_CODE);
  }

  private void suffer(
      WarmCache<Integer, byte[]> cache,
      Contest contest,
      Blow blow,
      SplittableRandom random,
      Tally tally)
      throws Exception {
    Workers workers =
        new Workers(cache, contest, epoch++, random.nextLong(), thrown -> isLost(blow, thrown));
    LockSupport.parkNanos(random.nextInt(MOST_MICROS) * 1000L);
    strike(blow, random);
    if (blow.takesMemory()) {
      tally.count("calls", workers.await());
      lost(cache, blow, random, contest);
    } else {
      LockSupport.parkNanos(random.nextInt(MOST_MICROS) * 1000L);
      workers.stop();
      tally.count("calls", workers.await());
      tally.checked(contest.check(cache, epoch++));
    }
    cache.close();
  }

  private WarmCache<Integer, byte[]> open(Contest contest) throws IOException {
    return contest.series().open(file, contest.ticks()::now, OnRefusal.KEEP, contest.listener());
  }

  private void strike(Blow blow, SplittableRandom random) throws IOException {
    if (blow == Blow.DELETED) {
      Files.delete(file);
      return;
    }
    if (blow == Blow.REPLACED) {
      Path other = file.resolveSibling("other");
      byte[] bytes = new byte[random.nextInt(1 << 20)];
      Files.write(other, bytes);
      Files.move(other, file, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long size = channel.size();
      channel.truncate(
          switch (blow) {
            case EMPTY -> 0;
            case END -> size - 1 - random.nextInt(PAGE - 1);
            default -> random.nextLong(size);
          });
      if (blow == Blow.REGROWN) {
        channel.write(ByteBuffer.allocate(1), size - 1);
      }
    }
  }

  /** Every call must say that the memory is lost, whatever it would have touched. */
  private static void lost(
      WarmCache<Integer, byte[]> cache, Blow blow, SplittableRandom random, Contest contest) {
    for (int i = 0; i < CALLS.size(); i++) {
      int call = random.nextInt(CALLS.size());
      try {
        CALLS.get(call).of(cache);
        contest
            .findings()
            .add(Kind.EXCEPTION, "call " + call + " returned after the file was " + blow);
      } catch (IllegalStateException | InternalError e) {
        if (!isLost(blow, e)) {
          throw e;
        }
      }
    }
  }

  /** The next start: what it finds is right, and it works. */
  private void again(Series series, Journal journal, Blow blow, Tally tally) throws Exception {
    Contest contest = Contest.of(series, journal, new Ticks(2), Contest.Outside.DAMAGED);
    try (WarmCache<Integer, byte[]> cache = open(contest)) {
      tally.count(cache.start().isWarm() ? "then warm" : "then cold");
      tally.checked(contest.check(cache, epoch));
      cache.invalidateAll();
      for (int key = 0; key < series.threads(); key++) {
        byte[] value = Values.of(key, (long) epoch << Worker.EPOCH_SHIFT, Values.SMALLEST);
        cache.put(key, value);
        if (!java.util.Arrays.equals(value, cache.getIfPresent(key))) {
          contest.findings().add(Kind.LOST, "key " + key + " was put after a " + blow);
        }
      }
    }
    contest
        .findings()
        .takeTexts()
        .forEach(text -> tally.findings().addText(text + "; after " + blow));
  }
}
