/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;

/** What the API's tests open. */
final class Emulated {

  private Emulated() {}

  /** A LiveUpdate on an emulated machine whose state is in a folder. */
  static LiveUpdate in(Path folder) {
    return LiveUpdate.builder().bridge(BridgeType.EMULATOR).emulatorDirectory(folder).open();
  }

  /** A LiveUpdate over any bridge; the folder is used if it is the emulator. */
  static LiveUpdate by(BridgeType bridge, Path folder) {
    if (bridge == BridgeType.JNI) {
      JniLibrary.assumeBuilt();
    }
    return bridge == BridgeType.EMULATOR ? in(folder) : LiveUpdate.builder().bridge(bridge).open();
  }

  /** Closes what a test has opened, where a kexec that it played has not. */
  static void close(Iterable<? extends AutoCloseable> opened) throws Exception {
    for (AutoCloseable each : opened) {
      try {
        each.close();
      } catch (LuoException e) {
        assertEquals(Errno.EBADF, e.errno(), e.getMessage());
      }
    }
  }
}
