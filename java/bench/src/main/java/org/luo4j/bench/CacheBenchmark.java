/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * Gets, overwrites, nine gets to one overwrite, and reads without a copy where the store has them,
 * over a full store; keys are drawn by Zipf 0.99. Each answer is checked: a miss or a wrong value
 * ends the benchmark. The flags are those that some peer needs; the runs of {@code
 * scripts/bench.sh} give each peer only its own.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "-Xms4g",
      "-Xmx4g",
      "-XX:+AlwaysPreTouch",
      "-XX:+UseG1GC",
      "-XX:MaxDirectMemorySize=16g",
      "--add-opens=java.base/java.lang=ALL-UNNAMED",
      "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
      "--add-opens=java.base/java.nio=ALL-UNNAMED",
      "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
      "--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED",
      "-Dchronicle.analytics.disable=true"
    })
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 3, time = 2)
public class CacheBenchmark {

  /** Keeps the store open from one benchmark to the next of the same JVM. */
  static final String KEEP = "luo4j.bench.keep";

  private static final int SEQUENCE = 1 << 21;
  private static Shared kept;
  private static MemoryFootprint.Growth growth;

  /** The store, by its name in {@link Peer}. */
  @Param({
    "warmcache",
    "chm",
    "chm-copy",
    "caffeine",
    "chronicle",
    "chronicle-shm",
    "ohc",
    "mapdb-direct",
    "mapdb-mmap",
    "ehcache",
    "lmdb"
  })
  public String peer;

  /** Bytes of a value. */
  @Param({"100", "1024"})
  public int valueSize;

  /** Entries in the store, each of which is there. */
  @Param("1000000")
  public int entries;

  private Shared shared;
  private Store store;
  private long sumBase;

  private record Shared(String peer, StoreSpec spec, Path directory, Store store, int[] sequence) {}

  /** Fills the store. */
  @Setup(Level.Trial)
  public void open() throws IOException, InterruptedException {
    if (kept != null && kept.peer.equals(peer) && kept.spec.valueSize() == valueSize) {
      shared = kept;
    } else {
      Path directory = Folders.temporary("store");
      StoreSpec spec = new StoreSpec(entries, valueSize, directory);
      Store filled;
      if (Boolean.getBoolean(KEEP)) {
        growth = MemoryFootprint.fill(Peer.named(peer), spec);
        filled = growth.store();
      } else {
        filled = Peer.named(peer).open(spec);
        Entries.fill(filled, spec);
      }
      shared =
          new Shared(peer, spec, directory, filled, Zipf.sequence(entries, 0.99, SEQUENCE, 42));
      if (Boolean.getBoolean(KEEP)) {
        kept = shared;
      }
    }
    store = shared.store;
    sumBase = Entries.sumBase(valueSize);
  }

  /** Closes the store and removes its files. */
  @TearDown(Level.Trial)
  public void close() throws IOException {
    if (shared != null && shared != kept) {
      shared.store.close();
      Folders.delete(shared.directory);
    }
  }

  /** What the memory grew by when the kept store was filled, or null. */
  static MemoryFootprint.Growth growth() {
    return growth;
  }

  /** Closes the store that {@link #KEEP} has kept open. */
  static void closeKept() throws IOException {
    if (kept != null) {
      kept.store.close();
      Folders.delete(kept.directory);
      kept = null;
    }
  }

  /** Where a thread is in the sequence of keys, and the arrays that it reuses. */
  @State(Scope.Thread)
  public static class Cursor {
    private final byte[] key = new byte[Entries.KEY_SIZE];
    private byte[] value;
    private int[] sequence;
    private int position;
    private long random;

    /** Starts each thread elsewhere. */
    @Setup(Level.Trial)
    public void start(CacheBenchmark benchmark, ThreadParams thread) {
      sequence = benchmark.shared.sequence;
      value = Entries.value(0, benchmark.valueSize);
      position = (int) (Entries.mix(thread.getThreadIndex() + 1L) & (SEQUENCE - 1));
      random = thread.getThreadIndex();
    }

    /** Sets the key and answers its index. */
    private int next() {
      int index = sequence[position++ & (SEQUENCE - 1)];
      Entries.key(index, key);
      return index;
    }

    private boolean oneInTen() {
      random = random * 6364136223846793005L + 1442695040888963407L;
      return (random >>> 33) % 10 == 0;
    }
  }

  /** A get. */
  @Benchmark
  public byte[] get(Cursor cursor) {
    int index = cursor.next();
    byte[] value = store.get(cursor.key);
    Entries.check(value, index, valueSize);
    return value;
  }

  /** A put over an existing entry. */
  @Benchmark
  public void put(Cursor cursor) {
    Entries.setIndex(cursor.value, cursor.next());
    store.put(cursor.key, cursor.value);
  }

  /** A put in one of ten cases at random, else a get. */
  @Benchmark
  public byte[] mixed(Cursor cursor) {
    if (cursor.oneInTen()) {
      put(cursor);
      return null;
    }
    return get(cursor);
  }

  /** Reads the whole value, in place where the store can. */
  @Benchmark
  public long read(Cursor cursor) {
    int index = cursor.next();
    long sum = store.readSum(cursor.key);
    if (sum != sumBase + index) {
      throw new IllegalStateException("entry " + index + " is missing or wrong: sum " + sum);
    }
    return sum;
  }
}
