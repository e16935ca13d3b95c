/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * One message between an {@link Agent} and a client, over a Unix socket of type SOCK_SEQPACKET,
 * which keeps their bounds. Little-endian:
 *
 * <pre>
 *  0               4       5       6       7       8
 *  +---------------+-------+-------+-------+-------+
 *  | magic "L4JA"  |version| type  | kind  | kexec |
 *  +---------------+-------+-------+-------+-------+
 *  8 uid           | 12 id                         |
 *  +---------------+-------------------------------+
 * 16 number                                        |
 *  +-----------+-----------+-----------+-----------+
 * 24 name      | 26 text   | 28 initrd | 30 command|   lengths in bytes
 *  +-----------+-----------+-----------+-----------+
 * 32 the four texts, UTF-8, one after the other    |
 *  +-----------------------------------------------+
 * </pre>
 *
 * <p>A message is as long as its texts say. What its type has no use for is 0 or empty. STORE has
 * an fd with it, as has HELD of another kind than NOTHING; no other message has one.
 *
 * <p>The client asks and the agent answers, one after the other: HELLO with WELCOME, TAKE with HELD
 * or BUSY, STORE with STORED or BUSY, DROP with DROPPED or BUSY, LIST with an ENTRY for each name
 * and then LISTED, UPDATE with any number of PROGRESS and then RESULT; each with REFUSED where the
 * agent will not. PREPARE and ABORTED come from the agent at any time, READY is not answered.
 *
 * @param kind what is held: of HELD, STORE, DROPPED and ENTRY
 * @param kexec whether it survives a kexec: of WELCOME (what a memfd would), HELD, STORED, ENTRY;
 *     of RESULT whether the kexec came to be
 * @param uid whose: of ENTRY
 * @param id of PREPARE, READY and ABORTED the update's number; of BUSY and ENTRY the owner's pid,
 *     of ENTRY 0 without one
 * @param number of HELLO the version, of REFUSED the errno, of ENTRY the size in bytes, of LISTED
 *     how many, of PREPARE and UPDATE the time limit in milliseconds
 * @param name of what is held
 * @param text why, or how far; of UPDATE the kernel's path
 * @param initrd of UPDATE the initrd's path, empty for none
 * @param command of UPDATE the kernel's command line, empty for that of the kernel that runs
 */
