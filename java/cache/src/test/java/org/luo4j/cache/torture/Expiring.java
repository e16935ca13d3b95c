/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.SplittableRandom;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A JVM that puts entries which live for a while, and looks whether they do so, by the clock that
 * nobody sets. It does what the lines of its stdin say. Argument: the folder.
 *
 * <pre>
 *   open            opened WALL_CLOCK_SECONDS
 *   work MILLIS SEED  worked
 *   close           closed
 * </pre>
 *
 * <p>A key's six words in the journal, mapped from a file: the version of the put that was begun
 * last, that of the one that has returned, the times before and after it, the age that it gave, and
 * how often the cache had been opened.
 */
final class Expiring {

  private static final int KEYS = 64;
  private static final int WORDS = 6;
  private static final int BEGUN = 0;
  private static final int DONE = 1;
  private static final int BEFORE = 2;
  private static final int AFTER = 3;
  private static final int AGE = 4;
  private static final int OPENINGS = 5;

  /** Expiry is kept in such steps, rounded up. */
  private static final int STEP_MILLIS = 64;

  /** Each of two times that are compared may have lost less than one. */
  private static final int ROUNDED_MILLIS = 2;

  private final Path file;
  private final LongBuffer journal;
  private final Tally tally = new Tally();
  private WarmCache<Integer, byte[]> cache;

  private Expiring(Path folder) throws IOException {
    file = folder.resolve("cache");
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve("journal"),
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE)) {
      journal =
          channel.map(FileChannel.MapMode.READ_WRITE, 0, (1 + KEYS * WORDS) * 8L).asLongBuffer();
    }
  }

  public static void main(String[] args) throws Exception {
    Expiring expiring = new Expiring(Path.of(args[0]));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "open" -> {
          expiring.open();
          System.out.println("opened " + System.currentTimeMillis() / 1000);
        }
        case "work" -> {
          expiring.work(Long.parseLong(words[1]), Long.parseLong(words[2]));
          expiring.tally.tell();
          System.out.println("worked");
        }
        default -> {
          expiring.cache.close();
          System.out.println("closed");
        }
      }
    }
  }

  private static long now() {
    return System.nanoTime() / 1_000_000; // of this boot, in all processes
  }

  private long word(int key, int word) {
    return journal.get(1 + key * WORDS + word);
  }

  private void set(int key, int word, long value) {
    journal.put(1 + key * WORDS + word, value);
  }

  private long openings() {
    return journal.get(0);
  }

  private void open() throws IOException {
    cache = WarmCache.builder(Codec.INT, Codec.BYTES).capacity(1 << 20).file(file).open();
    if (cache.start().isWarm() == (openings() == 0)) {
      tally.findings().add(Kind.START, "is " + cache.start());
    }
    journal.put(0, openings() + 1);
    for (int key = 0; key < KEYS; key++) {
      if (word(key, BEGUN) != word(key, DONE)) { // a JVM was killed at it
        cache.remove(key);
        set(key, DONE, 0);
        set(key, BEGUN, 0);
      } else {
        check(key);
      }
    }
  }

  private void work(long millis, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long end = now() + millis; now() < end; ) {
      int key = random.nextInt(KEYS);
      if (random.nextInt(8) == 0) {
        put(key, random);
      } else {
        check(key);
      }
    }
  }

  private void put(int key, SplittableRandom random) {
    long age =
        switch (random.nextInt(8)) {
          case 0 -> 0;
          case 1 -> Duration.ofHours(1).toMillis();
          case 2 -> Duration.ofDays(2920).toMillis();
          case 3, 4 -> 1 + random.nextInt(3_000);
          default -> 1 + random.nextInt(300);
        };
    long version = 1 + (random.nextLong() >>> 1);
    byte[] value = Values.of(key, version, 40);
    set(key, BEGUN, version);
    long before = now();
    if (age == 0) {
      cache.put(key, value);
    } else {
      cache.put(key, value, Duration.ofMillis(age));
    }
    set(key, BEFORE, before);
    set(key, AFTER, now());
    set(key, AGE, age);
    set(key, OPENINGS, openings());
    set(key, DONE, version);
    tally.count("puts");
  }

  private void check(int key) {
    long before = now();
    byte[] value = cache.getIfPresent(key);
    long after = now();
    tally.checked(1);
    long version = word(key, DONE);
    long age = word(key, AGE);
    // Each opening may lose a part of a millisecond.
    long rounded = ROUNDED_MILLIS + openings() - word(key, OPENINGS);
    if (value == null) {
      if (version != 0 && (age == 0 || after < word(key, BEFORE) + age - rounded)) {
        tally.findings().add(Kind.LOST, text(key, before) + " is gone");
      }
      return;
    }
    Values.Seen seen = Values.seen(value);
    if (seen == null) {
      tally.findings().add(Kind.TORN, "key " + key);
    } else if (seen.key() != key || seen.version() != version) {
      tally.findings().add(Kind.WRONG, text(key, before) + " is " + seen);
    } else if (age != 0 && before > word(key, AFTER) + age + STEP_MILLIS + ROUNDED_MILLIS) {
      tally.findings().add(Kind.WRONG, text(key, before) + " is still there");
    }
  }

  private String text(int key, long now) {
    return "key "
        + key
        + ", put "
        + (now - word(key, AFTER))
        + " ms ago for "
        + word(key, AGE)
        + " ms, "
        + (openings() - word(key, OPENINGS))
        + " openings ago, the wall clock at "
        + System.currentTimeMillis();
  }
}
