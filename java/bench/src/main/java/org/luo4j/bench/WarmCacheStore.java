/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/** WarmCache in a file, whose folder decides whether that is memory. */
final class WarmCacheStore implements Store {

  private final WarmCache<byte[], byte[]> cache;

  WarmCacheStore(StoreSpec spec) {
    int entry = entryBytes(spec.valueSize());
    try {
      cache =
          WarmCache.builder(Codec.BYTES, Codec.BYTES)
              .capacity(Math.max(64 << 10, spec.entries() * entry / 85 * 100))
              .averageEntryBytes(Math.min(entry, 1 << 16))
              .file(spec.directory().resolve("warmcache"))
              .open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What an entry counts as: a header of 12 bytes, key and value, rounded up to 8. */
  static int entryBytes(int valueSize) {
    return (12 + Entries.KEY_SIZE + valueSize + 7) / 8 * 8;
  }

  @Override
  public byte[] get(byte[] key) {
    return cache.getIfPresent(key);
  }

  @Override
  public long readSum(byte[] key) {
    Long sum = cache.read(key, Entries::sum);
    return sum == null ? ABSENT : sum;
  }

  @Override
  public void put(byte[] key, byte[] value) {
    cache.put(key, value);
  }

  @Override
  public long size() {
    return cache.size();
  }

  @Override
  public long memoryBytes() {
    return cache.memoryBytes();
  }

  @Override
  public void close() {
    cache.close();
  }
}
