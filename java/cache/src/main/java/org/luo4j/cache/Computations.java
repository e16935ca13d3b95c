/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The functions of a cache's map that run, such as those of {@code compute}, by the threads that
 * run them. One that changed its own key would be called again for ever, as it never finds the
 * value that it was given.
 *
 * <p>Any thread; takes no lock.
 */
final class Computations {

  /** 0 where no thread runs a function; then changes look no further. */
  private final AtomicInteger running = new AtomicInteger();

  /** The innermost function that each thread runs. */
  private final ConcurrentHashMap<Thread, Computation> ofThreads = new ConcurrentHashMap<>();

  /** A function that runs. For the thread that runs it. */
  static final class Computation {
    private final Object key;
    private final byte[] bytes;
    private final @Nullable Computation outer;

    /** Tells of the end where there was no stack left to tell it otherwise. */
    private boolean isOver;

    private Computation(Object key, byte[] bytes, @Nullable Computation outer) {
      this.key = key;
      this.bytes = bytes;
      this.outer = outer;
    }
  }

  /**
   * Begins a computation of this thread.
   *
   * @param key the key, for messages
   * @param bytes the key's bytes. Copied
   * @return the computation, for {@link #end}
   */
  Computation begin(Object key, byte[] bytes) {
    Thread me = Thread.currentThread();
    Computation begun = new Computation(key, bytes.clone(), ofThreads.get(me));
    running.incrementAndGet();
    ofThreads.put(me, begun);
    return begun;
  }

  /** Ends the innermost computation of this thread. */
  void end(Computation computation) {
    computation.isOver = true;
    if (computation.outer == null) {
      ofThreads.remove(Thread.currentThread());
    } else {
      ofThreads.put(Thread.currentThread(), computation.outer);
    }
    running.decrementAndGet();
  }

  /**
   * Checks that this thread may change a key.
   *
   * @throws IllegalStateException when it runs a function that computes the key
   */
  void checkChange(byte[] key) {
    if (running.get() != 0) {
      checkNotComputed(key);
    }
  }

  private void checkNotComputed(byte[] key) {
    for (Computation computation = ofThreads.get(Thread.currentThread());
        computation != null;
        computation = computation.outer) {
      if (!computation.isOver && Arrays.equals(computation.bytes, key)) {
        throw new IllegalStateException(
            "recursive update of key "
                + Loads.quote(computation.key)
                + ": a function of compute, merge and their like must not change its own key;"
                + " return the new value instead");
      }
    }
  }
}
