/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.function.IntSupplier;
import org.luo4j.cache.Codec;
import org.luo4j.cache.OnDecodeFailure;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.RemovalListener;
import org.luo4j.cache.WarmCache;

/**
 * A cache and how it is used.
 *
 * @param capacity of the cache
 * @param averageEntry of the cache
 * @param keys 0 to this are used
 * @param mostBytes of a value
 * @param threads that work; key modulo threads says whose it is
 * @param within whether live bytes stay below nine tenths, so that nothing may be evicted
 * @param expiring whether some puts have an age
 * @param steady whether all values have the most bytes, so that they can overwrite one another
 * @param listening whether there is a removal listener
 */
record Series(
    long capacity,
    int averageEntry,
    int keys,
    int mostBytes,
    int threads,
    boolean within,
    boolean expiring,
    boolean steady,
    boolean listening) {

  /** Time goes in ticks, so that nothing expires between a clock's reading and the call. */
  static final int MILLIS_PER_TICK = 1000;

  /** What the documentation says an entry of a key and a value counts. */
  private static final int ENTRY_HEADER = 12;

  private static final int KEY_BYTES = 4;

  static Series random(SplittableRandom random, long capacity, int threads, boolean within) {
    int averageEntry = new int[] {32, 64, 64, 128}[random.nextInt(4)];
    // Within: each thread may have one entry more than the live ones under way.
    long largest = within ? capacity / 16 / threads : capacity / 8 - 64;
    int mostBytes = (int) Math.min(largest, new int[] {40, 200, 1000, 8000}[random.nextInt(4)]);
    boolean steady = random.nextBoolean();
    Series one =
        new Series(capacity, averageEntry, 1, mostBytes, threads, within, false, steady, false);
    long mean = one.charge(steady ? mostBytes : (Values.SMALLEST + mostBytes) / 2);
    long keys = capacity / mean * (within ? 12 : 30) / 10;
    return new Series(
        capacity,
        averageEntry,
        (int) Math.max(threads, keys),
        mostBytes,
        threads,
        within,
        random.nextInt(3) == 0,
        steady,
        random.nextInt(3) == 0);
  }

  /** The length of a value that is put. */
  int length(SplittableRandom random) {
    return steady
        ? mostBytes
        : Values.SMALLEST + random.nextInt(Math.max(1, mostBytes - Values.SMALLEST));
  }

  /** How many live bytes an entry with a value of this length counts. */
  long charge(int length) {
    return Math.max(averageEntry, (ENTRY_HEADER + KEY_BYTES + length + 7L) / 8 * 8);
  }

  /** How many live bytes a thread may have. */
  long share() {
    return capacity / 10 * 9 / threads - charge(mostBytes);
  }

  static Duration age(int ticks) {
    return Duration.ofMillis(ticks * (long) MILLIS_PER_TICK - MILLIS_PER_TICK / 2);
  }

  WarmCache<Integer, byte[]> open(
      Path file, IntSupplier tick, OnRefusal onRefusal, RemovalListener<Integer, byte[]> listener)
      throws IOException {
    return open(file, Duration.ofSeconds(10), tick, onRefusal, listener);
  }

  WarmCache<Integer, byte[]> open(
      Path file,
      Duration ownerTimeout,
      IntSupplier tick,
      OnRefusal onRefusal,
      RemovalListener<Integer, byte[]> listener)
      throws IOException {
    WarmCache.Builder<Integer, byte[]> builder =
        WarmCache.builder(Codec.INT, Codec.BYTES)
            .capacity(capacity)
            .averageEntryBytes(averageEntry)
            .file(file)
            .ownerTimeout(ownerTimeout)
            .clock(() -> 1_700_000_000_000L + (long) tick.getAsInt() * MILLIS_PER_TICK)
            .onRefusal(onRefusal)
            .onDecodeFailure(OnDecodeFailure.THROW)
            .recordStats();
    return listening ? builder.removalListener(listener).open() : builder.open();
  }

  /** In one word, for a command line. */
  String text() {
    return String.join(
        ",",
        "" + capacity,
        "" + averageEntry,
        "" + keys,
        "" + mostBytes,
        "" + threads,
        "" + within,
        "" + expiring,
        "" + steady,
        "" + listening);
  }

  static Series of(String text) {
    String[] words = text.split(",");
    return new Series(
        Long.parseLong(words[0]),
        Integer.parseInt(words[1]),
        Integer.parseInt(words[2]),
        Integer.parseInt(words[3]),
        Integer.parseInt(words[4]),
        Boolean.parseBoolean(words[5]),
        Boolean.parseBoolean(words[6]),
        Boolean.parseBoolean(words[7]),
        Boolean.parseBoolean(words[8]));
  }
}
