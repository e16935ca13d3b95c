/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.cache.WarmCache;

/** Entries, stores that need no flags, and the report. */
class BenchTest {

  @ParameterizedTest
  @ValueSource(ints = {8, 100, 1024})
  void sumsAgree(int size) {
    byte[] value = Entries.value(77, size);
    assertEquals(77, Entries.index(value));
    assertEquals(Entries.sumBase(size) + 77, Entries.sum(value));
    ByteBuffer buffer = ByteBuffer.allocateDirect(size + 3).position(3).put(value).position(3);
    assertEquals(Entries.sum(value), Entries.sum(buffer));
    assertThrows(IllegalStateException.class, () -> Entries.check(value, 78, size));
    assertThrows(IllegalStateException.class, () -> Entries.check(null, 77, size));
  }

  @Test
  void keysDiffer() {
    Set<HeapKey> keys = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      byte[] key = new byte[Entries.KEY_SIZE];
      Entries.key(i, key);
      keys.add(new HeapKey(key));
    }
    assertEquals(10_000, keys.size());
  }

  @ParameterizedTest
  @EnumSource(
      value = Peer.class,
      names = {"WARMCACHE", "CHM", "CHM_COPY", "CAFFEINE", "CAFFEINE_SNAPSHOT"})
  void heapStoresAnswerAsTheyShould(Peer peer) throws Exception {
    Probe.tryOut(peer, 1000);
  }

  @Test
  void aSnapshotComesBack(@TempDir Path directory) {
    StoreSpec spec = new StoreSpec(100, 32, directory);
    try (Store store = Peer.CAFFEINE_SNAPSHOT.open(spec)) {
      Entries.fill(store, spec);
    }
    byte[] key = new byte[Entries.KEY_SIZE];
    Entries.key(42, key);
    try (Store store = Peer.CAFFEINE_SNAPSHOT.open(spec)) {
      assertEquals(100, store.size());
      assertArrayEquals(Entries.value(42, 32), store.get(key));
    }
  }

  @Test
  void peersHaveNames() {
    assertEquals(Peer.CHM_COPY, Peer.named("chm-copy"));
    String message =
        assertThrows(IllegalArgumentException.class, () -> Peer.named("redis")).getMessage();
    assertTrue(message.contains("chm-copy"), message);
    assertTrue(Peer.CAFFEINE.version().startsWith("caffeine-"), Peer.CAFFEINE.version());
  }

  @Test
  void tracesAreReadAndMadeUp(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("b.txt"), "3\n1\n3\n");
    Files.writeString(folder.resolve("README.md"), "not a trace");
    assertEquals(List.of(folder.resolve("b.txt")), Traces.files(folder));
    assertArrayEquals(new long[] {3, 1, 3}, Traces.read(folder.resolve("b.txt")));
    assertArrayEquals(
        Traces.synthetic().get("scan-loop"), Traces.synthetic().get("scan-loop"), "repeatable");
  }

  @Test
  void reportHasRatiosToTheBestOffHeapPeer(@TempDir Path folder) throws Exception {
    for (String valueSize : List.of("100", "1024")) {
      Tsv.append(folder, Tsv.THROUGHPUT, "chm", "get", valueSize, 1, 0, 4_000_000, 0);
      Tsv.append(folder, Tsv.THROUGHPUT, "ohc", "get", valueSize, 1, 0, 2_000_000, 0);
      Tsv.append(folder, Tsv.THROUGHPUT, "lmdb", "get", valueSize, 1, 0, 500_000, 0);
    }
    Tsv.append(folder, Tsv.FAILURES, "mapdb-mmap", "trial", "no\nreason");
    Tsv.append(folder, Tsv.MEMORY, "ohc", 100, 10, 1160, 0, 2160, 0, 2000, 100.0);
    Tsv.append(folder, Tsv.HIT_RATIO, "web", 5, 10, "lru", 0.5);
    Tsv.append(folder, Tsv.HIT_RATIO, "web", 5, 10, "fifo", 0.25);
    Object[] restart = {"lmdb", 1048576, 1024, "close", 0, 9e6, 8e6, 7, 6e6, 5e6, 4e6, 3e6, 2, 1};
    for (int i = 0; i < restart.length; i++) {
      restart[i] = restart[i] instanceof Double number ? (Object) number.longValue() : restart[i];
    }
    Tsv.append(folder, Tsv.RESTART, restart);
    Report.main(new String[] {"--output", folder.toString(), "--commit", "abc1234"});
    String text = Files.readString(folder.resolve("results.md"));
    for (String expected :
        List.of(
            "| chm | 4.00 M (2.00) | 4.00 M (2.00) |",
            "| lmdb | 500 k (0.25) | 500 k (0.25) |",
            "| chm | 2.00 | 2.00 | 2.00 | 2 |",
            "| get, 100 B, 1 thread | ohc | 2.00 M | 4.00 M | - |",
            "| mapdb-mmap | trial | `no reason` |",
            "| lmdb | 1024.0 | close | 1 | 9.0 | 8.0 | 0.0 | 6.0 | 5.0 | 9.0 | 12.0 | 2 | 1 |",
            "| least difference to lru, points |  | 0.00 | -25.00 |",
            "| commit | abc1234 |")) {
      assertTrue(text.contains(expected), () -> expected + "\nis not in\n" + text);
    }
    for (String chart : List.of("throughput", "memory", "restart", "hit-ratio")) {
      String svg = Files.readString(folder.resolve(chart + ".svg"));
      assertNotEquals(-1, svg.indexOf("</svg>"));
      javax.xml.parsers.DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(folder.resolve(chart + ".svg").toFile());
    }
  }

  @Test
  void loadersAreCountedAndReported(@TempDir Path folder) throws Exception {
    LoaderBenchmark.main(
        new String[] {
          "--output",
          folder.toString(),
          "--threads",
          "4",
          "--load-ms",
          "1",
          "--repetitions",
          "1",
          "--scenarios",
          "different-keys,same-key"
        });
    List<String[]> rows = Tsv.read(folder, Tsv.LOADERS);
    assertEquals(
        List.of("4", "4", "4", "1", "1", "1"), rows.stream().map(row -> row[6]).toList(), "loads");
    Report.main(new String[] {"--output", folder.toString()});
    String text = Files.readString(folder.resolve("results.md"));
    assertTrue(text.contains("| different-keys, 4 threads, loader of 1 ms | warmcache |"), text);
  }

  /** Two variants that are the same jars: the program's own. */
  @Test
  void comparesVariantsInLoadersOfTheirOwn() throws Exception {
    String jars =
        Stream.of(LiveUpdate.class, WarmCache.class)
            .map(type -> type.getProtectionDomain().getCodeSource().getLocation().getPath())
            .collect(Collectors.joining(":"));
    try (VariantLoader one = new VariantLoader(Compare.paths(jars));
        VariantLoader other = new VariantLoader(Compare.paths(jars))) {
      Class<?> cache = one.loadClass(WarmCache.class.getName());
      assertNotEquals(cache, WarmCache.class);
      assertNotEquals(cache, other.loadClass(cache.getName()));
      assertNotEquals(one.loop().getClass(), other.loop().getClass());
    }
    String output =
        Compare.compare(
            new String[] {
              "--base",
              jars,
              "--present",
              jars,
              "--entries",
              "100",
              "--rounds",
              "1",
              "--seconds",
              "0.01",
              "--warmup-seconds",
              "0.01",
              "--slice-ms",
              "1",
              "--operations",
              "get,mixed",
              "--value-sizes",
              "8",
              "--min",
              "1000"
            });
    assertTrue(output.contains("mixed     geometric mean "), output);
    assertTrue(output.contains("FAILED: a geometric mean is below 1000.000"), output);
  }

  @Test
  void means() {
    assertEquals(2, Report.geometricMean(List.of(1.0, 4.0)), 1e-12);
    assertEquals(2.5, Report.median(List.of(4.0, 1.0, 3.0, 2.0)));
    assertEquals(3, Report.median(List.of(9.0, 3.0, 1.0)));
  }
}
