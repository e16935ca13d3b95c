/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.BridgeType;
import org.luo4j.Handover;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.internal.select.Selection;

/** Live updates that go wrong, on the emulator: what the service has then, and what it is told. */
class FailureDrillTest {

  @TempDir Path machine;

  private Emulator emulator() throws IOException {
    return Selection.emulator(machine, List.of()).emulator();
  }

  private LiveUpdate luo() {
    return LiveUpdate.builder().bridge(BridgeType.EMULATOR).emulatorDirectory(machine).open();
  }

  private WarmCache<String, String> open(LiveUpdate luo) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(1 << 20)
        .handover(Handover.builder().luo(luo).open(), "cache")
        .open();
  }

  @Test
  void aKexecThatIsAbortedLeavesTheServiceAsItWas() throws IOException {
    LiveUpdate luo = luo();
    WarmCache<String, String> cache = open(luo);
    cache.put("before", "1");
    emulator().failNextKexec(Errno.EBUSY);
    assertThrows(LuoException.class, luo::emulateKexec);
    assertEquals("1", cache.getIfPresent("before"));
    cache.put("after", "2");
    luo.emulateKexec();
    try (WarmCache<String, String> warm = open(luo())) {
      assertEquals(Start.Kind.WARM_AFTER_KEXEC, warm.start().kind());
      assertEquals("1", warm.getIfPresent("before"));
      assertEquals("2", warm.getIfPresent("after"), "put after the attempt");
      assertEquals(0, warm.verify().damaged());
    }
  }

  @Test
  void aKernelThatCannotReadWhatItsPredecessorLeftIsAColdStartWithTheReason() throws IOException {
    LiveUpdate luo = luo();
    open(luo).put("key", "value");
    luo.emulateKexec();
    LiveUpdate next = luo();
    emulator().refuseIncoming();
    try (WarmCache<String, String> cold = open(next)) {
      assertEquals(Start.Kind.COLD, cold.start().kind());
      assertTrue(cold.start().reason().contains("EIO"), cold.start().reason());
      assertNull(cold.getIfPresent("key"));
      cold.put("key", "new");
      assertEquals("new", cold.getIfPresent("key"), "it works, and is kept by nobody");
    }
  }

  @Test
  void memoryThatIsLostOnTheWayIsAColdStartWithTheReason() throws IOException {
    LiveUpdate luo = luo();
    open(luo).put("key", "value");
    luo.emulateKexec();
    LiveUpdate next = luo();
    emulator().failNextRetrieve("cache", 1, Errno.ENOMEM);
    try (WarmCache<String, String> cold = open(next)) {
      assertEquals(Start.Kind.COLD, cold.start().kind());
      assertTrue(cold.start().reason().contains("ENOMEM"), cold.start().reason());
    }
  }
}
