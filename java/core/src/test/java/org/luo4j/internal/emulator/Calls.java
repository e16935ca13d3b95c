/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * The calls that most tests make, and their arguments. It needs nothing but the emulator, so that
 * child JVMs use it too.
 */
final class Calls {

  /** What dead processes get. */
  static final int DEAD = -Errno.EBADF;

  private Calls() {}

  /** A session's name field. */
  static byte[] field(String name) {
    return Arrays.copyOf(name.getBytes(StandardCharsets.UTF_8), Abi.NAME_LENGTH);
  }

  static int memfd(Bridge bridge, long size) {
    int fd = ok(bridge.memfdCreate("memory\0".getBytes(StandardCharsets.UTF_8), memfdFlags()));
    ok(bridge.truncate(fd, size));
    return fd;
  }

  private static int memfdFlags() {
    return Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING;
  }

  static int create(Bridge bridge, String name) {
    int device = ok(bridge.openDevice());
    int session = bridge.createSession(device, field(name));
    ok(bridge.close(device));
    return session;
  }

  static int retrieve(Bridge bridge, String name) {
    int device = ok(bridge.openDevice());
    int session = bridge.retrieveSession(device, field(name));
    ok(bridge.close(device));
    return session;
  }

  static void write(Bridge bridge, int fd, long offset, byte... bytes) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).put(0, bytes);
    long written = ok(bridge.write(fd, buffer, 0, bytes.length, offset));
    if (written != bytes.length) {
      throw new AssertionError("wrote " + written + " of " + bytes.length + " bytes");
    }
  }

  static byte[] read(Bridge bridge, int fd, long offset, int length) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(length);
    byte[] bytes = new byte[(int) ok(bridge.read(fd, buffer, 0, length, offset))];
    buffer.get(0, bytes);
    return bytes;
  }

  /** The result of a call that must succeed. */
  static int ok(int result) {
    return (int) ok((long) result);
  }

  /** The result of a call that must succeed. */
  static long ok(long result) {
    if (result < 0) {
      throw new AssertionError("errno " + -result);
    }
    return result;
  }
}
