/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * The loads of a cache that are under way, by the bytes of their keys. A thread that wants a key
 * which another thread loads waits for that load; loads of different keys do not know of each
 * other. A thread that would wait for itself gets an exception: also where it waits for a thread
 * that waits for it, over any number of threads and of caches.
 *
 * <p>Any thread. No lock is held while a loader runs.
 */
final class Loads {

  /** The longest part of a key that a message quotes, in characters. */
  private static final int MAX_QUOTED = 100;

  /** Of 16 bytes at least: several times what they take. */
  private static final int STACK_FRAMES = 500;

  /** Which load each waiting thread waits for, in all caches. Guarded by itself. */
  private static final Map<Thread, Load> WAITING = new HashMap<>();

  private final ConcurrentHashMap<Load, Load> running = new ConcurrentHashMap<>();

  /** A load of a key by the thread that made this object. Equal to other loads of the key. */
  static final class Load {
    private final byte[] key;
    private final long hash;
    private final Thread owner = Thread.currentThread();
    private final CountDownLatch ended = new CountDownLatch(1);

    /** Guarded by this. */
    private boolean hasWaiters;

    /** Set under this, before waiting threads go on. */
    private volatile boolean isOver;

    /** What the load gave, for waiting threads; written before {@link #ended}. */
    private byte @Nullable [] value;

    /**
     * Describes a load that this thread is about to begin.
     *
     * @param key the key's bytes, which must not change any more
     * @param hash the key's hash
     */
    Load(byte[] key, long hash) {
      this.key = key;
      this.hash = hash;
    }

    /** Announces a waiting thread; false when the load is over. */
    private synchronized boolean join() {
      hasWaiters = !isOver;
      return hasWaiters;
    }

    private synchronized boolean finish() {
      isOver = true;
      return hasWaiters;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Load load && Arrays.equals(key, load.key);
    }

    @Override
    public int hashCode() {
      return Long.hashCode(hash);
    }
  }

  /**
   * Throws a StackOverflowError unless the thread has more stack than begin, await and end take: to
   * be called before them, by the method that calls them. Where the stack ended in the midst of one
   * of them, a load would stay for ever.
   */
  static void checkStack() {
    if (framesBelow(STACK_FRAMES) != STACK_FRAMES) {
      throw new AssertionError("not counted");
    }
  }

  private static int framesBelow(int most) {
    return most == 0 ? 0 : framesBelow(most - 1) + 1;
  }

  /** Begins a load: returns null, or another load of the key that is under way. */
  @Nullable Load begin(Load load) {
    try {
      return running.putIfAbsent(load, load);
    } catch (Throwable e) { // no memory, after it was put perhaps
      if (running.get(load) == load) {
        end(load, null);
      }
      throw e;
    }
  }

  /**
   * Ends a load that has begun, and lets waiting threads go on.
   *
   * @param value what they get; null to have them try themselves. Copied
   */
  void end(Load load, byte @Nullable [] value) {
    running.remove(load);
    boolean wanted = load.finish();
    try {
      if (wanted && value != null) {
        load.value = value.clone();
      }
    } finally {
      load.ended.countDown();
    }
  }

  /**
   * Waits for the end of another load. An interrupt does not end the wait, and stays set.
   *
   * @param key the key, for messages
   * @return a copy of what the load gave; null when the caller must try itself
   * @throws IllegalStateException when the load waits for this thread
   */
  byte @Nullable [] await(Load load, Object key) {
    if (!load.join()) {
      return null;
    }
    Thread me = Thread.currentThread();
    synchronized (WAITING) {
      checkCycle(load, me, key);
      WAITING.put(me, load);
    }
    try {
      awaitEnd(load);
    } finally {
      synchronized (WAITING) {
        WAITING.remove(me);
      }
    }
    byte[] value = load.value;
    return value == null ? null : value.clone();
  }

  private static void checkCycle(Load load, Thread me, Object key) {
    for (Load next = load; next != null && !next.isOver; next = WAITING.get(next.owner)) {
      if (next.owner == me) {
        throw new IllegalStateException(
            "recursive load of key "
                + quote(key)
                + (next == load
                    ? ", which this thread is loading"
                    : ", which thread '"
                        + load.owner.getName()
                        + "' is loading, and that load waits for a key that this thread is loading")
                + ": a loader must not need its own key, directly or through other keys");
      }
    }
  }

  private static void awaitEnd(Load load) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          load.ended.await();
          return;
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

  /**
   * Returns a key or name as a message shows it: shortened, an array of bytes in hexadecimal, and
   * with \\u before the number of each character that would do something to a log or terminal.
   */
  static String quote(Object key) {
    String text =
        key instanceof byte[] bytes
            ? "0x" + HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, MAX_QUOTED / 2))
            : String.valueOf(key);
    StringBuilder quoted = new StringBuilder("'");
    int at = 0;
    while (at < Math.min(text.length(), MAX_QUOTED)) {
      int character = text.codePointAt(at);
      at += Character.charCount(character);
      switch (Character.getType(character)) {
        case Character.CONTROL,
            Character.FORMAT,
            Character.SURROGATE,
            Character.LINE_SEPARATOR,
            Character.PARAGRAPH_SEPARATOR ->
            quoted.append(String.format("\\u%04x", character));
        default -> quoted.appendCodePoint(character);
      }
    }
    return quoted.append(at == text.length() ? "'" : "...'").toString();
  }
}
