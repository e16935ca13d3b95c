/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;

/** What an agent leaves to the next kernel's. */
class AgentManifestTest {

  private static final List<AgentManifest.Entry> TWO =
      List.of(
          new AgentManifest.Entry(1000, "cache", Agent.Kind.MEMFD, "luo4j-agent.1000.0.cache", 0),
          new AgentManifest.Entry(-2, "n".repeat(255), Agent.Kind.SESSION, "s".repeat(63), -1));

  @TempDir Path folder;

  private MemFd memfd(LiveUpdate luo) {
    return luo.createMemFd(MemFdOptions.named("manifest").size(AgentManifest.BYTES));
  }

  @Test
  void whatWasWrittenLastIsRead() {
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd memfd = memfd(luo);
        AgentManifest manifest = new AgentManifest(memfd.duplicate())) {
      assertEquals(-1, AgentManifest.read(memfd).sequence());
      for (int i = 0; i < 5; i++) {
        assertTrue(manifest.write(i % 2 == 0 ? TWO : List.of()));
        AgentManifest.Contents contents = AgentManifest.read(memfd);
        assertEquals(i + 1, contents.sequence());
        assertEquals(i % 2 == 0 ? TWO : List.of(), contents.entries());
        assertEquals(List.of(), contents.problems());
      }
    }
  }

  @Test
  void anyByteOfTheLastCopyThatIsWrongLeavesTheOneBefore() {
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd memfd = memfd(luo);
        AgentManifest manifest = new AgentManifest(memfd.duplicate());
        MemoryRegion region = memfd.map()) {
      manifest.write(TWO.subList(0, 1)); // the second copy
      manifest.write(TWO); // the first
      int length = AgentManifest.copy(2, TWO).length;
      for (int i = 0; i < length; i++) {
        byte before = region.getByte(i);
        region.putByte(i, (byte) ~before);
        AgentManifest.Contents contents = AgentManifest.read(memfd);
        assertEquals(1, contents.sequence(), "byte " + i);
        assertEquals(TWO.subList(0, 1), contents.entries());
        region.putByte(i, before);
      }
      assertEquals(TWO, AgentManifest.read(memfd).entries());
    }
  }

  /** What follows is written over the older copy all the same. */
  @Test
  void aRefusedWriteChangesNoCopy() {
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd memfd = memfd(luo);
        AgentManifest manifest = new AgentManifest(memfd.duplicate());
        MemoryRegion region = memfd.map()) {
      manifest.write(List.of());
      manifest.write(TWO);
      assertFalse(manifest.write(Collections.nCopies(2000, TWO.get(1))));
      assertEquals(TWO, AgentManifest.read(memfd).entries());
      assertTrue(manifest.write(TWO.subList(0, 1))); // in place of the first
      AgentManifest.Contents contents = AgentManifest.read(memfd);
      assertEquals(3, contents.sequence());
      assertEquals(TWO.subList(0, 1), contents.entries());
      region.putByte(AgentManifest.COPY_BYTES, (byte) 0);
      assertEquals(TWO, AgentManifest.read(memfd).entries());
    }
  }

  @Test
  void otherMemoryIsNoManifest() {
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd small = luo.createMemFd(MemFdOptions.named("small").size(4096));
        MemFd zeros = memfd(luo)) {
      assertTrue(AgentManifest.read(small).problems().get(0).contains("4096"));
      assertEquals(2, AgentManifest.read(zeros).problems().size());
    }
  }

  @Test
  void tooManyEntriesAreNotWritten() {
    List<AgentManifest.Entry> many = new ArrayList<>();
    AgentManifest.Entry entry = TWO.get(1);
    while (AgentManifest.copy(1, many) != null) {
      for (int i = 0; i < 100; i++) {
        many.add(entry);
      }
    }
    assertTrue(many.size() > 1500, "" + many.size());
    assertNull(AgentManifest.copy(1, many));
  }

  @Test
  void entriesThatAreNoneAreToldAndThoseBeforeThemCount() {
    for (int at = 0; at < 8; at++) {
      // The second entry's fields: kind, zero, lengths, names, with a checksum that is right.
      int second = 32 + 16 + 5 + 24;
      byte[] copy = AgentManifest.copy(7, TWO);
      switch (at) {
        case 0 -> copy[second + 4] = 0;
        case 1 -> copy[second + 4] = 3;
        case 2 -> copy[second + 5] = 1;
        case 3 -> copy[second + 6] = 0;
        case 4 -> copy[second + 7] = 0;
        case 5 -> copy[second + 7] = 64;
        case 6 -> copy[second + 16] = ':';
        default -> copy[second + 16 + 255] = (byte) 0xFF;
      }
      AgentManifest.Contents contents = AgentManifest.parse(withChecksum(copy));
      assertEquals(TWO.subList(0, 1), contents.entries(), "case " + at);
      assertTrue(contents.problems().get(0).contains("entry 1"), contents.toString());
    }
    byte[] count = AgentManifest.copy(7, TWO);
    count[12] = 3;
    AgentManifest.Contents contents = AgentManifest.parse(withChecksum(count));
    assertEquals(TWO, contents.entries());
    assertFalse(contents.problems().isEmpty());
    byte[] twice = AgentManifest.copy(7, List.of(TWO.get(0), TWO.get(0)));
    assertTrue(AgentManifest.parse(twice).problems().get(0).contains("twice"));
  }

  @Test
  void lengthsAndSequencesOutOfRangeAreRefused() {
    byte[] copy = AgentManifest.copy(7, TWO);
    for (int length : new int[] {-1, Integer.MAX_VALUE, Integer.MIN_VALUE, copy.length - 31}) {
      byte[] bytes = copy.clone();
      buffer(bytes).putInt(24, length);
      assertEquals(-1, AgentManifest.parse(bytes).sequence());
    }
    for (int length = 0; length < copy.length; length++) {
      assertEquals(-1, AgentManifest.parse(Arrays.copyOf(copy, length)).sequence());
    }
    assertEquals(-1, AgentManifest.parse(AgentManifest.copy(-5, TWO)).sequence());
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] withChecksum(byte[] copy) {
    CRC32C crc = new CRC32C();
    crc.update(copy, 0, 28);
    crc.update(copy, 32, copy.length - 32);
    buffer(copy).putInt(28, (int) crc.getValue());
    return copy;
  }

  private static AgentManifest.Entry entry(String name, String session) {
    return new AgentManifest.Entry(1, name, Agent.Kind.MEMFD, session, 0);
  }

  /** To the last byte. */
  @Test
  void aCopyMayBeFull() {
    List<AgentManifest.Entry> entries = new ArrayList<>();
    int left = AgentManifest.COPY_BYTES - 32;
    for (int i = 0; left >= 2 * (16 + 255 + 1); i++) {
      String name = "n".repeat(200) + i;
      entries.add(entry(name, "s"));
      left -= 16 + name.length() + 1;
    }
    entries.add(entry("m".repeat(255), "s"));
    left -= 16 + 255 + 1;
    entries.add(entry("x".repeat(left - 16 - 1), "s"));
    byte[] copy = AgentManifest.copy(1, entries);
    assertEquals(AgentManifest.COPY_BYTES, copy.length);
    assertEquals(entries, AgentManifest.parse(copy).entries());
    entries.set(entries.size() - 1, entry("x".repeat(left - 16 - 1), "ss"));
    assertNull(AgentManifest.copy(1, entries));
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd memfd = memfd(luo);
        AgentManifest manifest = new AgentManifest(memfd.duplicate())) {
      assertTrue(manifest.write(TWO));
      assertFalse(manifest.write(entries));
      assertEquals(TWO, AgentManifest.read(memfd).entries(), "what was written last stays");
    }
  }

  @Test
  void theFirstSequenceIsOne() {
    byte[] copy = AgentManifest.copy(0, TWO);
    assertEquals(0, AgentManifest.parse(copy).sequence());
    LiveUpdate luo = Emulated.in(folder);
    try (MemFd memfd = memfd(luo);
        MemoryRegion region = memfd.map()) {
      region.put(0, copy);
      assertEquals(TWO, AgentManifest.read(memfd).entries());
      region.put(0, new byte[copy.length]);
      region.put(AgentManifest.COPY_BYTES, copy);
      assertEquals(TWO, AgentManifest.read(memfd).entries());
    }
  }

  @Test
  void partsAtTheirLimitsAreSaid() {
    assertTrue(AgentManifest.parse(new byte[31]).problems().get(0).contains("has 31 bytes"));
    assertTrue(AgentManifest.parse(new byte[32]).problems().get(0).contains("magic"));
    for (String session : new String[] {"", "s".repeat(64), "\0s", "s\0"}) {
      AgentManifest.Contents contents =
          AgentManifest.parse(AgentManifest.copy(1, List.of(entry("a", session))));
      assertEquals(List.of(), contents.entries());
      assertEquals(1, contents.problems().size());
    }
  }

  @Test
  void aManifestThatCannotBeMappedOrIsClosed() {
    JniLibrary.assumeBuilt();
    try (TestKernel kernel = new TestKernel()) {
      MemFd memfd = memfd(kernel.luo);
      kernel.fail("map", Errno.ENOMEM);
      assertThrows(LuoException.class, () -> new AgentManifest(memfd));
      assertFalse(memfd.isOpen());
      AgentManifest manifest = new AgentManifest(memfd(kernel.luo));
      manifest.close();
      assertThrows(IllegalStateException.class, () -> manifest.write(TWO));
    }
  }
}
