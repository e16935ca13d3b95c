/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Turns the measurements of a folder into {@code results.md} and charts beside it. */
final class Report {

  private static final Set<String> OPTIONS = Set.of("output", "commit", "command");
  private static final String READ = "read";

  private final Path folder;
  private final String subtitle;
  private final StringBuilder text = new StringBuilder();

  /** Operation, value size and threads. */
  private record Cell(String operation, int valueSize, int threads) {
    String title() {
      return operation
          + ", "
          + valueSize
          + " B, "
          + threads
          + (threads == 1 ? " thread" : " threads");
    }
  }

  private Report(Path folder, String commit) throws IOException {
    this.folder = folder;
    this.subtitle =
        cpu() + ", JDK " + System.getProperty("java.runtime.version") + ", commit " + commit;
  }

  /** Writes the report; the options are in {@code OPTIONS}. */
  public static void main(String[] args) throws IOException {
    Arguments arguments = new Arguments(args, OPTIONS);
    Path folder = Path.of(arguments.get("output"));
    String commit = arguments.get("commit", "unknown");
    Report report = new Report(folder, commit);
    report.head(commit, arguments.get("command", "scripts/bench.sh"));
    report.throughput();
    report.memory();
    report.restart();
    report.hitRatio();
    report.loaders();
    report.failures();
    Files.writeString(folder.resolve("results.md"), report.text.toString());
    System.out.println(folder.resolve("results.md"));
  }

  private void head(String commit, String command) throws IOException {
    line("# Benchmark results");
    line("");
    table(
        List.of("", ""),
        List.of(
            List.of(
                "machine",
                cpu()
                    + ", "
                    + Runtime.getRuntime().availableProcessors()
                    + " cores, "
                    + installedMemory()),
            List.of(
                "system",
                System.getProperty("os.name")
                    + " "
                    + System.getProperty("os.version")
                    + ", "
                    + System.getProperty("os.arch")),
            List.of(
                "JDK",
                System.getProperty("java.vm.name")
                    + " "
                    + System.getProperty("java.runtime.version")),
            List.of("commit", commit),
            List.of("date", LocalDate.now().toString()),
            List.of("command", "`" + command + "`"),
            List.of(
                "JVM flags of all",
                "`" + String.join(" ", Child.TOUCHED_HEAP) + "` (restart: heap not pre-touched)")));
  }

  // Throughput

