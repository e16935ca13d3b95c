/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs {@link CacheBenchmark} over the peers side by side. The peers take turns within each cell of
 * operation, value size and threads, and the whole is done in rounds, as a shared machine changes
 * its pace within seconds; every cell has a JVM of its own. A quick run has one JVM for all cells
 * of a peer and a value size instead.
 */
final class Throughput {

  /** The log of a quick run, and of no other. */
  static final String QUICK_LOG = "quick.log";

  private static final Set<String> OPTIONS =
      Set.of(
          "peers",
          "operations",
          "value-sizes",
          "threads",
          "entries",
          "rounds",
          "warmups",
          "iterations",
          "time-ms",
          "quick",
          "output");

  private Throughput() {}

  /** Runs it; the options are in {@code OPTIONS}. */
  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    boolean quick = Boolean.parseBoolean(arguments.get("quick", "false"));
    try (Session session = new Session(Path.of(arguments.get("output")), "throughput.log")) {
      List<Peer> all = arguments.peers(Peer::throughput);
      List<Peer> peers = quick ? session.named(all) : session.working(all);
      long start = System.nanoTime();
      if (quick) {
        for (String valueSize : arguments.list("value-sizes", "100,1024")) {
          for (Peer peer : peers) {
            quick(session, arguments, peer, valueSize);
          }
        }
      } else {
        for (int round = 0; round < arguments.number("rounds", 3); round++) {
          round(session, arguments, Session.rotated(peers, round), round);
        }
      }
      session.say("throughput took %d s", (System.nanoTime() - start) / 1_000_000_000);
    }
  }

  private static void round(Session session, Arguments arguments, List<Peer> peers, int round)
      throws IOException {
    for (String valueSize : arguments.list("value-sizes", "100,1024")) {
      for (String threads : arguments.list("threads", "1,2")) {
        for (String operation : arguments.list("operations", "get,put,mixed,read")) {
          session.say("round %d: %s, %s B, %s thread(s)", round + 1, operation, valueSize, threads);
          for (Peer peer : peers) {
            cell(session, arguments, peer, operation, valueSize, threads, round, 1);
          }
        }
      }
    }
  }

  private static void quick(Session session, Arguments arguments, Peer peer, String valueSize)
      throws IOException, InterruptedException {
    session.say("%s, %s B", peer.label(), valueSize);
    List<String> flags = new ArrayList<>(Child.TOUCHED_HEAP);
    flags.addAll(peer.jvmFlags());
    flags.add("-D" + CacheBenchmark.KEEP + "=true");
    List<String> passed = new ArrayList<>();
    for (String name : List.of("operations", "threads", "entries", "warmups", "iterations")) {
      if (arguments.get(name, null) != null) {
        passed.addAll(List.of("--" + name, arguments.get(name)));
      }
    }
    passed.addAll(
        List.of(
            "--peers", peer.label(),
            "--value-sizes", valueSize,
            "--time-ms", arguments.get("time-ms", "250"),
            "--output", session.output.toString()));
    try {
      Child.run(flags, Quick.class, passed, session.log);
    } catch (Child.ChildException e) {
      session.failed(peer, valueSize + " B", e.getMessage());
    }
  }

  /** The JVM of a quick run. */
  static final class Quick {
    private Quick() {}

    /** Runs all cells of one peer and one value size in this JVM. */
    public static void main(String[] args) {
      Child.answer(
          () -> {
            Arguments arguments = new Arguments(args, OPTIONS);
            Peer peer = Peer.named(arguments.get("peers"));
            Path output = Path.of(arguments.get("output"));
            Probe.tryOut(peer, 1000);
            try (Session session = new Session(output, QUICK_LOG)) {
              for (String threads : arguments.list("threads", "1,2")) {
                for (String operation : arguments.list("operations", "get,put,mixed,read")) {
                  String valueSize = arguments.get("value-sizes");
                  cell(session, arguments, peer, operation, valueSize, threads, 0, 0);
                }
              }
              if (CacheBenchmark.growth() != null) {
                StoreSpec spec =
                    new StoreSpec(
                        arguments.number("entries", 1_000_000),
                        (int) arguments.number("value-sizes", 100),
                        output);
                MemoryFootprint.record(session, peer, spec, CacheBenchmark.growth().bytes());
              }
            } finally {
              CacheBenchmark.closeKept();
            }
            return List.of("done");
          });
    }
  }

  private static void cell(
      Session session,
      Arguments arguments,
      Peer peer,
      String operation,
      String valueSize,
      String threads,
      int round,
      int forks)
      throws IOException {
    boolean quick = forks == 0;
    TimeValue time = TimeValue.milliseconds(arguments.number("time-ms", 1000));
    List<String> flags = new ArrayList<>(Child.TOUCHED_HEAP);
    flags.addAll(peer.jvmFlags());
    String folder = System.getProperty(Folders.PROPERTY);
    if (folder != null) {
      flags.add("-D" + Folders.PROPERTY + "=" + folder);
    }
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(
                "^" + CacheBenchmark.class.getName().replace(".", "\\.") + "\\." + operation + "$")
            .param("peer", peer.label())
            .param("valueSize", valueSize)
            .threads(Integer.parseInt(threads))
            .forks(forks)
            .warmupIterations((int) arguments.number("warmups", quick ? 1 : 2))
            .warmupTime(time)
            .measurementIterations((int) arguments.number("iterations", quick ? 2 : 3))
            .measurementTime(time)
            .addProfiler(GCProfiler.class)
            .jvmArgsAppend(flags.toArray(String[]::new));
    if (arguments.get("entries", null) != null) {
      options.param("entries", arguments.get("entries"));
    }
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8);
    OutputFormat format = OutputFormatFactory.createFormatInstance(out, VerboseMode.NORMAL);
    String where = operation + ", " + valueSize + " B, " + threads + " thread(s)";
    boolean any = false;
    try {
      for (RunResult result : new Runner(options.build(), format).run()) {
        for (BenchmarkResult fork : result.getBenchmarkResults()) {
          var allocated = fork.getSecondaryResults().get("gc.alloc.rate.norm");
          for (IterationResult iteration : fork.getIterationResults()) {
            any = true;
            Tsv.append(
                session.output,
                Tsv.THROUGHPUT,
                peer.label(),
                operation,
                valueSize,
                threads,
                round,
                Math.round(iteration.getPrimaryResult().getScore()),
                allocated == null ? "" : Math.round(allocated.getScore()));
          }
        }
      }
    } catch (RunnerException e) {
      out.println(Child.describe(e));
    }
    String output = text.toString(StandardCharsets.UTF_8);
    session.log.print(output);
    if (!any) {
      session.failed(peer, where, reason(output));
    }
  }

  /** The exceptions in JMH's output. */
  private static String reason(String output) {
    List<String> lines =
        output
            .lines()
            .filter(line -> line.matches("(Caused by: )?[\\w.$]+(Exception|Error)\\b.*"))
            .distinct()
            .limit(4)
            .toList();
    return lines.isEmpty() ? "no result; see the log" : String.join(", ", lines);
  }
}
