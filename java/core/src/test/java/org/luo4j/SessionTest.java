/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Errno;

/** Sessions through the public API: what each refusal becomes, and who owns what. */
class SessionTest {

  @TempDir Path folder;

  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private LiveUpdate luo;

  @BeforeEach
  void open() {
    luo = Emulated.in(folder);
  }

  @AfterEach
  void close() throws Exception {
    Emulated.close(open);
  }

  /** Closes it after the test; the last opened first. */
  private <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  private Session create(String name) {
    return opened(luo.createSession(name));
  }

  private Session retrieve(LiveUpdate next, String name) {
    return opened(next.retrieveSession(name));
  }

  private MemFd memfd(long size) {
    return opened(luo.createMemFd(MemFdOptions.named("test").size(size)));
  }

  @Test
  void whatIsPreservedArrivesAfterAKexec() {
    Session session = create("cache");
    MemFd memfd = opened(session.preserveNew(MemFdOptions.named("memory").size(1 << 20), 7));
    try (MemoryRegion region = memfd.map()) {
      region.putLong(4096, 42);
    }
    luo.emulateKexec();

    LiveUpdate next = Emulated.in(folder);
    try (Session arrived = next.retrieveSession("cache");
        MemFd back = arrived.retrieve(7);
        MemoryRegion region = back.map()) {
      assertEquals(Session.Kind.INCOMING, arrived.kind());
      assertEquals("cache", arrived.name());
      assertEquals(1 << 20, back.size());
      assertEquals(42, region.getLong(4096));
      arrived.finish();
    }
  }

  @Test
  void aSessionThatWasClosedDoesNotArrive() {
    try (Session session = luo.createSession("gone")) {
      session.preserveNew(MemFdOptions.named("memory").size(1), 1).close();
    }
    luo.emulateKexec();
    LiveUpdate next = Emulated.in(folder);
    LuoException.NoSuchSession e =
        assertThrows(LuoException.NoSuchSession.class, () -> next.retrieveSession("gone"));
    assertEquals(Errno.ENOENT, e.errno());
    assertTrue(e.getMessage().contains("'gone'"), e.getMessage());
    assertTrue(e.remedy().contains("held open"), e.remedy());
  }

  @Test
  void everythingOfTheOldKernelIsDeadAfterTheKexec() {
    Session session = create("old");
    MemFd memfd = memfd(1);
    luo.emulateKexec();
    assertEquals(Errno.EBADF, assertThrows(LuoException.class, memfd::size).errno());
    assertEquals(Errno.EBADF, assertThrows(LuoException.class, () -> memfd(1)).errno());
    assertEquals(
        Errno.EBADF, assertThrows(LuoException.class, () -> session.preserve(memfd, 1)).errno());
  }

  @Test
  void aNameInUseIsSessionExists() {
    create("twice");
    LuoException.SessionExists e =
        assertThrows(LuoException.SessionExists.class, () -> luo.createSession("twice"));
    assertEquals(Errno.EEXIST, e.errno());
    assertEquals("create session", e.operation());
    assertEquals("'twice'", e.argument());
  }

  @Test
  void aSessionRetrievedTwiceIsSaid() {
    create("once");
    luo.emulateKexec();
    LiveUpdate next = Emulated.in(folder);
    retrieve(next, "once");
    assertThrows(LuoException.SessionAlreadyRetrieved.class, () -> next.retrieveSession("once"));
  }

  @Test
  void tokensInUseFilesPreservedAndFrozenSizesAreNamed() {
    Session session = create("refusals");
    MemFd memfd = memfd(10);
    session.preserve(memfd, 1);
    assertThrows(LuoException.TokenInUse.class, () -> session.preserve(memfd(1), 1));
    LuoException.AlreadyPreserved busy =
        assertThrows(LuoException.AlreadyPreserved.class, () -> session.preserve(memfd, 2));
    assertEquals(Errno.EBUSY, busy.errno());
    LuoException.Frozen frozen = assertThrows(LuoException.Frozen.class, () -> memfd.setSize(11));
    assertEquals(Errno.EPERM, frozen.errno());
    assertThrows(LuoException.Frozen.class, () -> memfd.allocate(0, 10));
    assertThrows(LuoException.Frozen.class, () -> memfd.punchHole(0, 10));
  }

  @Test
  void aHugetlbMemfdIsNotPreservable() {
    MemFd memfd = opened(luo.createMemFd(MemFdOptions.named("huge").hugeTlb(0)));
    Session session = create("hugetlb");
    assertEquals(
        Errno.ENOENT,
        assertThrows(LuoException.NotPreservable.class, () -> session.preserve(memfd, 1)).errno());
  }

  @Test
  void aFileOver16TiBIsNotPreservable() {
    MemFd memfd = memfd(17L << 40);
    Session session = create("efbig");
    assertEquals(
        Errno.EFBIG,
        assertThrows(LuoException.NotPreservable.class, () -> session.preserve(memfd, 1)).errno());
  }

  @Test
  void callsOnTheWrongKindAreNamed() {
    Session outgoing = create("kind");
    assertThrows(LuoException.WrongSessionKind.class, () -> outgoing.retrieve(1));
    assertThrows(LuoException.WrongSessionKind.class, outgoing::finish);
    luo.emulateKexec();
    LiveUpdate next = Emulated.in(folder);
    Session incoming = retrieve(next, "kind");
    MemFd memfd = opened(next.createMemFd(MemFdOptions.named("test")));
    assertThrows(LuoException.WrongSessionKind.class, () -> incoming.preserve(memfd, 1));
  }

