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
import org.luo4j.MemoryRegion;

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
}
