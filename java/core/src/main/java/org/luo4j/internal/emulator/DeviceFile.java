/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EBUSY;
import static org.luo4j.internal.bridge.Errno.EIO;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.luo4j.internal.bridge.Abi;

/**
 * The open device. While it exists it holds the boot's device lock, so that there is one on the
 * machine.
 */
final class DeviceFile extends OpenFile {

  /** O_LARGEFILE as 64-bit kernels with the generic numbers show it. */
  static final int O_LARGEFILE = 0100000;

  private final Kernel kernel;
  private final FileLocks.Held exclusive;

  private DeviceFile(Kernel kernel, FileLocks.Held exclusive) {
    this.kernel = kernel;
    this.exclusive = exclusive;
  }

  /** Opens the device into a new fd. The caller holds the folder's lock. */
  static int open(Kernel kernel) throws IOException {
    ProcessDirectory process = kernel.process();
    FileLocks.Held exclusive = FileLocks.tryHold(process.bootDirectory().resolve("device"));
    if (exclusive == null) {
      return -EBUSY;
    }
    boolean open = false;
    try {
      if (deserialize(process.bootDirectory()) != 0) {
        return -EIO;
      }
      int fd = kernel.fds().install(new DeviceFile(kernel, exclusive), true);
      open = fd >= 0;
      return fd;
    } finally {
      if (!open) {
        exclusive.close();
      }
    }
  }

  /**
   * Reads all that arrived, at the first open in a boot; later opens get the first one's result.
   */
  private static int deserialize(Path boot) throws IOException {
    Path saved = boot.resolve("deserialized");
    if (Files.exists(saved)) {
      return new String(StateFolder.readAll(saved), StandardCharsets.US_ASCII).equals("0")
          ? 0
          : EIO;
    }
    int result = 0;
    for (Path session : StateFolder.list(boot.resolve("incoming"), "*")) {
      try {
        IncomingSession.read(session);
      } catch (IOException e) {
        result = EIO;
      }
    }
    StateFolder.replace(saved, Integer.toString(result).getBytes(StandardCharsets.US_ASCII));
    return result;
  }

  @Override
  void release() throws IOException {
    exclusive.close();
  }

  @Override
  String describe() {
    return Abi.DEVICE;
  }

  @Override
  int statusFlags() {
    return Abi.O_RDWR | O_LARGEFILE;
  }

  @Override
  boolean isPositioned() {
    return true;
  }

  @Override
  int ioctl(int request, byte[] argument) throws IOException {
    return Ioctl.onDevice(kernel, request, argument);
  }
}
