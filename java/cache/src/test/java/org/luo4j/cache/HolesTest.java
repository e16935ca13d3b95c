/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class HolesTest {

  private final Holes holes = new Holes();

  private void advance(int periods) {
    for (int i = 0; i < periods; i++) {
      holes.advance();
    }
  }

  @Test
  void aPlaceIsGivenOnceAfterTwoPeriods() {
    holes.add(800, 64);
    assertEquals(-1, holes.take(64, 0));
    holes.advance();
    assertEquals(-1, holes.take(64, 0), "a reader of the period before may be there");
    holes.advance();
    assertEquals(800, holes.take(64, 0));
    assertEquals(-1, holes.take(64, 0));
  }

  @Test
  void onlyAPlaceOfTheSameSizeIsGiven() {
    holes.add(0, 64);
    advance(2);
    assertEquals(-1, holes.take(56, 0));
    assertEquals(-1, holes.take(72, 0));
    assertEquals(0, holes.take(64, 0));
    holes.add(64, 64 + 128 * 8); // of the same class
    advance(2);
    assertEquals(-1, holes.take(64, 0));
    assertEquals(-1, holes.take(64 + 128 * 8, 0), "forgotten by the search");
  }

  @Test
  void anOldPlaceIsNotGiven() {
    holes.add(800, 64);
    advance(2);
    assertEquals(-1, holes.take(64, 801));
    holes.add(800, 64);
    advance(2);
    assertEquals(800, holes.take(64, 800));
  }

  @Test
  void theLastPlaceIsGivenFirst() {
    holes.add(800, 64);
    holes.add(1600, 64);
    holes.advance();
    holes.add(2400, 64);
    advance(2);
    assertEquals(2400, holes.take(64, 0));
    assertEquals(1600, holes.take(64, 0));
    assertEquals(800, holes.take(64, 0));
  }

  @Test
  void moreThanItKeepsAreForgotten() {
    for (int i = 0; i < 200; i++) {
      holes.add(i * 16L, 16 + i % 8 * 8); // 64 of a period, 8 of each size
    }
    for (int i = 0; i < 64; i++) {
      holes.advance();
      holes.add(8000 + i * 16L, 2000); // 16 of a size
    }
    advance(2);
    for (int size = 16; size < 80; size += 8) {
      int given = 0;
      while (holes.take(size, 0) >= 0) {
        given++;
      }
      assertEquals(8, given);
    }
    int given = 0;
    while (holes.take(2000, 0) >= 0) {
      given++;
    }
    assertEquals(16, given);
  }

  @Test
  void allAreForgottenAtOnce() {
    holes.add(0, 64);
    advance(2);
    holes.add(64, 64);
    holes.advance();
    holes.add(128, 64);
    holes.clear();
    advance(2);
    assertEquals(-1, holes.take(64, 0));
  }

  @Test
  void whereThereIsNoneNoneIsGiven() {
    for (int size = 16; size < 4096; size += 8) {
      assertEquals(-1, holes.take(size, 0));
      assertEquals(-1, holes.take(size, 0));
    }
    for (int i = 0; i < 16; i++) {
      holes.add(i * 1000L, 1024);
    }
    advance(2);
    assertEquals(-1, holes.take(1032, 0));
    holes.add(77_000, 1032);
    advance(2);
    assertEquals(77_000, holes.take(1032, 0));
    for (int i = 15; i >= 0; i--) {
      assertEquals(i * 1000L, holes.take(1024, 0));
    }
  }
}
