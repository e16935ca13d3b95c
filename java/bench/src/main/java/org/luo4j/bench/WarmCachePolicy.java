/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/** What WarmCache itself does, with values of 1 KiB, and a capacity that holds so many of them. */
final class WarmCachePolicy implements CachePolicy {

  private static final byte[] VALUE = new byte[1024];

  /** A header of 12 bytes, a key of 8, the value, rounded up to 8. */
  private static final int ENTRY = 1048;

  private final Path directory;
  private final WarmCache<Long, byte[]> cache;

  WarmCachePolicy(int entries) {
    try {
      directory = Folders.temporary("policy");
      cache =
          WarmCache.builder(Codec.LONG, Codec.BYTES)
              .capacity(Math.max(64 << 10, ((long) entries * ENTRY + 8) / 9 * 10 + 10))
              .averageEntryBytes(ENTRY)
              .file(directory.resolve("warmcache"))
              .open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public boolean accessAndPutIfAbsent(long key) {
    if (cache.getIfPresent(key) != null) {
      return true;
    }
    cache.put(key, VALUE);
    return false;
  }

  @Override
  public void close() {
    try {
      cache.close();
      Folders.delete(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
