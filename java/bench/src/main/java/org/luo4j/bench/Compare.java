/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.luo4j.bench.CompareLoop.Operation;

/**
 * Compares two variants of WarmCache in one JVM. Each has a class loader of its own; short slices
 * of both alternate, so that both see the same pace of the machine. Each round loads, opens and
 * compiles both anew, as the compiler and the placement of memory favour one of two equal variants
 * by some percent.
 */
final class Compare {

  private static final Set<String> OPTIONS =
      Set.of(
          "base",
          "present",
          "operations",
          "value-sizes",
          "threads",
          "entries",
          "rounds",
          "seconds",
          "warmup-seconds",
          "slice-ms",
          "clock",
          "min");

  private static final String[] NAMES = {"base", "present"};
  private static final int SEQUENCE = 1 << 21;

  /** Begins the line that says that the variant is too slow. */
  private static final String FAILED = "FAILED: ";

  private final List<List<Path>> jars;
  private final int entries;
  private final int rounds;
  private final long roundNanos;
  private final long warmupNanos;
  private final long sliceNanos;
  private final LongSupplier clock;
  private final int[] sequence;
  private final Map<Cell, List<Sample>> rates = new LinkedHashMap<>();
  private final StringBuilder text = new StringBuilder();

  private record Cell(Operation operation, int valueSize, int threads) {}

  /** Calls a second of both variants, and present / base, of slices one after the other. */
  private record Sample(double base, double present, double ratio) {
    /** The median of each, which a slice that was held up does not change. */
    static Sample median(List<Sample> samples) {
      return new Sample(
          Report.median(samples.stream().map(Sample::base).toList()),
          Report.median(samples.stream().map(Sample::present).toList()),
          Report.median(samples.stream().map(Sample::ratio).toList()));
    }
  }

  private Compare(Arguments arguments) {
    jars = Stream.of(NAMES).map(name -> paths(arguments.get(name))).toList();
    entries = (int) arguments.number("entries", 1_000_000);
    rounds = (int) arguments.number("rounds", 5);
    roundNanos = nanos(arguments.get("seconds", "1"));
    warmupNanos = nanos(arguments.get("warmup-seconds", "1"));
    sliceNanos = 1_000_000 * arguments.number("slice-ms", 25);
    clock = clock(arguments.get("clock", "wall"));
    sequence = Zipf.sequence(entries, 0.99, SEQUENCE, 42);
  }

  /**
   * Runs it; the options are in {@code OPTIONS}. Exits with 1 where the geometric mean of an
   * operation is below {@code --min}.
   */
  public static void main(String[] args) throws Exception {
    String output = compare(args);
    System.out.print(output);
    System.exit(output.contains(FAILED) ? 1 : 0);
  }

  /** Returns the table, the geometric means and, where one is too low, a line that says so. */
  static String compare(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    double min = Double.parseDouble(arguments.get("min", "0"));
    List<Operation> operations =
        arguments.list("operations", "get,put,mixed").stream()
            .map(name -> Operation.valueOf(name.toUpperCase(Locale.ROOT)))
            .toList();
    List<Integer> valueSizes = numbers(arguments.list("value-sizes", "100,1024"));
    List<Integer> threads = numbers(arguments.list("threads", "1,2"));
    Compare compare = new Compare(arguments);
    ExecutorService pool = Executors.newFixedThreadPool(Collections.max(threads));
    try {
      for (int round = 0; round < compare.rounds; round++) {
        for (int valueSize : valueSizes) {
          compare.round(pool, operations, valueSize, threads, round);
        }
        System.err.printf("compare: round %d of %d%n", round + 1, compare.rounds);
      }
    } finally {
      pool.shutdownNow();
    }
    compare.table();
    boolean slower = false;
    for (Operation operation : operations) {
      slower |= compare.mean(operation) < min;
    }
    if (slower) {
      compare.line("%sa geometric mean is below %.3f", FAILED, min);
    }
    return compare.text.toString();
  }

  /** The clock that slices are measured by, in ns. */
  private static LongSupplier clock(String name) {
    return switch (name) {
      case "wall" -> System::nanoTime;
      case "cpu" -> ManagementFactory.getThreadMXBean()::getCurrentThreadCpuTime;
      default -> throw new IllegalArgumentException("--clock is wall or cpu, not '" + name + "'");
    };
  }

  private void line(String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }

  static List<Path> paths(String list) {
    return Arrays.stream(list.split(":")).map(Path::of).toList();
  }

  private static List<Integer> numbers(List<String> list) {
    return list.stream().map(Integer::valueOf).toList();
  }

  private static long nanos(String seconds) {
    return (long) (Double.parseDouble(seconds) * 1e9);
  }

