/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * Where a cache's memory comes from, and what holds it. One owner, which the operating system sees
 * to: it drops the hold of a process that has ended.
 */
interface CacheMemory extends Closeable {

  /** The memory, to be read and written. */
  MemoryRegion region();

  /** Cold with the reason, where the memory is new and all zero; else where it came from. */
  Start origin();

  /** The cache has accepted the memory, or made it. */
  default void opened() {}

  /**
   * Keeps what is there aside and takes new memory, all zero, in its place.
   *
   * @return where the old memory is now, in words
   * @throws IOException when something was kept aside before, or there is no room
   */
  String setAside() throws IOException;

  /** Gives up what was kept aside; whether there was anything. */
  boolean discardAside() throws IOException;

  /** A file, which a lock on it holds. */
  final class OfFile implements CacheMemory {

    private static final long PAUSE = 10_000_000;

    /**
     * What this JVM's caches have open. No such file may be opened for anything else: whichever fd
     * of it is closed first, the process loses its lock (fcntl_locking(2)).
     */
    private static final Set<Object> OPEN_HERE = ConcurrentHashMap.newKeySet();

    private final Path file;
    private final Path aside;
    private final long size;
    private FileChannel channel;

    /** Set by {@link #lock}. */
    @SuppressWarnings("NullAway.Init")
    private Object key;

    private MemoryRegion region;
    private Start origin;

    /**
     * Opens or makes the file; one of another size is refused.
     *
     * @throws IOException when it cannot be opened, or another cache has it
     */
    OfFile(Path file, long size, OnRefusal onRefusal, Duration ownerTimeout) throws IOException {
      this.file = file;
      this.aside = file.resolveSibling(file.getFileName() + ".refused");
      this.size = size;
      this.channel = lock(file, ownerTimeout);
      try {
        long found = channel.size();
        if (found == size) {
          origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
        } else if (found == 0) {
          origin = new Start(Start.Kind.COLD, file + " is new");
        } else {
          String reason = file + " has " + found + " bytes, a cache of this capacity " + size;
          if (onRefusal == OnRefusal.FAIL) {
            throw new IOException(reason);
          }
          if (onRefusal == OnRefusal.KEEP) {
            reason += "; " + setAside();
          } else {
            channel.truncate(0);
          }
          origin = new Start(Start.Kind.COLD, reason);
        }
        if (region == null) {
          region = MemoryRegion.ofFile(channel, 0, size);
        }
      } catch (IOException | RuntimeException e) {
        unlock(channel, key);
        throw e;
      }
    }

    /**
     * Checks that a file may be opened and closed without a cache of this JVM losing it.
     *
     * @throws IOException when a cache of this JVM has it
     */
    static void checkNotOpenHere(Path file) throws IOException {
      if (isOpenHere(file)) {
        throw busy(file, Duration.ZERO);
      }
    }

    private static boolean isOpenHere(Path file) throws IOException {
      return Files.exists(file) && OPEN_HERE.contains(key(file));
    }

    private static Object key(Path file) throws IOException {
      Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key != null ? key : file.toRealPath();
    }

    private static IOException busy(Path file, Duration waited) {
      return new IOException(
          file
              + " is open in another cache"
              + (waited.isZero() ? "" : " (waited " + waited + ")")
              + ": a cache has one owner at a time; close the other");
    }

    /** Opens the file and locks it, once no other cache has it; then {@link #key} is its key. */
    private FileChannel lock(Path file, Duration timeout) throws IOException {
      long end = System.nanoTime() + timeout.toNanos();
      while (true) {
        synchronized (OPEN_HERE) {
          FileChannel locked = isOpenHere(file) ? null : lockIfFree(file);
          if (locked != null) {
            key = key(file);
            OPEN_HERE.add(key);
            return locked;
          }
        }
        if (System.nanoTime() - end >= 0 || Thread.currentThread().isInterrupted()) {
          throw busy(file, timeout);
        }
        LockSupport.parkNanos(PAUSE);
      }
    }

    private static void unlock(FileChannel channel, Object key) throws IOException {
      synchronized (OPEN_HERE) {
        channel.close();
        OPEN_HERE.remove(key);
      }
    }

    /** The file with its lock, or null when another process has that. */
    private static @Nullable FileChannel lockIfFree(Path file) throws IOException {
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
      FileLock lock = null;
      try {
        lock = channel.tryLock();
      } finally {
        if (lock == null) {
          channel.close();
        }
      }
      return lock == null ? null : channel;
    }

    @Override
    public MemoryRegion region() {
      return region;
    }

    @Override
    public Start origin() {
      return origin;
    }

    @Override
    public String setAside() throws IOException {
      if (Files.exists(aside)) {
        throw new IOException(
            file
                + " cannot be used and "
                + aside
                + " is there already from another time: remove it, or open with onRefusal(REPLACE)");
      }
      Files.move(file, aside);
      FileChannel old = channel;
      Object oldKey = key;
      channel = lock(file, Duration.ZERO);
      if (region != null) {
        region.close();
      }
      unlock(old, oldKey);
      region = MemoryRegion.ofFile(channel, 0, size);
      return "it is kept as " + aside;
    }

    @Override
    public boolean discardAside() throws IOException {
      return Files.deleteIfExists(aside);
    }

    @Override
    public void close() throws IOException {
      region.close();
      unlock(channel, key);
    }
  }
}
