/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Queue;

/**
 * S3-FIFO as in "FIFO queues are all you need for cache eviction" (SOSP 2023), algorithm 1. New
 * keys enter a small queue of a tenth of the entries. One that was accessed more than once while
 * there goes on to the main queue when its turn comes, with its counter cleared; any other leaves
 * the cache and is remembered in a ghost queue, as long as the main queue, from which it enters the
 * main queue at once when it is put again. The main queue gives those that were accessed another
 * turn, and counts them down. Counters are of two bits.
 */
final class S3FifoPolicy implements CachePolicy {

  private static final int MOST = 3;

  private final int capacity;
  private final int smallCapacity;
  private final int mainCapacity;
  private final Map<Long, Entry> entries = new HashMap<>();
  private final Queue<Entry> small = new ArrayDeque<>();
  private final Queue<Entry> main = new ArrayDeque<>();
  private final LinkedHashSet<Long> ghosts = new LinkedHashSet<>();

  private static final class Entry {
    final long key;
    int frequency;

    Entry(long key) {
      this.key = key;
    }
  }

  S3FifoPolicy(int capacity) {
    this.capacity = capacity;
    this.smallCapacity = Math.max(1, capacity / 10);
    this.mainCapacity = capacity - smallCapacity;
  }

  @Override
  public boolean accessAndPutIfAbsent(long key) {
    Entry entry = entries.get(key);
    if (entry != null) {
      entry.frequency = Math.min(entry.frequency + 1, MOST);
      return true;
    }
    while (entries.size() >= capacity) {
      if (small.size() >= smallCapacity) {
        evictFromSmall();
      } else {
        evictFromMain();
      }
    }
    entry = new Entry(key);
    entries.put(key, entry);
    (ghosts.remove(key) ? main : small).add(entry);
    return false;
  }

  private void evictFromSmall() {
    while (!small.isEmpty()) {
      Entry oldest = small.remove();
      if (oldest.frequency <= 1) {
        entries.remove(oldest.key);
        remember(oldest.key);
        return;
      }
      if (mainCapacity > 0 && main.size() >= mainCapacity) {
        evictFromMain();
      }
      oldest.frequency = 0;
      main.add(oldest);
    }
  }

  private void evictFromMain() {
    while (!main.isEmpty()) {
      Entry oldest = main.remove();
      if (oldest.frequency == 0) {
        entries.remove(oldest.key);
        return;
      }
      oldest.frequency--;
      main.add(oldest);
    }
  }

  private void remember(long key) {
    if (ghosts.size() >= Math.max(1, mainCapacity)) {
      Iterator<Long> eldest = ghosts.iterator();
      eldest.next();
      eldest.remove();
    }
    ghosts.add(key);
  }
}