record AgentMessage(
    Type type,
    Agent.Kind kind,
    boolean kexec,
    int uid,
    int id,
    long number,
    String name,
    String text,
    String initrd,
    String command) {

  /** The version of the protocol. */
  static final int VERSION = 1;

  /** The longest name, in bytes. */
  static final int NAME_MAX = Systemd.NAME_MAX;

  /** The longest of the other texts, in bytes: a path, a command line. */
  static final int TEXT_MAX = 4096;

  private static final int MAGIC = 0x414A344C;
  private static final int TEXTS = 32;

  /** The longest message, in bytes. */
  static final int BYTES_MAX = TEXTS + NAME_MAX + 3 * TEXT_MAX;

  /** The longest time limit, in milliseconds: a day. */
  static final long MILLIS_MAX = 86_400_000;

  // What a type of message has.
  private static final int KIND = 1;
  private static final int KEXEC = 2;
  private static final int UID = 4;
  private static final int ID = 8;
  private static final int NAME = 16;
  private static final int TEXT = 32;
  private static final int UPDATE_TEXTS = 64;

  /** What a message says; its number in the protocol, what it has, and its largest number. */
  enum Type {
    HELLO(1, 0, 255),
    WELCOME(2, KEXEC | TEXT, 0),
    TAKE(3, NAME, 0),
    HELD(4, NAME | KIND | KEXEC, 0),
    BUSY(5, NAME | ID, 0),
    STORE(6, NAME | KIND, 0),
    STORED(7, NAME | KEXEC | TEXT, 0),
    REFUSED(8, TEXT, 4095),
    DROP(9, NAME, 0),
    DROPPED(10, NAME | KIND, 0),
    LIST(11, 0, 0),
    ENTRY(12, NAME | KIND | KEXEC | UID | ID | TEXT, Long.MAX_VALUE),
    LISTED(13, 0, Integer.MAX_VALUE),
    PREPARE(14, ID, MILLIS_MAX),
    READY(15, ID, 0),
    ABORTED(16, ID | TEXT, 0),
    UPDATE(17, TEXT | UPDATE_TEXTS, MILLIS_MAX),
    PROGRESS(18, TEXT, 0),
    RESULT(19, KEXEC | TEXT, 0);

    private final int code;
    private final int has;
    private final long numberMax;

    Type(int code, int has, long numberMax) {
      this.code = code;
      this.has = has;
      this.numberMax = numberMax;
    }

    private static Type of(int code) throws Malformed {
      // Codes are 1, 2, 3 and so on.
      Type[] all = values();
      if (code < 1 || code > all.length) {
        throw new Malformed("its type is " + code + ", not 1 to " + all.length);
      }
      return all[code - 1];
    }
  }

  /** Bytes that are no message, and why. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String reason) {
      super(reason);
    }
  }

  // ---- what is sent ----

  private static AgentMessage of(Type type, Agent.Kind kind, boolean kexec, String name) {
    return new AgentMessage(type, kind, kexec, 0, 0, 0, name, "", "", "");
  }

  private static AgentMessage of(Type type, boolean kexec, int id, long number, String text) {
    return new AgentMessage(type, Agent.Kind.NOTHING, kexec, 0, id, number, "", cut(text), "", "");
  }

  static AgentMessage hello() {
    return of(Type.HELLO, false, 0, VERSION, "");
  }

  static AgentMessage welcome(String whyNoKexec) {
    return of(Type.WELCOME, whyNoKexec.isEmpty(), 0, 0, whyNoKexec);
  }

  static AgentMessage take(String name) {
    return of(Type.TAKE, Agent.Kind.NOTHING, false, name);
  }

  static AgentMessage held(String name, Agent.Kind kind, boolean kexec) {
    return of(Type.HELD, kind, kexec, name);
  }

  static AgentMessage busy(String name, int pid) {
    return new AgentMessage(Type.BUSY, Agent.Kind.NOTHING, false, 0, pid, 0, name, "", "", "");
  }

  static AgentMessage store(String name, Agent.Kind kind) {
    return of(Type.STORE, kind, false, name);
  }

  static AgentMessage stored(String name, String whyNoKexec) {
    return new AgentMessage(
        Type.STORED,
        Agent.Kind.NOTHING,
        whyNoKexec.isEmpty(),
        0,
        0,
        0,
        name,
        cut(whyNoKexec),
        "",
        "");
  }

  static AgentMessage refused(int errno, String reason) {
    return of(Type.REFUSED, false, 0, errno, reason);
  }

  static AgentMessage drop(String name) {
    return of(Type.DROP, Agent.Kind.NOTHING, false, name);
  }

  static AgentMessage dropped(String name, Agent.Kind kind) {
    return of(Type.DROPPED, kind, false, name);
  }

  static AgentMessage list() {
    return of(Type.LIST, false, 0, 0, "");
  }

  static AgentMessage entry(Agent.Held held) {
    return new AgentMessage(
        Type.ENTRY,
        held.kind(),
        held.survivesKexec(),
        held.uid(),
        held.owner(),
        held.bytes(),
        held.name(),
        cut(held.note()),
        "",
        "");
  }

  static AgentMessage listed(int count) {
    return of(Type.LISTED, false, 0, count, "");
  }

  static AgentMessage prepare(int update, long millis) {
    return of(Type.PREPARE, false, update, millis, "");
  }

  static AgentMessage ready(int update) {
    return of(Type.READY, false, update, 0, "");
  }

  static AgentMessage aborted(int update, String reason) {
    return of(Type.ABORTED, false, update, 0, reason);
  }

  static AgentMessage update(String kernel, String initrd, String command, long millis) {
    return new AgentMessage(
        Type.UPDATE, Agent.Kind.NOTHING, false, 0, 0, millis, "", kernel, initrd, command);
  }

  static AgentMessage progress(String text) {
    return of(Type.PROGRESS, false, 0, 0, text);
  }

  static AgentMessage result(boolean done, String reason) {
    return of(Type.RESULT, done, 0, 0, reason);
  }

  /** What a message can have of a reason, which may hold the output of a program. */
  private static String cut(String text) {
    StringBuilder kept = new StringBuilder();
    int bytes = 0;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      boolean surrogate = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
      int shown = c == 0 || surrogate ? '?' : c;
      bytes += shown < 0x80 ? 1 : shown < 0x800 ? 2 : shown < 0x10000 ? 3 : 4;
      if (bytes > TEXT_MAX) {
        break;
      }
      kept.appendCodePoint(shown);
    }
    return kept.toString();
  }

  /** What its owner keeps under a name that it is told to keep: an entry of a LIST. */
  Agent.Held toHeld() {
    return new Agent.Held(uid, name, kind, kexec, number, id, text);
  }

  // ---- bytes ----

  /**
   * The message's bytes.
   *
   * @throws IllegalArgumentException when it would be refused
   */
  byte[] bytes() {
    try {
      check();
    } catch (Malformed e) {
      throw new IllegalArgumentException(type + ": " + e.getMessage());
    }
    byte[][] texts = {utf8(name), utf8(text), utf8(initrd), utf8(command)};
    int length = TEXTS;
    for (byte[] each : texts) {
      length += each.length;
    }
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(MAGIC).put((byte) VERSION).put((byte) type.code);
    buffer.put((byte) kind.ordinal()).put((byte) (kexec ? 1 : 0));
    buffer.putInt(uid).putInt(id).putLong(number);
    for (byte[] each : texts) {
      buffer.putShort((short) each.length);
    }
    for (byte[] each : texts) {
      buffer.put(each);
    }
    return buffer.array();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * The message that bytes are.
   *
   * @param length how many of {@code bytes}, from the first on
   * @throws Malformed when they are none of this version
   */
  static AgentMessage of(byte[] bytes, int length) throws Malformed {
    if (length < TEXTS) {
      throw new Malformed("it has " + length + " bytes, fewer than " + TEXTS);
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length).order(ByteOrder.LITTLE_ENDIAN);
    int magic = buffer.getInt();
    if (magic != MAGIC) {
      throw new Malformed("it starts with 0x" + Integer.toHexString(magic) + ", not \"L4JA\"");
    }
    int version = buffer.get();
    if (version != VERSION) {
      throw new Malformed("its version is " + (version & 0xFF) + ", not " + VERSION);
    }
    Type type = Type.of(buffer.get() & 0xFF);
    int kind = buffer.get() & 0xFF;
    if (kind >= Agent.Kind.values().length) {
      throw new Malformed("its kind is " + kind);
    }
    int kexec = buffer.get() & 0xFF;
    if (kexec > 1) {
      throw new Malformed("its kexec is " + kexec + ", not 0 or 1");
    }
    int uid = buffer.getInt();
    int id = buffer.getInt();
    long number = buffer.getLong();
    int[] lengths = new int[4];
    int sum = TEXTS;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = buffer.getShort() & 0xFFFF;
      sum += lengths[i];
    }
    if (sum != length) {
      throw new Malformed("it has " + length + " bytes, by its texts " + sum);
    }
    AgentMessage message =
        new AgentMessage(
            type,
            Agent.Kind.values()[kind],
            kexec == 1,
            uid,
            id,
            number,
            text(buffer, lengths[0]),
            text(buffer, lengths[1]),
            text(buffer, lengths[2]),
            text(buffer, lengths[3]));
    message.check();
    return message;
  }

  private static String text(ByteBuffer buffer, int length) throws Malformed {
    ByteBuffer part = buffer.slice().limit(length);
    buffer.position(buffer.position() + length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(part).toString();
    } catch (CharacterCodingException e) {
      throw new Malformed("a text is not UTF-8");
    }
  }

  private void check() throws Malformed {
    absent(KIND, "kind", kind == Agent.Kind.NOTHING);
    absent(KEXEC, "kexec", !kexec);
    absent(UID, "uid", uid == 0);
    absent(ID, "id", id == 0);
    absent(NAME, "name", name.isEmpty());
    absent(TEXT, "text", text.isEmpty());
    absent(UPDATE_TEXTS, "initrd", initrd.isEmpty());
    absent(UPDATE_TEXTS, "command", command.isEmpty());
    if (number < 0 || number > type.numberMax) {
      throw new Malformed("the number of a " + type + " is 0 to " + type.numberMax + ": " + number);
    }
    if (id < 0) {
      throw new Malformed("the id of a " + type + " is negative: " + id);
    }
    if ((type.has & NAME) != 0 && !Systemd.isName(name)) {
      throw new Malformed(
          "the name of a " + type + " is not 1 to " + NAME_MAX + " printable ASCII, no colon");
    }
    if (type == Type.STORE && kind == Agent.Kind.NOTHING) {
      throw new Malformed("a STORE is of a memfd or a session");
    }
    for (String each : new String[] {text, initrd, command}) {
      if (each.indexOf('\0') >= 0) {
        throw new Malformed("a text has a NUL");
      }
      if (each.length() > TEXT_MAX || utf8(each).length > TEXT_MAX) {
        throw new Malformed("a text has more than " + TEXT_MAX + " bytes");
      }
    }
  }

  private void absent(int what, String field, boolean empty) throws Malformed {
    if ((type.has & what) == 0 && !empty) {
      throw new Malformed("a " + type + " has no " + field);
    }
  }
}
