/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.luo4j.testing.ChildJvm;

/**
 * A JVM that is killed in the middle of a call of the API leaves nothing that stops the next one.
 */
class KilledInACallTest {

  @TempDir Path temporary;

  @ParameterizedTest
  @EnumSource
  void theNextJvmGoesOn(ApiLoop.Call call) throws IOException {
    Path folder = temporary.resolve("machine");
    int calls = 1 + new Random(call.ordinal()).nextInt(60);
    try (ChildJvm child = new ChildJvm(ApiLoop.class, call.name(), folder.toString())) {
      for (int i = 0; i < calls; i++) {
        assertNotNull(child.readLine(), "the child ended by itself");
      }
      child.kill();
    }
    LiveUpdate luo = Emulated.in(folder);
    Session session = luo.createSession("after");
    try (MemFd memfd = session.preserveNew(MemFdOptions.named("after").size(4096), 1);
        MemoryRegion region = memfd.map()) {
      region.putLong(8, call.ordinal());
    }
    luo.emulateKexec();
    LiveUpdate next = Emulated.in(folder);
    try (Session arrived = next.retrieveSession("after");
        MemFd memfd = arrived.retrieve(1);
        MemoryRegion region = memfd.map()) {
      assertEquals(call.ordinal(), region.getLong(8));
    }
  }
}
