/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** What the contract tests are written with: calls that must succeed, and fds that are closed. */
final class Contract implements AutoCloseable {

  private final Bridge bridge;
  private final Deque<Integer> open = new ArrayDeque<>();

  Contract(Bridge bridge) {
    this.bridge = bridge;
  }

  Bridge bridge() {
    return bridge;
  }

  /** An fd that a call returned, which must have succeeded; closed at the end of the test. */
  int opened(int fd) {
    assertTrue(fd >= 0, () -> "the call failed: " + Errno.describe(-fd));
    open.push(fd);
    return fd;
  }

  /** Closes now what would be closed at the end. */
  void close(int fd) {
    assertTrue(open.remove(fd), "not open: " + fd);
    assertEquals(0, bridge.close(fd));
  }

  int session(String name) {
    int device = bridge.openDevice();
    assertTrue(device >= 0, () -> "the device: " + Errno.describe(-device));
    try {
      return opened(bridge.createSession(device, field(name)));
    } finally {
      bridge.close(device);
    }
  }

  /** The result of retrieving a session, whatever it is. */
  int tryRetrieveSession(String name) {
    int device = bridge.openDevice();
    assertTrue(device >= 0, () -> "the device: " + Errno.describe(-device));
    try {
      return bridge.retrieveSession(device, field(name));
    } finally {
      bridge.close(device);
    }
  }

  int memfd(long size) {
    int fd =
        opened(bridge.memfdCreate(cString("contract"), Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING));
    assertEquals(0, bridge.truncate(fd, size));
    return fd;
  }

  /**
   * The number of an fd that was closed. Those below it are free too and are given out first, so
   * that no thread of this JVM opens it by chance.
   */
  int closedFd() {
    int[] fds = new int[32];
    for (int i = 0; i < fds.length; i++) {
      fds[i] = memfd(1);
    }
    int highest = Arrays.stream(fds).max().getAsInt();
    for (int fd : fds) {
      close(fd);
    }
    return highest;
  }

  /** Writes a text at an offset, or at the position where the offset is negative. */
  long write(int fd, String text, long offset) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    ByteBuffer buffer = ByteBuffer.allocateDirect(Math.max(1, bytes.length)).put(bytes);
    return bridge.write(fd, buffer, 0, bytes.length, offset);
  }

  /** Reads a text of a length at an offset, or at the position where the offset is negative. */
  String read(int fd, int length, long offset) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(Math.max(1, length));
    long n = bridge.read(fd, buffer, 0, length, offset);
    assertTrue(n >= 0, () -> "read: " + Errno.describe((int) -n));
    byte[] bytes = new byte[(int) n];
    buffer.get(0, bytes);
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  static void assertErrno(int errno, long result) {
    assertEquals(
        Errno.describe(errno),
        result < 0 ? Errno.describe((int) -result) : "success with " + result);
  }

  static byte[] field(String name) {
    return Arrays.copyOf(name.getBytes(StandardCharsets.UTF_8), Abi.NAME_LENGTH);
  }

  static byte[] cString(String name) {
    return (name + "\0").getBytes(StandardCharsets.UTF_8);
  }

  /** A structure of {@code length} bytes whose size field says {@code size}. */
  static ByteBuffer struct(int length, int size) {
    return ByteBuffer.allocate(length).order(ByteOrder.nativeOrder()).putInt(0, size);
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      assertEquals(0, bridge.close(open.pop()));
    }
  }
}
