/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.LinkedHashMap;

/** Evicts what was not accessed for the longest time. */
final class LruPolicy implements CachePolicy {

  private final int capacity;
  private final LinkedHashMap<Long, Boolean> keys = new LinkedHashMap<>(16, 0.75f, true);

  LruPolicy(int capacity) {
    this.capacity = capacity;
  }

  @Override
  public boolean accessAndPutIfAbsent(long key) {
    if (keys.get(key) != null) {
      return true;
    }
    if (keys.size() == capacity) {
      var eldest = keys.entrySet().iterator();
      eldest.next();
      eldest.remove();
    }
    keys.put(key, Boolean.TRUE);
    return false;
  }
}
