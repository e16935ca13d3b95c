/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.bridge.Machine;

/**
 * What a native bridge must do before it is trusted: errno comes through, a memfd can be made,
 * written by call and read by mapping, and 64-bit values pass whole.
 */
final class SelfTest {

  private static final long VALUE = 0x0123_4567_89AB_CDEFL;
  private static final long BIG = (5L << 32) + 8;

  /** Where a limit of the size of files does not allow that. */
  private static final long SMALL = (1L << 16) + 8;

  private SelfTest() {}

  /**
   * Runs all of it.
   *
   * @throws IOException naming the step that went wrong
   */
  static void run(Bridge bridge) throws IOException {
    long size = bridge.size(-1);
    if (size == -Errno.EPERM || size == -Errno.ENOSYS) {
      throw new IOException(
          "self-test: statx: " + Errno.describe((int) -size) + ": " + Machine.STATX_REFUSED);
    }
    expect(-Errno.EBADF, size, "fstat of fd -1");
    byte[] name = "luo4j-self-test\0".getBytes();
    int fd = bridge.memfdCreate(name, Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING);
    if (fd < 0) {
      boolean refused = fd == -Errno.EPERM || fd == -Errno.ENOSYS;
      throw new IOException(
          "self-test: memfd_create: "
              + Errno.describe(-fd)
              + (refused ? ": " + Machine.MEMFD_REFUSED : ""));
    }
    try {
      memory(bridge, fd);
    } finally {
      expect(0, bridge.close(fd), "close");
    }
  }

  private static void memory(Bridge bridge, int fd) throws IOException {
    long size = BIG;
    int truncated = bridge.truncate(fd, size);
    if (truncated == -Errno.EFBIG) { // ulimit -f; cut to 32 bits it were not too large
      size = SMALL;
      truncated = bridge.truncate(fd, size);
    }
    expect(0, truncated, "ftruncate to " + size + " bytes");
    expect(size, bridge.size(fd), "fstat");
    expect(Abi.FD_CLOEXEC, bridge.descriptorFlags(fd), "fcntl F_GETFD");
    ByteBuffer buffer = ByteBuffer.allocateDirect(8).putLong(0, VALUE);
    expect(8, bridge.write(fd, buffer, 0, 8, size - 8), "pwrite");
    long offset = size - 8;
    long address = bridge.map(fd, offset, 8, true);
    if (address <= 0) {
      throw new IOException("self-test: mmap: " + Errno.describe((int) -address));
    }
    try {
      expect(0, address % Abi.MAP_ALIGNMENT, "alignment of mmap");
      ByteBuffer view = bridge.view(address, 8).order(buffer.order());
      expect(VALUE, view.getLong(0), "what the mapping shows");
      view.putLong(0, ~VALUE);
      expect(8, bridge.read(fd, buffer, 0, 8, offset), "pread");
      expect(~VALUE, buffer.getLong(0), "what the file shows");
    } finally {
      expect(0, bridge.unmap(address, 8), "munmap");
    }
  }

  private static void expect(long wanted, long actual, String step) throws IOException {
    if (wanted != actual) {
      throw new IOException("self-test: " + step + " gave " + actual + ", not " + wanted);
    }
  }
}