  @Test
  void anUnknownTokenIsNoSuchToken() {
    create("tokens");
    luo.emulateKexec();
    Session incoming = retrieve(Emulated.in(folder), "tokens");
    LuoException.NoSuchToken e =
        assertThrows(LuoException.NoSuchToken.class, () -> incoming.retrieve(-1));
    assertTrue(e.getMessage().contains("0xffffffffffffffff"), e.getMessage());
  }

  @Test
  void tokensZeroAndAllOnesAreTokens() {
    Session session = create("tokens");
    session.preserve(memfd(3), 0);
    session.preserve(memfd(4), -1);
    luo.emulateKexec();
    Session incoming = retrieve(Emulated.in(folder), "tokens");
    assertEquals(3, opened(incoming.retrieve(0)).size());
    assertEquals(4, opened(incoming.retrieve(-1)).size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "é", "63 bytes"})
  void goodNamesAreKept(String name) {
    String full = name.equals("63 bytes") ? "n".repeat(63) : name;
    Session session = create(full);
    assertEquals(full, opened(luo.adoptSession(session.duplicate().fd())).name());
  }

  @Test
  void aNameOfNoBytesIsRefusedBeforeTheKernelIsAsked() {
    assertTrue(refusedName("").contains("0 bytes"));
  }

  @Test
  void aNameOf64BytesIsRefused() {
    assertTrue(refusedName("n".repeat(64)).contains("64 bytes"));
  }

  @Test
  void aNameOf63CharactersAndMoreBytesIsRefused() {
    String message = refusedName("é".repeat(32));
    assertTrue(message.contains("64 bytes in UTF-8"), message);
    assertTrue(message.contains("1 to 63 bytes"), message);
  }

  @Test
  void aNameWithANulIsRefused() {
    assertTrue(refusedName("a\0b").contains("without a NUL"));
  }

  @Test
  void aNameThatIsNoUnicodeIsRefused() {
    assertTrue(refusedName("\uD800").contains("not valid Unicode"));
  }

  private String refusedName(String name) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> luo.createSession(name)).getMessage();
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> luo.retrieveSession(name)).getMessage());
    return message;
  }

  @Test
  void anAdoptedSessionIsOfItsKind() {
    Session outgoing = create("adopted");
    Session adopted = opened(luo.adoptSession(outgoing.duplicate().fd()));
    assertEquals(Session.Kind.OUTGOING, adopted.kind());
    assertEquals("adopted", adopted.name());
    adopted.preserve(memfd(1), 1);
    luo.emulateKexec();
    LiveUpdate next = Emulated.in(folder);
    Session incoming = opened(next.adoptSession(retrieve(next, "adopted").duplicate().fd()));
    assertEquals(Session.Kind.INCOMING, incoming.kind());
    assertEquals(1, opened(incoming.retrieve(1)).size());
  }

  @Test
  void whatIsNoSessionIsNotAdopted() {
    MemFd memfd = memfd(1);
    LuoException e = assertThrows(LuoException.class, () -> luo.adoptSession(memfd.fd()));
    assertEquals(Errno.ENOTTY, e.errno());
    assertTrue(e.getMessage().contains("memfd:test"), e.getMessage());
    assertEquals(1, memfd.size(), "it stays the caller's");
    assertEquals(
        Errno.EBADF, assertThrows(LuoException.class, () -> luo.adoptSession(1 << 24)).errno());
    assertThrows(IllegalArgumentException.class, () -> luo.adoptSession(-1));
  }

  @Test
  void aClosedSessionSaysSo() {
    Session session = create("closed");
    session.close();
    session.close();
    assertFalse(session.isOpen());
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> session.preserve(memfd(1), 1));
    assertTrue(e.getMessage().contains("'closed' is closed"), e.getMessage());
    assertThrows(IllegalStateException.class, session::finish);
    assertThrows(IllegalStateException.class, session::fd);
    assertThrows(IllegalStateException.class, () -> session.retrieve(1));
    assertThrows(IllegalStateException.class, session::duplicate);
  }

  @Test
  void aClosedMemfdCannotBePreserved() {
    MemFd memfd = memfd(1);
    memfd.close();
    Session session = create("closed-memfd");
    assertThrows(IllegalStateException.class, () -> session.preserve(memfd, 1));
    session.preserve(memfd(1), 1);
  }

  @Test
  void aDuplicateHoldsTheSession() {
    Session session = create("held");
    Session duplicate = opened(session.duplicate());
    session.preserve(memfd(5), 1);
    session.close();
    luo.emulateKexec();
    assertTrue(duplicate.isOpen());
    assertEquals(5, opened(retrieve(Emulated.in(folder), "held").retrieve(1)).size());
  }

  @Test
  void aMemfdOfAnotherBridgeIsRefused(@TempDir Path other) {
    MemFd foreign = opened(Emulated.in(other).createMemFd(MemFdOptions.named("foreign")));
    Session session = create("mixed");
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> session.preserve(foreign, 1));
    assertTrue(e.getMessage().contains("different bridges"), e.getMessage());
  }

  @Test
  void preserveNewThatFailsLeavesNothing() {
    Session session = create("nothing");
    session.preserve(memfd(1), 1);
    assertThrows(
        LuoException.TokenInUse.class,
        () -> session.preserveNew(MemFdOptions.named("late").size(1), 1));
    session.preserveNew(MemFdOptions.named("late").size(1), 2).close();
  }
}
