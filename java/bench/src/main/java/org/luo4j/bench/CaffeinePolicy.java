/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;

/** Caffeine, with its maintenance done in the calling thread. */
final class CaffeinePolicy implements CachePolicy {

  private final Cache<Long, Boolean> cache;

  CaffeinePolicy(int capacity) {
    cache = Caffeine.newBuilder().maximumSize(capacity).executor(Runnable::run).build();
  }

  @Override
  public boolean accessAndPutIfAbsent(long key) {
    if (cache.getIfPresent(key) != null) {
      return true;
    }
    cache.put(key, Boolean.TRUE);
    return false;
  }
}
