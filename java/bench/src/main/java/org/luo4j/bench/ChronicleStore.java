/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import net.openhft.chronicle.bytes.RandomDataInput;
import net.openhft.chronicle.hash.Data;
import net.openhft.chronicle.map.ChronicleMap;
import net.openhft.chronicle.map.ChronicleMapBuilder;
import net.openhft.chronicle.map.ExternalMapQueryContext;
import net.openhft.chronicle.map.MapEntry;

/** Chronicle Map, in memory or persisted in a mapped file. */
final class ChronicleStore implements Store {

  private final ChronicleMap<byte[], byte[]> map;

  ChronicleStore(StoreSpec spec, boolean persisted) {
    ChronicleMapBuilder<byte[], byte[]> builder =
        ChronicleMapBuilder.of(byte[].class, byte[].class)
            .name("bench")
            .constantKeySizeBySample(new byte[Entries.KEY_SIZE])
            .averageValueSize(spec.valueSize())
            .entries(spec.entries())
            .putReturnsNull(true);
    try {
      map =
          persisted
              ? builder.createPersistedTo(spec.directory().resolve("chronicle.dat").toFile())
              : builder.create();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public byte[] get(byte[] key) {
    return map.get(key);
  }

  @Override
  public void put(byte[] key, byte[] value) {
    map.put(key, value);
  }

  @Override
  public long readSum(byte[] key) {
    try (ExternalMapQueryContext<byte[], byte[], ?> context = map.queryContext(key)) {
      context.readLock().lock();
      MapEntry<byte[], byte[]> entry = context.entry();
      if (entry == null) {
        return ABSENT;
      }
      Data<byte[]> value = entry.value();
      RandomDataInput bytes = value.bytes();
      long sum = 0;
      long end = value.offset() + value.size() - 8;
      for (long i = value.offset(); i <= end; i += 8) {
        sum += bytes.readLong(i);
      }
      return sum;
    }
  }

  @Override
  public long size() {
    return map.longSize();
  }

  @Override
  public long memoryBytes() {
    return map.offHeapMemoryUsed();
  }

  @Override
  public void close() {
    map.close();
  }
}
