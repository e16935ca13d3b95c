/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;

/**
 * What a session holds, as a file says it: the session's name, and for each token the memfd's size,
 * seals, position and the name of the file with its bytes. Immutable.
 *
 * <pre>
 * luo4j-session 1
 * name 6361636865
 * file TOKEN SIZE SEALS POSITION DATA-FILE      the token in hexadecimal, the rest in decimal
 * end CRC32                                     of all bytes before this line, in hexadecimal
 * </pre>
 *
 * @param name the session's name in hexadecimal, which is a file name on every system
 * @param entries in the order of preservation
 */
record Manifest(String name, List<Entry> entries) {

  private static final String HEADER = "luo4j-session 1";
  private static final Pattern NAME = Pattern.compile("([0-9a-f]{2}){1,63}");
  private static final Pattern DATA = Pattern.compile("[0-9a-z-]+\\.data");
  private static final int ALL_SEALS = 0x3f;

  /** One preserved memfd. */
  record Entry(long token, long size, int seals, long position, String data) {}

  /** The name field up to its NUL, in hexadecimal; null when it is empty or has no NUL. */
  static @Nullable String hexName(byte[] field) {
    StringBuilder hex = new StringBuilder();
    for (int i = 0; i < Abi.NAME_LENGTH; i++) {
      if (field[i] == 0) {
        return i == 0 ? null : hex.toString();
      }
      hex.append(Character.forDigit(field[i] >> 4 & 0xf, 16));
      hex.append(Character.forDigit(field[i] & 0xf, 16));
    }
    return null;
  }

  /** The name field that {@link #hexName} came from, zeros after the name. */
  static byte[] nameField(String hexName) {
    byte[] field = new byte[Abi.NAME_LENGTH];
    for (int i = 0; i < hexName.length() / 2; i++) {
      field[i] = (byte) Integer.parseInt(hexName, 2 * i, 2 * i + 2, 16);
    }
    return field;
  }

  /** The name as people read it. */
  static String readableName(String hexName) {
    return new String(nameField(hexName), 0, hexName.length() / 2, StandardCharsets.UTF_8);
  }

  /** Replaces the file atomically. */
  void write(Path file) throws IOException {
    StringBuilder text = new StringBuilder(HEADER).append('\n');
    text.append("name ").append(name).append('\n');
    for (Entry entry : entries) {
      text.append("file ").append(Long.toHexString(entry.token)).append(' ');
      text.append(entry.size).append(' ').append(entry.seals).append(' ');
      text.append(entry.position).append(' ').append(entry.data).append('\n');
    }
    String crc = crc(text.toString());
    text.append("end ").append(crc).append('\n');
    StateFolder.replace(file, text.toString().getBytes(StandardCharsets.US_ASCII));
  }

  /** Reads a file; anything that {@link #write} would not have written is an IOException. */
  static Manifest read(Path file) throws IOException {
    String text = new String(StateFolder.readAll(file), StandardCharsets.US_ASCII);
    int end = text.lastIndexOf("end ");
    if (end < 0 || !text.substring(end).equals("end " + crc(text.substring(0, end)) + "\n")) {
      throw new IOException(file + " is damaged: its checksum is wrong");
    }
    try {
      return parse(text.substring(0, end).split("\n"));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + " is damaged: " + e.getMessage(), e);
    }
  }

  private static Manifest parse(String[] lines) {
    require(lines.length >= 2 && lines[0].equals(HEADER), "not a session of format 1");
    require(lines[1].startsWith("name "), "no name");
    String name = lines[1].substring("name ".length());
    require(NAME.matcher(name).matches(), "bad name");
    List<Entry> entries = new ArrayList<>();
    Set<Long> tokens = new HashSet<>();
    for (int i = 2; i < lines.length; i++) {
      String[] words = lines[i].split(" ");
      require(words.length == 6 && words[0].equals("file"), "bad line " + (i + 1));
      Entry entry =
          new Entry(
              Long.parseUnsignedLong(words[1], 16),
              Long.parseLong(words[2]),
              Integer.parseInt(words[3]),
              Long.parseLong(words[4]),
              words[5]);
      require(entry.size >= 0 && entry.position >= 0, "bad number in line " + (i + 1));
      require((entry.seals & ~ALL_SEALS) == 0, "bad seals in line " + (i + 1));
      require(DATA.matcher(entry.data).matches(), "bad file name in line " + (i + 1));
      require(tokens.add(entry.token), "a token twice in line " + (i + 1));
      entries.add(entry);
    }
    return new Manifest(name, List.copyOf(entries));
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  private static String crc(String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(StandardCharsets.US_ASCII));
    return Long.toHexString(crc.getValue());
  }
}
