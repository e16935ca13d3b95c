/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SIGKILL at random moments: what was acknowledged is there, and nothing is torn. */
class KillTest {

  private static final int ROUNDS = 15;

  @TempDir Path folder;

  @Test
  void whatWasAcknowledgedSurvivesBeingKilled() throws IOException, InterruptedException {
    Path file = folder.resolve("cache");
    SplittableRandom random = new SplittableRandom(15);
    Map<Integer, Integer> acknowledged = new HashMap<>();
    int version = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Process writer =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx256m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  KilledWriter.class.getName(),
                  file.toString(),
                  Long.toString(round),
                  Integer.toString(version))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      int killAfter = 1 + random.nextInt(40_000);
      try (BufferedReader out =
          new BufferedReader(new InputStreamReader(writer.getInputStream()))) {
        String start = out.readLine();
        assertNotNull(start, "the writer ended at once");
        assertTrue(start.startsWith(round == 0 ? "COLD" : "WARM"), start);
        int acks = 0;
        String line;
        while ((line = out.readLine()) != null) {
          if (++acks == killAfter) {
            writer.toHandle().destroyForcibly(); // leaves its output to be read
          }
          String[] words = line.split(" ");
          if (words.length == 2 && !words[1].isEmpty()) {
            int acked = Integer.parseInt(words[1]);
            acknowledged.put(Integer.valueOf(words[0]), acked);
            version = Math.max(version, acked);
          }
        }
      }
      assertFalse(writer.waitFor() == 0);
      check(file, acknowledged);
      version += 10; // above one that was put and not acknowledged
    }
  }

  private static void check(Path file, Map<Integer, Integer> acknowledged) throws IOException {
    try (WarmCache<Integer, byte[]> cache = KilledWriter.open(file)) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
      int ahead = 0;
      for (int key = 0; key < KilledWriter.KEYS; key++) {
        byte[] value = cache.getIfPresent(key);
        int found = 0;
        if (value != null) {
          ByteBuffer words = ByteBuffer.wrap(value);
          found = (int) words.getLong(0);
          while (words.hasRemaining()) {
            assertEquals(found, words.getLong(), "a torn value of key " + key);
          }
        }
        int expected = acknowledged.getOrDefault(key, 0);
        if (found != expected) {
          // One call may have been done and not acknowledged, or its line cut by the kill.
          ahead++;
          assertTrue(found == 0 || found > expected, "key " + key + ": " + found);
          acknowledged.put(key, found);
        }
      }
      assertTrue(ahead <= 1, ahead + " keys are not as acknowledged");
      assertEquals(0, cache.stats().corruptions());
      assertEquals(0, cache.stats().evictions());
    }
  }
}
