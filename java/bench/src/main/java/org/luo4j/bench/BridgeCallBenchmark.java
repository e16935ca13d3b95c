/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.concurrent.TimeUnit;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a call costs over each bridge, by calls of which the kernel's own part is small: JNI against
 * JNA in one run. Region access makes no call and is the same over both.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BridgeCallBenchmark {

  /** The bridge. */
  @Param({"JNI", "JNA"})
  public BridgeType bridge;

  private LiveUpdate luo;
  private MemFd memfd;
  private MemoryRegion region;

  /** Makes a memfd of one page. */
  @Setup
  public void open() {
    luo = LiveUpdate.builder().bridge(bridge).open();
    memfd = luo.createMemFd(MemFdOptions.named("bench").size(4096));
    region = memfd.map();
  }

  /** Gives it back. */
  @TearDown
  public void close() {
    region.close();
    memfd.close();
  }

  /** One fcntl(2): the smallest call. */
  @Benchmark
  public boolean descriptorFlags() {
    return memfd.closeOnExec();
  }

  /** One statx(2), with a structure to read. */
  @Benchmark
  public long size() {
    return memfd.size();
  }

  /** memfd_create(2), ftruncate(2) and close(2). */
  @Benchmark
  public long createAndClose() {
    try (MemFd each = luo.createMemFd(MemFdOptions.named("each").size(4096))) {
      return each.fd();
    }
  }

  /** A plain read of mapped memory, for scale. */
  @Benchmark
  public long regionGetLong() {
    return region.getLong(8);
  }
}
