/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.luo4j.internal.bridge.Errno.ENOSYS;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The socket calls, none of which the emulator has. */
class SocketsTest {

  @Test
  void everySocketCallIsENOSYS(@TempDir Path folder) throws Exception {
    try (Emulator emulator = Emulator.open(folder.resolve("machine"))) {
      byte[] bytes = {'x'};
      int[] none = {};
      assertEquals(-ENOSYS, emulator.sendTo(bytes, bytes, none, 1));
      assertEquals(-ENOSYS, emulator.bind(bytes));
      assertEquals(-ENOSYS, emulator.listen(bytes, 1));
      assertEquals(-ENOSYS, emulator.connect(bytes, 1));
      assertEquals(-ENOSYS, emulator.accept(0));
      assertEquals(-ENOSYS, emulator.send(0, bytes, none));
      assertEquals(-ENOSYS, emulator.receive(0, bytes, none));
      assertEquals(-ENOSYS, emulator.peer(0, new int[3]));
      assertEquals(-ENOSYS, emulator.setTimeout(0, 1));
      assertEquals(-ENOSYS, emulator.shutdown(0));
    }
  }
}
