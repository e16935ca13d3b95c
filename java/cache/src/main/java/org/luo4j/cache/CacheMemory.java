/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Session;

/**
 * Where a cache's memory comes from, and what holds it: a file and its lock, or a memfd and the
 * session that preserves it. One owner; closing gives the hold up.
 */
final class CacheMemory implements Closeable {

  /** The memory's token in its session. */
  private static final long TOKEN = 1;

  private final MemoryRegion region;
  private final Closeable hold;

  /** Cold: new memory; else where the old memory came from. */
  private final Start origin;

  private CacheMemory(MemoryRegion region, Closeable hold, Start origin) {
    this.region = region;
    this.hold = hold;
    this.origin = origin;
  }

  MemoryRegion region() {
    return region;
  }

  Start origin() {
    return origin;
  }

  /**
   * Maps a file and locks it against other processes; the lock ends with the process.
   *
   * @throws IOException when it cannot be opened, or another cache has it
   */
  static CacheMemory ofFile(Path file, long size) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    try {
      FileLock lock;
      try {
        lock = channel.tryLock();
      } catch (OverlappingFileLockException e) {
        lock = null;
      }
      if (lock == null) {
        throw new IOException(file + " is open in another cache: a cache has one owner at a time");
      }
      long found = channel.size();
      Start origin;
      if (found == 0) {
        origin = new Start(Start.Kind.COLD, file + " is new");
      } else if (found != size) {
        origin =
            new Start(
                Start.Kind.COLD,
                file + " has " + found + " bytes, a cache of this capacity " + size);
        channel.truncate(0);
      } else {
        origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
      }
      return new CacheMemory(MemoryRegion.ofFile(channel, 0, size), channel, origin);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Retrieves a session's memory, or makes it, and in both cases preserves it for the next kernel.
   */
  static CacheMemory ofSession(LiveUpdate luo, String name, long size) {
    Start origin;
    MemFd memory = null;
    try (Session arrived = luo.retrieveSession(name)) {
      memory = arrived.retrieve(TOKEN);
      arrived.finish();
      if (memory.size() == size) {
        origin = new Start(Start.Kind.WARM_AFTER_KEXEC, "from session '" + name + "'");
      } else {
        origin =
            new Start(
                Start.Kind.COLD,
                "what arrived in session '"
                    + name
                    + "' has "
                    + memory.size()
                    + " bytes, a cache of this capacity "
                    + size);
        memory.close();
        memory = null;
      }
    } catch (LuoException e) {
      origin = new Start(Start.Kind.COLD, e.getMessage());
    }
    Session session = luo.createSession(name);
    try {
      if (memory == null) {
        memory = session.preserveNew(MemFdOptions.named(name).size(size).hugeFolios(), TOKEN);
      } else {
        session.preserve(memory, TOKEN);
      }
      MemoryRegion region = memory.map();
      MemFd held = memory;
      return new CacheMemory(
          region,
          () -> {
            session.close();
            held.close();
          },
          origin);
    } catch (RuntimeException e) {
      session.close();
      if (memory != null) {
        memory.close();
      }
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    region.close();
    hold.close();
  }
}
