/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;

/**
 * What an {@link Agent} tells its successor in the next kernel: which session holds what, and
 * whose. A memfd of {@value #BYTES} bytes with two copies, which are written in turn, so that one
 * is whole at any time. Little-endian:
 *
 * <pre>
 *        0            8         12        16            24        28
 *        +------------+---------+---------+-------------+---------+---------+
 *  copy  | magic      | version | entries | sequence    | length  | CRC-32C |
 *        +------------+---------+---------+-------------+---------+---------+
 *     32 | entries: length bytes                                            |
 *        +------------------------------------------------------------------+
 *
 *        0         4      5     6      7         8          16
 *        +---------+------+-----+------+---------+----------+------+---------+
 *  entry | uid     | kind | 0   | name | session | token    | name | session |
 *        +---------+------+-----+------+---------+----------+------+---------+
 *                               lengths in bytes            UTF-8
 * </pre>
 *
 * <p>The checksum is that of the 28 bytes before it and of the entries. The whole copy with the
 * higher sequence counts. What is read is not trusted: the session of an entry may not be there.
 *
 * <p>One thread at a time.
 */
final class AgentManifest implements AutoCloseable {

  static final int BYTES = 1 << 20;
  static final int COPY_BYTES = BYTES / 2;

  private static final long MAGIC = 0x314E414D414A344CL;
  private static final int VERSION = 1;
  private static final int CHECKSUM = 28;
  private static final int ENTRIES = 32;
  private static final int ENTRY_FIXED = 16;

  private final MemFd memfd;
  private final MemoryRegion region;
  private long sequence;

  /**
   * What a session holds.
   *
   * @param uid whose
   * @param name under which name
   * @param kind MEMFD, under the token, or SESSION, the session itself
   * @param session its name
   * @param token of a memfd
   */
  record Entry(int uid, String name, Agent.Kind kind, String session, long token) {}

  /**
   * What was read.
   *
   * @param sequence of the copy that counts; -1 without one
   * @param entries those that are as they must be
   * @param problems a sentence for each thing that is not
   */
  record Contents(long sequence, List<Entry> entries, List<String> problems) {}

  /** Takes over a memfd of {@value #BYTES} zeros, also when this throws. */
  AgentManifest(MemFd memfd) {
    this.memfd = memfd;
    try {
      this.region = memfd.map();
    } catch (Throwable e) {
      Undo.close(e, memfd);
      throw e;
    }
  }

  /**
   * Writes the other copy.
   *
   * @return false, with nothing written, when the entries are too many for it
   */
  boolean write(List<Entry> entries) {
    byte[] copy = copy(sequence + 1, entries);
    if (copy == null) {
      return false;
    }
    sequence++;
    region.put((sequence % 2) * COPY_BYTES, copy);
    return true;
  }

