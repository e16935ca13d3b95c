/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Readers without locks against writers, cleaning and eviction. */
class ConcurrentUseTest {

  private static final int THREADS = 8;
  private static final int CALLS = 100_000;

  @TempDir Path folder;

  /** The key, then a version, then the two mixed, as often as it is long. */
  private static byte[] value(int key, long version, int longs) {
    ByteBuffer value = ByteBuffer.allocate(8 * longs).putLong(key).putLong(version);
    while (value.hasRemaining()) {
      value.putLong(key * 31L + version);
    }
    return value.array();
  }

  /** The version of a value that must be whole and the key's. */
  private static long version(int key, byte[] bytes) {
    ByteBuffer value = ByteBuffer.wrap(bytes);
    assertEquals(key, value.getLong());
    long version = value.getLong();
    while (value.hasRemaining()) {
      assertEquals(key * 31L + version, value.getLong());
    }
    return version;
  }

  private void run(int keys, boolean mayEvict) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try (WarmCache<Integer, byte[]> cache = open()) {
      // The last version that a put of the key has returned from; each key has one writer.
      AtomicLongArray written = new AtomicLongArray(keys);
      List<Callable<Void>> calls = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int thread = i;
        calls.add(
            () -> {
              SplittableRandom random = new SplittableRandom(thread);
              for (int call = 1; call <= CALLS; call++) {
                int key = random.nextInt(keys);
                if (key % THREADS == thread) {
                  cache.put(key, value(key, call, 2 + random.nextInt(40)));
                  written.set(key, call);
                } else {
                  long before = written.get(key);
                  byte[] found = cache.getIfPresent(key);
                  if (found != null) {
                    long version = version(key, found);
                    assertTrue(version >= before, "an old value of key " + key);
                  } else {
                    assertTrue(mayEvict || before == 0, "a lost value of key " + key);
                  }
                }
              }
              return null;
            });
      }
      for (Future<Void> call : threads.invokeAll(calls)) {
        call.get();
      }
      assertEquals(mayEvict, cache.stats().evictions() > 0);
      assertEquals(0, cache.stats().corruptions());
    } finally {
      threads.shutdownNow();
    }
  }

  private WarmCache<Integer, byte[]> open() throws IOException {
    return WarmCache.builder(Codec.INT, Codec.BYTES)
        .capacity(1 << 20)
        .file(folder.resolve("cache"))
        .open();
  }

  @Test
  void withinCapacityEveryLookupFindsTheLastOrANewerValue() throws Exception {
    run(2400, false);
  }

  @Test
  void beyondCapacityEveryLookupFindsTheLastOrANewerValueOrNothing() throws Exception {
    run(20_000, true);
  }
}
