/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * Copies of a cache file are damaged, each in another way, and used: what is found is what was put
 * last, or nothing.
 */
final class DamagedCases {

  private final Path file;
  private final Path refused;
  private final byte[] original;
  private final Series series;
  private final Journal journal;
  private final int epoch;
  private final long seed;

  /**
   * Cases of a cache in a folder with its journal.
   *
   * @param epoch no process that wrote to the cache had this one or the next three
   */
  DamagedCases(Path folder, Series series, int epoch, long seed) throws IOException {
    this.file = folder.resolve("case");
    this.refused = folder.resolve("case.refused");
    this.original = Files.readAllBytes(folder.resolve("cache"));
    this.series = series;
    this.journal = Journal.map(folder.resolve("journal"), series.keys());
    this.epoch = epoch;
    this.seed = seed;
  }

  /**
   * Tells each case and how the cache started. Arguments: folder, series, epoch, seed, number of
   * the first case, of cases.
   */
  public static void main(String[] args) throws IOException {
    DamagedCases cases =
        new DamagedCases(
            Path.of(args[0]),
            Series.of(args[1]),
            Integer.parseInt(args[2]),
            Long.parseLong(args[3]));
    int first = Integer.parseInt(args[4]);
    for (int number = first; number < first + Integer.parseInt(args[5]); number++) {
      System.out.println("case " + number);
      Findings findings = cases.run(number);
      findings.takeTexts().forEach(System.out::println);
    }
  }

  /** Runs the case of a number, always the same one. */
  Findings run(int number) throws IOException {
    SplittableRandom random = new SplittableRandom(seed * 1_000_003 + number);
    Damage damage = Damage.random(original, random);
    Contest contest = Contest.of(series, journal.copy(), new Ticks(epoch), damage.kind());
    Files.deleteIfExists(refused);
    Files.deleteIfExists(file);
    Files.write(file, damage.bytes());
    // Enough to go round the whole memory once or twice, now and then.
    long all = 4 * series.capacity() / series.charge(series.mostBytes() / 2);
    long calls = random.nextInt(4) == 0 ? all : all / 8;
    System.out.println("start " + use(file, contest, epoch, calls, random));
    return contest.findings();
  }

  /** Uses a damaged file in every way; tells how the cache started. */
  static String use(Path file, Contest contest, int epoch, long calls, SplittableRandom random) {
    String start = "failed";
    Series series = contest.series();
    OnRefusal onRefusal = random.nextBoolean() ? OnRefusal.KEEP : OnRefusal.REPLACE;
    try {
      WarmCache<Integer, byte[]> opened;
      try {
        opened = series.open(file, contest.ticks()::now, onRefusal, contest.listener());
      } catch (IOException e) {
        return "IOException";
      }
      try (WarmCache<Integer, byte[]> cache = opened) {
        start = cache.start().kind().toString();
        if (random.nextBoolean()) {
          contest.verify(cache);
        }
        contest.lookUpAll(cache, epoch);
        if (random.nextBoolean()) {
          contest.iterate(cache);
        }
        for (int thread = 0; thread < series.threads(); thread++) {
          long[] left = {calls / series.threads()};
          new Worker(cache, contest, thread, epoch, random.nextLong(), () -> left[0]-- > 0).call();
        }
        contest.check(cache, epoch + 1);
        if (random.nextInt(4) == 0) {
          Clearing.clear(cache, contest, epoch + 2);
          contest.check(cache, epoch + 2);
          if (cache.size() != 0) {
            contest.findings().add(Kind.SIZE, "size() is " + cache.size() + " after invalidateAll");
          }
        }
      }
      try (WarmCache<Integer, byte[]> again =
          series.open(file, contest.ticks()::now, onRefusal, contest.listener())) {
        contest.check(again, epoch + 3);
      }
    } catch (Throwable e) {
      contest.findings().add(Kind.EXCEPTION, Texts.of(e));
    }
    return start;
  }
}
