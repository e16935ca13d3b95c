/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.luo4j.cache.Codec;
import org.luo4j.cache.Verification;
import org.luo4j.cache.WarmCache;

/**
 * A cache of many GiB: a JVM fills it to nine tenths and is gone without closing it; a second one
 * verifies it, compares every entry, overwrites some and closes it; a third one verifies those.
 * What scripts/stress.sh --large runs.
 */
final class Large {

  private static final int VALUE = 1000;
  private static final int ENTRY = 12 + 4 + VALUE;

  /** One entry in so many is overwritten by the second JVM. */
  private static final int OVERWRITTEN = 20;

  private final WarmCache<Integer, byte[]> cache;
  private final int entries;

  private Large(Path file, long capacity) throws IOException {
    long start = System.nanoTime();
    cache =
        WarmCache.builder(Codec.INT, Codec.BYTES)
            .capacity(capacity)
            .averageEntryBytes(ENTRY)
            .file(file)
            .open();
    entries = Math.toIntExact(capacity / 10 * 9 / ENTRY);
    byte[] first = cache.getIfPresent(entries / 2);
    say(
        "%s (%s); open to first lookup %.1f ms",
        cache.start().kind(), first == null ? "a miss" : "a hit", millis(start));
  }

  /** The parent: GiB. A child: file, GiB, what to do. */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 3) {
      Large large = new Large(Path.of(arguments[0]), Long.parseLong(arguments[1]) << 30);
      switch (arguments[2]) {
        case "fill" -> large.fill();
        case "check" -> large.check();
        default -> large.checkAgain();
      }
      return;
    }
    Path folder = Folders.create();
    int failed = 0;
    for (String what : List.of("fill", "check", "check-again")) {
      if (failed == 0) {
        failed = child(folder.resolve("cache").toString(), arguments[0], what);
      }
    }
    say("large: %s GiB, %s", arguments[0], failed == 0 ? "every entry as it was put" : "FAILED");
    Files.deleteIfExists(folder.resolve("cache"));
    Files.delete(folder);
    System.exit(failed);
  }

  private static int child(String... arguments) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g",
            "-cp",
            System.getProperty("java.class.path"),
            Large.class.getName());
    builder.command().addAll(List.of(arguments));
    return builder.inheritIO().start().waitFor();
  }

  private void fill() {
    long start = System.nanoTime();
    for (int key = 0; key < entries; key++) {
      cache.put(key, Values.of(key, 1, VALUE));
    }
    say("filled with %,d entries in %.0f ms", cache.size(), millis(start));
    Runtime.getRuntime().halt(cache.size() == entries ? 0 : 1);
  }

  private void check() {
    boolean good = verifyAndCompare(1);
    for (int key = 0; key < entries; key += OVERWRITTEN) {
      cache.put(key, Values.of(key, 2, VALUE));
    }
    cache.close();
    System.exit(good ? 0 : 1);
  }

  private void checkAgain() {
    boolean good = verifyAndCompare(2);
    cache.close();
    System.exit(good ? 0 : 1);
  }

  private boolean verifyAndCompare(long version) {
    long start = System.nanoTime();
    Verification found = cache.verify();
    say(
        "verified %,d entries, %,d bytes, in %.0f ms: %d damaged",
        found.entries(), found.bytes(), millis(start), found.damaged());
    start = System.nanoTime();
    int wrong = 0;
    for (int key = 0; key < entries; key++) {
      Values.Seen wanted = new Values.Seen(key, key % OVERWRITTEN == 0 ? version : 1);
      byte[] value = cache.getIfPresent(key);
      if (value == null || !wanted.equals(Values.seen(value))) {
        wrong++;
      }
    }
    say("compared %,d entries in %.0f ms: %d wrong", entries, millis(start), wrong);
    return wrong == 0 && found.damaged() == 0 && found.entries() == entries;
  }

  private static double millis(long start) {
    return (System.nanoTime() - start) / 1e6;
  }

  private static void say(String format, Object... arguments) {
    System.out.println(String.format(Locale.ROOT, format, arguments));
  }
}
