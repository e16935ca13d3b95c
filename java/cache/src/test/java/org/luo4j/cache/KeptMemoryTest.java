/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.Agent;
import org.luo4j.BridgeType;
import org.luo4j.Handover;
import org.luo4j.Kept;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.testing.Logged;

/** Caches in memory that an agent keeps, through processes of a service that follow each other. */
class KeptMemoryTest {

  private static final long MIB = 1 << 20;

  private LiveUpdate luo;
  private Agent agent;

  @TempDir Path folder;

  @BeforeEach
  void start() throws IOException {
    luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
    agent = Agent.builder(luo).socket(folder.resolve("agent")).start();
  }

  @AfterEach
  void stop() throws IOException {
    agent.close();
  }

  /** Starts another agent, with a limit of each user's bytes. */
  private void limit(long bytes) throws IOException {
    agent.close();
    agent = Agent.builder(luo).socket(folder.resolve("agent")).maxBytesPerUid(bytes).start();
  }

  private Handover handover(Duration timeout) {
    return Handover.builder()
        .luo(luo)
        .agentSocket(folder.resolve("agent"))
        .holder(Handover.Holder.AGENT)
        .timeout(timeout)
        .open();
  }

  private static WarmCache<String, String> open(Handover handover, long capacity, OnRefusal what)
      throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(capacity)
        .handover(handover, "cache")
        .onRefusal(what)
        .open();
  }

  /** A process of the service: what it finds under "key", and puts there. */
  private Start process(long capacity, OnRefusal what, String found, String put)
      throws IOException {
    try (Handover handover = handover(Duration.ofSeconds(60));
        WarmCache<String, String> cache = open(handover, capacity, what)) {
      assertEquals(found, cache.getIfPresent("key"), cache.start().toString());
      cache.put("key", put);
      return cache.start();
    }
  }

  @Test
  void aRestartedServiceIsWarm() throws IOException {
    assertEquals(Start.Kind.COLD, process(MIB, OnRefusal.KEEP, null, "one").kind());
    assertEquals(Start.Kind.WARM_AFTER_RESTART, process(MIB, OnRefusal.KEEP, "one", "two").kind());
    assertEquals(
        Start.Kind.WARM_AFTER_RESTART, process(MIB, OnRefusal.KEEP, "two", "three").kind());
  }

  @Test
  void anotherBootIsSeenAsAKexec() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find("cache").orElseThrow();
        MemoryRegion memory = kept.memory().map()) {
      memory.putLong(CacheFormat.BOOT_AT, memory.getLong(CacheFormat.BOOT_AT) + 1);
    }
    assertEquals(Start.Kind.WARM_AFTER_KEXEC, process(MIB, OnRefusal.KEEP, "one", "two").kind());
    assertEquals(
        Start.Kind.WARM_AFTER_RESTART, process(MIB, OnRefusal.KEEP, "two", "three").kind());
  }

  @Test
  void memoryOfAnotherSizeIsKeptAsideUntilItIsGivenUp() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    Start cold = process(2 * MIB, OnRefusal.KEEP, null, "other");
    assertEquals(Start.Kind.COLD, cold.kind());
    assertTrue(cold.reason().contains("'cache.refused'"), cold.reason());
    assertTrue(
        cold.reason().contains(": it was made with capacity 1048576 and averageEntryBytes "),
        cold.reason());
    for (int round = 0; round < 2; round++) {
      Start back = process(MIB, OnRefusal.KEEP, "one", "one");
      assertEquals(Start.Kind.WARM_AFTER_RESTART, back.kind());
      assertTrue(back.reason().contains("set aside"), back.reason());
      assertEquals(
          Start.Kind.WARM_AFTER_RESTART, process(2 * MIB, OnRefusal.KEEP, "other", "other").kind());
    }
    assertEquals(Start.Kind.COLD, process(3 * MIB, OnRefusal.KEEP, null, "third").kind());
    assertEquals(
        Start.Kind.WARM_AFTER_RESTART, process(2 * MIB, OnRefusal.KEEP, "other", "new").kind());
    try (Handover handover = handover(Duration.ofSeconds(60))) {
      Kept aside = handover.find("cache.refused").orElseThrow();
      aside.close();
    }
    try (Handover handover = handover(Duration.ofSeconds(60));
        WarmCache<String, String> cache = open(handover, 2 * MIB, OnRefusal.KEEP)) {
      assertTrue(cache.discardRefused());
      assertFalse(cache.discardRefused());
    }
    try (Handover handover = handover(Duration.ofSeconds(60))) {
      assertTrue(handover.find("cache.refused").isEmpty());
    }
  }

  /** What is set aside is not given up for memory that holds nothing. */
  @Test
  void memoryWhoseMakingWasCutOffIsNotSetAside() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    process(2 * MIB, OnRefusal.KEEP, null, "two");
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find("cache").orElseThrow();
        MemoryRegion memory = kept.memory().map()) {
      memory.putLong(CacheFormat.MAGIC_AT, CacheFormat.BEING_MADE);
    }
    Start cold = process(3 * MIB, OnRefusal.KEEP, null, "three");
    assertEquals(new Start(Start.Kind.COLD, "the making of the old memory was cut off"), cold);
    assertEquals(Start.Kind.WARM_AFTER_RESTART, process(MIB, OnRefusal.KEEP, "one", "1").kind());
    assertEquals(
        Start.Kind.WARM_AFTER_RESTART, process(3 * MIB, OnRefusal.KEEP, "three", "3").kind());
  }

  @Test
  void memoryWithoutAnEntryIsNotSetAside() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    for (int mebibytes = 2; mebibytes < 4; mebibytes++) {
      try (Handover handover = handover(Duration.ofSeconds(60));
          WarmCache<String, String> cache = open(handover, mebibytes * MIB, OnRefusal.KEEP)) {
        String reason = cache.start().reason();
        assertEquals(mebibytes > 2, reason.contains("it had no entry"), reason);
      }
    }
    assertEquals(Start.Kind.WARM_AFTER_RESTART, process(MIB, OnRefusal.KEEP, "one", "1").kind());
  }

  @Test
  void aProcessKilledWhileTwoMemoriesChangePlacesLosesNeither() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    process(2 * MIB, OnRefusal.KEEP, null, "two");
    rename("cache", "cache.swap"); // killed after the first of three renames
    process(MIB, OnRefusal.KEEP, "one", "one");
    process(2 * MIB, OnRefusal.KEEP, "two", "two");
    rename("cache", "cache.swap");
    rename("cache.refused", "cache"); // and after the second
    process(2 * MIB, OnRefusal.KEEP, "two", "two");
    process(MIB, OnRefusal.KEEP, "one", "one");
  }

  private void rename(String from, String to) {
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find(from).orElseThrow();
        Kept renamed = kept.rename(to)) {
      assertEquals(to, renamed.name());
    }
  }

  @Test
  void memoryOfAnotherSizeIsReplacedWhereThatWasAskedFor() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    assertEquals(Start.Kind.COLD, process(2 * MIB, OnRefusal.REPLACE, null, "two").kind());
    assertEquals(
        Start.Kind.WARM_AFTER_RESTART, process(2 * MIB, OnRefusal.KEEP, "two", "three").kind());
  }

  @Test
  void memoryWithoutACacheIsKeptAside() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find("cache").orElseThrow();
        MemoryRegion memory = kept.memory().map()) {
      memory.putLong(CacheFormat.MAGIC_AT, 42);
    }
    Start cold = process(MIB, OnRefusal.KEEP, null, "new");
    assertTrue(cold.reason().startsWith("the old memory holds no cache; it is kept as"), "" + cold);
    process(MIB, OnRefusal.KEEP, "new", "newer");
  }

  @Test
  void twoInstancesDoNotShareACache() throws IOException {
    try (Handover first = handover(Duration.ZERO);
        WarmCache<String, String> cache = open(first, MIB, OnRefusal.KEEP);
        Handover second = handover(Duration.ofMillis(50))) {
      cache.put("key", "one");
      LuoException refused =
          assertThrows(LuoException.class, () -> open(second, MIB, OnRefusal.KEEP));
      assertTrue(refused.getMessage().contains("'cache"), refused.getMessage());
      assertEquals("one", cache.getIfPresent("key"));
      assertNull(cache.getIfPresent("none"));
    }
    process(MIB, OnRefusal.KEEP, "one", "two");
  }

  // ---- without a cache ----

  private static final int SIZE = 4 * 4096;

  /** More than any machine has. */
  private static final long TOO_MUCH = 1L << 43;

  /** What a process has left under a name: memory whose first word is a number. */
  private void leave(String name, long size, long number) {
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.make(name, MemFdOptions.named(name).size(size));
        MemoryRegion memory = kept.memory().map()) {
      memory.putLong(0, number);
    }
  }

  /** The number under a name, or null where nothing is kept. */
  private Long number(String name) {
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find(name).orElse(null)) {
      if (kept == null) {
        return null;
      }
      try (MemoryRegion memory = kept.memory().map()) {
        return memory.getLong(0);
      }
    }
  }

  private KeptMemory kept(long size) throws IOException {
    return new KeptMemory(handover(Duration.ofSeconds(60)), true, "cache", size);
  }

  private void assertKept(Long here, Long aside, Long swap) {
    assertEquals(here, number("cache"));
    assertEquals(aside, number("cache.refused"));
    assertEquals(swap, number("cache.swap"));
  }

  @Test
  void newMemoryIsColdAndZero() throws IOException {
    try (KeptMemory memory = kept(SIZE)) {
      assertEquals(Start.Kind.COLD, memory.origin().kind());
      assertNull(memory.refusal());
      assertEquals(SIZE, memory.region().size());
      assertEquals(0, memory.region().getLong(0));
      assertFalse(memory.takeBack(region -> true));
      assertFalse(memory.discardAside());
      memory.region().putLong(0, 3);
    }
    assertKept(3L, null, null);
  }

  @Test
  void nothingThatIsKeptIsARefusal() throws IOException {
    IOException refused = assertThrows(IOException.class, () -> kept(KeptMemory.AS_KEPT));
    assertTrue(refused.getMessage().contains("'cache'"), refused.getMessage());
    leave("cache", SIZE + 8, 3);
    try (KeptMemory memory = kept(KeptMemory.AS_KEPT)) {
      assertNull(memory.refusal());
      assertEquals(SIZE + 8, memory.region().size());
    }
  }

  /** A version before had no trailer. */
  @Test
  void memoryWithoutATrailerGetsOne() throws IOException {
    leave("cache", SIZE - CacheFormat.TRAILER_BYTES, 3);
    try (KeptMemory memory = kept(SIZE)) {
      assertNull(memory.refusal());
      assertEquals(SIZE, memory.region().size());
      assertEquals(3, memory.region().getLong(0));
      assertEquals(0, memory.region().getLong(SIZE - 8));
      assertTrue(memory.origin().isWarm());
    }
    leave("cache.refused", SIZE - CacheFormat.TRAILER_BYTES, 3);
    rename("cache", "full");
    rename("cache.refused", "cache");
    kept(SIZE).close();
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept = handover.find("cache").orElseThrow()) {
      assertEquals(SIZE, kept.memory().size());
      assertTrue(kept.memory().allocated() > 4096, "the trailer has its memory");
    }
  }

  @Test
  void memoryOfAnotherSizeHasNoRegion() throws IOException {
    leave("cache", SIZE + 4096, 3);
    try (KeptMemory memory = kept(SIZE)) {
      assertEquals(
          "what is kept under 'cache' has 20480 bytes, a cache of this capacity 16384",
          memory.refusal());
      assertEquals(
          memory.refusal(), assertThrows(IllegalStateException.class, memory::region).getMessage());
      assertTrue(memory.origin().isWarm());
    }
    assertKept(3L, null, null);
  }

  @Test
  void whatIsSetAsideTakesThePlaceOfWhatWasBefore() throws IOException {
    for (long i = 3; i < 5; i++) {
      try (KeptMemory memory = kept(SIZE)) {
        memory.region().putLong(0, i);
        assertEquals(
            "it is kept as 'cache.refused'"
                + (i == 3 ? "" : ", in place of what was set aside before"),
            memory.setAside().where());
        assertNull(memory.refusal());
        assertEquals(0, memory.region().getLong(0));
      }
      assertKept(0L, i, null);
    }
  }

  @Test
  void whatIsReplacedIsGone() throws IOException {
    for (int size : new int[] {SIZE, SIZE + 4096}) {
      leave("cache", size, 3);
      try (KeptMemory memory = kept(SIZE)) {
        memory.replace();
        assertNull(memory.refusal());
        assertEquals(SIZE, memory.region().size());
        assertEquals(0, memory.region().getLong(0));
      }
      assertKept(0L, null, null);
      try (Handover handover = handover(Duration.ofSeconds(60))) {
        handover.find("cache").orElseThrow().discard();
      }
    }
  }

  @Test
  void whatWasSetAsideReplacesNewMemory() throws IOException {
    leave("cache.refused", SIZE, 4);
    try (KeptMemory memory = kept(SIZE)) {
      assertTrue(memory.takeBack(region -> region.getLong(0) == 4));
      assertEquals(4, memory.region().getLong(0));
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind());
      assertTrue(
          memory.origin().reason().endsWith(", which had been set aside as 'cache.refused'"),
          memory.origin().reason());
      assertFalse(memory.takeBack(region -> true));
    }
    assertKept(4L, null, null);
  }

  @Test
  void whatWasSetAsideChangesPlacesWithWhatIsThere() throws IOException {
    for (int size : new int[] {SIZE, SIZE + 4096}) {
      leave("cache", size, 3);
      leave("cache.refused", SIZE, 4);
      try (KeptMemory memory = kept(SIZE)) {
        assertTrue(memory.takeBack(region -> true));
        assertNull(memory.refusal());
        assertEquals(4, memory.region().getLong(0));
      }
      assertKept(4L, 3L, null);
      discard("cache", "cache.refused");
    }
  }

  private void discard(String... names) {
    try (Handover handover = handover(Duration.ofSeconds(60))) {
      for (String name : names) {
        handover.find(name).orElseThrow().discard();
      }
    }
  }

  @Test
  void whatWasSetAsideAndDoesNotFitIsLeft() throws IOException {
    leave("cache.refused", SIZE, 4);
    try (KeptMemory memory = kept(SIZE)) {
      assertFalse(memory.takeBack(region -> false));
      assertThrows(
          IllegalArgumentException.class,
          () ->
              memory.takeBack(
                  region -> {
                    throw new IllegalArgumentException();
                  }));
      assertFalse(memory.origin().isWarm());
      assertEquals(0, memory.region().getLong(0));
    }
    assertKept(0L, 4L, null);
    try (KeptMemory memory = kept(KeptMemory.AS_KEPT)) {
      assertFalse(memory.takeBack(region -> true), "nothing was looked for");
    }
    discard("cache");
    try (KeptMemory memory = kept(SIZE + 4096)) {
      assertFalse(memory.takeBack(region -> true), "of another size");
      assertTrue(memory.discardAside());
      assertFalse(memory.discardAside());
    }
    assertKept(0L, null, null);
  }

  @Test
  void theLastOfThreeRenamesIsMade() throws IOException {
    leave("cache", SIZE, 4);
    leave("cache.swap", SIZE, 3);
    kept(SIZE).close();
    assertKept(4L, 3L, null);
    leave("cache.swap", SIZE, 5);
    kept(SIZE).close();
    assertKept(4L, 3L, null);
  }

  @Test
  void withoutRoomNothingIsMadeAndNothingIsLost() throws IOException {
    leave("cache.refused", SIZE, 4);
    assertThrows(NoRoomException.class, () -> kept(TOO_MUCH));
    assertKept(null, 4L, null);
    leave("cache", SIZE, 3);
    try (KeptMemory memory = kept(TOO_MUCH);
        Logged log = new Logged(WarmCache.class)) {
      assertThrows(NoRoomException.class, memory::setAside);
      assertThrows(NoRoomException.class, memory::replace);
      assertEquals(List.of(), log.lines(), "nothing was given up");
    }
    assertKept(3L, 4L, null);
  }

  /** So that it is not given up to make room for memory that is not needed. */
  @Test
  void whatFitsIsTakenBackWhereThereIsNoRoomForMore() throws IOException {
    limit(Long.MAX_VALUE);
    leave("cache.refused", TOO_MUCH, 4); // without its blocks
    try (KeptMemory memory = kept(TOO_MUCH)) {
      assertEquals(Start.Kind.COLD, memory.origin().kind());
      assertTrue(memory.takeBack(region -> true));
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind());
      assertEquals(4, memory.region().getLong(0));
    }
    assertKept(4L, null, null);
    rename("cache", "cache.refused");
    try (KeptMemory memory = kept(TOO_MUCH)) {
      assertThrows(NoRoomException.class, () -> memory.takeBack(region -> false));
    }
    assertKept(null, 4L, null);
  }

  /** A service's capacity is set too large, and back. */
  @Test
  void anOpenThatHasNoRoomLeavesAllAsItWas() throws IOException {
    process(MIB, OnRefusal.KEEP, null, "one");
    process(2 * MIB, OnRefusal.KEEP, null, "two");
    for (OnRefusal what : List.of(OnRefusal.KEEP, OnRefusal.REPLACE)) {
      assertThrows(NoRoomException.class, () -> process(8L << 40, what, null, "three"));
    }
    process(2 * MIB, OnRefusal.KEEP, "two", "two");
    assertTrue(process(MIB, OnRefusal.KEEP, "one", "one").isWarm());
  }

  /** A tool that reads it, or another service: the service starts, and takes nothing from them. */
  @Test
  void whatOthersHaveStopsNoService() throws IOException {
    for (OnRefusal what : List.of(OnRefusal.KEEP, OnRefusal.REPLACE)) {
      leave("cache.refused", SIZE, 4);
      process(MIB, OnRefusal.KEEP, null, "one");
      try (Handover other = handover(Duration.ZERO);
          Kept theirs = other.find("cache.refused").orElseThrow();
          Handover second = handover(Duration.ZERO);
          Logged log = new Logged(WarmCache.class);
          WarmCache<String, String> cache = open(second, 2 * MIB, what)) {
        assertEquals(Start.Kind.COLD, cache.start().kind());
        cache.put("key", "two");
        assertEquals(2, log.lines().size(), "" + log.lines());
        String busy = log.lines().get(0);
        assertTrue(busy.startsWith("WARNING 'cache.refused' cannot be had: "), busy);
        assertTrue(busy.endsWith("old memory cannot be set aside, nor taken back"), busy);
        assertTrue(busy.contains("process " + ProcessHandle.current().pid()), busy);
        assertTrue(
            cache
                .start()
                .reason()
                .contains(what == OnRefusal.KEEP ? "it was given up, as 'cache.refused'" : "over"),
            cache.start().reason());
        IOException refused = assertThrows(IOException.class, cache::discardRefused);
        assertTrue(refused.getMessage().contains("'cache.refused' cannot be had"), "" + refused);
        assertEquals(SIZE, theirs.memory().size());
      }
      assertEquals(4L, number("cache.refused"));
      process(2 * MIB, OnRefusal.KEEP, "two", "two");
      discard("cache", "cache.refused");
    }
  }

  @Test
  void whatOthersHaveWhileTwoMemoriesChangePlacesStopsNoService() throws IOException {
    leave("cache", 2 * SIZE, 3);
    leave("cache.refused", SIZE, 4);
    leave("cache.swap", SIZE, 5);
    try (Handover other = handover(Duration.ZERO)) {
      Kept theirs = other.find("cache.swap").orElseThrow();
      try (KeptMemory memory = new KeptMemory(handover(Duration.ZERO), true, "cache", SIZE);
          Logged log = new Logged(WarmCache.class)) {
        assertFalse(memory.takeBack(region -> true));
        assertTrue(log.lines().get(0).contains("fits, and cannot be taken back"), "" + log.lines());
        assertTrue(memory.setAside().isKept());
      }
      theirs.close();
    }
    assertKept(0L, 3L, 5L);
    kept(SIZE).close();
    assertKept(0L, 3L, null);
    leave("cache.swap", SIZE, 6);
    try (Handover other = handover(Duration.ZERO)) {
      Kept theirs = other.find("cache.refused").orElseThrow();
      new KeptMemory(handover(Duration.ZERO), true, "cache", SIZE).close();
      theirs.close();
    }
    assertKept(0L, 3L, 6L);
    discard("cache");
    try (Handover other = handover(Duration.ZERO)) {
      Kept theirs = other.find("cache.refused").orElseThrow();
      new KeptMemory(handover(Duration.ZERO), true, "cache", SIZE).close();
      theirs.close();
    }
    assertKept(6L, 3L, null);
  }

  /** As where the agent's limit of names is reached. */
  @Test
  void aNameThatTheHolderDoesNotGiveStopsNoService() throws IOException {
    agent.close();
    agent = Agent.builder(luo).socket(folder.resolve("agent")).maxNamesPerUid(1).start();
    try (KeptMemory memory = kept(SIZE)) {
      memory.region().putLong(0, 3);
    }
    try (KeptMemory memory = kept(2 * SIZE)) {
      CacheMemory.GivenWay given = memory.setAside();
      assertFalse(given.isKept());
      assertTrue(given.where().contains("maxNamesPerUid"), given.where());
      assertEquals(0, memory.region().getLong(0));
    }
  }

  /** As an agent whose limit for a user is reached. */
  @Test
  void whatTheHolderDoesNotTakeLeavesOldMemoryUnderItsName() throws IOException {
    agent.close();
    agent = Agent.builder(luo).socket(folder.resolve("agent")).maxBytesPerUid(SIZE + 4096).start();
    leave("cache", SIZE, 3);
    try (KeptMemory memory = kept(2 * SIZE)) {
      LuoException.AgentRefused refused =
          assertThrows(LuoException.AgentRefused.class, memory::setAside);
      assertEquals(List.of(), List.of(refused.getSuppressed()));
    }
    assertKept(3L, null, null);
  }

  /** The boot that memory was last used in says whether a kexec was between. */
  @Test
  void memoryOfAnotherBootOrOfNoneIsTold() throws IOException {
    leave("cache", SIZE, 3);
    try (KeptMemory memory = kept(SIZE)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind(), "it does not say");
      memory.opened();
      assertTrue(memory.region().getLong(CacheFormat.BOOT_AT) != 0);
    }
    try (KeptMemory memory = kept(SIZE)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind());
      memory.region().putLong(CacheFormat.BOOT_AT, 77);
    }
    try (KeptMemory memory = kept(SIZE)) {
      assertEquals(Start.Kind.WARM_AFTER_KEXEC, memory.origin().kind());
    }
    leave("small", 64, 3);
    try (KeptMemory memory =
        new KeptMemory(handover(Duration.ofSeconds(60)), true, "small", KeptMemory.AS_KEPT)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind());
    }
  }

  /** The holder that a caller has made stays open. */
  @Test
  void aHandoverIsClosedByWhoMadeIt() throws IOException {
    try (Handover handover = handover(Duration.ofSeconds(60))) {
      new KeptMemory(handover, false, "cache", SIZE).close();
      assertTrue(handover.find("none").isEmpty());
      new KeptMemory(handover, true, "other", SIZE).close();
      assertThrows(RuntimeException.class, () -> handover.find("none"));
    }
  }

  private static void assertClosed(MemoryRegion region) {
    assertThrows(IllegalStateException.class, () -> region.getLong(0));
  }

  /** Memory that nobody maps any more can be given up by the kernel. */
  @Test
  void whatIsNoLongerUsedIsUnmapped() throws IOException {
    leave("cache.refused", SIZE, 4);
    MemoryRegion[] seen = new MemoryRegion[1];
    try (KeptMemory memory = kept(SIZE)) {
      assertFalse(memory.takeBack(region -> (seen[0] = region) == null));
      assertClosed(seen[0]);
      MemoryRegion region = memory.region();
      assertTrue(memory.takeBack(found -> true));
      assertClosed(region);
      region = memory.region();
      memory.setAside();
      assertClosed(region);
      region = memory.region();
      memory.replace();
      assertClosed(region);
      seen[0] = memory.region();
    }
    assertClosed(seen[0]);
  }

  @Test
  void withoutRoomAndWithNothingAsideNothingIsMade() throws IOException {
    NoRoomException refused = assertThrows(NoRoomException.class, () -> kept(TOO_MUCH));
    assertTrue(refused.getMessage().contains("'cache'"), refused.getMessage());
    assertKept(null, null, null);
  }

  /** The codec of an open may throw when all has been done to what is kept. */
  @Test
  void anOpenThatIsAbandonedLeavesWhatWasKept() throws IOException {
    abandon(kept(SIZE));
    assertKept(null, null, null);
    leave("cache.refused", SIZE, 4);
    KeptMemory memory = kept(SIZE);
    assertTrue(memory.takeBack(region -> true));
    abandon(memory);
    assertKept(null, 4L, null);
    leave("cache", 2 * SIZE, 3);
    memory = kept(SIZE);
    assertTrue(memory.takeBack(region -> true));
    abandon(memory);
    assertKept(3L, 4L, null);
    discard("cache.refused");
    memory = kept(SIZE);
    assertTrue(memory.setAside().isKept());
    abandon(memory);
    assertKept(3L, null, null);
  }

  private static void abandon(KeptMemory memory) {
    MemoryRegion region = memory.region();
    IOException failure = new IOException();
    memory.abandon(failure);
    assertEquals(List.of(), List.of(failure.getSuppressed()));
    assertClosed(region);
  }

  @Test
  void newMemoryIsNotSetAsideForWhatIsTakenBack() throws IOException {
    leave("cache.refused", SIZE, 4);
    try (KeptMemory memory = kept(SIZE)) {
      assertFalse(memory.takeBack(region -> false));
      assertTrue(memory.takeBack(region -> true));
    }
    assertKept(4L, null, null);
  }

  @Test
  void memoryOfNoMoreThanAHeaderSaysItsBoot() throws IOException {
    try (Handover handover = handover(Duration.ofSeconds(60));
        Kept kept =
            handover.make("cache", MemFdOptions.named("cache").size(CacheFormat.HEADER_BYTES));
        MemoryRegion memory = kept.memory().map()) {
      memory.putLong(CacheFormat.BOOT_AT, 77);
    }
    try (KeptMemory memory = kept(KeptMemory.AS_KEPT)) {
      assertEquals(Start.Kind.WARM_AFTER_KEXEC, memory.origin().kind());
    }
  }
}
