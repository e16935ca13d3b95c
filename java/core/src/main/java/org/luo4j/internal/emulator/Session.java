/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import org.luo4j.internal.bridge.Abi;

/** A session that this process has open: outgoing or incoming. Its emulator locks. */
abstract class Session extends OpenFile {

  final Kernel kernel;
  private final String hexName;

  Session(Kernel kernel, String hexName) {
    this.kernel = kernel;
    this.hexName = hexName;
  }

  final String hexName() {
    return hexName;
  }

  @Override
  final String describe() {
    return Abi.SESSION_LINK + Manifest.readableName(hexName);
  }

  @Override
  final int ioctl(int request, byte[] argument) throws IOException {
    return Ioctl.onSession(kernel, this, request, argument);
  }
}
