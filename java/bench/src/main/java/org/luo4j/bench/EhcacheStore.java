/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.ByteBuffer;
import org.ehcache.Cache;
import org.ehcache.CacheManager;
import org.ehcache.config.builders.CacheConfigurationBuilder;
import org.ehcache.config.builders.CacheManagerBuilder;
import org.ehcache.config.builders.ResourcePoolsBuilder;
import org.ehcache.config.units.MemoryUnit;
import org.ehcache.core.internal.statistics.DefaultStatisticsService;
import org.ehcache.core.spi.service.StatisticsService;
import org.ehcache.core.statistics.TierStatistics;
import org.ehcache.spi.serialization.Serializer;

/** Ehcache with one tier: off-heap, or a disk tier that comes back after a clean close. */
final class EhcacheStore implements Store {

  private static final String NAME = "bench";
  private static final long MIB = 1 << 20;

  private final StatisticsService statistics = new DefaultStatisticsService();
  private final boolean disk;
  private final CacheManager manager;
  private final Cache<HeapKey, byte[]> cache;

  EhcacheStore(StoreSpec spec, boolean disk) {
    this.disk = disk;
    long mebibytes = (2 * spec.payload() + 300 * spec.entries()) / MIB + 16;
    ResourcePoolsBuilder pools = ResourcePoolsBuilder.newResourcePoolsBuilder();
    var cacheConfiguration =
        CacheConfigurationBuilder.newCacheConfigurationBuilder(
                HeapKey.class,
                byte[].class,
                disk
                    ? pools.disk(mebibytes, MemoryUnit.MB, true)
                    : pools.offheap(mebibytes, MemoryUnit.MB))
            .withKeySerializer(new KeySerializer());
    var builder =
        CacheManagerBuilder.newCacheManagerBuilder()
            .using(statistics)
            .withCache(NAME, cacheConfiguration);
    manager =
        disk
            ? builder
                .with(CacheManagerBuilder.persistence(spec.directory().resolve("ehcache").toFile()))
                .build(true)
            : builder.build(true);
    cache = manager.getCache(NAME, HeapKey.class, byte[].class);
  }

  @Override
  public byte[] get(byte[] key) {
    return cache.get(new HeapKey(key));
  }

  @Override
  public void put(byte[] key, byte[] value) {
    if (disk) {
      // Written later by another thread, from these arrays.
      cache.put(new HeapKey(key.clone()), value.clone());
    } else {
      cache.put(new HeapKey(key), value);
    }
  }

  @Override
  public long size() {
    return tier().getMappings();
  }

  @Override
  public long memoryBytes() {
    return tier().getOccupiedByteSize();
  }

  private TierStatistics tier() {
    return statistics.getCacheStatistics(NAME).getTierStatistics().get(disk ? "Disk" : "OffHeap");
  }

  @Override
  public void close() {
    manager.close();
  }

  private static final class KeySerializer implements Serializer<HeapKey> {
    @Override
    public ByteBuffer serialize(HeapKey key) {
      return ByteBuffer.wrap(key.bytes);
    }

    @Override
    public HeapKey read(ByteBuffer buffer) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      return new HeapKey(bytes);
    }

    @Override
    public boolean equals(HeapKey key, ByteBuffer buffer) {
      return ByteBuffer.wrap(key.bytes).equals(buffer);
    }
  }
}
