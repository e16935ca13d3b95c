/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import org.luo4j.cache.WarmCache;

/** A removal of everything, in the journal as one of each key. */
final class Clearing {

  private Clearing() {}

  static void clear(WarmCache<Integer, byte[]> cache, Contest contest, int epoch) {
    Journal journal = contest.journal();
    int keys = contest.series().keys();
    long removed = Op.remove((long) epoch << Worker.EPOCH_SHIFT);
    for (int key = 0; key < keys; key++) {
      journal.intend(key, removed);
    }
    cache.invalidateAll();
    for (int key = 0; key < keys; key++) {
      journal.acknowledge(key, removed);
    }
  }
}
