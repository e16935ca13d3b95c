/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.luo4j.internal.emulator.Calls.ok;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.ChildJvm;

/** A JVM that is killed at any point leaves a folder that the next one opens. */
class CrashTest {

  private static final int ROUNDS = 30;
  private static final int MOST_STEPS = 150;
  private static final long SEED = 20260101;

  @TempDir Path temporary;

  @Test
  void aKilledJvmLeavesAFolderThatTheNextOneOpens() throws Exception {
    Path folder = temporary.resolve("machine");
    Random random = new Random(SEED);
    long boot = 0;
    int arrived = 0;
    for (int round = 0; round < ROUNDS; round++) {
      int steps = random.nextInt(MOST_STEPS);
      try (ChildJvm child =
          new ChildJvm(CrashLoop.class, folder.toString(), Long.toString(random.nextLong()))) {
        for (int step = 0; step < steps; step++) {
          String line = child.readLine();
          assertFalse(line == null || line.startsWith("broken"), "round " + round + ": " + line);
        }
        child.kill();
        String line;
        while ((line = child.readLine()) != null) {
          assertFalse(line.startsWith("broken"), "round " + round + ": " + line);
        }
      }
      try (Emulator emulator = Emulator.open(folder)) {
        assertTrue(emulator.bootNumber() >= boot, "round " + round);
        boot = emulator.bootNumber();
        arrived += checkFolder(emulator);
      }
    }
    assertTrue(boot > ROUNDS / 2, "reboots: " + boot);
    assertTrue(arrived > 0, "nothing was ever left to arrive");
  }

  /** Checks all that a process that follows relies on; says how many memfds arrived whole. */
  private static int checkFolder(Emulator emulator) throws Exception {
    Path boot = emulator.directory().resolve("boot-" + emulator.bootNumber());
    assertEquals(1, StateFolder.list(boot, "p-*").size(), "the killed process is swept");
    assertEquals(1, StateFolder.list(emulator.directory(), "boot-*").size());
    assertEquals(0, StateFolder.list(emulator.directory(), "*.tmp").size());
    int arrived = 0;
    for (int i = 0; i < 4; i++) {
      boolean there =
          Files.exists(boot.resolve("incoming").resolve(Manifest.hexName(Calls.field("s" + i))));
      int session = Calls.retrieve(emulator, "s" + i);
      assertEquals(there, session >= 0);
      if (there) {
        arrived += CrashLoop.checkArrived(emulator, session);
        ok(emulator.close(session));
      }
      ok(emulator.close(ok(Calls.create(emulator, "s" + i))));
    }
    return arrived;
  }
}
