/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.caffinitas.ohc.CacheSerializer;
import org.caffinitas.ohc.DirectValueAccess;
import org.caffinitas.ohc.OHCache;
import org.caffinitas.ohc.OHCacheBuilder;

/** OHC with its defaults: linked entries, LRU. */
final class OhcStore implements Store {

  private static final CacheSerializer<byte[]> BYTES =
      new CacheSerializer<>() {
        @Override
        public void serialize(byte[] bytes, ByteBuffer buffer) {
          buffer.put(bytes);
        }

        @Override
        public byte[] deserialize(ByteBuffer buffer) {
          byte[] bytes = new byte[buffer.remaining()];
          buffer.get(bytes);
          return bytes;
        }

        @Override
        public int serializedSize(byte[] bytes) {
          return bytes.length;
        }
      };

  private final OHCache<byte[], byte[]> cache;

  OhcStore(StoreSpec spec) {
    cache =
        OHCacheBuilder.<byte[], byte[]>newBuilder()
            .keySerializer(BYTES)
            .valueSerializer(BYTES)
            .capacity(2 * spec.payload() + 256 * spec.entries())
            .build();
  }

  @Override
  public byte[] get(byte[] key) {
    return cache.get(key);
  }

  @Override
  public void put(byte[] key, byte[] value) {
    if (!cache.put(key, value)) {
      throw new IllegalStateException("OHC refused a put, with " + cache.freeCapacity() + " free");
    }
  }

  @Override
  public long readSum(byte[] key) {
    try (DirectValueAccess value = cache.getDirect(key)) {
      return value == null ? ABSENT : Entries.sum(value.buffer());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public long size() {
    return cache.size();
  }

  @Override
  public long memoryBytes() {
    return cache.memUsed();
  }

  @Override
  public void close() {
    try {
      cache.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