  /** A copy's bytes; null when they are more than one has. */
  static byte @Nullable [] copy(long sequence, List<Entry> entries) {
    ByteBuffer buffer = ByteBuffer.allocate(COPY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.position(ENTRIES);
    for (Entry entry : entries) {
      byte[] name = entry.name.getBytes(StandardCharsets.UTF_8);
      byte[] session = entry.session.getBytes(StandardCharsets.UTF_8);
      if (buffer.remaining() < ENTRY_FIXED + name.length + session.length) {
        return null;
      }
      buffer.putInt(entry.uid).put((byte) entry.kind.ordinal()).put((byte) 0);
      buffer.put((byte) name.length).put((byte) session.length).putLong(entry.token);
      buffer.put(name).put(session);
    }
    int end = buffer.position();
    buffer.putLong(0, MAGIC).putInt(8, VERSION).putInt(12, entries.size());
    buffer.putLong(16, sequence).putInt(24, end - ENTRIES);
    byte[] bytes = new byte[end];
    buffer.get(0, bytes);
    buffer.putInt(CHECKSUM, checksum(bytes, end));
    buffer.get(0, bytes);
    return bytes;
  }

  private static int checksum(byte[] copy, int end) {
    CRC32C crc = new CRC32C();
    crc.update(copy, 0, CHECKSUM);
    crc.update(copy, ENTRIES, end - ENTRIES);
    return (int) crc.getValue();
  }

  /** What a memfd that arrived says; the memfd stays the caller's. */
  static Contents read(MemFd arrived) {
    if (arrived.size() != BYTES) {
      return nothing("the manifest has " + arrived.size() + " bytes, not " + BYTES);
    }
    byte[] first = new byte[COPY_BYTES];
    byte[] second = new byte[COPY_BYTES];
    try (MemoryRegion region = arrived.mapReadOnly()) {
      region.get(0, first);
      region.get(COPY_BYTES, second);
    }
    return later(parse(first), parse(second));
  }

  private static Contents later(Contents a, Contents b) {
    if (a.sequence < 0 && b.sequence < 0) {
      List<String> problems = new ArrayList<>(a.problems);
      problems.addAll(b.problems);
      return new Contents(-1, List.of(), problems);
    }
    return a.sequence > b.sequence ? a : b;
  }

  private static Contents nothing(String problem) {
    return new Contents(-1, List.of(), List.of(problem));
  }

  /** What a copy's bytes say, whatever they are. */
  static Contents parse(byte[] copy) {
    if (copy.length < ENTRIES) {
      return nothing("a copy of the manifest has " + copy.length + " bytes");
    }
    ByteBuffer buffer = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
    int length = buffer.getInt(24);
    if (buffer.getLong(0) != MAGIC || buffer.getInt(8) != VERSION) {
      return nothing("a copy of the manifest has not this version's magic");
    }
    if (length < 0 || length > copy.length - ENTRIES) {
      return nothing("a copy of the manifest has a length of " + length);
    }
    if (buffer.getInt(CHECKSUM) != checksum(copy, ENTRIES + length)) {
      return nothing("a copy of the manifest has not its checksum");
    }
    long sequence = buffer.getLong(16);
    if (sequence < 0) {
      return nothing("a copy of the manifest has the sequence " + sequence);
    }
    buffer.position(ENTRIES).limit(ENTRIES + length);
    return entries(buffer, buffer.getInt(12), sequence);
  }

  private static Contents entries(ByteBuffer buffer, int count, long sequence) {
    List<Entry> entries = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    int index = 0;
    try {
      for (; buffer.hasRemaining(); index++) {
        Entry entry = entry(buffer);
        if (!seen.add(entry.uid + ":" + entry.name)) {
          throw new IllegalArgumentException("it is there twice");
        }
        entries.add(entry);
      }
      if (index != count) {
        problems.add("the manifest has " + index + " entries and says " + count);
      }
    } catch (IllegalArgumentException | BufferUnderflowException e) {
      problems.add("the manifest is wrong from entry " + index + " on: " + e.getMessage());
    }
    return new Contents(sequence, List.copyOf(entries), List.copyOf(problems));
  }

  private static Entry entry(ByteBuffer buffer) {
    int uid = buffer.getInt();
    int kind = buffer.get();
    int zero = buffer.get();
    int nameLength = buffer.get() & 0xFF;
    int sessionLength = buffer.get() & 0xFF;
    long token = buffer.getLong();
    String name = text(buffer, nameLength);
    String session = text(buffer, sessionLength);
    boolean known = kind == Agent.Kind.MEMFD.ordinal() || kind == Agent.Kind.SESSION.ordinal();
    if (!known || zero != 0) {
      throw new IllegalArgumentException("its kind is " + kind);
    }
    if (!Systemd.isName(name)) {
      throw new IllegalArgumentException("its name is not one");
    }
    if (sessionLength == 0 || sessionLength >= Abi.NAME_LENGTH || session.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("its session's name is not one");
    }
    return new Entry(uid, name, Agent.Kind.values()[kind], session, token);
  }

  private static String text(ByteBuffer buffer, int length) {
    if (length > buffer.remaining()) {
      throw new IllegalArgumentException("it goes beyond the end");
    }
    ByteBuffer part = buffer.slice().limit(length);
    buffer.position(buffer.position() + length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(part).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("a text is not UTF-8", e);
    }
  }

  @Override
  public void close() {
    region.close();
    memfd.close();
  }
}
