/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.file.Path;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/**
 * The loops over WarmCache. Each variant has this class defined anew, so that its call sites know
 * one WarmCache only and are compiled as in a program that has one. Uses only what WarmCache has
 * had from the start.
 */
public final class WarmCacheLoop implements CompareLoop {

  /** Calls from one look at the clock to the next. */
  private static final int BATCH = 512;

  private WarmCache<byte[], byte[]> cache;
  private int valueSize;

  /** Called by reflection. */
  public WarmCacheLoop() {}

  @Override
  public void open(Path file, int entries, int valueSize) throws Exception {
    this.valueSize = valueSize;
    int entry = WarmCacheStore.entryBytes(valueSize);
    cache =
        WarmCache.builder(Codec.BYTES, Codec.BYTES)
            .capacity(Math.max(64 << 10, (long) entries * entry / 85 * 100))
            .averageEntryBytes(Math.min(entry, 1 << 16))
            .file(file)
            .open();
    byte[] key = new byte[Entries.KEY_SIZE];
    byte[] value = Entries.value(0, valueSize);
    for (int i = 0; i < entries; i++) {
      Entries.key(i, key);
      Entries.setIndex(value, i);
      cache.put(key, value);
    }
  }

  @Override
  public Turn turn(int[] sequence, int thread) {
    return new Cursor(cache, valueSize, sequence, thread);
  }

  @Override
  public void close() {
    if (cache != null) {
      cache.close();
    }
  }

  /**
   * One thread's loop. What it writes at each call it makes itself at the start of its slice, so
   * that no other thread's is in the same cache line.
   */
  private static final class Cursor implements Turn {
    private final WarmCache<byte[], byte[]> cache;
    private final int valueSize;
    private final int[] sequence;
    private int start;

    Cursor(WarmCache<byte[], byte[]> cache, int valueSize, int[] sequence, int thread) {
      this.cache = cache;
      this.valueSize = valueSize;
      this.sequence = sequence;
      this.start = (int) Entries.mix(thread + 1L);
    }

    @Override
    public long run(Operation operation, long nanos) {
      Slice slice = new Slice(this);
      long began = System.nanoTime();
      long calls = 0;
      do {
        switch (operation) {
          case GET -> slice.gets();
          case PUT -> slice.puts();
          case MIXED -> slice.mixed();
          default -> throw new IllegalArgumentException(operation.toString());
        }
        calls += BATCH;
      } while (System.nanoTime() - began < nanos);
      start = slice.position;
      return calls;
    }
  }

  /** What one thread uses in one slice. */
  private static final class Slice {
    private final WarmCache<byte[], byte[]> cache;
    private final int valueSize;
    private final int[] sequence;
    private final byte[] key = new byte[Entries.KEY_SIZE];
    private final byte[] value;
    private int position;
    private long random;

    Slice(Cursor cursor) {
      cache = cursor.cache;
      valueSize = cursor.valueSize;
      sequence = cursor.sequence;
      value = Entries.value(0, valueSize);
      position = cursor.start;
      random = position;
    }

    void gets() {
      for (int i = 0; i < BATCH; i++) {
        get();
      }
    }

    void puts() {
      for (int i = 0; i < BATCH; i++) {
        put();
      }
    }

    void mixed() {
      for (int i = 0; i < BATCH; i++) {
        random = random * 6364136223846793005L + 1442695040888963407L;
        if ((random >>> 33) % 10 == 0) {
          put();
        } else {
          get();
        }
      }
    }

    private void get() {
      int index = next();
      Entries.check(cache.getIfPresent(key), index, valueSize);
    }

    private void put() {
      Entries.setIndex(value, next());
      cache.put(key, value);
    }

    /** Sets the key and returns its index. */
    private int next() {
      int index = sequence[position++ & sequence.length - 1];
      Entries.key(index, key);
      return index;
    }
  }
}