  private void round(
      ExecutorService pool,
      List<Operation> operations,
      int valueSize,
      List<Integer> threads,
      int round)
      throws Exception {
    Path directory = Folders.temporary("compare");
    VariantLoader[] loaders = new VariantLoader[2];
    CompareLoop[] loops = new CompareLoop[2];
    try {
      for (int i = 0; i < 2; i++) {
        int variant = (i + round) % 2;
        loaders[variant] = new VariantLoader(jars.get(variant));
        loops[variant] = loaders[variant].loop();
        loops[variant].open(directory.resolve(NAMES[variant]), entries, valueSize);
      }
      for (Operation operation : operations) {
        long warmup = warmupNanos;
        for (int count : threads) {
          CompareLoop.Turn[][] turns = turns(loops, count);
          alternate(pool, turns, operation, warmup, round);
          rates
              .computeIfAbsent(new Cell(operation, valueSize, count), cell -> new ArrayList<>())
              .add(alternate(pool, turns, operation, roundNanos, round));
          warmup = warmupNanos / 4; // compiled by now
        }
      }
    } finally {
      for (int i = 0; i < 2; i++) {
        if (loops[i] != null) {
          loops[i].close();
        }
        if (loaders[i] != null) {
          loaders[i].close();
        }
        loops[i] = null;
        loaders[i] = null;
      }
      Folders.delete(directory);
      System.gc(); // unmaps the memory of variants whose close leaves that to a collection
    }
  }

  private CompareLoop.Turn[][] turns(CompareLoop[] loops, int threads) {
    CompareLoop.Turn[][] turns = new CompareLoop.Turn[2][threads];
    for (int variant = 0; variant < 2; variant++) {
      for (int thread = 0; thread < threads; thread++) {
        turns[variant][thread] = loops[variant].turn(sequence, thread);
      }
    }
    return turns;
  }

  /** Runs slices of both, {@code nanos} of each. */
  private Sample alternate(
      ExecutorService pool, CompareLoop.Turn[][] turns, Operation operation, long nanos, int round)
      throws Exception {
    int slices = (int) Math.max(2, nanos / sliceNanos);
    List<Sample> pairs = new ArrayList<>();
    for (int slice = 0; slice < slices; slice++) {
      double[] rates = new double[2];
      for (int i = 0; i < 2; i++) {
        int variant = (i + slice + round) % 2;
        rates[variant] = slice(pool, turns[variant], operation);
      }
      pairs.add(new Sample(rates[0], rates[1], rates[1] / rates[0]));
    }
    return Sample.median(pairs);
  }

  private double slice(ExecutorService pool, CompareLoop.Turn[] turns, Operation operation)
      throws Exception {
    CyclicBarrier start = new CyclicBarrier(turns.length);
    List<Future<Double>> running = new ArrayList<>();
    for (CompareLoop.Turn turn : turns) {
      running.add(
          pool.submit(
              () -> {
                start.await();
                long began = clock.getAsLong();
                long calls = turn.run(operation, sliceNanos);
                return calls * 1e9 / (clock.getAsLong() - began);
              }));
    }
    double sum = 0;
    for (Future<Double> each : running) {
      sum += each.get();
    }
    return sum;
  }

  private void table() {
    line(
        "%-9s %7s %7s %10s %10s   %s",
        "operation", "value", "threads", "base, k/s", "present", "ratio, min - max");
    rates.entrySet().stream()
        .sorted(Map.Entry.comparingByKey((a, b) -> a.operation.compareTo(b.operation)))
        .forEach(
            entry -> {
              Cell cell = entry.getKey();
              List<Double> ratios = entry.getValue().stream().map(Sample::ratio).toList();
              Sample median = Sample.median(entry.getValue());
              line(
                  "%-9s %7d %7d %10.0f %10.0f   %.3f, %.3f - %.3f",
                  label(cell.operation),
                  cell.valueSize,
                  cell.threads,
                  median.base / 1e3,
                  median.present / 1e3,
                  median.ratio,
                  Collections.min(ratios),
                  Collections.max(ratios));
            });
  }

  /** Prints and returns the geometric mean of the medians of an operation's ratios. */
  private double mean(Operation operation) {
    List<Double> medians = new ArrayList<>();
    double variance = 0;
    for (Map.Entry<Cell, List<Sample>> entry : rates.entrySet()) {
      if (entry.getKey().operation == operation) {
        List<Double> ratios = entry.getValue().stream().map(Sample::ratio).toList();
        medians.add(Report.median(ratios));
        variance += varianceOfLogs(ratios) / ratios.size();
      }
    }
    double mean = Report.geometricMean(medians);
    line(
        "%-9s geometric mean %.3f, standard error %s",
        label(operation),
        mean,
        rounds == 1
            ? "not known of one round"
            : String.format(Locale.ROOT, "%.1f %%", 100 * Math.sqrt(variance) / medians.size()));
    return mean;
  }

  private static double varianceOfLogs(List<Double> ratios) {
    double mean = ratios.stream().mapToDouble(Math::log).average().orElseThrow();
    double sum = ratios.stream().mapToDouble(each -> Math.pow(Math.log(each) - mean, 2)).sum();
    return sum / Math.max(1, ratios.size() - 1);
  }

  private static String label(Operation operation) {
    return operation.name().toLowerCase(Locale.ROOT);
  }
}
