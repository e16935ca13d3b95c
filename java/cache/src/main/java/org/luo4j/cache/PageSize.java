/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

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
    try {
      ByteBuffer vector =
          ByteBuffer.wrap(Files.readAllBytes(Path.of("/proc/self/auxv")))
              .order(ByteOrder.nativeOrder());
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
