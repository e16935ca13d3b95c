/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Hit ratios: each policy at 5, 10 and 20 % of the distinct keys of each trace, for values of one
 * size.
 */
final class HitRatio {

  private static final Set<String> OPTIONS = Set.of("traces", "policies", "percents", "output");

  private HitRatio() {}

  /** The policies by the names that the command line uses. */
  enum Policy {
    FIFO,
    LRU,
    S3_FIFO,
    CAFFEINE,
    WARMCACHE;

    String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Policy named(String name) {
      return Arrays.stream(values())
          .filter(each -> each.label().equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "no policy '"
                          + name
                          + "'; there are "
                          + Arrays.stream(values()).map(Policy::label).toList()));
    }

    /** A cache that holds so many entries. */
    CachePolicy create(int entries) {
      return switch (this) {
        case FIFO -> new FifoPolicy(entries);
        case LRU -> new LruPolicy(entries);
        case S3_FIFO -> new S3FifoPolicy(entries);
        case CAFFEINE -> new CaffeinePolicy(entries);
        case WARMCACHE -> new WarmCachePolicy(entries);
      };
    }
  }

  /**
   * Runs it; the options are in {@code OPTIONS}. The traces are a folder, or {@code synthetic} for
   * made-up ones.
   */
  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    List<Policy> policies =
        arguments.get("policies", null) == null
            ? List.of(Policy.values())
            : arguments.list("policies", "").stream().map(Policy::named).toList();
    try (Session session = new Session(Path.of(arguments.get("output")), "hit-ratio.log")) {
      Map<String, long[]> traces = traces(arguments.get("traces", "synthetic"));
      for (var trace : traces.entrySet()) {
        long distinct = Arrays.stream(trace.getValue()).distinct().count();
        for (String percent : arguments.list("percents", "5,10,20")) {
          int capacity = (int) Math.max(1, distinct * Integer.parseInt(percent) / 100);
          List<String> said = new ArrayList<>();
          for (Policy policy : policies) {
            double ratio;
            try (CachePolicy cache = policy.create(capacity)) {
              ratio = ratio(cache, trace.getValue());
            }
            said.add(String.format(Locale.ROOT, "%s %.2f %%", policy.label(), 100 * ratio));
            Tsv.append(
                session.output,
                Tsv.HIT_RATIO,
                trace.getKey(),
                percent,
                capacity,
                policy.label(),
                ratio);
          }
          session.say("%s, %s %%: %s", trace.getKey(), percent, String.join(", ", said));
        }
      }
    }
  }

  private static Map<String, long[]> traces(String where) throws Exception {
    if (where.equals("synthetic")) {
      return Traces.synthetic();
    }
    Map<String, long[]> traces = new LinkedHashMap<>();
    for (Path file : Traces.files(Path.of(where))) {
      traces.put(
          file.getFileName().toString().replaceFirst("\\.txt(\\.gz)?$", ""), Traces.read(file));
    }
    if (traces.isEmpty()) {
      throw new IllegalArgumentException("no .txt or .txt.gz file in " + where);
    }
    return traces;
  }

  /** The part of the accesses that hit. */
  static double ratio(CachePolicy cache, long[] trace) {
    long hits = 0;
    for (long key : trace) {
      hits += cache.accessAndPutIfAbsent(key) ? 1 : 0;
    }
    return (double) hits / trace.length;
  }
}
