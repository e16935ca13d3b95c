/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What an agent reads of others: messages, and the manifest of the previous kernel. Without a
 * fuzzer the seeds only; scripts/fuzz.sh fuzzes.
 */
class AgentFuzzTest {

  private static final int CHECKSUM = 28;
  private static final int ENTRIES = 32;

  /** A message is refused, or is the one way to write what it says. */
  @MethodSource("messageSeeds")
  @FuzzTest
  void message(byte[] input) {
    AgentMessage message;
    try {
      message = AgentMessage.of(input, input.length);
    } catch (AgentMessage.Malformed e) {
      return;
    }
    if (!Arrays.equals(input, message.bytes())) {
      throw new AssertionError("read as " + message + ", which is written otherwise");
    }
    if (message.type() == AgentMessage.Type.UPDATE) {
      try {
        Agent.Update.of(message);
      } catch (IllegalArgumentException e) {
        // The agent answers with it.
      }
    }
  }

  static Stream<byte[]> messageSeeds() {
    return AgentMessageTest.bytes();
  }

  /** Whatever a manifest is, its entries are such as could be written. */
  @MethodSource("manifestSeeds")
  @FuzzTest
  void manifest(byte[] input) {
    check(AgentManifest.parse(input));
    // With the right checksum and length, so that the fuzzer gets to the entries.
    if (input.length >= ENTRIES) {
      byte[] forged = input.clone();
      ByteBuffer buffer = ByteBuffer.wrap(forged).order(ByteOrder.LITTLE_ENDIAN);
      buffer.putInt(24, forged.length - ENTRIES);
      CRC32C crc = new CRC32C();
      crc.update(forged, 0, CHECKSUM);
      crc.update(forged, ENTRIES, forged.length - ENTRIES);
      buffer.putInt(CHECKSUM, (int) crc.getValue());
      check(AgentManifest.parse(forged));
    }
  }

  private static void check(AgentManifest.Contents contents) {
    if (contents.sequence() < 0) {
      if (!contents.entries().isEmpty() || contents.problems().isEmpty()) {
        throw new AssertionError("no copy counts, and yet " + contents);
      }
      return;
    }
    byte[] copy = AgentManifest.copy(contents.sequence(), contents.entries());
    if (copy == null) {
      throw new AssertionError("what was read cannot be written: " + contents.entries().size());
    }
    AgentManifest.Contents again = AgentManifest.parse(copy);
    if (!again.entries().equals(contents.entries()) || !again.problems().isEmpty()) {
      throw new AssertionError("read as " + contents + ", written and read as " + again);
    }
    for (AgentManifest.Entry entry : contents.entries()) {
      Session.encode(entry.session());
      Systemd.checkName(entry.name());
    }
  }

  static Stream<byte[]> manifestSeeds() {
    AgentManifest.Entry memfd =
        new AgentManifest.Entry(1000, "cache", Agent.Kind.MEMFD, "luo4j-agent.1000.0.cache", 0);
    AgentManifest.Entry session =
        new AgentManifest.Entry(0, "s", Agent.Kind.SESSION, "clients-own", 7);
    return Stream.of(
        new byte[0],
        AgentManifest.copy(1, List.of()),
        AgentManifest.copy(2, List.of(memfd)),
        AgentManifest.copy(3, List.of(memfd, session)),
        AgentManifest.copy(4, List.of(memfd, memfd)),
        Arrays.copyOf(AgentManifest.copy(5, List.of(session)), 4096));
  }
}
