/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.Examples;
import org.luo4j.testing.NamedTests;

/** Compiles and runs the examples of WarmCache's page, in its order, on the emulator. */
class PageTest {

  @TempDir Path folder;

  @BeforeEach
  void emulate() {
    System.setProperty(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    System.setProperty(LiveUpdate.EMULATOR_DIR_PROPERTY, folder.resolve("emulator").toString());
  }

  @AfterEach
  void stopEmulating() {
    System.clearProperty(LiveUpdate.BRIDGE_PROPERTY);
    System.clearProperty(LiveUpdate.EMULATOR_DIR_PROPERTY);
  }

  @Test
  void theExamplesDoWhatTheySay() throws Exception {
    String page = Files.readString(Path.of("README.md"));
    List<String> blocks = Examples.blocks(page.replace("/dev/shm", "" + folder));
    assertEquals(7, blocks.size());
    assertEquals("COLD\n", run(blocks.get(0)));
    assertEquals("WARM_AFTER_RESTART\n", run(blocks.get(0)));
    assertEquals("COLD\n", run(blocks.get(1)));
    LiveUpdate.open().emulateKexec();
    assertEquals("WARM_AFTER_KEXEC\n", run(blocks.get(1)));
    LiveUpdate.open().emulateKexec(); // the example's process ends with its cache open
    assertEquals("5 bytes, the first is 72\n", run(blocks.get(2)));
    assertEquals("3.20\noffer is gone: REPLACED\n0 hits, 1 misses\n", run(blocks.get(3)));
    String gone = "offer is gone: REPLACED\n";
    assertEquals("3.20\n" + gone + gone + "1 hits, 0 misses\n", run(blocks.get(3)));
    assertEquals("1 entries, clean: true\n", run(blocks.get(4)));
    assertEquals("2026-01-31\n", run(blocks.get(5)));
    assertEquals("WARM_AFTER_KEXEC value\n", run(blocks.get(6)));
    LiveUpdate.open().emulateKexec(); // ends the cache that the second example leaves open
  }

  @Test
  void theTestsItNamesExist() throws Exception {
    List<String> names = NamedTests.in(Files.readString(Path.of("README.md")));
    assertTrue(names.size() > 40, names::toString);
    assertEquals(List.of(), NamedTests.missing(Path.of("../.."), names));
  }

  private String run(String block) throws Exception {
    String statements =
        block.replace(
            "createTempDirectory(",
            "createTempDirectory(java.nio.file.Path.of(\"" + folder + "\"), ");
    return Examples.run(folder, List.of(LiveUpdate.class, WarmCache.class), statements);
  }
}
