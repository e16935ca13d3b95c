/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.luo4j.internal.bridge.Errno;

/**
 * The lock of a memory's one owner: an exclusive lock on the memfd, which the system drops when the
 * process ends (fcntl(2), F_SETLK), whoever else has an fd of it.
 */
final class OwnerLock implements AutoCloseable {

  private static final long PAUSE = 10_000_000;

  private final FileChannel channel;

  private OwnerLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Waits until the memory has no other owner.
   *
   * @throws LuoException.OwnerAlive when it has one still, after {@code timeout}
   */
  static OwnerLock of(MemFd memory, String name, Duration timeout) {
    FileChannel channel = null;
    try {
      // An open file of its own: the memfd's is shared with who else holds it.
      channel =
          FileChannel.open(
              Path.of("/proc/self/fd/" + memory.fd()),
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      long end = System.nanoTime() + timeout.toNanos();
      while (!locks(channel)) {
        if (System.nanoTime() - end >= 0 || Thread.currentThread().isInterrupted()) {
          channel.close();
          throw alive(name, "waited " + timeout);
        }
        LockSupport.parkNanos(PAUSE);
      }
      return new OwnerLock(channel);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot lock " + memory + " of '" + name + "'", e);
    }
  }

  private static boolean locks(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // this process has it
    }
  }

  static LuoException alive(String name, String how) {
    return new LuoException.OwnerAlive(
        "own",
        Errno.EBUSY,
        "'" + name + "'",
        "another process, or another part of this one, has it open ("
            + how
            + "): end it first, or give this one another name");
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
