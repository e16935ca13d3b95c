/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.Effort;

/** A short run of what scripts/torture.sh does for as long as one likes. */
class TortureTest {

  private static final int ROUNDS = Effort.of(6, 4);
  private static final int CACHES = Effort.of(4, 1);

  @TempDir Path folder;

  @Test
  void whatWasAcknowledgedSurvivesBeingKilled() throws IOException, InterruptedException {
    Kills kills = new Kills(folder, 15, 0);
    for (int series = 0; series < 3; series++) {
      kills.newSeries();
      for (int round = 0; round < ROUNDS; round++) {
        kills.round();
        assertEquals(List.of(), kills.findings().takeTexts(), kills.series().toString());
      }
    }
    assertTrue(kills.entriesChecked() > 0, kills.summary());
  }

  @Test
  void damagedFilesGiveTheLastValueOrNothing() throws IOException, InterruptedException {
    Damages damages = new Damages(folder);
    for (int seed = 0; seed < CACHES; seed++) {
      damages.run(seed, 64 << 10, 50);
      assertEquals(List.of(), damages.findings().takeTexts(), damages.lastCommand());
    }
  }
}
