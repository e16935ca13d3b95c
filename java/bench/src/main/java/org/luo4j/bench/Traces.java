/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Sequences of accesses: read from files or made up. */
final class Traces {

  private Traces() {}

  /** The files of a folder whose names end in {@code .txt} or {@code .txt.gz}, by name. */
  static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().matches(".*\\.txt(\\.gz)?"))
          .sorted()
          .toList();
    }
  }

  /** Reads an integer key a line. */
  static long[] read(Path file) throws IOException {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw;
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      return lines.lines().mapToLong(Long::parseLong).toArray();
    }
  }

  /** Traces that need no files, by name. */
  static Map<String, long[]> synthetic() {
    Map<String, long[]> traces = new LinkedHashMap<>();
    traces.put("zipf", zipf(100_000, 1_000_000));
    traces.put("scan-loop", scansAndLoops(20_000, 20));
    return traces;
  }

  /** Accesses with Zipf 0.9. */
  private static long[] zipf(int items, int accesses) {
    return Arrays.stream(Zipf.sequence(items, 0.9, accesses, 7)).asLongStream().toArray();
  }

  /**
   * Each turn loops three times over a tenth of the keys in order, draws from a hundredth at
   * random, and scans keys that never come again.
   */
  private static long[] scansAndLoops(int items, int turns) {
    Random random = new Random(7);
    LongStream trace = LongStream.empty();
    for (int turn = 0; turn < turns; turn++) {
      long scanFrom = items + (long) turn * items / turns;
      LongStream loops = IntStream.range(0, 3 * items / 10).mapToLong(i -> i % (items / 10));
      LongStream hot = random.ints(items / 5, 0, items / 100).mapToLong(i -> items / 10 + (long) i);
      LongStream scan = LongStream.range(scanFrom, scanFrom + items / turns);
      trace =
          LongStream.concat(
              trace, LongStream.of(Stream.of(loops, hot, scan).flatMapToLong(s -> s).toArray()));
    }
    return trace.toArray();
  }
}
