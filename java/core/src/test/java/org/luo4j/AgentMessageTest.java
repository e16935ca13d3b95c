/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The protocol of agents and clients, as bytes. */
class AgentMessageTest {

  /** One of each type, and more where a type has a choice. */
  static List<AgentMessage> messages() {
    String longest = "n".repeat(AgentMessage.NAME_MAX);
    String text = "t".repeat(AgentMessage.TEXT_MAX);
    return List.of(
        AgentMessage.hello(),
        AgentMessage.welcome(""),
        AgentMessage.welcome("no LUO: \u00fc"),
        AgentMessage.take("a"),
        AgentMessage.take(longest),
        AgentMessage.held("a", Agent.Kind.NOTHING, false),
        AgentMessage.held("a", Agent.Kind.MEMFD, true),
        AgentMessage.held("a", Agent.Kind.SESSION, true),
        AgentMessage.busy("a", 4711),
        AgentMessage.store("a", Agent.Kind.MEMFD),
        AgentMessage.store("a", Agent.Kind.SESSION),
        AgentMessage.stored("a", ""),
        AgentMessage.stored("a", "why not"),
        AgentMessage.refused(28, "a limit"),
        AgentMessage.drop("a"),
        AgentMessage.dropped("a", Agent.Kind.SESSION),
        AgentMessage.list(),
        AgentMessage.entry(
            new Agent.Held(-2, "a", Agent.Kind.MEMFD, false, Long.MAX_VALUE, 7, "why")),
        AgentMessage.listed(0),
        AgentMessage.prepare(3, 60_000),
        AgentMessage.ready(3),
        AgentMessage.aborted(3, "because"),
        AgentMessage.update("/boot/k", "", "", 1),
        AgentMessage.update(text, text, text, AgentMessage.MILLIS_MAX),
        AgentMessage.progress("half way"),
        AgentMessage.result(true, ""),
        AgentMessage.result(false, "because"));
  }