  private void throughput() throws IOException {
    Map<Cell, Map<Peer, List<Double>>> cells = new LinkedHashMap<>();
    Map<Cell, Map<Peer, String>> allocated = new LinkedHashMap<>();
    for (String[] row : Tsv.read(folder, Tsv.THROUGHPUT)) {
      Peer peer = Peer.named(row[0]);
      Cell cell = new Cell(row[1], Integer.parseInt(row[2]), Integer.parseInt(row[3]));
      cells
          .computeIfAbsent(cell, each -> new TreeMap<>())
          .computeIfAbsent(peer, each -> new ArrayList<>())
          .add(Double.parseDouble(row[5]));
      allocated.computeIfAbsent(cell, each -> new TreeMap<>()).put(peer, row[6]);
    }
    if (cells.isEmpty()) {
      return;
    }
    Map<Cell, Map<Peer, Double>> rates = new LinkedHashMap<>();
    cells.forEach(
        (cell, peers) -> {
          Map<Peer, Double> medians = new TreeMap<>();
          peers.forEach((peer, scores) -> medians.put(peer, median(scores)));
          rates.put(cell, medians);
        });
    Set<Peer> peers = new LinkedHashSet<>();
    Arrays.stream(Peer.values())
        .filter(peer -> rates.values().stream().anyMatch(cell -> cell.containsKey(peer)))
        .forEach(peers::add);

    line("");
    line("## Throughput");
    line("");
    line(
        "1,000,000 entries unless the command says otherwise, keys of 16 B drawn by Zipf 0.99; every");
    line(
        "answer is checked. Operations a second: the median of all iterations; in brackets the ratio");
    line(
        "to the best off-heap peer of the same cell. `read` adds up the value's bytes, in place where");
    line("the store can show them without a copy. " + spread(cells.values()));
    if (Files.exists(folder.resolve(Throughput.QUICK_LOG))) {
      line("");
      line(
          "**A quick run**: it shows that everything works and the order of sizes. Its warmup is too");
      line(
          "short for peers with much code (Chronicle Map, Ehcache, MapDB); quote no ratio from it.");
    }
    for (int threads : cells.keySet().stream().map(Cell::threads).distinct().sorted().toList()) {
      line("");
      line("### " + threads + (threads == 1 ? " thread" : " threads"));
      line("");
      List<Cell> columns =
          rates.keySet().stream()
              .filter(cell -> cell.threads() == threads)
              .sorted(order())
              .toList();
      List<String> head = new ArrayList<>(List.of("peer"));
      columns.forEach(cell -> head.add(cell.operation() + " " + cell.valueSize() + " B"));
      List<List<String>> rows = new ArrayList<>();
      for (Peer peer : peers) {
        List<String> row = new ArrayList<>(List.of(peer.label()));
        for (Cell cell : columns) {
          Double rate = rates.get(cell).get(peer);
          row.add(
              rate == null
                  ? "failed"
                  : rate(rate)
                      + best(rates.get(cell))
                          .map(best -> " (" + two(rate / best.getValue()) + ")")
                          .orElse(""));
        }
        rows.add(row);
      }
      table(head, rows);
    }
    bestOfCells(rates);
    means(rates, peers);
    line("");
    line("### Heap allocated, bytes an operation");
    line("");
    List<Cell> columns =
        rates.keySet().stream().filter(cell -> cell.threads() == 1).sorted(order()).toList();
    List<String> head = new ArrayList<>(List.of("peer"));
    columns.forEach(cell -> head.add(cell.operation() + " " + cell.valueSize() + " B"));
    List<List<String>> rows = new ArrayList<>();
    for (Peer peer : peers) {
      List<String> row = new ArrayList<>(List.of(peer.label()));
      columns.forEach(cell -> row.add(allocated.get(cell).getOrDefault(peer, "-")));
      rows.add(row);
    }
    table(head, rows);

    List<BarChart.Panel> panels = new ArrayList<>();
    rates.keySet().stream()
        .sorted(order())
        .forEach(
            cell -> {
              List<BarChart.Bar> bars = new ArrayList<>();
              rates.get(cell).entrySet().stream()
                  .sorted(Map.Entry.<Peer, Double>comparingByValue().reversed())
                  .forEach(
                      each ->
                          bars.add(
                              new BarChart.Bar(
                                  each.getKey().label(),
                                  each.getValue(),
                                  rate(each.getValue()) + "/s",
                                  each.getKey().kind())));
              panels.add(new BarChart.Panel(cell.title(), bars));
            });
    chart("throughput", "Operations a second, Zipf 0.99", panels, 2);
  }

  private void bestOfCells(Map<Cell, Map<Peer, Double>> rates) {
    Optional<Peer> ours =
        ours(rates.values().stream().flatMap(cell -> cell.keySet().stream()).toList());
    line("");
    line("### The best off-heap peer of each cell");
    line("");
    List<String> head =
        new ArrayList<>(List.of("cell", "best off-heap peer", "its rate", "chm", "chm-copy"));
    ours.ifPresent(
        peer -> head.addAll(List.of(peer.label(), "to the best", "to chm", "to chm-copy")));
    List<List<String>> rows = new ArrayList<>();
    for (Cell cell : rates.keySet().stream().sorted(order()).toList()) {
      Map<Peer, Double> of = rates.get(cell);
      Optional<Map.Entry<Peer, Double>> best = best(of);
      List<String> row = new ArrayList<>();
      row.add(cell.title());
      row.add(best.map(each -> each.getKey().label()).orElse("-"));
      row.add(best.map(each -> rate(each.getValue())).orElse("-"));
      row.add(rateOrNot(of.get(Peer.CHM)));
      row.add(rateOrNot(of.get(Peer.CHM_COPY)));
      if (ours.isPresent()) {
        Double mine = of.get(ours.get());
        row.add(rateOrNot(mine));
        row.add(ratio(mine, best.map(Map.Entry::getValue).orElse(null)));
        row.add(ratio(mine, of.get(Peer.CHM)));
        row.add(ratio(mine, of.get(Peer.CHM_COPY)));
      }
      rows.add(row);
    }
    table(head, rows);
  }

