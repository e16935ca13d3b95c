/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * What concurrent calls are answered is what a HashMap would answer in some order of the calls.
 * Lincheck makes calls up, runs them on threads over and over, and looks for such an order.
 *
 * <p>In its stress mode only: its model checker does not see accesses through ByteBuffers.
 */
class LinearizabilityTest {

  /** In memory where there is such a folder, as users are told to do. */
  static final class InMemory implements TempDirFactory {
    private static final Path SHM = Path.of("/dev/shm");

    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext test)
        throws IOException {
      return Files.isWritable(SHM)
          ? Files.createTempDirectory(SHM, "luo4j-" + ProcessHandle.current().pid() + "-")
          : Files.createTempDirectory("luo4j-");
    }
  }

  @TempDir(factory = InMemory.class)
  Path folder;

  /** Lincheck makes the objects that it calls, many one after the other: all use this cache. */
  private static WarmCache<Integer, Integer> cache;

  /** Keys that are not operated on and must stay: each has twice its number for a value. */
  private static int others;

  private static final int FIRST_OTHER = 100;

  private static int valueBytes;

  @AfterEach
  void close() {
    cache.close();
  }

  /** An int, over and over, so that a torn value is noticed. An odd one is half as long. */
  private static Codec<Integer> repeated(int bytes) {
    return Codec.of(
        "repeated-i32",
        value -> {
          int length = value % 2 == 0 ? bytes : bytes / 2;
          ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
          while (buffer.hasRemaining()) {
            buffer.putInt(value);
          }
          return buffer.array();
        },
        bytesRead -> whole(ByteBuffer.wrap(bytesRead).order(ByteOrder.LITTLE_ENDIAN), bytes));
  }

  private static int whole(ByteBuffer buffer, int bytes) {
    int value = buffer.getInt(buffer.position());
    int length = buffer.remaining();
    while (buffer.hasRemaining()) {
      if (buffer.getInt() != value) {
        throw new IllegalStateException("a torn value that begins with " + value);
      }
    }
    if (length != (value % 2 == 0 ? bytes : bytes / 2)) {
      throw new IllegalStateException("a value of " + value + " has " + length + " bytes");
    }
    return value;
  }

  private void open(long capacity, int valueBytes, int others) throws IOException {
    LinearizabilityTest.valueBytes = valueBytes;
    LinearizabilityTest.others = others;
    cache =
        WarmCache.builder(Codec.INT, repeated(valueBytes))
            .capacity(capacity)
            .file(folder.resolve("cache"))
            .onDecodeFailure(OnDecodeFailure.THROW) // a torn value is not a miss here
            .open();
    putOthers();
  }

  private static void putOthers() {
    for (int key = FIRST_OTHER; key < FIRST_OTHER + others; key++) {
      cache.put(key, 2 * key);
    }
  }

  private static StressOptions options(int invocations) {
    return new StressOptions()
        .iterations(5)
        .invocationsPerIteration(invocations)
        .threads(2)
        .actorsPerThread(3)
        .minimizeFailedScenario(false)
        .sequentialSpecification(Model.class);
  }

  @Test
  void farBelowItsCapacity() throws IOException {
    open(1 << 20, 8, 0);
    options(1000).check(Operations.class);
  }

  /**
   * In 64 KiB with 50 KiB live, beside a thread that goes on putting what is there: both rings go
   * round all the time, and what lives in them is moved.
   */
  @Test
  void whileEntriesAreMoved() throws Exception {
    open(64 << 10, 3 << 10, 16);
    AtomicBoolean done = new AtomicBoolean();
    FutureTask<Void> turning =
        new FutureTask<>(
            () -> {
              while (!done.get()) {
                putOthers();
              }
              return null;
            });
    Thread thread = new Thread(turning, "turning");
    thread.start();
    try {
      options(500).check(Operations.class);
    } finally {
      done.set(true);
      thread.join();
    }
    turning.get();
  }

  /** The check can fail: two threads that both saw no value both put one. */
  @Test
  void aPutIfAbsentMadeOfTwoCallsIsFound() throws IOException {
    open(1 << 20, 8, 0);
    StressOptions options = options(1).actorsBefore(0).actorsPerThread(1).actorsAfter(0);
    String message =
        assertThrows(LincheckAssertionError.class, () -> options.check(PutIfAbsentOfTwoCalls.class))
            .getMessage();
    // A crash of the checker is an error of the same class.
    assertTrue(message.contains("Invalid execution results"), message);
  }

  /** What is called, keys 1 and 2 being absent at first. Public, as Lincheck asks for. */
  @Param(name = "key", gen = IntGen.class, conf = "1:2")
  @Param(name = "value", gen = IntGen.class, conf = "1:4")
  public static class Operations {

    public Operations() {
      cache.remove(1);
      cache.remove(2);
    }

    @Operation
    public Integer getIfPresent(@Param(name = "key") int key) {
      return cache.getIfPresent(key);
    }

    @Operation
    public Integer read(@Param(name = "key") int key) {
      return cache.read(key, buffer -> whole(buffer, valueBytes));
    }

    @Operation
    public Integer get(@Param(name = "key") int key, @Param(name = "value") int value) {
      return cache.get(key, absent -> value);
    }

    @Operation
    public void put(@Param(name = "key") int key, @Param(name = "value") int value) {
      cache.put(key, value);
    }

    @Operation
    public Integer mapPut(@Param(name = "key") int key, @Param(name = "value") int value) {
      return cache.asMap().put(key, value);
    }

    @Operation
    public Integer putIfAbsent(@Param(name = "key") int key, @Param(name = "value") int value) {
      return cache.putIfAbsent(key, value);
    }

    @Operation
    public Integer replace(@Param(name = "key") int key, @Param(name = "value") int value) {
      return cache.replace(key, value);
    }

    @Operation
    public boolean replaceOld(
        @Param(name = "key") int key,
        @Param(name = "value") int old,
        @Param(name = "value") int value) {
      return cache.replace(key, old, value);
    }

    @Operation
    public boolean remove(@Param(name = "key") int key) {
      return cache.remove(key);
    }

    @Operation
    public boolean removeOld(@Param(name = "key") int key, @Param(name = "value") int old) {
      return cache.remove(key, old);
    }

    @Operation
    public Integer computeNext(@Param(name = "key") int key) {
      return cache.asMap().compute(key, (same, value) -> next(value));
    }

    @Operation
    public Integer merge(@Param(name = "key") int key, @Param(name = "value") int value) {
      return cache.asMap().merge(key, value, LinearizabilityTest::sum);
    }

    @Validate
    public void nothingIsLost() {
      assertEquals(0, cache.stats().evictions());
      assertEquals(0, cache.stats().corruptions());
      int live = 0;
      for (int key = 1; key <= 2; key++) {
        live += cache.getIfPresent(key) == null ? 0 : 1;
      }
      assertEquals(live + others, cache.size());
      for (int key = FIRST_OTHER; key < FIRST_OTHER + others; key++) {
        assertEquals(2 * key, cache.getIfPresent(key));
      }
    }
  }

  /** Broken on purpose; the threads meet between the two calls, so that it always shows. */
  public static final class PutIfAbsentOfTwoCalls {

    private final CyclicBarrier looked = new CyclicBarrier(2);

    public PutIfAbsentOfTwoCalls() {
      cache.remove(1);
    }

    @Operation
    public Integer putIfAbsent(
        @Param(gen = IntGen.class, conf = "1:1") int key,
        @Param(gen = IntGen.class, conf = "1:4") int value)
        throws Exception {
      Integer present = cache.getIfPresent(key);
      looked.await(10, TimeUnit.SECONDS);
      if (present == null) {
        cache.put(key, value);
      }
      return present;
    }
  }

  /** 1 where there was none, then 2 and so on; none from 4 on. */
  private static Integer next(Integer value) {
    return value == null ? Integer.valueOf(1) : value >= 4 ? null : value + 1;
  }

  /** None where it would be above 6. */
  private static Integer sum(Integer present, Integer value) {
    return present + value > 6 ? null : present + value;
  }

  /** What the operations do, one after the other. */
  public static final class Model {

    private final Map<Integer, Integer> map = new HashMap<>();

    public Integer getIfPresent(int key) {
      return map.get(key);
    }

    public Integer read(int key) {
      return map.get(key);
    }

    public Integer get(int key, int value) {
      return map.computeIfAbsent(key, absent -> value);
    }

    public void put(int key, int value) {
      map.put(key, value);
    }

    public Integer mapPut(int key, int value) {
      return map.put(key, value);
    }

    public Integer putIfAbsent(int key, int value) {
      return map.putIfAbsent(key, value);
    }

    public Integer replace(int key, int value) {
      return map.replace(key, value);
    }

    public boolean replaceOld(int key, int old, int value) {
      return map.replace(key, old, value);
    }

    public boolean remove(int key) {
      return map.remove(key) != null;
    }

    public boolean removeOld(int key, int old) {
      return map.remove(key, old);
    }

    public Integer computeNext(int key) {
      return map.compute(key, (same, value) -> next(value));
    }

    public Integer merge(int key, int value) {
      return map.merge(key, value, LinearizabilityTest::sum);
    }
  }
}
