/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;

/** What is left of a call that the kernel refuses half-way: nothing that is open. */
class RefusedCallsTest {

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

  private static void assertErrno(int errno, org.junit.jupiter.api.function.Executable call) {
    assertEquals(errno, assertThrows(LuoException.class, call).errno());
  }

  // ---- memfds ----

  @ParameterizedTest
  @CsvSource({"memfdCreate, 23", "truncate, 28", "map, 12", "advise, 12"})
  void aMemfdThatCannotBeMadeWholeIsClosed(String call, int errno) {
    kernel.fail(call, errno);
    MemFdOptions options =
        MemFdOptions.named("test").size(8192).hugeFolios().exec(MemFdOptions.ExecPolicy.SYSTEM);
    assertErrno(errno, () -> kernel.luo.createMemFd(options));
  }

  /** Then ordinary pages are allocated. */
  @Test
  void aKernelWithoutHugeFoliosAllocatesPages() {
    kernel.fail("advise", Errno.EINVAL);
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(8192).hugeFolios())) {
      assertTrue(memfd.allocated() >= 8192);
    }
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(8192))) {
      assertEquals(0, memfd.allocated());
    }
  }

  /** A kernel before 6.3 knows no policy of execution. */
  @ParameterizedTest
  @EnumSource(MemFdOptions.ExecPolicy.class)
  void aKernelWithoutExecPoliciesMakesMemfdsWithout(MemFdOptions.ExecPolicy policy) {
    kernel.fail("memfdCreate", Errno.EINVAL);
    MemFdOptions options = MemFdOptions.named("test").exec(policy);
    if (policy == MemFdOptions.ExecPolicy.SYSTEM) {
      assertErrno(Errno.EINVAL, () -> kernel.luo.createMemFd(options));
    } else {
      try (MemFd memfd = kernel.luo.createMemFd(options)) {
        assertFalse(memfd.seals().contains(Seal.EXEC));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "size",
        "allocated",
        "truncate",
        "allocate",
        "seals",
        "addSeals",
        "seek",
        "descriptorFlags",
        "setDescriptorFlags",
        "read",
        "write",
        "duplicate",
        "map"
      })
  void aCallOnAMemfdThatIsRefusedChangesNothing(String call) {
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(8);
      kernel.fail(call, Errno.EIO);
      assertErrno(
          Errno.EIO,
          () -> {
            switch (call) {
              case "size" -> memfd.size();
              case "allocated" -> memfd.allocated();
              case "truncate" -> memfd.setSize(1);
              case "allocate" -> memfd.allocate(0, 4096);
              case "seals" -> memfd.seals();
              case "addSeals" -> memfd.addSeals(Set.of(Seal.GROW));
              case "seek" -> memfd.position(7);
              case "descriptorFlags" -> memfd.closeOnExec();
              case "setDescriptorFlags" -> memfd.closeOnExec(false);
              case "read" -> memfd.read(0, buffer);
              case "write" -> memfd.write(0, buffer);
              case "duplicate" -> memfd.duplicate();
              default -> memfd.map();
            }
          });
      assertEquals(0, buffer.position());
      assertEquals(4096, memfd.size());
      assertEquals(0, memfd.allocated());
      assertEquals(0, memfd.position());
      assertTrue(memfd.closeOnExec());
      assertEquals(Set.of(), memfd.seals());
    }
  }

  @Test
  void anFdThatIsNotAdoptedStaysItsCallers() {
    try (MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test"));
        Session session = kernel.luo.createSession("cache")) {
      kernel.fail("seals", Errno.EPERM);
      assertErrno(Errno.EPERM, () -> kernel.luo.adoptMemFd(memfd.fd()));
      assertErrno(Errno.EINVAL, () -> kernel.luo.adoptMemFd(session.fd()));
      assertErrno(Errno.ENOTTY, () -> kernel.luo.adoptSession(memfd.fd()));
      kernel.fail("sessionName", Errno.EINVAL);
      assertErrno(Errno.EINVAL, () -> kernel.luo.adoptSession(memfd.fd()));
      kernel.fail("sessionName", Errno.EPERM);
      assertErrno(Errno.EPERM, () -> kernel.luo.adoptSession(session.fd()));
      assertTrue(memfd.isOpen() && session.isOpen());
      assertEquals(0, memfd.size());
    }
  }

  /** A kernel without GET_NAME says the name in /proc. */
  @Test
  void aSessionsNameIsFoundInItsLinkToo() {
    try (Session session = kernel.luo.createSession("cache")) {
      kernel.fail("sessionName", Errno.EINVAL);
      try (Session adopted = kernel.luo.adoptSession(session.duplicate().fd())) {
        assertEquals("cache", adopted.name());
        assertEquals(Session.Kind.OUTGOING, adopted.kind());
      }
    }
  }

  // ---- sessions ----

  @ParameterizedTest
  @ValueSource(strings = {"preserve in cache", "truncate"})
  void memoryThatIsNotPreservedIsClosed(String call) {
    try (Session session = kernel.luo.createSession("cache")) {
      kernel.fail(call, Errno.ENOMEM);
      assertErrno(
          Errno.ENOMEM, () -> session.preserveNew(MemFdOptions.named("test").size(4096), 1));
      session.preserveNew(MemFdOptions.named("test").size(4096), 1).close();
    }
  }

  private Sessions sessions() {
    return new Sessions(kernel.luo, Duration.ZERO);
  }

  @Test
  void aSessionThatPreservesNothingIsClosed() {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      kernel.fail("preserve in cache", Errno.ENOMEM);
      assertErrno(Errno.ENOMEM, () -> sessions().preserve("cache", memory));
      sessions().preserve("cache", memory).close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"retrieve cache", "retrieve from cache", "finish cache"})
  void memoryThatIsNotRetrievedIsClosed(String call) {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      try (Session session = sessions().preserve("cache", memory)) {
        kernel.kexecWithoutStore();
        assertEquals("cache", session.name());
      }
    }
    kernel.fail(call, Errno.EIO);
    assertErrno(Errno.EIO, () -> sessions().retrieve("cache"));
  }

  @Test
  void whatIsRetrievedIsFinished() {
    try (MemFd memory = kernel.luo.createMemFd(MemFdOptions.named("test").size(4096))) {
      try (Session session = sessions().preserve("cache", memory)) {
        kernel.kexecWithoutStore();
        assertEquals("cache", session.name());
      }
    }
    kernel.takeCalls();
    try (MemFd memory = sessions().retrieve("cache")) {
      assertEquals(4096, memory.size());
    }
    assertEquals(
        List.of("retrieve cache", "retrieve from cache", "finish cache"), kernel.takeCalls());
  }

  // ---- memory of a handover in sessions of the process ----

  private Handover process() {
    return Handover.builder()
        .luo(kernel.luo)
        .holder(Handover.Holder.PROCESS)
        .timeout(Duration.ZERO)
        .open();
  }

  private static final MemFdOptions OPTIONS = MemFdOptions.named("cache").size(4096);

  @ParameterizedTest
  @ValueSource(strings = {"create cache", "preserve in cache", "lock", "truncate"})
  void memoryThatIsNotKeptIsClosedAndNotLocked(String call) {
    Handover handover = process();
    kernel.fail(call, Errno.ENOMEM);
    assertErrno(Errno.ENOMEM, () -> handover.make("cache", OPTIONS));
    handover.make("cache", OPTIONS).close();
  }

  @Test
  void memoryIsLockedWhileItIsKept() {
    try (Kept kept = process().make("cache", OPTIONS)) {
      assertThrows(
          LuoException.OwnerAlive.class, () -> OwnerLock.of(kept.memory(), "cache", Duration.ZERO));
    }
  }

  /** It is under its old name still, or again. */
  @ParameterizedTest
  @ValueSource(strings = {"duplicate", "create other", "preserve in other"})
  void memoryThatIsNotRenamedKeepsItsName(String call) {
    try (Kept kept = process().make("cache", OPTIONS)) {
      kept.memory().write(0, ByteBuffer.allocateDirect(1).put(0, (byte) 7));
      kernel.fail(call, Errno.ENOMEM);
      assertErrno(Errno.ENOMEM, () -> kept.rename("other"));
      assertEquals(call.equals("duplicate"), kept.memory().isOpen());
      List<String> calls = kernel.takeCalls();
      assertEquals(
          call.equals("duplicate") ? 2 : 4 + (call.startsWith("preserve") ? 2 : 1), calls.size());
      assertNotEquals("create other", calls.get(calls.size() - 1));
    }
  }

  @Test
  void theDeviceMustBeThere() {
    Handover handover = process();
    assertEquals(Set.of(Loss.KEXEC), handover.protectsFrom());
    kernel.fail("openDevice", Errno.ENOENT);
    Handover none = process();
    assertEquals(Set.of(), none.protectsFrom());
    assertTrue(none.describe().contains("nobody"), none.describe());
    assertTrue(none.find("cache").isEmpty());
    assertTrue(none.whyNothing("cache").contains("ENOENT"), none.whyNothing("cache"));
    assertTrue(none.whyNothing("other").contains("nothing was looked for"));
    try (Kept kept = none.make("cache", OPTIONS)) {
      assertEquals(Set.of(), kept.protectsFrom());
      assertEquals(List.of(), kernel.takeCalls());
    }
  }
}