  private void means(Map<Cell, Map<Peer, Double>> rates, Collection<Peer> peers) {
    line("");
    line("### Over all cells of get, put and mixed");
    line("");
    line("Ratios to the best off-heap peer of the cell; of a peer that is the best itself, 1.");
    line("");
    List<List<String>> rows = new ArrayList<>();
    for (Peer peer : peers) {
      List<Double> ratios = new ArrayList<>();
      rates.forEach(
          (cell, of) -> {
            Optional<Map.Entry<Peer, Double>> best = best(of);
            if (!cell.operation().equals(READ) && best.isPresent() && of.containsKey(peer)) {
              ratios.add(of.get(peer) / best.get().getValue());
            }
          });
      if (!ratios.isEmpty()) {
        rows.add(
            List.of(
                peer.label(),
                two(geometricMean(ratios)),
                two(ratios.stream().mapToDouble(Double::doubleValue).min().orElseThrow()),
                two(ratios.stream().mapToDouble(Double::doubleValue).max().orElseThrow()),
                "" + ratios.size()));
      }
    }
    table(List.of("peer", "geometric mean", "least", "most", "cells"), rows);
  }

  /** The fastest off-heap peer, ours not counted. */
  private static Optional<Map.Entry<Peer, Double>> best(Map<Peer, Double> cell) {
    return cell.entrySet().stream()
        .filter(each -> each.getKey().kind() == Peer.Kind.OFF_HEAP)
        .max(Map.Entry.comparingByValue());
  }

  private static Optional<Peer> ours(Collection<Peer> peers) {
    return peers.stream().filter(peer -> peer.kind() == Peer.Kind.OURS).findFirst();
  }

  private static Comparator<Cell> order() {
    List<String> operations = List.of("get", "put", "mixed", READ);
    return Comparator.<Cell>comparingInt(cell -> operations.indexOf(cell.operation()))
        .thenComparingInt(Cell::valueSize)
        .thenComparingInt(Cell::threads);
  }

  private static String spread(Collection<Map<Peer, List<Double>>> cells) {
    List<Double> spreads = new ArrayList<>();
    for (Map<Peer, List<Double>> peers : cells) {
      for (List<Double> scores : peers.values()) {
        double least = scores.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
        double most = scores.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        spreads.add((most - least) / median(scores));
      }
    }
    return String.format(
        Locale.ROOT,
        "Spread of a cell's iterations, (max - min) / median: median %.0f %%, over 20 %% in %d of %d.",
        100 * median(spreads),
        spreads.stream().filter(each -> each > 0.2).count(),
        spreads.size());
  }

  // Memory

