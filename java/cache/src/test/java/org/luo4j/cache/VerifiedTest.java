/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerifiedTest {

  private static final long LARGEST = CacheFormat.Layout.of(CacheShape.LARGEST, 64).mainBytes();

  @ParameterizedTest
  @ValueSource(longs = {4096, 1 << 22, (1 << 22) + 4096, 1L << 33, 1L << 40})
  void onlyWhatWasAddedIsThere(long ringBytes) {
    Verified verified = new Verified(ringBytes);
    SplittableRandom random = new SplittableRandom(ringBytes);
    Set<Long> added = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      long unit = i == 0 ? 0 : i == 1 ? ringBytes / 16 - 1 : random.nextLong(ringBytes / 16);
      verified.add(unit * 16 + i % 2 * 8);
      added.add(unit);
    }
    for (long unit : added) {
      assertTrue(verified.has(unit * 16) && verified.has(unit * 16 + 8), "unit " + unit);
      for (long other : new long[] {unit - 1, unit + 1, unit ^ 64, unit ^ 1 << 12}) {
        if (other >= 0 && other < ringBytes / 16) {
          assertEquals(added.contains(other), verified.has(other * 16), "unit " + other);
        }
      }
    }
  }

  @Test
  void theLargestRingHasAPlaceForItsLastEntry() {
    Verified verified = new Verified(LARGEST);
    assertTrue(LARGEST > 11L << 40);
    assertFalse(verified.has(LARGEST - 16));
    verified.add(LARGEST - 16);
    assertTrue(verified.has(LARGEST - 16));
    assertFalse(verified.has(LARGEST - 32));
    assertFalse(verified.has(0));
  }
}
