/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The stores that are compared, by the names that the command line uses. */
enum Peer {
  /** The cache of this project, in a file. */
  WARMCACHE(Kind.OURS, Use.BOTH, "org.luo4j.cache.WarmCache"),
  /** ConcurrentHashMap that hands out its own array: the bound of what a map can do. */
  CHM(Kind.HEAP, Use.THROUGHPUT, "java.util.concurrent.ConcurrentHashMap"),
  /** ConcurrentHashMap that copies the value, as a cache of mutable values must. */
  CHM_COPY(Kind.HEAP, Use.THROUGHPUT, "java.util.concurrent.ConcurrentHashMap"),
  /** Caffeine on the heap. */
  CAFFEINE(Kind.HEAP, Use.THROUGHPUT, "com.github.benmanes.caffeine.cache.Caffeine"),
  /** Chronicle Map in memory. */
  CHRONICLE(Kind.OFF_HEAP, Use.THROUGHPUT, "net.openhft.chronicle.map.ChronicleMap"),
  /** Chronicle Map in a mapped file. */
  CHRONICLE_SHM(Kind.OFF_HEAP, Use.BOTH, "net.openhft.chronicle.map.ChronicleMap"),
  /** OHC. */
  OHC(Kind.OFF_HEAP, Use.THROUGHPUT, "org.caffinitas.ohc.OHCache"),
  /** MapDB in direct memory. */
  MAPDB_DIRECT(Kind.OFF_HEAP, Use.THROUGHPUT, "org.mapdb.DBMaker"),
  /** MapDB in a mapped file. */
  MAPDB_MMAP(Kind.OFF_HEAP, Use.BOTH, "org.mapdb.DBMaker"),
  /** Ehcache's off-heap tier. */
  EHCACHE(Kind.OFF_HEAP, Use.THROUGHPUT, "org.ehcache.Cache"),
  /** Ehcache's disk tier. */
  EHCACHE_DISK(Kind.OFF_HEAP, Use.RESTART, "org.ehcache.Cache"),
  /** LMDB in a mapped file. */
  LMDB(Kind.OFF_HEAP, Use.BOTH, "org.lmdbjava.Env"),
  /** Caffeine, filled from a file that the last process wrote. */
  CAFFEINE_SNAPSHOT(Kind.HEAP, Use.RESTART, "com.github.benmanes.caffeine.cache.Caffeine");

  /** What a peer's ratios count for. */
  enum Kind {
    /** The library of this project. */
    OURS,
    /** A map or cache on the heap. */
    HEAP,
    /** A peer outside the heap; the best of these in a cell is what the others are held against. */
    OFF_HEAP
  }

  private enum Use {
    THROUGHPUT,
    RESTART,
    BOTH
  }

  private static final List<String> CHRONICLE_FLAGS =
      List.of(
          "--add-opens=java.base/java.lang=ALL-UNNAMED",
          "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
          "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
          "--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED",
          "-Dchronicle.analytics.disable=true");
  private static final List<String> LMDB_FLAGS =
      List.of(
          "--add-opens=java.base/java.nio=ALL-UNNAMED",
          "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED");

  private final Kind kind;
  private final Use use;
  private final String className;

  Peer(Kind kind, Use use, String className) {
    this.kind = kind;
    this.use = use;
    this.className = className;
  }

  /** The peer of a name such as {@code chm-copy}. */
  static Peer named(String name) {
    return Arrays.stream(values())
        .filter(each -> each.label().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no peer '"
                        + name
                        + "'; there are "
                        + Arrays.stream(values()).map(Peer::label).toList()));
  }

  /** The name on the command line and in the results. */
  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  Kind kind() {
    return kind;
  }

  /** Whether it takes part in the benchmarks of gets and puts, and of memory. */
  boolean throughput() {
    return use != Use.RESTART;
  }

  /** Whether a new process finds what an older one left. */
  boolean restart() {
    return use != Use.THROUGHPUT;
  }

  /** Opens it. The classes of a peer are loaded here and not before. */
  Store open(StoreSpec spec) {
    return switch (this) {
      case WARMCACHE -> new WarmCacheStore(spec);
      case CHM -> new ChmStore(spec, false);
      case CHM_COPY -> new ChmStore(spec, true);
      case CAFFEINE -> new CaffeineStore(spec, false);
      case CAFFEINE_SNAPSHOT -> new CaffeineStore(spec, true);
      case CHRONICLE -> new ChronicleStore(spec, false);
      case CHRONICLE_SHM -> new ChronicleStore(spec, true);
      case OHC -> new OhcStore(spec);
      case MAPDB_DIRECT -> new MapDbStore(spec, false);
      case MAPDB_MMAP -> new MapDbStore(spec, true);
      case EHCACHE -> new EhcacheStore(spec, false);
      case EHCACHE_DISK -> new EhcacheStore(spec, true);
      case LMDB -> new LmdbStore(spec);
    };
  }

  /** The flags without which the peer does not run on this JVM, and those that silence warnings. */
  List<String> jvmFlags() {
    List<String> flags =
        new ArrayList<>(
            switch (this) {
              case CHRONICLE, CHRONICLE_SHM -> CHRONICLE_FLAGS;
              case LMDB -> LMDB_FLAGS;
              default -> List.of();
            });
    if (kind == Kind.OFF_HEAP && Runtime.version().feature() >= 24) {
      flags.add("--enable-native-access=ALL-UNNAMED");
      flags.add("--sun-misc-unsafe-memory-access=allow");
    }
    return flags;
  }

  /** The jar that the peer comes from, which names its version. */
  String version() {
    try {
      var source =
          Class.forName(className, false, Peer.class.getClassLoader())
              .getProtectionDomain()
              .getCodeSource();
      if (source == null) {
        return "JDK";
      }
      String path = source.getLocation().getPath();
      return path.substring(path.lastIndexOf('/') + 1).replaceFirst("\\.jar$", "");
    } catch (ClassNotFoundException e) {
      return "not on the class path";
    }
  }
}
