/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.file.Path;
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
}
