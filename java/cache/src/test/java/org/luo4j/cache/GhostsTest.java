/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GhostsTest {

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 16, 17, 16384, 16385, 1_000_003, 1L << 36})
  void aHashIsRememberedUntilItIsAskedFor(long entries) {
    Ghosts ghosts = new Ghosts(entries);
    for (long hash :
        new long[] {0, -1, 1, Long.MIN_VALUE, Long.MAX_VALUE, 0x1234_5678_9ABC_DEFEL}) {
      assertFalse(ghosts.remove(hash));
      ghosts.add(hash);
      assertTrue(ghosts.remove(hash));
      assertFalse(ghosts.remove(hash));
    }
  }

  @Test
  void manyAreRememberedAndFewAreMistaken() {
    int entries = 100_000;
    Ghosts ghosts = new Ghosts(entries);
    SplittableRandom random = new SplittableRandom(1);
    long[] hashes = random.longs(entries / 10).toArray();
    for (long hash : hashes) {
      ghosts.add(hash);
    }
    int mistaken = 0;
    for (int i = 0; i < entries; i++) {
      mistaken += ghosts.remove(random.nextLong()) ? 1 : 0;
    }
    assertTrue(mistaken < 10, mistaken + " of " + entries);
    int remembered = 0;
    for (long hash : hashes) {
      remembered += ghosts.remove(hash) ? 1 : 0;
    }
    // A newer one takes an older one's place: of a tenth of the table, a twentieth.
    assertTrue(remembered > entries / 10 * 9 / 10, remembered + " of " + hashes.length);
  }
}
