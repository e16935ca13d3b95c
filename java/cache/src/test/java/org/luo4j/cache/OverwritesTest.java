/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.Effort;

/** Values overwritten by others of the same size, which takes no lock. */
class OverwritesTest {

  private static final int PUTS = Effort.of(200_000, 1);
  private static final int REMOVALS = Effort.of(3_000, 1);

  @TempDir Path folder;
  private WarmCache<Integer, ByteBuffer> cache;
  private final AtomicBoolean done = new AtomicBoolean();

  @BeforeEach
  void open() throws IOException {
    cache =
        WarmCache.builder(Codec.INT, Codec.BYTE_BUFFER)
            .capacity(256 << 10)
            .file(folder.resolve("cache"))
            .open();
  }

  @AfterEach
  void close() {
    cache.close();
  }

  private static ByteBuffer value(long first, long second) {
    return ByteBuffer.allocate(48).putLong(first).putLong(second).position(0);
  }

  @Test
  void theyGoOnWhileAnotherThreadHoldsTheWriteLock() throws Exception {
    for (int i = 0; i < 100; i++) {
      cache.put(1, value(i, i));
    }
    CountDownLatch holding = new CountDownLatch(1);
    CountDownLatch overwritten = new CountDownLatch(1);
    FutureTask<Boolean> other =
        start(
            () -> {
              boolean[] seen = new boolean[1];
              cache
                  .asMap()
                  .compute(
                      2,
                      (key, old) -> {
                        holding.countDown();
                        seen[0] = await(overwritten);
                        return value(0, 0);
                      });
              return seen[0];
            });
    assertTrue(await(holding));
    cache.put(1, value(7, 7));
    overwritten.countDown();
    assertTrue(other.get(), "the overwrite waited for the lock");
    assertEquals(value(7, 7), cache.getIfPresent(1));
  }

  private static boolean await(CountDownLatch latch) {
    try {
      return latch.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static <T> FutureTask<T> start(Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    new Thread(task).start();
    return task;
  }

  /**
   * One thread puts n = 1, 2, 3, ... under a key; others change what is beside n, keeping n. Where
   * a change overwrote a later put than the one that it had read, the putter would see n decrease.
   * Meanwhile two more threads put and remove other entries, so that all of them move.
   */
  @Test
  void noneIsLostToAChangeOfWhatWasThereBefore() throws Exception {
    List<FutureTask<Void>> others = new ArrayList<>();
    for (int thread = 0; thread < 2; thread++) {
      int first = 1000 + thread * 1000;
      others.add(start(() -> churn(first)));
      others.add(start(this::change));
    }
    try {
      for (long n = 1; n <= PUTS; n++) {
        cache.put(1, value(n, 0));
        assertEquals(n, cache.getIfPresent(1).getLong(0));
      }
    } finally {
      done.set(true);
      finish(others);
    }
    assertEquals(0, cache.verify().damaged());
    assertEquals(cache.asMap().keySet().stream().count(), cache.size());
  }

  private Void change() {
    while (!done.get()) {
      cache.asMap().computeIfPresent(1, (key, old) -> value(old.getLong(0), old.getLong(8) + 1));
    }
    return null;
  }

  private Void churn(int first) {
    for (int i = 0; !done.get(); i++) {
      int key = first + i % 700;
      cache.put(key, value(key, i));
      if (i % 5 == 0) {
        cache.remove(first + (i + 350) % 700);
      }
      ByteBuffer seen = cache.getIfPresent(key);
      assertTrue(seen != null && seen.getLong(0) == key && seen.getLong(8) == i);
    }
    return null;
  }

  /** What several threads put under the same keys: each sees no key go back. */
  @Test
  void noReaderSeesAKeyGoBack() throws Exception {
    int keys = 16;
    List<FutureTask<Void>> others = new ArrayList<>();
    for (int thread = 0; thread < 2; thread++) {
      int first = 1000 + thread * 1000;
      others.add(start(() -> churn(first)));
      others.add(start(() -> watch(keys)));
    }
    try {
      for (long n = 0; n < PUTS; n++) {
        cache.put((int) (n % keys), value(n, n));
      }
    } finally {
      done.set(true);
      finish(others);
    }
    assertEquals(0, cache.verify().damaged());
  }

  private Void watch(int keys) {
    long[] latest = new long[keys];
    for (int i = 0; !done.get(); i++) {
      int key = i % keys;
      long seen = key % 2 == 0 ? readInPlace(key) : copy(key);
      assertTrue(seen >= latest[key], "key " + key + " went from " + latest[key] + " to " + seen);
      latest[key] = seen;
    }
    return null;
  }

  private long copy(int key) {
    ByteBuffer value = cache.getIfPresent(key);
    if (value == null) {
      return 0;
    }
    assertEquals(value.getLong(0), value.getLong(8));
    return value.getLong(0);
  }

  private long readInPlace(int key) {
    Long seen =
        cache.read(
            key,
            value -> {
              assertEquals(value.getLong(0), value.getLong(8));
              return Long.reverseBytes(value.getLong(0));
            });
    return seen == null ? 0 : seen;
  }

  /**
   * Threads overwrite a key that another one removes now and then. Who removes a key that only he
   * removes, and that is there, finds it: however often it is overwritten while he looks.
   */
  @Test
  void aKeyThatIsOverwrittenIsFoundByWhoRemovesIt() throws Exception {
    AtomicLong puts = new AtomicLong();
    List<FutureTask<Void>> others = new ArrayList<>();
    for (int thread = 0; thread < 3; thread++) {
      others.add(start(() -> overwrite(puts)));
    }
    try {
      for (int removed = 0; removed < REMOVALS; removed++) {
        long until = puts.get() + 200;
        while (puts.get() < until) {
          Thread.yield();
        }
        assertTrue(cache.remove(1), "removal " + removed + " did not find the key");
      }
    } finally {
      done.set(true);
      finish(others);
    }
    assertTrue(cache.size() <= 1, cache.size() + " entries of one key");
  }

  private Void overwrite(AtomicLong puts) {
    while (!done.get()) {
      long n = puts.incrementAndGet();
      cache.put(1, value(n, n));
    }
    return null;
  }

  private static void finish(List<FutureTask<Void>> tasks)
      throws InterruptedException, ExecutionException {
    for (FutureTask<Void> task : tasks) {
      task.get();
    }
  }
}
