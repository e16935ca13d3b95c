/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.testing.JniLibrary;

/** The device that one process at a time can have: waiting for it, and giving up. */
class DeviceBusyTest {

  @TempDir Path folder;

  private LiveUpdate luo(Duration timeout) {
    return LiveUpdate.builder()
        .provider(Provider.EMULATOR)
        .emulatorDirectory(folder)
        .deviceTimeout(timeout)
        .open();
  }

  @Test
  void aDeviceThatStaysBusyIsSaidAtTheDeadline() throws Exception {
    try (Emulator other = Emulator.open(folder)) {
      assertTrue(other.openDevice() >= 0);
      LiveUpdate once = luo(Duration.ZERO);
      LuoException.DeviceBusy e =
          assertThrows(LuoException.DeviceBusy.class, () -> once.createSession("busy"));
      assertEquals(Errno.EBUSY, e.errno());
      assertEquals("open device", e.operation());
      assertTrue(e.getMessage().contains("fuser"), e.getMessage());
      assertThrows(
          LuoException.DeviceBusy.class, () -> luo(Duration.ofMillis(30)).retrieveSession("busy"));
    }
  }

  @Test
  void aDeviceThatBecomesFreeIsWaitedFor() throws Exception {
    try (Emulator other = Emulator.open(folder)) {
      int device = other.openDevice();
      LiveUpdate patient = luo(Duration.ofMinutes(5));
      ExecutorService threads = Executors.newSingleThreadExecutor();
      try {
        Future<Session> session = threads.submit(() -> patient.createSession("waited"));
        other.close(device);
        try (Session waited = session.get()) {
          assertEquals("waited", waited.name());
        }
      } finally {
        threads.shutdownNow();
      }
    }
  }

  @Test
  void aThreadThatWaitsForItKeepsOthersBusyAndIsNamed() throws Exception {
    ExecutorService threads = Executors.newSingleThreadExecutor();
    try (Emulator other = Emulator.open(folder)) {
      int device = other.openDevice();
      LiveUpdate patient = luo(Duration.ofMinutes(5));
      Future<Session> session = threads.submit(() -> patient.createSession("waited"));
      LiveUpdate once = luo(Duration.ofMillis(1));
      String said = "";
      for (int i = 0; i < 10_000 && !said.contains("another thread of this JVM"); i++) {
        said =
            assertThrows(LuoException.DeviceBusy.class, () -> once.createSession("busy"))
                .getMessage();
      }
      assertTrue(said.contains("another thread of this JVM uses it, waited PT0.001S"), said);
      other.close(device);
      session.get().close();
      once.createSession("busy").close();
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void anInterruptedThreadWaitsToTheDeadline() throws Exception {
    try (Emulator other = Emulator.open(folder)) {
      assertTrue(other.openDevice() >= 0);
      LiveUpdate patient = luo(Duration.ofMillis(30));
      Thread.currentThread().interrupt();
      LuoException.DeviceBusy e =
          assertThrows(LuoException.DeviceBusy.class, () -> patient.createSession("interrupted"));
      assertTrue(Thread.interrupted());
      assertEquals(Errno.EBUSY, e.errno());
      assertTrue(e.getMessage().contains("waited PT0.03S"), e.getMessage());
    }
  }

  @Test
  void threadsOfOneJvmTakeTurns() throws Exception {
    LiveUpdate shared = luo(Duration.ofMinutes(5));
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<String>> calls = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        String name = "turn-" + i;
        calls.add(
            () -> {
              try (Session session = shared.createSession(name)) {
                return session.name();
              }
            });
      }
      for (Future<String> call : threads.invokeAll(calls)) {
        assertTrue(call.get().startsWith("turn-"));
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void aNegativeTimeoutIsRefused() {
    LiveUpdate.Builder builder = LiveUpdate.builder();
    assertThrows(IllegalArgumentException.class, () -> builder.deviceTimeout(Duration.ofNanos(-1)));
  }

  @Test
  void settingTwiceIsRefused() {
    LiveUpdate.Builder builder = LiveUpdate.builder().deviceTimeout(Duration.ZERO);
    assertThrows(IllegalStateException.class, () -> builder.deviceTimeout(Duration.ZERO));
  }

  /** Whether there is a device is not asked by waiting for it. */
  @Test
  void aDeviceThatIsBusyIsThere() {
    JniLibrary.assumeBuilt();
    try (TestKernel kernel = new TestKernel()) {
      kernel.fail("openDevice", Errno.EBUSY);
      assertNull(kernel.luo.whyNoDevice());
      assertNull(kernel.luo.whyNoDevice(), "what was opened is closed");
      kernel.fail("openDevice", Errno.EACCES);
      String why = kernel.luo.whyNoDevice();
      assertNotNull(why);
      assertTrue(why.contains("EACCES"), why);
    }
  }
}
