/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;

/** Memory that systemd keeps together with the session that preserves it. */
class SystemdKeeperTest {

  private static final MemFdOptions OPTIONS = MemFdOptions.named("cache").size(4096);
  private static final String STORE = "FDSTORE=1 cache";
  private static final String STORE_SESSION = "FDSTORE=1 cache.session";
  private static final String REMOVE = "FDSTOREREMOVE=1 cache";
  private static final String REMOVE_SESSION = "FDSTOREREMOVE=1 cache.session";

  private TestKernel kernel;

  @BeforeEach
  void start() {
    JniLibrary.assumeBuilt();
    kernel = new TestKernel();
  }

  @AfterEach
  void stop() {
    kernel.close();
  }

  /** A process of the service. */
  private Handover process() {
    return Handover.builder()
        .luo(kernel.luo)
        .systemd(kernel::systemd)
        .holder(Handover.Holder.SYSTEMD)
        .timeout(Duration.ZERO)
        .open();
  }

  private List<String> calls() {
    return kernel.takeCalls();
  }

  private static int number(Kept kept) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(4);
    kept.memory().read(0, buffer);
    return buffer.getInt(0);
  }

  private static void put(Kept kept, int number) {
    kept.memory().write(0, ByteBuffer.allocateDirect(4).putInt(0, number));
  }

  /** What the first process makes, and leaves to systemd. */
  private void make(int number) {
    Kept kept = process().make("cache", OPTIONS);
    put(kept, number);
    kept.close();
    assertEquals(Set.of("cache", "cache.session"), kernel.store.keySet());
    calls();
  }

  /** Systemd has the memory before it has a session, which alone gives nothing back. */
  @Test
  void newMemoryIsStoredThenItsSession() {
    Handover handover = process();
    assertTrue(handover.protectsFrom().contains(Loss.KEXEC));
    assertTrue(handover.describe().contains("16"), handover.describe());
    assertTrue(handover.describe().contains("with a LUO session"), handover.describe());
    try (Kept kept = handover.make("cache", OPTIONS)) {
      assertEquals(Kept.Origin.NEW, kept.origin());
      assertEquals(
          Set.of(Loss.RESTART, Loss.CRASH, Loss.SOFT_REBOOT, Loss.KEXEC), kept.protectsFrom());
      assertNotNull(kept.session());
      assertEquals(List.of(STORE, "create cache", "preserve in cache", STORE_SESSION), calls());
      kept.discard();
      assertEquals(List.of(REMOVE, REMOVE_SESSION), calls());
    }
    assertEquals(Set.of(), kernel.store.keySet());
  }

  @Test
  void aRestartedProcessGetsBothAndMakesNothing() {
    make(5);
    for (int i = 0; i < 2; i++) {
      try (Kept kept = process().find("cache").orElseThrow()) {
        assertEquals(5, number(kept));
        assertEquals(Kept.Origin.KEPT, kept.origin());
        assertEquals("from systemd's store", kept.how());
        assertEquals(Session.Kind.OUTGOING, kept.session().kind());
        assertTrue(kept.protectsFrom().contains(Loss.KEXEC));
        assertEquals(List.of(), calls());
        assertThrows(LuoException.OwnerAlive.class, () -> process().find("cache"));
      }
    }
  }

  /** The memory is in the store before the kernel gives it up, and the session leaves it last. */
  @Test
  void whatSystemdCarriedOverAKexecIsStoredBeforeItsSessionIsFinished() {
    make(5);
    kernel.kexec();
    kernel.lose("cache"); // of the old kernel
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
      assertEquals(Kept.Origin.KEXEC, kept.origin());
      assertEquals("from session 'cache', which systemd kept", kept.how());
      assertTrue(kept.protectsFrom().contains(Loss.KEXEC));
      assertEquals(
          List.of(
              "retrieve from cache",
              STORE,
              "finish cache",
              REMOVE_SESSION,
              "create cache",
              "preserve in cache",
              STORE_SESSION),
          calls());
    }
    assertEquals(Set.of("cache", "cache.session"), kernel.store.keySet());
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(Kept.Origin.KEPT, kept.origin());
      assertEquals(5, number(kept));
    }
  }

  /** Systemd 261 carries stored memory itself: the session's is the same, or newer. */
  @Test
  void ofTwoMemoriesTheSessionsIsTaken() {
    make(5);
    kernel.kexec();
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
      assertEquals(Kept.Origin.KEXEC, kept.origin());
      assertEquals(
          List.of("retrieve from cache", REMOVE, STORE, "finish cache"), calls().subList(0, 4));
    }
  }

  @Test
  void whatCannotBeRetrievedIsLostAndSaid() {
    make(5);
    kernel.kexec();
    kernel.lose("cache");
    kernel.fail("retrieve from cache", Errno.EIO);
    Handover handover = process();
    assertTrue(handover.find("cache").isEmpty());
    assertTrue(handover.whyNothing("cache").contains("EIO"), handover.whyNothing("cache"));
    assertFalse(handover.whyNothing("none").contains("EIO"), handover.whyNothing("none"));
    assertTrue(handover.whyNothing("none").endsWith("is 'none'"), handover.whyNothing("none"));
    assertEquals(List.of("retrieve from cache", REMOVE_SESSION), calls());
    assertEquals(Set.of(), kernel.store.keySet());
  }

  @Test
  void whatSystemdCarriedItselfIsTakenWhereTheSessionGivesNothing() {
    make(5);
    kernel.kexec();
    kernel.fail("retrieve from cache", Errno.EIO);
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
      assertEquals(Kept.Origin.KEXEC, kept.origin());
    }
  }

  /** The memory was taken out all the same, and is in the store. */
  @Test
  void aSessionThatCannotBeFinishedGivesItsMemory() {
    make(5);
    kernel.kexec();
    kernel.fail("finish cache", Errno.EIO);
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
    }
    assertEquals(Set.of("cache", "cache.session"), kernel.store.keySet());
  }

  /** Systemd has the session still: the next start tries again. */
  @Test
  void aStoreThatIsFullLeavesTheSessionWhereItIs() {
    make(5);
    kernel.kexec();
    kernel.lose("cache");
    kernel.room = 0;
    assertThrows(IllegalStateException.class, () -> process().find("cache"));
    assertEquals(Set.of("cache.session"), kernel.store.keySet());
    assertEquals(List.of("retrieve from cache"), calls());
    kernel.room = 16;
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
    }
  }

  @Test
  void aSessionWithoutItsMemoryIsGivenUp() {
    make(5);
    kernel.lose("cache");
    Handover handover = process();
    assertTrue(handover.find("cache").isEmpty());
    assertTrue(
        handover.whyNothing("cache").endsWith("; its session was handed over, but not the memory"),
        handover.whyNothing("cache"));
    assertEquals(List.of(REMOVE_SESSION), calls());
    assertEquals(Set.of(), kernel.store.keySet());
    try (Kept kept = handover.make("cache", OPTIONS)) {
      assertNotNull(kept.session(), "its name is free");
    }
  }

  /** Where systemd kept nothing over the kexec the kernel has the session by its name. */
  @Test
  void aSessionThatIsLeftInTheKernelIsTaken() {
    make(5);
    kernel.kexecWithoutStore();
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
      assertEquals(Kept.Origin.KEXEC, kept.origin());
      assertEquals("from session 'cache'", kept.how());
      assertEquals(
          List.of(
              "retrieve cache",
              "retrieve from cache",
              "finish cache",
              STORE,
              "create cache",
              "preserve in cache",
              STORE_SESSION),
          calls());
    }
  }

  @Test
  void nothingInTheKernelIsNoLossAndARefusalIsOne() {
    Handover handover = process();
    assertTrue(handover.find("cache").isEmpty());
    assertEquals(
        "LISTEN_FDS is not set: systemd handed nothing over", handover.whyNothing("cache"));
    kernel.fail("retrieve cache", Errno.EIO);
    assertTrue(handover.find("cache").isEmpty());
    assertTrue(handover.whyNothing("cache").contains("EIO"), handover.whyNothing("cache"));
  }

  @Test
  void withoutTheDeviceMemoryIsKeptWithoutASession() {
    make(5);
    kernel.lose("cache.session");
    kernel.fail("openDevice", Errno.ENOENT);
    Handover handover = process();
    assertFalse(handover.protectsFrom().contains(Loss.KEXEC));
    assertTrue(handover.describe().contains("as this process cannot"), handover.describe());
    calls();
    try (Kept kept = handover.find("cache").orElseThrow()) {
      assertNull(kept.session());
      assertEquals(Set.of(Loss.RESTART, Loss.CRASH, Loss.SOFT_REBOOT), kept.protectsFrom());
    }
    assertTrue(handover.find("none").isEmpty());
    assertEquals(List.of(), calls());
    try (Kept kept = handover.make("other", OPTIONS)) {
      kept.discard();
      assertEquals(List.of("FDSTORE=1 other", "FDSTOREREMOVE=1 other"), calls());
    }
  }

  /** Memory without a session gets one from the next process that can make it. */
  @Test
  void aSessionIsMadeWhereThereIsNone() {
    make(5);
    kernel.lose("cache.session");
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertNotNull(kept.session());
      assertEquals(List.of("create cache", "preserve in cache", STORE_SESSION), calls());
    }
  }

  @Test
  void aStoreWithoutRoomForTheSessionKeepsTheMemory() {
    kernel.room = 1;
    try (Logged log = new Logged(SystemdKeeper.class);
        Kept kept = process().make("cache", OPTIONS)) {
      assertEquals(1, log.lines().size());
      assertTrue(log.lines().get(0).contains("FileDescriptorStoreMax=1"), "" + log.lines());
      assertNull(kept.session());
      assertFalse(kept.protectsFrom().contains(Loss.KEXEC));
      assertEquals(List.of(STORE), calls());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"create cache", "preserve in cache"})
  void memoryThatCannotBePreservedIsKept(String call) {
    kernel.fail(call, Errno.ENOSPC);
    try (Logged log = new Logged(SystemdKeeper.class);
        Kept kept = process().make("cache", OPTIONS)) {
      assertEquals(
          List.of("WARNING luo4j: 'cache' is not preserved at birth"), log.lines(), "said once");
      assertNull(kept.session());
      assertFalse(kept.protectsFrom().contains(Loss.KEXEC));
      assertEquals(Set.of("cache"), kernel.store.keySet());
    }
  }

  /** Nothing is left of it, so that it can be made again. */
  @Test
  void aSessionThatCannotBeStoredUndoesTheRest() {
    kernel.fail(STORE_SESSION, Errno.EAGAIN);
    Handover handover = process();
    LuoException refused = assertThrows(LuoException.class, () -> handover.make("cache", OPTIONS));
    assertEquals(Errno.EAGAIN, refused.errno());
    assertEquals(
        List.of(STORE, "create cache", "preserve in cache", STORE_SESSION, REMOVE), calls());
    assertEquals(Set.of(), kernel.store.keySet());
    try (Kept kept = handover.make("cache", OPTIONS)) {
      assertNotNull(kept.session());
    }
  }

  @Test
  void memoryThatCannotBeStoredIsNotLocked() {
    kernel.fail(STORE, Errno.EAGAIN);
    Handover handover = process();
    assertThrows(LuoException.class, () -> handover.make("cache", OPTIONS));
    assertEquals(List.of(STORE), calls());
    handover.make("cache", OPTIONS).close();
  }

  @Test
  void aSessionOfTheNameIsAnotherOwner() {
    try (Session other = kernel.luo.createSession("cache")) {
      calls();
      LuoException.OwnerAlive alive =
          assertThrows(LuoException.OwnerAlive.class, () -> process().make("cache", OPTIONS));
      assertTrue(alive.getMessage().contains("for its session"), alive.getMessage());
      assertEquals(1, alive.getSuppressed().length);
      assertEquals(List.of(STORE, "create cache", REMOVE), calls());
      assertEquals("cache", other.name());
    }
    process().make("cache", OPTIONS).close();
  }

  /** It is under one of its two names at every moment, or both. */
  @Test
  void aRenamedMemoryHasASessionOfTheNewName() {
    Handover handover = process();
    Kept kept = handover.make("cache", OPTIONS);
    put(kept, 7);
    try (Kept renamed = kept.rename("aside")) {
      assertEquals(7, number(renamed));
      assertEquals("aside", renamed.name());
      assertSame(Kept.Origin.NEW, renamed.origin());
      assertEquals(Set.of("aside", "aside.session"), kernel.store.keySet());
    }
    assertFalse(kept.memory().isOpen());
  }

  /** It is not locked either: the next try gets it. */
  @Test
  void foundMemoryWhoseSessionCannotBeStoredStaysInTheStore() {
    make(5);
    kernel.lose("cache.session");
    kernel.fail(STORE_SESSION, Errno.EAGAIN);
    Handover handover = process();
    assertThrows(LuoException.class, () -> handover.find("cache"));
    assertEquals(Set.of("cache"), kernel.store.keySet());
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
    }
  }

  @Test
  void arrivedMemoryThatAnotherHasStaysInTheStore() {
    make(5);
    kernel.kexec();
    kernel.lose("cache");
    kernel.fail("create cache", Errno.EEXIST);
    assertThrows(LuoException.OwnerAlive.class, () -> process().find("cache"));
    assertEquals(Set.of("cache"), kernel.store.keySet());
    try (Kept kept = process().find("cache").orElseThrow()) {
      assertEquals(5, number(kept));
      assertEquals(Kept.Origin.KEPT, kept.origin());
    }
  }

  @Test
  void memoryThatCannotBeRemovedFromTheStoreKeepsItsName() {
    try (Kept kept = process().make("cache", OPTIONS)) {
      kernel.fail(REMOVE, Errno.EAGAIN);
      assertThrows(LuoException.class, () -> kept.rename("aside"));
      assertTrue(kept.memory().isOpen());
      assertEquals(Set.of("cache", "cache.session"), kernel.store.keySet());
    }
  }

  /** Then it is lost, as both failures say. */
  @Test
  void memoryThatCanBeStoredUnderNoNameIsClosed() {
    Kept kept = process().make("cache", OPTIONS);
    kernel.fail("FDSTORE=1 aside", Errno.EAGAIN);
    kernel.fail(STORE, Errno.EAGAIN);
    LuoException refused = assertThrows(LuoException.class, () -> kept.rename("aside"));
    assertEquals(1, refused.getSuppressed().length);
    assertEquals(Set.of(), kernel.store.keySet());
  }
}
