/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;

/**
 * A small cache's bytes with what is known of it.
 *
 * @param series how it was used
 * @param journal what became of each key
 * @param bytes its file
 */
record Base(Series series, Journal journal, byte[] bytes) {

  /** The epoch of what was put, and the one after it. */
  private static final int EPOCH = 1;

  static final int NEXT_EPOCH = EPOCH + 1;

  private static final int SMALLEST = 64 << 10;

  /** One of each kind; in a folder in which this may write. */
  static List<Base> all(Path folder) throws IOException {
    return List.of(
        make(folder, new Series(SMALLEST, 64, 20, 100, 1, true, false, false, true), 0, true),
        make(folder, new Series(SMALLEST, 64, 20, 100, 1, true, false, false, true), 15, true),
        // with a small index: most of it is entries
        make(folder, new Series(SMALLEST, 8192, 7, 1000, 1, true, false, false, true), 30, false),
        // nearly full, each entry overwritten many times
        make(folder, new Series(SMALLEST, 64, 130, 900, 1, true, false, false, true), 5000, false),
        // full and evicting
        make(folder, new Series(SMALLEST, 64, 250, 900, 1, false, false, false, true), 5000, true),
        // with entries that have expired
        make(folder, new Series(SMALLEST, 64, 130, 900, 1, false, true, false, true), 3000, false),
        // with one of the largest entries
        make(
            folder,
            new Series(SMALLEST, 64, 20, SMALLEST / 8 - 64, 1, false, false, false, true),
            200,
            true));
  }

  private static Base make(Path folder, Series series, long calls, boolean closed)
      throws IOException {
    Path file = folder.resolve("base");
    Files.deleteIfExists(file);
    Contest contest =
        Contest.of(
            series, Journal.inMemory(series.keys()), new Ticks(EPOCH), Contest.Outside.NOTHING);
    byte[] open;
    try (WarmCache<Integer, byte[]> cache =
        series.open(file, contest.ticks()::now, OnRefusal.KEEP, contest.listener())) {
      long[] left = {calls};
      new Worker(cache, contest, 0, EPOCH, calls, () -> left[0]-- > 0).call();
      open = Files.readAllBytes(file);
    }
    byte[] bytes = closed ? Files.readAllBytes(file) : open;
    Files.delete(file);
    if (!contest.findings().isEmpty()) {
      throw new AssertionError(contest.findings().takeTexts().toString());
    }
    return new Base(series, contest.journal(), bytes);
  }
}
