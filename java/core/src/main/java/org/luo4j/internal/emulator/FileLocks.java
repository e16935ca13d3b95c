/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Exclusive file locks, correct within this JVM as well as between JVMs.
 *
 * <p>POSIX drops all locks that a process has on a file when it closes any descriptor of that file.
 * So a lock file is opened only here, and never while this JVM holds its lock. Callers pass
 * absolute paths below a folder's real path, so that one file has one path.
 *
 * <p>All methods may be called by any thread; none waits for a lock.
 */
final class FileLocks {

  private static final Map<Path, Held> HELD = new HashMap<>();

  private FileLocks() {}

  /** Takes the lock, creating the file when it is not there; null when anyone holds it. */
  static @Nullable Held tryHold(Path file) throws IOException {
    synchronized (HELD) {
      if (HELD.containsKey(file)) {
        return null;
      }
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (lock(channel) == null) {
        channel.close();
        return null;
      }
      Held held = new Held(file, channel);
      HELD.put(file, held);
      return held;
    }
  }

  /** Whether anyone holds the lock. A file that does not exist is not held. */
  static boolean isHeld(Path file) throws IOException {
    synchronized (HELD) {
      if (HELD.containsKey(file)) {
        return true;
      }
      if (!Files.exists(file)) {
        return false;
      }
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        return lock(channel) == null;
      } catch (NoSuchFileException e) {
        return false;
      }
    }
  }

  private static @Nullable FileLock lock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // another class loader's copy of this class, in this JVM, holds it
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** A lock that this JVM holds until it is closed, or the JVM ends in whatever way. */
  static final class Held implements Closeable {
    private final Path file;
    private final FileChannel channel;

    private Held(Path file, FileChannel channel) {
      this.file = file;
      this.channel = channel;
    }

    /** Gives the lock up. A second call does nothing. */
    @Override
    public void close() throws IOException {
      synchronized (HELD) {
        if (HELD.remove(file, this)) {
          channel.close();
        }
      }
    }
  }
}
