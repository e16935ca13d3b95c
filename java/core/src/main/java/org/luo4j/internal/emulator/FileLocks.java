/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * Exclusive file locks, correct within this JVM as well as between JVMs.
 *
 * <p>POSIX drops all locks that a process has on a file when it closes any descriptor of that file.
 * So a lock file must not be opened while this JVM holds its lock, not even by another class
 * loader's copy of this class. Beside each lock file there is therefore a guard, {@code
 * NAME.guard}:
 *
 * <pre>
 * NAME        its lock counts between JVMs; opened only by who has the guard in this JVM
 * NAME.guard  its lock counts in this JVM, where the JDK refuses a second one whatever class loader
 *             asks (OverlappingFileLockException); between JVMs it says nothing
 * </pre>
 *
 * <p>The JDK forgets the guard's lock when the channel is closed, or is collected with the class
 * loader that forgot to close it. What remains: other code in this JVM that opens and closes NAME
 * itself, as a backup of the folder does, drops the lock, and other JVMs then see it as free.
 *
 * <p>All methods may be called by any thread; none waits for a lock.
 */
final class FileLocks {

  /** A string literal is one object for all class loaders: the monitor of all copies of this. */
  private static final Object IN_THIS_JVM = "luo4j: the lock files of this JVM";

  static final String GUARD = ".guard";

  private static final Set<StandardOpenOption> OPTIONS =
      Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE);

  private FileLocks() {}

  /** Takes the lock, creating the file when it is not there; null when anyone holds it. */
  static @Nullable Held tryHold(Path file) throws IOException {
    synchronized (IN_THIS_JVM) {
      return Uninterrupted.io(() -> Optional.ofNullable(hold(file))).orElse(null);
    }
  }

  /** Whether anyone holds the lock. A file that does not exist is not held. */
  static boolean isHeld(Path file) throws IOException {
    synchronized (IN_THIS_JVM) {
      return Files.exists(file) && Uninterrupted.io(() -> probe(file));
    }
  }

  private static @Nullable Held hold(Path file) throws IOException {
    Held held = new Held();
    boolean holds = false;
    try {
      holds = held.lock(guardOf(file)) == Lock.HELD && held.lock(file) == Lock.HELD;
      return holds ? held : null;
    } finally {
      if (!holds) {
        held.close();
      }
    }
  }

  private static boolean probe(Path file) throws IOException {
    try (Held held = new Held()) {
      // Where another JVM has the guard, this one has neither.
      return held.lock(guardOf(file)) == Lock.IN_THIS_JVM || held.lock(file) != Lock.HELD;
    } catch (NoSuchFileException e) {
      return false; // it was deleted meanwhile, with its folder
    }
  }

  private static Path guardOf(Path file) {
    return file.resolveSibling(file.getFileName() + GUARD);
  }

  /** What became of an attempt. */
  private enum Lock {
    HELD,
    /** This JVM has it already. */
    IN_THIS_JVM,
    /** Another JVM has it. */
    ELSEWHERE
  }

  /** A lock that this JVM holds until it is closed, or the JVM ends in whatever way. */
  static final class Held implements Closeable {

    private final FileChannel[] channels = new FileChannel[2];
    private int count;

    private Held() {}

    private Lock lock(Path file) throws IOException {
      FileChannel channel = FileChannel.open(file, OPTIONS, StateFolder.ownFile(file));
      channels[count++] = channel;
      try {
        return channel.tryLock() == null ? Lock.ELSEWHERE : Lock.HELD;
      } catch (OverlappingFileLockException e) {
        return Lock.IN_THIS_JVM;
      }
    }

    /** Gives the lock up. A second call does nothing. */
    @Override
    public void close() throws IOException {
      synchronized (IN_THIS_JVM) {
        // The guard, which is the first, is given up last.
        while (count > 0) {
          channels[--count].close();
        }
      }
    }
  }
}
