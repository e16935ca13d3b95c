/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The machine's page size, as the kernel tells each process: getauxval(3), AT_PAGESZ. */
final class PageSize {

  private static final int AT_PAGESZ = 6;

  /** The only one that x86-64 has. */
  private static final int OF_X86_64 = 4096;

  /** 0 where it is not known. */
  private static final int BYTES = read();

  private PageSize() {}

  /**
   * Returns the page size.
   *
   * @return bytes, a power of two
   * @throws IllegalStateException where it cannot be known
   */
  static int bytes() {
    if (BYTES == 0) {
      throw new IllegalStateException("the page size is in /proc/self/auxv: mount /proc");
    }
    return BYTES;
  }

  private static int read() {
    try (FileInputStream file = new FileInputStream("/proc/self/auxv")) {
      ByteBuffer vector = ByteBuffer.wrap(file.readAllBytes()).order(ByteOrder.nativeOrder());
      while (vector.remaining() >= 16) {
        long type = vector.getLong();
        long value = vector.getLong();
        if (type == AT_PAGESZ) {
          return Math.toIntExact(value);
        }
      }
    } catch (IOException e) {
      // Without /proc the machine's type may say it.
    }
    return System.getProperty("os.arch").equals("amd64") ? OF_X86_64 : 0;
  }
}