  private void memory() throws IOException {
    List<String[]> measured = Tsv.read(folder, Tsv.MEMORY);
    if (measured.isEmpty()) {
      return;
    }
    line("");
    line("## Memory");
    line("");
    line(
        "Growth over filling, in MiB. Overhead is what heap and memory outside it grew beyond keys and");
    line(
        "values, in bytes an entry; a peer that takes its configured pool at once shows that pool, and");
    line("what it says that it uses is in the column `reported`.");
    line("");
    List<List<String>> rows = new ArrayList<>();
    Map<Integer, List<BarChart.Bar>> panels = new TreeMap<>();
    for (String[] row : measured) {
      long entries = Long.parseLong(row[2]);
      long payload = Long.parseLong(row[3]);
      long reported = Long.parseLong(row[7]);
      double overhead = Double.parseDouble(row[8]);
      rows.add(
          List.of(
              row[0],
              row[1],
              mebibytes(payload),
              mebibytes(Long.parseLong(row[4])),
              mebibytes(Long.parseLong(row[5])),
              mebibytes(Long.parseLong(row[6])),
              reported < 0 ? "-" : mebibytes(reported),
              one(overhead),
              reported < 0 ? "-" : one((double) (reported - payload) / entries)));
      panels
          .computeIfAbsent(Integer.parseInt(row[1]), each -> new ArrayList<>())
          .add(new BarChart.Bar(row[0], overhead, one(overhead) + " B", Peer.named(row[0]).kind()));
    }
    table(
        List.of(
            "peer",
            "value, B",
            "keys and values",
            "heap",
            "outside the heap",
            "files",
            "reported",
            "overhead, B an entry",
            "overhead as reported"),
        rows);
    chart(
        "memory",
        "Memory beyond key and value, bytes an entry (less is better)",
        sorted(panels, "values of %s B"),
        2);
  }

  // Restart

  private void restart() throws IOException {
    List<String[]> measured = Tsv.read(folder, Tsv.RESTART);
    if (measured.isEmpty()) {
      return;
    }
    Map<List<String>, List<String[]>> groups = new LinkedHashMap<>();
    for (String[] row : measured) {
      groups
          .computeIfAbsent(List.of(row[0], row[1], row[2], row[3]), each -> new ArrayList<>())
          .add(row);
    }
    line("");
    line("## Restart");
    line("");
    line(
        "A new JVM opens what another left. Milliseconds, the median of the repetitions and their range;");
    line(
        "`first value` and `all gets` count from the call that opens the store, `boot` is the time from");
    line(
        "the start of the JVM to that call. `ended by`: whether the first JVM closed the store or halted.");
    line("");
    List<List<String>> rows = new ArrayList<>();
    Map<String, List<BarChart.Bar>> panels = new TreeMap<>();
    groups.forEach(
        (group, all) -> {
          List<String> row = new ArrayList<>();
          long payload = Long.parseLong(group.get(1)) * Long.parseLong(group.get(2));
          row.add(group.get(0));
          row.add(mebibytes(payload));
          row.add(group.get(3));
          row.add("" + all.size());
          row.add(millis(all, 5));
          row.add(millis(all, 6));
          row.add(mebibytes(Long.parseLong(all.get(0)[7])));
          row.add(millis(all, 8));
          row.add(millis(all, 9));
          row.add(millis(all, 9, 10));
          row.add(millis(all, 9, 10, 11));
          row.add(all.get(0)[12]);
          row.add("" + all.stream().mapToLong(each -> Long.parseLong(each[13])).sum());
          rows.add(row);
          double first = median(sums(all, 9, 10));
          panels
              .computeIfAbsent(
                  "first value, " + mebibytes(payload) + " MiB, " + group.get(3),
                  each -> new ArrayList<>())
              .add(
                  new BarChart.Bar(
                      group.get(0), first, one(first) + " ms", Peer.named(group.get(0)).kind()));
        });
    table(
        List.of(
            "peer",
            "values, MiB",
            "ended by",
            "runs",
            "fill",
            "close",
            "files, MiB",
            "boot",
            "open",
            "first value",
            "all gets",
            "entries",
            "wrong or missing"),
        rows);
    chart(
        "restart",
        "Restart, from the open call to the first value (less is better)",
        sorted(panels, "%s"),
        2);
  }

  private static List<Double> sums(List<String[]> rows, int... columns) {
    return rows.stream()
        .map(
            row ->
                Arrays.stream(columns)
                    .mapToDouble(column -> Long.parseLong(row[column]) / 1e6)
                    .sum())
        .toList();
  }

  private static String millis(List<String[]> rows, int... columns) {
    List<Double> sums = sums(rows, columns);
    String middle = one(median(sums));
    if (sums.size() == 1) {
      return middle;
    }
    return middle
        + " ("
        + one(sums.stream().mapToDouble(Double::doubleValue).min().orElseThrow())
        + "-"
        + one(sums.stream().mapToDouble(Double::doubleValue).max().orElseThrow())
        + ")";
  }

