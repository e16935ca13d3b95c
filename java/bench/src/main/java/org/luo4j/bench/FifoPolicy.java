/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;

/** Evicts what was put first. */
final class FifoPolicy implements CachePolicy {

  private final int capacity;
  private final Set<Long> keys = new HashSet<>();
  private final Queue<Long> queue = new ArrayDeque<>();

  FifoPolicy(int capacity) {
    this.capacity = capacity;
  }

  @Override
  public boolean accessAndPutIfAbsent(long key) {
    if (keys.contains(key)) {
      return true;
    }
    if (keys.size() == capacity) {
      keys.remove(queue.remove());
    }
    keys.add(key);
    queue.add(key);
    return false;
  }
}
