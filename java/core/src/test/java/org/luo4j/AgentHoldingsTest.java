/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;

/** What an agent holds, and what of it the next kernel's agent has; on an emulated kernel. */
class AgentHoldingsTest {

  private static final int UID = 1000;
  private static final AgentHoldings.Limits LIMITS = new AgentHoldings.Limits(5, 1 << 20);

  private final AgentHoldings.Owner one = () -> 11;
  private final AgentHoldings.Owner other = () -> 12;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final List<String> log = new ArrayList<>();

  @TempDir Path folder;

  private LiveUpdate luo;
  private AgentHoldings holdings;

  @BeforeEach
  void start() {
    luo = Emulated.in(folder);
    holdings = new AgentHoldings(luo, LIMITS, log::add);
  }

  @AfterEach
  void close() throws Exception {
    holdings.close();
    Emulated.close(open);
  }

  /** Closes it after the test. */
  private <T extends AutoCloseable> T opened(T resource) {
    open.add(resource);
    return resource;
  }

  private void kexec() {
    luo.emulateKexec();
    start();
  }

  private MemFd memfd(long size, long value) {
    MemFd memfd = luo.createMemFd(MemFdOptions.named("test").size(size));
    if (size > 0) {
      try (MemoryRegion region = memfd.map()) {
        region.putLong(0, value);
      }
    }
    return memfd;
  }

  private String store(String name, long value) throws Exception {
    return holdings.store(UID, name, memfd(4096, value), one);
  }

  /** What is held: its first value, or its name, or "nothing". */
  private String taken(String name, AgentHoldings.Owner owner) throws Exception {
    String[] what = new String[1];
    holdings.take(
        UID,
        name,
        owner,
        (kind, kexec, held) -> {
          what[0] = "nothing";
          if (kind == Agent.Kind.MEMFD) {
            int fd = (int) held.result(held.bridge()::duplicate);
            try (MemFd memfd = luo.adoptMemFd(fd);
                MemoryRegion region = memfd.map()) {
              what[0] = region.getLong(0) + (kexec ? "" : " held only");
            }
          } else if (kind == Agent.Kind.SESSION) {
            int fd = (int) held.result(held.bridge()::duplicate);
            try (Session session = luo.adoptSession(fd)) {
              what[0] = session.kind() + " " + session.name();
            }
          }
          return 0;
        });
    return what[0];
  }

  @Test
  void aMemfdIsInTheNextKernelAndInTheOneAfterIt() throws Exception {
    assertTrue(log.get(0).contains("cold start"), log.toString());
    assertEquals("", store("a", 42));
    assertEquals("", store("b", 43));
    kexec();
    assertEquals(
        List.of("arrived: MEMFD 'a' of uid 1000", "arrived: MEMFD 'b' of uid 1000"),
        holdings.report());
    assertEquals("42", taken("a", one));
    assertEquals("43", taken("b", other));
    kexec();
    assertEquals("42", taken("a", other));
    assertEquals("", store("b", 44));
    kexec();
    assertEquals("42", taken("a", one));
    assertEquals("44", taken("b", one));
  }

  @Test
  void whatWasDroppedOrReplacedIsGone() throws Exception {
    store("a", 1);
    store("a", 2);
    store("b", 3);
    assertEquals(Agent.Kind.MEMFD, holdings.drop(UID, "b", one));
    assertEquals(Agent.Kind.NOTHING, holdings.drop(UID, "b", one));
    kexec();
    assertEquals("2", taken("a", one));
    assertEquals("nothing", taken("b", one));
    assertEquals(List.of("arrived: MEMFD 'a' of uid 1000"), holdings.report());
  }

  @Test
  void aSessionIsHandedOutInTheNextKernelAndNotCarriedTwice() throws Exception {
    Session session = opened(luo.createSession("clients-own"));
    session.preserveNew(MemFdOptions.named("m").size(4096), 7).close();
    assertEquals("", holdings.store(UID, "s", session, one));
    assertEquals("OUTGOING clients-own", taken("s", one));
    kexec();
    assertEquals("INCOMING clients-own", taken("s", one));
    assertEquals(1, holdings.preserveAll().size());
    assertThrows(
        AgentHoldings.Refused.class,
        () -> holdings.store(UID, "t", opened(luo.createSession("luo4j-agent.x")), one));
    kexec();
    assertEquals("nothing", taken("s", one));
  }

  @Test
  void aLossIsToldAndTheRestArrives() throws Exception {
    store("a", 1);
    store("b", 2);
    store("c", 3);
    luo.emulateKexec();
    luo = Emulated.in(folder);
    String lost = AgentHoldings.sessionName(UID, 1, "b"); // the second that was made in that kernel
    luo.retrieveSession(lost).close();
    holdings = new AgentHoldings(luo, LIMITS, log::add);
    assertEquals("1", taken("a", one));
    assertEquals("nothing", taken("b", one));
    assertEquals("3", taken("c", one));
    String line = holdings.report().get(1);
    assertTrue(line.startsWith("lost: MEMFD 'b' of uid 1000: retrieve session"), line);
  }

