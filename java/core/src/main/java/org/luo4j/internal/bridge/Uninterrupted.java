/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Work and waits that an interrupt of the thread does not end. The interrupt flag is cleared
 * meanwhile, and set again afterwards if it was set before or an interrupt came.
 *
 * <p>An interrupt closes a {@link FileChannel} under the thread that uses it, and ends a wait. Only
 * this class uses channels and waits, so that no other code has to think of it; an architecture
 * test holds that. Plain files are read and written with {@link java.io.RandomAccessFile} and
 * {@link java.nio.file.Files}, which an interrupt does not reach. Stateless; any thread.
 */
public final class Uninterrupted {

  /** Of work that an interrupt stops, before another thread does it. */
  private static final int ATTEMPTS = 3;

  private Uninterrupted() {}

  /** Work with channels. */
  @FunctionalInterface
  public interface Io<T extends @Nullable Object> {
    T run() throws IOException;
  }

  /** A wait of the JDK's, of at most so long. */
  @FunctionalInterface
  public interface Wait<T extends @Nullable Object> {
    T upTo(long nanos) throws InterruptedException;
  }

  /**
   * Runs work that opens each channel that it uses, again from its start when an interrupt has
   * closed a channel in it. Where one interrupt follows another, it is run {@link #apart}.
   */
  public static <T extends @Nullable Object> T io(Io<T> work) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      for (int i = 0; i < ATTEMPTS; i++) {
        try {
          return work.run();
        } catch (ClosedByInterruptException e) {
          interrupted |= Thread.interrupted();
        }
      }
      return apart(work);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Runs the work in a thread that nobody else knows, and so cannot interrupt: for a channel that
   * stays open after the work.
   */
  public static <T extends @Nullable Object> T apart(Io<T> work) throws IOException {
    FutureTask<T> task = new FutureTask<>(work::run);
    Thread thread = new Thread(null, task, "luo4j-io", 0, false);
    thread.setDaemon(true);
    thread.start();
    try {
      return until(0, nanos -> result(task));
    } catch (CompletionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof IOException io) {
        throw io;
      }
      if (cause instanceof Error error) {
        throw error;
      }
      throw cause instanceof RuntimeException unchecked ? unchecked : e;
    }
  }

  private static <T extends @Nullable Object> T result(FutureTask<T> task)
      throws InterruptedException {
    try {
      return task.get();
    } catch (ExecutionException e) {
      throw new CompletionException(e.getCause());
    }
  }

  /**
   * Maps a range of a file. The mapping outlives the file's name. An interrupt in the JDK's map
   * would leave a mapping that nobody can unmap, so another thread maps.
   */
  public static MappedByteBuffer map(Path file, boolean writable, long position, int length)
      throws IOException {
    Set<StandardOpenOption> options =
        writable
            ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
            : Set.of(StandardOpenOption.READ);
    return apart(
        () -> {
          try (FileChannel channel = FileChannel.open(file, options)) {
            return channel.map(writable ? MapMode.READ_WRITE : MapMode.READ_ONLY, position, length);
          }
        });
  }

  /**
   * Waits until the wait itself returns.
   *
   * @param deadline on the clock of {@link System#nanoTime}; the wait gets the time that is left, 0
   *     at least
   */
  public static <T extends @Nullable Object> T until(long deadline, Wait<T> wait) {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          return wait.upTo(Math.max(0, deadline - System.nanoTime()));
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Waits so long. */
  public static void pause(long nanos) {
    boolean interrupted = Thread.interrupted();
    long end = System.nanoTime() + nanos;
    for (long left = nanos; left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Waits for a thread's end.
   *
   * @param deadline as of {@link #until}
   * @return whether it has ended
   */
  public static boolean join(Thread thread, long deadline) {
    return until(
        deadline,
        nanos -> {
          thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(nanos)));
          return !thread.isAlive();
        });
  }
}
