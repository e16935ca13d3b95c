/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.Effort;
import org.luo4j.testing.JniLibrary;

/** A few rounds of each mode of scripts/torture.sh. */
class ModesTest {

  @TempDir Path folder;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  private static void run(Mode mode, int rounds) throws IOException, InterruptedException {
    try (mode) {
      for (int round = 0; round < rounds; round++) {
        mode.round();
        assertEquals(List.of(), mode.tally().findings().takeTexts(), mode.how());
      }
    }
    assertTrue(mode.tally().entriesChecked() > 0, mode.tally().summary());
  }

  private Rounds rounds(Rounds.Kinds kind, int roundsOfJvm) {
    return new Rounds(kind, folder, folder, Jvm.Command.ANY, 1, roundsOfJvm);
  }

  /** A tmpfs on a folder. A build that may not mount one skips the test. */
  private static SmallTmpfs tmpfs(Path place, long bytes) {
    try {
      return new SmallTmpfs(place, bytes);
    } catch (IOException e) {
      assumeTrue(false, e.getMessage());
      throw new AssertionError(e);
    }
  }

  @Test
  void closedUnderLoadAndOpenedAgain() throws IOException, InterruptedException {
    run(rounds(Rounds.Kinds.CLOSE, 4), Effort.of(8, 2));
  }

  @Test
  void closedUnderLoadAndOpenedByAnotherJvm() throws IOException, InterruptedException {
    run(new Successions(folder, 1), Effort.of(20, 2));
  }

  @Test
  void stoppedWhileAnotherJvmOpensIt() throws IOException, InterruptedException {
    run(new Stops(folder, 1), Effort.of(12, 2));
  }

  @Test
  void onATmpfsThatOthersFill() throws IOException, InterruptedException {
    Path place = Files.createDirectory(folder.resolve("full"));
    try (SmallTmpfs tmpfs = tmpfs(place, Fills.BYTES)) {
      run(
          new Rounds(Rounds.Kinds.FULL, folder, place, Jvm.Command.ANY.under(tmpfs.inside()), 1, 6),
          Effort.of(12, 2));
    }
  }

  @Test
  void belowACgroupsLimit() throws IOException, InterruptedException {
    Cgroup cgroup;
    try {
      cgroup = new Cgroup(Limits.BYTES);
    } catch (IOException e) {
      assumeTrue(false, e.getMessage());
      return;
    }
    // A disk's cache is not what a limit is about: the files lie in memory.
    Path place = Folders.create();
    try (cgroup) {
      run(
          new Rounds(Rounds.Kinds.LIMIT, place, place, Limits.COMMAND.under(cgroup.inside()), 1),
          Effort.of(12, 2));
    } finally {
      Folders.delete(place);
    }
  }

  @Test
  void cutShortDeletedOrReplaced() throws IOException, InterruptedException {
    run(rounds(Rounds.Kinds.TRUNCATE, 8), Effort.of(24, 2));
  }

  @Test
  void whileTheWallClockJumps() throws IOException, InterruptedException {
    run(new Clocks(folder, 1), Effort.of(20, 2));
  }

  @Test
  void aServicesLives() throws IOException, InterruptedException {
    Path notes = Files.createDirectory(folder.resolve("notes"));
    Path place = Files.createDirectory(folder.resolve("caches"));
    try (SmallTmpfs tmpfs = tmpfs(place, Soak.BYTES)) {
      run(
          new Soak(notes, place, tmpfs.seenFromOutside(), Jvm.Command.ANY.under(tmpfs.inside()), 1),
          Effort.of(5, 2));
    }
  }
}
