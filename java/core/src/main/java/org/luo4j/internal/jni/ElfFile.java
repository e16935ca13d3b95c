/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Looks at a shared library's ELF header (elf(5)) before the dynamic loader maps it: a file that is
 * cut short would raise SIGBUS there and end the JVM.
 */
final class ElfFile {

  private static final int HEADER_BYTES = 64;
  private static final int PROGRAM_HEADER_BYTES = 56;
  private static final int MACHINE_X86_64 = 62;
  private static final int MACHINE_AARCH64 = 183;

  private ElfFile() {}

  /**
   * Returns when {@code file} is a whole 64-bit little-endian library for {@code platform}.
   *
   * @throws IOException saying what is wrong with it
   */
  static void check(Path file, String platform) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      ByteBuffer header = read(channel, 0, HEADER_BYTES);
      if (header.remaining() < HEADER_BYTES
          || header.getInt(0) != 0x464C457F
          || header.get(4) != 2
          || header.get(5) != 1) {
        throw damaged(file, "it is not a 64-bit little-endian ELF file");
      }
      int machine = Short.toUnsignedInt(header.getShort(18));
      int wanted = platform.endsWith("-x86_64") ? MACHINE_X86_64 : MACHINE_AARCH64;
      if ((platform.endsWith("-x86_64") || platform.endsWith("-aarch64")) && machine != wanted) {
        throw damaged(file, "it is for ELF machine " + machine + ", " + platform + " is " + wanted);
      }
      long programHeaders = header.getLong(32);
      int count = Short.toUnsignedInt(header.getShort(56));
      if (header.getShort(54) != PROGRAM_HEADER_BYTES
          || programHeaders < 0
          || programHeaders > size - (long) count * PROGRAM_HEADER_BYTES) {
        throw damaged(file, "its program headers lie outside the file of " + size + " bytes");
      }
      ByteBuffer table = read(channel, programHeaders, count * PROGRAM_HEADER_BYTES);
      for (int i = 0; i < count; i++) {
        long offset = table.getLong(i * PROGRAM_HEADER_BYTES + 8);
        long bytes = table.getLong(i * PROGRAM_HEADER_BYTES + 32);
        if (offset < 0 || bytes < 0 || offset > size || bytes > size - offset) {
          throw damaged(
              file, "a segment ends after the file's " + size + " bytes: it is cut short");
        }
      }
    }
  }

  private static ByteBuffer read(FileChannel channel, long position, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        break;
      }
    }
    return buffer.flip();
  }

  private static IOException damaged(Path file, String what) {
    return new IOException(
        file + " cannot be the luo4j library of this machine: " + what + "; install it again");
  }
}