  // Hit ratio

  private void hitRatio() throws IOException {
    Map<String, Map<String, Double>> ratios = new LinkedHashMap<>();
    Map<String, String> capacities = new LinkedHashMap<>();
    Set<String> policies = new LinkedHashSet<>();
    for (String[] row : Tsv.read(folder, Tsv.HIT_RATIO)) {
      String name = row[0] + ", " + row[1] + " %";
      ratios
          .computeIfAbsent(name, each -> new LinkedHashMap<>())
          .put(row[3], 100 * Double.parseDouble(row[4]));
      capacities.put(name, row[2]);
      policies.add(row[3]);
    }
    if (ratios.isEmpty()) {
      return;
    }
    line("");
    line("## Hit ratio");
    line("");
    line("In percent, at a part of each trace's distinct keys.");
    line("");
    List<String> head = new ArrayList<>(List.of("trace and size", "entries"));
    head.addAll(policies);
    List<List<String>> rows = new ArrayList<>();
    ratios.forEach(
        (name, of) -> {
          List<String> row = new ArrayList<>(List.of(name, capacities.get(name)));
          policies.forEach(policy -> row.add(of.containsKey(policy) ? two(of.get(policy)) : "-"));
          rows.add(row);
        });
    List<String> averages = new ArrayList<>(List.of("average", ""));
    List<String> worst = new ArrayList<>(List.of("least difference to lru, points", ""));
    List<BarChart.Bar> bars = new ArrayList<>();
    for (String policy : policies) {
      double average =
          ratios.values().stream()
              .filter(of -> of.containsKey(policy))
              .mapToDouble(of -> of.get(policy))
              .average()
              .orElseThrow();
      averages.add(two(average));
      worst.add(
          ratios.values().stream()
              .filter(of -> of.containsKey(policy) && of.containsKey("lru"))
              .map(of -> of.get(policy) - of.get("lru"))
              .min(Comparator.naturalOrder())
              .map(Report::two)
              .orElse("-"));
      bars.add(new BarChart.Bar(policy, average, two(average) + " %", policyKind(policy)));
    }
    rows.add(averages);
    rows.add(worst);
    table(head, rows);
    chart(
        "hit-ratio",
        "Hit ratio, average over all traces and sizes",
        List.of(new BarChart.Panel("percent", bars)),
        1);
  }

  private static Peer.Kind policyKind(String policy) {
    return Arrays.stream(Peer.values())
        .filter(peer -> peer.label().equals(policy) && peer.kind() == Peer.Kind.OURS)
        .map(Peer::kind)
        .findFirst()
        .orElse(Peer.Kind.HEAP);
  }

  // Failures

  // Loaders

  private void loaders() throws IOException {
    Map<String, Map<String, List<String[]>>> scenarios = new LinkedHashMap<>();
    for (String[] row : Tsv.read(folder, Tsv.LOADERS)) {
      scenarios
          .computeIfAbsent(
              row[1] + ", " + row[2] + " threads, loader of " + row[3] + " ms",
              each -> new LinkedHashMap<>())
          .computeIfAbsent(row[0], each -> new ArrayList<>())
          .add(row);
    }
    if (scenarios.isEmpty()) {
      return;
    }
    line("");
    line("## Loaders");
    line("");
    line(
        "`get(key, loader)`: milliseconds until all threads have their values, the median and the");
    line(
        "range of the repetitions; ratio to Caffeine with a large table; how often a loader was called. Failed: a thread");
    line("had no value at the limit, or an exception.");
    line("");
    List<List<String>> rows = new ArrayList<>();
    scenarios.forEach(
        (scenario, peers) -> {
          List<String[]> reference = peers.get("caffeine-presized");
          peers.forEach(
              (peer, all) -> {
                double median = median(sums(all, 5));
                rows.add(
                    List.of(
                        scenario,
                        peer,
                        millis(all, 5),
                        reference == null || failures(reference) + failures(all) > 0
                            ? "-"
                            : two(median / median(sums(reference, 5))),
                        all.stream()
                            .map(row -> row[6])
                            .distinct()
                            .collect(Collectors.joining(", ")),
                        "" + failures(all)));
              });
        });
    table(List.of("scenario", "cache", "ms", "ratio", "loads", "failed"), rows);
  }

