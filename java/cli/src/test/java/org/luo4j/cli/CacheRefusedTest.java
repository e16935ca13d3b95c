/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.Agent;
import org.luo4j.Handover;
import org.luo4j.LiveUpdate;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/** luo cache refused. */
class CacheRefusedTest {

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("cache");
  }

  private Path aside() {
    return folder.resolve("cache.refused");
  }

  private WarmCache<String, byte[]> open(long capacity) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(capacity).file(file()).open();
  }

  /** A cache of 2 MiB, for which one of 1 MiB with an entry is set aside. */
  private void refuse() throws IOException {
    try (WarmCache<String, byte[]> cache = open(1 << 20)) {
      cache.put("key", new byte[1]);
    }
    open(2 << 20).close();
  }

  private static void assertRun(int exit, Run run) {
    assertEquals(exit, run.exit(), run::toString);
  }

  private static void assertHas(String line, String text) {
    assertTrue(text.contains(line), text);
  }

  @Test
  void whatIsSetAsideIsShownAndStays() throws IOException {
    refuse();
    Run run = Run.luo("cache", "refused", file());
    assertRun(0, run);
    assertHas("file           " + aside() + "\n", run.out());
    assertHas("size           %,d bytes".formatted(Files.size(aside())), run.out());
    assertHas("capacity       1,048,576 bytes, 1.0 MiB\n", run.out());
    assertHas("key codec      utf-8\n", run.out());
    assertHas("entries        1\n", run.out());
    assertHas(
        "reason         its capacity is 1048576, that of the present cache 2097152\n", run.out());
    try (WarmCache<String, byte[]> cache = open(1 << 20)) {
      assertEquals(1, cache.getIfPresent("key").length);
    }
  }

  @Test
  void itIsDroppedWhileTheServiceHasTheCacheOpen() throws IOException {
    refuse();
    try (WarmCache<String, byte[]> cache = open(2 << 20)) {
      Run run = Run.luo("cache", "refused", file(), "--drop");
      assertRun(0, run);
      assertTrue(run.out().endsWith("dropped\n"), run.out());
      assertFalse(Files.exists(aside()));
      cache.put("key", new byte[2]);
    }
    assertRun(0, Run.luo("cache", "verify", file()));
    Run again = Run.luo("cache", "refused", file(), "--drop");
    assertRun(0, again);
    assertEquals("nothing is set aside for " + file() + "\n", again.out());
  }

  @Test
  void whatAProcessHasOpenIsNotDropped() throws IOException {
    refuse();
    try (WarmCache<byte[], byte[]> other = WarmCache.openAsFound(aside())) {
      assertRun(0, Run.luo("cache", "refused", file()));
      Run run = Run.luo("cache", "refused", "--drop", file());
      assertRun(2, run);
      assertHas("its owner is process " + ProcessHandle.current().pid(), run.err());
      assertHas("one owner at a time", run.err());
      assertTrue(Files.exists(aside()));
      assertEquals(1, other.size());
    }
    assertRun(0, Run.luo("cache", "refused", "--drop", file()));
    assertFalse(Files.exists(aside()));
  }

  @Test
  void theReasonIsWhatTheMemoryShows() throws IOException {
    refuse();
    byte[] bytes = Files.readAllBytes(aside());
    bytes[70] ^= 1;
    Files.write(aside(), bytes);
    assertHas(
        "header is damaged: its checksum does not hold\n",
        Run.luo("cache", "refused", file()).out());
    Files.writeString(aside(), "text");
    assertHas("that is no cache\n", Run.luo("cache", "refused", file()).out());
    Files.copy(file(), aside(), StandardCopyOption.REPLACE_EXISTING);
    assertHas("not known: it was made as", Run.luo("cache", "refused", file()).out());
    Files.delete(file());
    assertHas("not known: there is no whole cache", Run.luo("cache", "refused", file()).out());
    assertRun(0, Run.luo("cache", "refused", "--drop", file()));
    assertFalse(Files.exists(aside()));
  }

  @Test
  void aLinkIsFollowedToTheCacheAndNoneIsDropped() throws IOException {
    refuse();
    Path link = Files.createSymbolicLink(folder.resolve("link"), file());
    assertHas(aside().toString(), Run.luo("cache", "refused", link).out());
    Path precious = Files.writeString(folder.resolve("precious"), "text");
    Files.delete(aside());
    Files.createSymbolicLink(aside(), precious);
    Run run = Run.luo("cache", "refused", "--drop", file());
    assertRun(2, run);
    assertHas("is not an ordinary file", run.err());
    assertTrue(Files.exists(precious));
    Files.delete(link);
    Files.delete(aside());
  }

  @Test
  void aKilledExchangeIsSaid() throws IOException {
    refuse();
    Path swap = Files.move(file(), folder.resolve("cache.swap"));
    assertHas(
        "the next open of the cache cleans that up", Run.luo("cache", "refused", file()).out());
    open(2 << 20).close();
    assertFalse(Files.exists(swap));
  }

  /** The next open does not take what may be another program's. */
  @Test
  void aStrangersFileIsNotSaidToGo() throws IOException {
    refuse();
    Path swap = Files.writeString(folder.resolve("cache.swap"), "text");
    String said = Run.luo("cache", "refused", "--drop", file()).out();
    assertHas(swap + ": ", said);
    assertHas("A file that is no cache's, is another user's or is in use stays as it is", said);
    open(2 << 20).close();
    assertEquals("text", Files.readString(swap));
  }

  @Test
  void anUnknownFileIsSaid() {
    Run run = Run.luo("cache", "refused", file());
    assertRun(2, run);
    assertEquals("luo: " + file() + ": no such file or folder\n", run.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cache refused",
        "cache refused --drop",
        "cache refused a b",
        "cache refused a --kept b",
        "cache refused --kept",
        "cache refused a --all"
      })
  void aCommandLineThatMakesNoSenseIsRefusedWithUsage(String words) {
    Run run = Run.luo((Object[]) words.split(" "));
    assertRun(2, run);
    assertHas("Usage: luo cache refused", run.err());
  }

  @Test
  void withoutAnAgentNothingIsSeen() {
    Path socket = folder.resolve("none.sock");
    Run run = Run.luo("cache", "refused", "--kept", "service", "--socket", socket);
    assertRun(0, run);
    assertHas("there is none at " + socket, run.out());
    assertHas("nothing is seen under 'service.refused'", run.out());
    assertHas("systemd-analyze fdstore", run.out());
    Run drop = Run.luo("cache", "refused", "--kept", "service", "--socket", socket, "--drop");
    assertRun(2, drop);
    assertHas("WarmCache.discardRefused()", drop.err());
  }

  @Test
  void whatAnAgentKeepsIsShownAndDroppedOnceItHasNoOwner() throws IOException {
    Path socket = folder.resolve("agent.sock");
    LiveUpdate luo = LiveUpdate.openNative();
    Agent agent = Agent.builder(luo).socket(socket).start();
    try {
      for (long capacity : new long[] {1 << 20, 2 << 20}) {
        try (Handover handover = agentOnly(luo, socket);
            WarmCache<String, byte[]> cache = kept(handover, capacity)) {
          cache.put("key", new byte[1]);
        }
      }
      Run shown = Run.luo("cache", "refused", "--kept", "service", "--socket", socket);
      assertRun(0, shown);
      assertHas("agent      'service.refused' of user ", shown.out());
      assertHas(", not open\n", shown.out());
      try (Handover handover = agentOnly(luo, socket);
          WarmCache<String, byte[]> cache = kept(handover, 2 << 20)) {
        assertTrue(cache.start().isWarm(), cache.start().reason());
        Run busy = Run.luo("cache", "refused", "--kept", "service", "--socket", socket, "--drop");
        assertRun(2, busy);
        assertHas("" + ProcessHandle.current().pid(), busy.out() + busy.err());
      }
      Run drop = Run.luo("cache", "refused", "--kept", "service", "--socket", socket, "--drop");
      assertRun(0, drop);
      assertTrue(drop.out().endsWith("dropped\n"), drop.out());
      Run none = Run.luo("cache", "refused", "--kept", "service", "--socket", socket);
      assertHas("nothing is seen under 'service.refused'", none.out());
    } finally {
      agent.close();
    }
  }

  private static Handover agentOnly(LiveUpdate luo, Path socket) {
    return Handover.builder()
        .luo(luo)
        .holder(Handover.Holder.AGENT)
        .agentSocket(socket)
        .timeout(Duration.ofSeconds(30))
        .open();
  }

  private static WarmCache<String, byte[]> kept(Handover handover, long capacity)
      throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(capacity)
        .handover(handover, "service")
        .open();
  }
}
