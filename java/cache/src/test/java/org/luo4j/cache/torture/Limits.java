/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.luo4j.NoRoomException;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * Caches that are opened, filled, closed and deleted below a cgroup's limit of memory, of sizes
 * that fit and that do not. An open succeeds or says that there is no room; closed memory is given
 * back, so that the next one has room.
 */
final class Limits implements Round {

  /** Of the cgroup. */
  static final long BYTES = 256 << 20;

  /** A JVM whose own memory does not grow: what it may take of the limit is known. */
  static final Jvm.Command COMMAND =
      new Jvm.Command(
          java.util.List.of(),
          java.util.List.of(
              "-Xms40m", "-Xmx40m", "-XX:+AlwaysPreTouch", "-XX:ReservedCodeCacheSize=24m"),
          java.util.Map.of());

  /** Memory that always has room beside the JVM. */
  private static final long FITS = 112 << 20;

  private static final int VALUE = 16 << 10;
  private static final long SMALLEST = 1 << 20;
  private static final long LARGEST = 400 << 20;

  private final Path folder;
  private int made;

  Limits(Path folder) {
    this.folder = folder;
  }

  @Override
  public void run(SplittableRandom random, Tally tally) throws Exception {
    double share = Math.log((double) LARGEST / SMALLEST) * random.nextDouble();
    long capacity = random.nextBoolean() ? 64 << 20 : (long) (SMALLEST * Math.exp(share));
    Path file = folder.resolve("cache" + made++);
    long version = random.nextLong() >>> 1;
    boolean fits = false;
    int entries = 0;
    try (WarmCache<Integer, byte[]> cache = open(file, capacity)) {
      fits = cache.memoryBytes() <= FITS;
      // What takes more leaves the JVM no room to work in.
      entries = fits ? (int) (capacity / 10 * 9 / (VALUE + 16)) : 1;
      tally.count(fits ? "filled" : "opened");
      for (int key = 0; key < entries; key++) {
        cache.put(key, Values.of(key, version, VALUE));
      }
      check(cache, entries, version, tally);
    } catch (NoRoomException e) {
      tally.count("no room");
      refused(e, file, capacity, tally);
    }
    if (fits && random.nextBoolean()) {
      try (WarmCache<Integer, byte[]> cache = open(file, capacity)) {
        if (!cache.start().isWarm()) {
          tally.findings().add(Kind.START, "is " + cache.start());
        }
        check(cache, entries, version, tally);
      }
    }
    Files.deleteIfExists(file);
  }

  private static WarmCache<Integer, byte[]> open(Path file, long capacity) throws IOException {
    return WarmCache.builder(Codec.INT, Codec.BYTES)
        .capacity(capacity)
        .averageEntryBytes(VALUE)
        .file(file)
        .open();
  }

  private static void refused(NoRoomException e, Path file, long capacity, Tally tally) {
    if (e.needed() <= e.available() || capacity * 3 / 2 <= FITS - (8 << 20)) {
      tally.findings().add(Kind.EXCEPTION, "no room where there is, for " + capacity + ": " + e);
    }
    if (Files.exists(file)) {
      tally.findings().add(Kind.EXCEPTION, "what was refused room has left a file: " + e);
    }
  }

  private static void check(
      WarmCache<Integer, byte[]> cache, int entries, long version, Tally tally) {
    for (int key = 0; key < entries; key++) {
      byte[] value = cache.getIfPresent(key);
      Values.Seen seen = value == null ? null : Values.seen(value);
      if (value == null) {
        tally.findings().add(Kind.LOST, "key " + key + " of " + entries);
      } else if (seen == null) {
        tally.findings().add(Kind.TORN, "key " + key + " of " + entries);
      } else if (seen.key() != key || seen.version() != version) {
        tally.findings().add(Kind.WRONG, "key " + key + " is " + seen);
      }
    }
    tally.checked(entries);
  }
}