  private static long failures(List<String[]> loadings) {
    return loadings.stream().filter(row -> !row[7].isEmpty()).count();
  }

  private void failures() throws IOException {
    line("");
    line("## Peers");
    line("");
    List<List<String>> peers = new ArrayList<>();
    for (Peer peer : Peer.values()) {
      String flags =
          peer.jvmFlags().isEmpty() ? "-" : "`" + String.join(" ", peer.jvmFlags()) + "`";
      peers.add(List.of(peer.label(), peer.version(), flags));
    }
    table(List.of("peer", "version", "JVM flags"), peers);
    List<String[]> failures = Tsv.read(folder, Tsv.FAILURES);
    line("");
    line(failures.isEmpty() ? "None failed." : "### Failures");
    if (!failures.isEmpty()) {
      line("");
      table(
          List.of("peer", "where", "reason"),
          failures.stream().map(row -> List.of(row[0], row[1], "`" + row[2] + "`")).toList());
    }
  }

  // Text

  private void chart(String name, String title, List<BarChart.Panel> panels, int columns)
      throws IOException {
    Files.writeString(
        folder.resolve(name + ".svg"),
        BarChart.svg(title, subtitle, panels, Math.min(columns, panels.size())));
    line("");
    line("![" + title + "](" + name + ".svg)");
  }

  private static List<BarChart.Panel> sorted(Map<?, List<BarChart.Bar>> panels, String title) {
    return panels.entrySet().stream()
        .map(
            each ->
                new BarChart.Panel(
                    String.format(title, each.getKey()),
                    each.getValue().stream()
                        .sorted(Comparator.comparingDouble(BarChart.Bar::value))
                        .toList()))
        .toList();
  }

  private void line(String line) {
    text.append(line).append('\n');
  }

  private void table(List<String> head, List<List<String>> rows) {
    line("| " + String.join(" | ", head) + " |");
    line(head.stream().map(each -> "---").collect(Collectors.joining(" | ", "| ", " |")));
    for (List<String> row : rows) {
      line(
          "| "
              + row.stream()
                  .map(cell -> cell.replace("|", "\\|"))
                  .collect(Collectors.joining(" | "))
              + " |");
    }
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  static double geometricMean(List<Double> values) {
    return Math.exp(values.stream().mapToDouble(Math::log).average().orElseThrow());
  }

  private static String rate(double rate) {
    return rate >= 1e6
        ? String.format(Locale.ROOT, "%.2f M", rate / 1e6)
        : String.format(Locale.ROOT, "%.0f k", rate / 1e3);
  }

  private static String rateOrNot(Double rate) {
    return rate == null ? "-" : rate(rate);
  }

  private static String ratio(Double one, Double other) {
    return one == null || other == null ? "-" : two(one / other);
  }

  private static String one(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private static String two(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  private static String mebibytes(long bytes) {
    return one(bytes / 1048576.0);
  }

  private static String cpu() throws IOException {
    return procValue("/proc/cpuinfo", "model name").orElse(System.getProperty("os.arch"));
  }

  private static String installedMemory() throws IOException {
    return procValue("/proc/meminfo", "MemTotal")
        .map(value -> Math.round(Long.parseLong(value.replaceAll("\\D", "")) / 1048576.0) + " GiB")
        .orElse("memory unknown");
  }

  private static Optional<String> procValue(String file, String name) throws IOException {
    Path path = Path.of(file);
    if (!Files.isReadable(path)) {
      return Optional.empty();
    }
    return Files.readAllLines(path).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).trim())
        .findFirst();
  }
}
