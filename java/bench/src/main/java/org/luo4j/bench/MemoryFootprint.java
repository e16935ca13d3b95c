/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * Bytes for each entry beyond its key and value: what the heap holds more after a collection, and
 * what the process has more in memory (all of its heap is there from the start), over filling a
 * store. Each peer and value size has a JVM of its own, in which another store was used before and
 * closed, so that classes and compiled code count for little; the median of three is taken. Linux
 * only.
 */
final class MemoryFootprint {

  private static final Set<String> OPTIONS = Set.of("peers", "value-sizes", "entries", "output");

  /** Entries that it takes for the compilers to be done. */
  private static final long WARM_UP = 200_000;

  private static final int RUNS = 3;

  private MemoryFootprint() {}

  /** Runs it; the options are in {@code OPTIONS}. */
  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    long entries = arguments.number("entries", 1_000_000);
    try (Session session = new Session(Path.of(arguments.get("output")), "memory.log")) {
      for (String valueSize : arguments.list("value-sizes", "100,1024")) {
        for (Peer peer : arguments.peers(Peer::throughput)) {
          measure(session, peer, entries, Integer.parseInt(valueSize));
        }
      }
    }
  }

  private static void measure(Session session, Peer peer, long entries, int valueSize)
      throws IOException, InterruptedException {
    List<String> flags = new ArrayList<>(Child.TOUCHED_HEAP);
    flags.addAll(peer.jvmFlags());
    List<String> arguments = List.of(peer.label(), "" + entries, "" + valueSize);
    try {
      List<List<Long>> runs = new ArrayList<>();
      for (int i = 0; i < RUNS; i++) {
        List<String> cells = Child.run(flags, Measured.class, arguments, session.log);
        runs.add(cells.stream().map(Long::valueOf).toList());
      }
      runs.sort(Comparator.comparing(bytes -> bytes.get(0) + bytes.get(1)));
      record(session, peer, new StoreSpec(entries, valueSize, Path.of("")), runs.get(RUNS / 2));
    } catch (Child.ChildException e) {
      session.failed(peer, "memory, " + valueSize + " B", e.getMessage());
    }
  }

  /** Opens and fills a store, measured, and gives it to its user. */
  static Growth fill(Peer peer, StoreSpec spec) throws IOException, InterruptedException {
    long heap = heap();
    long resident = resident();
    Store store = peer.open(spec);
    Entries.fill(store, spec);
    heap = heap() - heap;
    resident = resident() - resident;
    return new Growth(
        store, List.of(heap, resident, Folders.bytes(spec.directory()), store.memoryBytes()));
  }

  /**
   * A store that was filled.
   *
   * @param bytes the growth of the heap, the growth outside it, the size of the store's files and
   *     what the store says that it uses
   */
  record Growth(Store store, List<Long> bytes) {}

  /** Writes down a growth. */
  static void record(Session session, Peer peer, StoreSpec spec, List<Long> bytes)
      throws IOException {
    double overhead = (double) (bytes.get(0) + bytes.get(1) - spec.payload()) / spec.entries();
    session.say("%s, %d B: %.1f bytes an entry", peer.label(), spec.valueSize(), overhead);
    Tsv.append(
        session.output,
        Tsv.MEMORY,
        peer.label(),
        spec.valueSize(),
        spec.entries(),
        spec.payload(),
        bytes.get(0),
        bytes.get(1),
        bytes.get(2),
        bytes.get(3),
        overhead);
  }

  private static long heap() throws InterruptedException {
    for (int i = 0; i < 4; i++) {
      System.gc();
      Thread.sleep(100);
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static long resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/smaps_rollup")).stream()
        .filter(line -> line.startsWith("Rss:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }

  /** The JVM that is measured. */
  static final class Measured {
    private Measured() {}

    /**
     * Fills a store and answers what grew.
     *
     * @param args peer, entries, bytes of a value
     */
    public static void main(String[] args) {
      Child.answer(
          () -> {
            Peer peer = Peer.named(args[0]);
            Probe.tryOut(peer, WARM_UP);
            Path directory = Folders.temporary("memory");
            try {
              StoreSpec spec =
                  new StoreSpec(Long.parseLong(args[1]), Integer.parseInt(args[2]), directory);
              Growth growth = fill(peer, spec);
              growth.store().close();
              return growth.bytes();
            } finally {
              Folders.delete(directory);
            }
          });
    }
  }
}
