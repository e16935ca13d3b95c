/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EBADF;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.ENODEV;
import static org.luo4j.internal.bridge.Errno.ENOTTY;
import static org.luo4j.internal.bridge.Errno.ESPIPE;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;

/**
 * An open file of an emulated process. Fds refer to it, and so do mappings and the sessions that
 * preserve it; the last one that lets go releases it. What is here is the answer of a file that
 * cannot do the call; the kinds of file override what they can.
 *
 * <p>Not thread-safe: the emulator that owns it locks.
 */
abstract class OpenFile {

  private int references;

  final void get() {
    references++;
  }

  /** Lets go of one reference, and of the file with the last one. */
  final void put() throws IOException {
    if (--references == 0) {
      release();
    }
  }

  /** What happens when the last reference is gone. */
  abstract void release() throws IOException;

  /** What /proc/self/fd shows. */
  abstract String describe();

  /** Does an ioctl whose number and argument are as the caller gave them. */
  int ioctl(int request, byte[] argument) throws IOException {
    return -ENOTTY;
  }

  int statusFlags() {
    return Abi.O_RDWR;
  }

  int seals() {
    return -EINVAL;
  }

  int addSeals(int bits) {
    return -EINVAL;
  }

  long size() {
    return 0;
  }

  long allocated() throws IOException {
    return 0;
  }

  int truncate(long size) throws IOException {
    return -EINVAL;
  }

  int allocate(int mode, long offset, long length) throws IOException {
    return -ENODEV;
  }

  long seek(long offset, int whence) throws IOException {
    return -ESPIPE;
  }

  /** read(2), or pread(2) when {@code at} is not negative. */
  long read(ByteBuffer buffer, int start, int length, long at) throws IOException {
    return at >= 0 && !isPositioned() ? -ESPIPE : -EINVAL;
  }

  /** write(2), or pwrite(2) when {@code at} is not negative. */
  long write(ByteBuffer buffer, int start, int length, long at) throws IOException {
    return at >= 0 && !isPositioned() ? -ESPIPE : -EINVAL;
  }

  /** Whether pread(2) and pwrite(2) get as far as the file's own refusal. */
  boolean isPositioned() {
    return false;
  }

  /** The memfd that LUO's handler accepts, or null. */
  @Nullable MemFile preservable() {
    return null;
  }

  /** The memfd that can be mapped, or null. */
  @Nullable MemFile mappable() {
    return null;
  }

  /** The answer for an fd that is not open, named here so that every caller gives the same. */
  static int bad() {
    return -EBADF;
  }
}