  static Stream<byte[]> bytes() {
    return messages().stream().map(AgentMessage::bytes);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whatIsWrittenIsRead(AgentMessage message) throws Exception {
    byte[] bytes = message.bytes();
    assertTrue(bytes.length <= AgentMessage.BYTES_MAX);
    assertEquals(message, AgentMessage.of(bytes, bytes.length));
    byte[] larger = Arrays.copyOf(bytes, bytes.length + 10);
    assertEquals(message, AgentMessage.of(larger, bytes.length));
  }

  @Test
  void thereIsOneOfEachType() {
    assertEquals(
        AgentMessage.Type.values().length,
        messages().stream().map(AgentMessage::type).distinct().count());
  }

  @Test
  void theLayoutIsTheOneThatIsDocumented() {
    byte[] expected = new byte[33];
    System.arraycopy(new byte[] {'L', '4', 'J', 'A', 1, 4, 1, 1}, 0, expected, 0, 8);
    expected[24] = 1;
    expected[32] = 'a';
    assertArrayEquals(expected, AgentMessage.held("a", Agent.Kind.MEMFD, true).bytes());
    byte[] busy = AgentMessage.busy("ab", 0x01020304).bytes();
    assertArrayEquals(new byte[] {4, 3, 2, 1}, Arrays.copyOfRange(busy, 12, 16));
    byte[] listed = AgentMessage.listed(0x0102).bytes();
    assertArrayEquals(new byte[] {2, 1, 0, 0}, Arrays.copyOfRange(listed, 16, 20));
  }

  @ParameterizedTest
  @MethodSource("bytes")
  void aPartOfAMessageIsRefused(byte[] bytes) {
    for (int length = 0; length < bytes.length; length++) {
      int part = length;
      assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(bytes, part));
    }
    byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
    assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(longer, longer.length));
  }

  /** Of a HELD of "a", 33 bytes, or with a negative offset of another message. */
  @ParameterizedTest
  @CsvSource({
    "0, 0, starts with",
    "4, 2, version is 2",
    "5, 0, type is 0",
    "5, 20, type is 20",
    "5, 255, type is 255",
    "5, 3, TAKE has no kind",
    "5, 1, HELLO has no kind",
    "6, 3, kind is 3",
    "7, 2, kexec is 2",
    "8, 1, no uid",
    "12, 1, no id",
    "16, 1, number",
    "23, 128, number",
    "24, 0, by its texts",
    "24, 2, by its texts",
    "25, 255, by its texts",
    "26, 1, by its texts",
    "32, 58, printable",
    "32, 10, printable",
    "32, 200, UTF-8"
  })
  void aWrongFieldIsRefusedByItsName(int offset, int value, String reason) {
    byte[] bytes = AgentMessage.held("a", Agent.Kind.MEMFD, true).bytes();
    bytes[offset] = (byte) value;
    String message =
        assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(bytes, bytes.length))
            .getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void whatATypeHasNoUseForIsRefused() throws Exception {
    byte[] take = AgentMessage.take("a").bytes();
    for (int offset = 6; offset < 24; offset++) {
      byte[] bytes = take.clone();
      bytes[offset] = 1;
      assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(bytes, bytes.length));
    }
    byte[] text = AgentMessage.progress("x").bytes();
    text[5] = 11; // LIST
    assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(text, text.length));
    byte[] initrd = AgentMessage.update("", "i", "", 1).bytes();
    initrd[5] = 18; // PROGRESS
    assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(initrd, initrd.length));
  }

  @Test
  void numbersBeyondTheirLimitsAreRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> AgentMessage.prepare(1, AgentMessage.MILLIS_MAX + 1).bytes());
    assertThrows(IllegalArgumentException.class, () -> AgentMessage.ready(-1).bytes());
    assertThrows(IllegalArgumentException.class, () -> AgentMessage.refused(-1, "").bytes());
    assertThrows(IllegalArgumentException.class, () -> AgentMessage.listed(-1).bytes());
  }

  @Test
  void namesAndTextsBeyondTheirLimitsAreRefused() {
    for (String name : List.of("", "a:b", "a b", "\u00e9", "n".repeat(256))) {
      assertThrows(IllegalArgumentException.class, () -> AgentMessage.take(name).bytes());
    }
    String tooLong = "t".repeat(AgentMessage.TEXT_MAX + 1);
    assertThrows(
        IllegalArgumentException.class, () -> AgentMessage.update(tooLong, "", "", 1).bytes());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            AgentMessage.update("\u00fc".repeat(AgentMessage.TEXT_MAX / 2 + 1), "", "", 1).bytes());
    assertThrows(
        IllegalArgumentException.class, () -> AgentMessage.update("/a", "b\0c", "", 1).bytes());
    assertThrows(
        IllegalArgumentException.class, () -> AgentMessage.store("a", Agent.Kind.NOTHING).bytes());
  }

  @Test
  void aReasonIsCutToWhatAMessageHas() throws Exception {
    for (String part : List.of("x", "\u00fc", "\u20ac", "\ud83d\ude00", "\ud83d", "a\0")) {
      byte[] bytes = AgentMessage.progress(part.repeat(3000)).bytes();
      String read = AgentMessage.of(bytes, bytes.length).text();
      assertTrue(read.length() > 1000, part);
      assertFalse(read.contains("\0"));
    }
  }

  @Test
  void bytesThatAreReadAreThoseThatAreWritten() {
    SplittableRandom random = new SplittableRandom(7);
    List<byte[]> seeds = bytes().filter(seed -> seed.length < 200).toList();
    int read = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
      for (int edits = random.nextInt(4); edits >= 0; edits--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try {
        AgentMessage message = AgentMessage.of(bytes, bytes.length);
        assertArrayEquals(bytes, message.bytes());
        read++;
      } catch (AgentMessage.Malformed e) {
        assertFalse(e.getMessage().isEmpty());
      }
    }
    assertTrue(read > 1000, read + " of the edited messages were read");
  }

  /** By bytes of UTF-8, and between characters. */
  @Test
  void aReasonIsCutBetweenCharacters() {
    int most = AgentMessage.TEXT_MAX;
    int[][] characters = {
      {0x7F, 1},
      {0x80, 2},
      {0x7FF, 2},
      {0x800, 3},
      {0xD7FF, 3},
      {0xE000, 3},
      {0xFFFF, 3},
      {0x10000, 4},
      {0x10FFFF, 4}
    };
    for (int[] each : characters) {
      String character = Character.toString(each[0]);
      String whole = "x".repeat(most - each[1]) + character;
      assertEquals(whole, AgentMessage.refused(1, whole + "y").text());
      String less = "x".repeat(most - each[1] + 1);
      assertEquals(
          each[1] == 1 ? less.substring(1) + "x" : less,
          AgentMessage.refused(1, less + character).text());
      assertEquals(most, AgentMessage.refused(1, whole).bytes().length - 32);
    }
    assertEquals("a?b", AgentMessage.refused(1, "a\0b").text());
    assertEquals("?x", AgentMessage.refused(1, "\uDFFFx").text());
    assertEquals("?x", AgentMessage.refused(1, "\uD800x").text());
  }

  private static AgentMessage with(
      AgentMessage.Type type, String text, String initrd, String line) {
    return new AgentMessage(type, Agent.Kind.NOTHING, false, 0, 0, 1, "", text, initrd, line);
  }

  @Test
  void onlyAnUpdateHasAnInitrdAndACommandLine() {
    with(AgentMessage.Type.UPDATE, "/k", "/i", "quiet").bytes();
    with(AgentMessage.Type.HELLO, "", "", "").bytes();
    for (AgentMessage bad :
        new AgentMessage[] {
          with(AgentMessage.Type.HELLO, "", "/i", ""),
          with(AgentMessage.Type.HELLO, "", "", "quiet"),
          with(AgentMessage.Type.UPDATE, "\0/k", "/i", "quiet"),
          with(AgentMessage.Type.UPDATE, "/k", "\0/i", "quiet"),
          with(AgentMessage.Type.UPDATE, "/k", "/i", "\0")
        }) {
      assertThrows(IllegalArgumentException.class, bad::bytes);
    }
  }

  @Test
  void aVersionIsSaidAsANumber() {
    byte[] bytes = AgentMessage.hello().bytes();
    for (int version : new int[] {0, 2, 255}) {
      bytes[4] = (byte) version;
      assertEquals(
          "its version is " + version + ", not 1",
          assertThrows(AgentMessage.Malformed.class, () -> AgentMessage.of(bytes, bytes.length))
              .getMessage());
    }
  }
}