  @Test
  void aManifestThatIsNoneIsAColdStartWithAReason() {
    holdings.close();
    for (long size : new long[] {0, 4096, AgentManifest.BYTES}) {
      luo.createSession(AgentHoldings.SESSION).preserveNew(MemFdOptions.named("x").size(size), 0);
      luo.emulateKexec();
      luo = Emulated.in(folder);
      holdings = new AgentHoldings(luo, LIMITS, log::add);
      assertFalse(holdings.report().isEmpty());
      assertEquals("", holdings.whyNoKexec());
      holdings.close();
    }
    luo.createSession(AgentHoldings.SESSION);
    luo.emulateKexec();
    start();
    assertTrue(holdings.report().get(0).contains("lost"), holdings.report().toString());
  }

  @Test
  void aSecondAgentOfOneKernelHoldsOnlyAndSaysSo() throws Exception {
    AgentHoldings second = opened(new AgentHoldings(luo, LIMITS, log::add));
    assertTrue(second.whyNoKexec().contains("EEXIST"), second.whyNoKexec());
    assertTrue(second.store(UID, "a", memfd(4096, 5), one).contains("EEXIST"));
    assertEquals("", store("a", 6));
    assertEquals(1, second.preserveAll().size());
    kexec();
    assertEquals("6", taken("a", one));
  }

  @Test
  void whatCouldNotBePreservedIsTriedAgainBeforeTheKexec() throws Exception {
    MemFd memfd = memfd(4096, 9);
    Session session = opened(luo.createSession("holds-it"));
    session.preserve(memfd, 1);
    String why = holdings.store(UID, "a", memfd, one);
    assertTrue(why.contains("EBUSY"), why);
    assertEquals("9 held only", taken("a", one));
    assertEquals(1, holdings.preserveAll().size());
    session.close();
    assertEquals(List.of(), holdings.preserveAll());
    kexec();
    assertEquals("9", taken("a", one));
  }

  @Test
  void aNameIsItsOwnersUntilItLeaves() throws Exception {
    store("a", 1);
    AgentHoldings.Busy busy = assertThrows(AgentHoldings.Busy.class, () -> taken("a", other));
    assertEquals(11, busy.pid());
    assertThrows(AgentHoldings.Busy.class, () -> holdings.drop(UID, "a", other));
    MemFd offered = opened(memfd(4096, 2));
    assertThrows(AgentHoldings.Busy.class, () -> holdings.store(UID, "a", offered, other));
    assertTrue(offered.isOpen(), "a memfd that is refused stays the caller's");
    // Another user's name is another name.
    holdings.store(UID + 1, "a", offered, other);
    assertEquals(1, holdings.list(UID, false).size());
    assertEquals(2, holdings.list(0, true).size());
    holdings.leave(one);
    assertEquals("1", taken("a", other));
    assertEquals(1, holdings.owners().size());
  }

  @Test
  void aNameThatIsOnlyTakenGoesWithItsOwner() throws Exception {
    assertEquals("nothing", taken("a", one));
    assertThrows(AgentHoldings.Busy.class, () -> taken("a", other));
    assertEquals(
        List.of(new Agent.Held(UID, "a", Agent.Kind.NOTHING, false, 0, 11, "")),
        holdings.list(UID, false));
    holdings.leave(one);
    assertEquals(List.of(), holdings.list(UID, false));
  }

  @Test
  void namesAndBytesOfAUserAreBounded() throws Exception {
    for (int i = 0; i < 5; i++) {
      store("n" + i, i);
    }
    AgentHoldings.Refused refused =
        assertThrows(
            AgentHoldings.Refused.class,
            () -> holdings.store(UID, "n5", opened(memfd(4096, 5)), one));
    assertEquals(Errno.ENOSPC, refused.errno());
    assertTrue(refused.getMessage().contains("maxNamesPerUid"), refused.getMessage());
    assertThrows(AgentHoldings.Refused.class, () -> taken("n6", one));
    holdings.drop(UID, "n0", one);
    long left = (1 << 20) - 4 * 4096;
    MemFd tooLarge = opened(memfd(left + 1, 0));
    refused =
        assertThrows(AgentHoldings.Refused.class, () -> holdings.store(UID, "n0", tooLarge, one));
    assertTrue(refused.getMessage().contains("maxBytesPerUid"), refused.getMessage());
    assertTrue(tooLarge.isOpen());
    assertEquals("", holdings.store(UID, "n0", memfd(left, 0), one));
    // In place of what the name has, not beside it.
    assertEquals("", holdings.store(UID, "n0", memfd(left, 1), one));
    assertEquals("", holdings.store(UID + 1, "n0", memfd(left, 2), other));
  }

  @Test
  void sessionNamesAreUniqueAndFit() {
    for (int uid : new int[] {0, 1000, -2}) {
      for (long number : new long[] {0, 1_000_000_000L}) {
        String plain = AgentHoldings.sessionName(uid, number, "cache");
        assertTrue(plain.endsWith(".cache"), plain);
        String hashed = AgentHoldings.sessionName(uid, number, "n".repeat(255));
        assertTrue(hashed.getBytes(StandardCharsets.UTF_8).length <= 63, hashed);
        assertTrue(hashed.contains("~"), hashed);
      }
    }
  }

  @Test
  void namesOfEveryLengthArrive() throws Exception {
    for (String name : List.of("a", "n".repeat(40), "n".repeat(41), "n".repeat(255))) {
      assertEquals("", store(name, name.length()));
    }
    kexec();
    for (String name : List.of("a", "n".repeat(40), "n".repeat(41), "n".repeat(255))) {
      assertEquals("" + name.length(), taken(name, one));
    }
  }
}
