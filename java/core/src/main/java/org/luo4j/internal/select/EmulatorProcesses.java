/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.luo4j.internal.emulator.Emulator;

/**
 * This class loader's processes on emulated machines: one for each state folder. A process ends
 * with the JVM, or when the class loader is collected; it leaves a folder that the next process
 * sweeps.
 */
final class EmulatorProcesses {

  private static final Map<Path, Emulator> OPEN = new HashMap<>();

  private EmulatorProcesses() {}

  /** The process that is open on the folder, or, when its kernel is gone, one of the new kernel. */
  static synchronized Emulator open(Path directory) throws IOException {
    Path key = directory.toAbsolutePath().normalize();
    Emulator emulator = OPEN.get(key);
    if (emulator != null && emulator.isAlive()) {
      return emulator;
    }
    emulator = Emulator.open(directory);
    OPEN.put(key, emulator);
    return emulator;
  }
}
