/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.Effort;

/** A short run of what scripts/stress.sh does. */
class StressTest {

  private static final long CAPACITY = 1 << 20;
  private static final long CALLS = Effort.of(50_000, 10_000);

  @TempDir Path folder;

  @Test
  void withinCapacityEveryLookupFindsTheLastOrANewerValue() throws Exception {
    run(true);
  }

  @Test
  void beyondCapacityEveryLookupFindsTheLastOrANewerValueOrNothing() throws Exception {
    assertTrue(run(false).evictions() > 0);
  }

  private Stress run(boolean within) throws Exception {
    Stress stress = new Stress(folder.resolve("cache"), 5);
    for (int series = 0; series < 3; series++) {
      String text = stress.run(CAPACITY, within, call -> call < CALLS);
      assertEquals(List.of(), stress.findings().takeTexts(), text);
    }
    return stress;
  }
}
