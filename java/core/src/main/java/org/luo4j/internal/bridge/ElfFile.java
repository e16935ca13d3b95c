/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The header and the segments of an ELF file (elf(5)), read without mapping it. */
public final class ElfFile {

  private static final int HEADER_BYTES = 64;
  private static final int PROGRAM_HEADER_BYTES = 56;
  private static final int TYPE_INTERPRETER = 3;
  private static final int PATH_MAX = 4096;
  private static final int MACHINE_X86_64 = 62;
  private static final int MACHINE_AARCH64 = 183;

  private ElfFile() {}

  /**
   * Returns when {@code file} is a whole 64-bit little-endian library for {@code platform}. A file
   * that is cut short would raise SIGBUS in the dynamic loader and end the JVM.
   *
   * @throws IOException saying what is wrong with it
   */
  public static void check(Path file, String platform) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      long size = in.length();
      ByteBuffer header = header(in, file);
      int machine = Short.toUnsignedInt(header.getShort(18));
      int wanted = machineOf(platform);
      if (wanted != 0 && machine != wanted) {
        throw damaged(file, "it is for ELF machine " + machine + ", " + platform + " is " + wanted);
      }
      ByteBuffer table = programHeaders(in, header, file);
      for (int at = 0; at < table.limit(); at += PROGRAM_HEADER_BYTES) {
        long offset = table.getLong(at + 8);
        long bytes = table.getLong(at + 32);
        if (offset < 0 || bytes < 0 || offset > size || bytes > size - offset) {
          throw damaged(
              file, "a segment ends after the file's " + size + " bytes: it is cut short");
        }
      }
    }
  }

  /**
   * The path of the dynamic loader that a program asks for, as {@code /lib/ld-musl-x86_64.so.1};
   * null when it asks for none, as a dynamic loader itself does.
   *
   * @throws IOException when the file cannot be read or is no 64-bit little-endian ELF file
   */
  static @Nullable String interpreter(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      ByteBuffer table = programHeaders(in, header(in, file), file);
      for (int at = 0; at < table.limit(); at += PROGRAM_HEADER_BYTES) {
        long bytes = table.getLong(at + 32);
        if (table.getInt(at) == TYPE_INTERPRETER && bytes > 0 && bytes <= PATH_MAX) {
          ByteBuffer path = read(in, table.getLong(at + 8), (int) bytes);
          String text = StandardCharsets.ISO_8859_1.decode(path).toString();
          int end = text.indexOf(0);
          return end < 0 ? text : text.substring(0, end);
        }
      }
      return null;
    }
  }

  /** Its ELF machine, 0 when that is not known. */
  private static int machineOf(String platform) {
    if (platform.contains("-x86_64")) {
      return MACHINE_X86_64;
    }
    return platform.contains("-aarch64") ? MACHINE_AARCH64 : 0;
  }

  private static ByteBuffer header(RandomAccessFile in, Path file) throws IOException {
    ByteBuffer header = read(in, 0, HEADER_BYTES);
    if (header.remaining() < HEADER_BYTES
        || header.getInt(0) != 0x464C457F
        || header.get(4) != 2
        || header.get(5) != 1) {
      throw damaged(file, "it is not a 64-bit little-endian ELF file");
    }
    return header;
  }

  private static ByteBuffer programHeaders(RandomAccessFile in, ByteBuffer header, Path file)
      throws IOException {
    long size = in.length();
    long start = header.getLong(32);
    int bytes = Short.toUnsignedInt(header.getShort(56)) * PROGRAM_HEADER_BYTES;
    if (header.getShort(54) != PROGRAM_HEADER_BYTES || start < 0 || start > size - bytes) {
      throw damaged(file, "its program headers lie outside the file of " + size + " bytes");
    }
    return read(in, start, bytes);
  }

  private static ByteBuffer read(RandomAccessFile in, long position, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    in.seek(position);
    int got = 0;
    int more;
    while (got < bytes && (more = in.read(buffer.array(), got, bytes - got)) > 0) {
      got += more;
    }
    return buffer.limit(got);
  }

  private static IOException damaged(Path file, String what) {
    return new IOException(
        file + " cannot be the luo4j library of this machine: " + what + "; install it again");
  }
}
