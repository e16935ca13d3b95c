/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The machine's page size, as the kernel tells each process: getauxval(3), AT_PAGESZ. */
final class PageSize {

  private static final int AT_PAGESZ = 6;
  private static final int BYTES = read();

  private PageSize() {}

  /** In bytes, a power of two. */
  static int bytes() {
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
      throw new IllegalStateException("/proc/self/auxv has no AT_PAGESZ");
    } catch (IOException e) {
      throw new UncheckedIOException("the page size is in /proc/self/auxv: mount /proc", e);
    }
  }
}
