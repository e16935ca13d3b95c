/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.MARK;
import static org.luo4j.cache.CacheFormat.TRAILER_BYTES;
import static org.luo4j.cache.CacheFormat.markAt;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * A region's bytes as the cache reads and writes them: millions of times a second, so through
 * slices that are made once. A thread that touches many bytes close together takes the {@link
 * #slice} they lie in and their {@link #index} there.
 *
 * <pre>
 *   offset   0        512 MiB     1 GiB     1.5 GiB      2 GiB
 *            |-----------|-----------|-----------|-----------|
 *   slice 0  [=======================)                         each reaches 512 MiB into the next,
 *   slice 1              [=======================)             so that no entry needs two of them
 *   slice 2                          [=======================)
 * </pre>
 *
 * <p>The slices keep the addresses mapped, as long as one is reachable: each access ends in a fence
 * that sees to it. After {@link #close} every access throws an {@link IllegalStateException}.
 *
 * <p>The memory can be taken away under any access: by close, or by the kernel where a page of it
 * cannot be had ({@link MemoryRegion#absorbFaults}). Where the region absorbs faults, all of it
 * then reads 0, the mark in its last word too: what was read before {@link #isSound} said true is
 * what was in the memory. Where it does not ({@link #isGuarded}), an access to such a page is an
 * error at some later time, and what was read is to be verified by its checksum.
 *
 * <p>Not final, so that a test can record each store.
 */
class Memory {

  /** What goes by way of the heap goes in blocks of so many bytes. */
  private static final int BLOCK = 1 << 16;

  private static final int SHIFT = 29;
  private static final int MASK = (1 << SHIFT) - 1;

  /** The most bytes that may be touched from an offset on in its slice. */
  static final int MOST = 1 << SHIFT;

  static final VarHandle LONG =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private static final VarHandle ARRAY =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** So many bytes are copied by the JVM's copying code, which a fault ends in order. */
  private static final int MARK_COPY = 64;

  /** Up to so many bytes are copied word by word, which costs less than the call of a copy. */
  private static final int FEW = 48;

  /** Null once closed. */
  private ByteBuffer @Nullable [] slices;

  private final boolean guarded;

  /** Without a guard: held for each store that is ordered, to words that are compared and set. */
  private final Object stores = new Object();

  /** Without a guard: whether the mark was seen to be gone. */
  private volatile boolean seenGone;

  /** What the mark lies in. */
  private final ByteBuffer trailer;

  private final int markAt;

  Memory(MemoryRegion region) {
    guarded = region.absorbFaults();
    trailer = region.slice(region.size() - TRAILER_BYTES, TRAILER_BYTES);
    markAt = (int) markAt(TRAILER_BYTES);
    slices = new ByteBuffer[(int) ((region.size() + MASK) >>> SHIFT)];
    for (int i = 0; i < slices.length; i++) {
      long start = (long) i << SHIFT;
      slices[i] = region.slice(start, (int) Math.min(region.size() - start, 2L * MOST));
    }
  }

  /** Lets go of the memory. */
  void close() {
    slices = null;
  }

  static IllegalStateException closed() {
    return new IllegalStateException("the cache is closed: open it again");
  }

  /** Throws unless {@link #isSound}: what was read or written then is of no meaning. */
  void checkSound() {
    if (!isSound()) {
      throw gone(null);
    }
  }

  /** Throws after {@link #close}, for a thread that has the write lock. */
  void checkOpen() {
    if (slices == null) {
      throw closed();
    }
  }

  /** What to tell a caller whose call found the memory gone. */
  IllegalStateException gone(@Nullable Throwable cause) {
    return slices == null ? closed() : new MemoryLostException(cause);
  }

  /**
   * What to throw for what an access threw.
   *
   * @param isFault whether only memory that is gone can have been the cause, unless it has a cause
   *     of its own, as where the stack has ended
   * @return that the cache is closed or its memory is gone; else the RuntimeException that was
   *     thrown. An Error is thrown on
   */
  RuntimeException told(Throwable thrown, boolean isFault) {
    if (!isOpen() || !isSound() || isFault && thrown.getCause() == null) {
      return gone(thrown);
    }
    if (thrown instanceof Error error) {
      throw error;
    }
    return (RuntimeException) thrown;
  }

  boolean isOpen() {
    return slices != null;
  }

  /** Whether a page that cannot be had makes all of the memory 0, and not an error. */
  boolean isGuarded() {
    return guarded;
  }

  /** Whether all that was read before was the memory's, and all that was written is in it. */
  boolean isSound() {
    VarHandle.acquireFence(); // the mark is looked at after what was read before
    boolean sound;
    if (guarded) {
      sound = trailer.getLong(markAt) == MARK;
    } else {
      // Once it is gone it is not looked at again: each look would be an error at some later time.
      sound = !seenGone && hasMark();
      if (!sound) {
        seenGone = true;
      }
    }
    Reference.reachabilityFence(trailer);
    return sound;
  }

  /** As {@link #isSound}, without a guard. */
  private boolean hasMark() {
    // A copy that faults leaves its target as it was; a read may leave anything.
    byte[] mark = new byte[MARK_COPY];
    for (int i = 0; i < 2; i++) {
      try {
        trailer.get(markAt + 8 - MARK_COPY, mark, 0, MARK_COPY);
        return (long) ARRAY.get(mark, MARK_COPY - 8) == MARK;
      } catch (InternalError e) {
        // Of this copy, or of an earlier access, to another cache's memory perhaps: once more.
      }
    }
    return false;
  }

  /** The slice in which {@link #MOST} bytes from an offset on lie. */
  ByteBuffer slice(long offset) {
    ByteBuffer[] open = slices;
    if (open == null) {
      throw closed();
    }
    return open[(int) (offset >>> SHIFT)];
  }

  /** Where an offset lies in its slice. */
  static int index(long offset) {
    return (int) offset & MASK;
  }

  byte getByte(long offset) {
    ByteBuffer slice = slice(offset);
    byte value = slice.get(index(offset));
    Reference.reachabilityFence(slice);
    return value;
  }

  void putByte(long offset, byte value) {
    ByteBuffer slice = slice(offset);
    slice.put(index(offset), value);
    Reference.reachabilityFence(slice);
  }

  int getInt(long offset) {
    ByteBuffer slice = slice(offset);
    int value = slice.getInt(index(offset));
    Reference.reachabilityFence(slice);
    return value;
  }

  void putInt(long offset, int value) {
    ByteBuffer slice = slice(offset);
    INT.set(slice, index(offset), value);
    Reference.reachabilityFence(slice);
  }

  void putIntRelease(long offset, int value) {
    ByteBuffer slice = slice(offset);
    INT.setRelease(slice, index(offset), value);
    Reference.reachabilityFence(slice);
  }

  long getLong(long offset) {
    ByteBuffer slice = slice(offset);
    long value = slice.getLong(index(offset));
    Reference.reachabilityFence(slice);
    return value;
  }

  long getLongAcquire(long offset) {
    ByteBuffer slice = slice(offset);
    long value = (long) LONG.getAcquire(slice, index(offset));
    Reference.reachabilityFence(slice);
    return value;
  }

  long getLongVolatile(long offset) {
    ByteBuffer slice = slice(offset);
    long value = (long) LONG.getVolatile(slice, index(offset));
    Reference.reachabilityFence(slice);
    return value;
  }

  void putLong(long offset, long value) {
    ByteBuffer slice = slice(offset);
    LONG.set(slice, index(offset), value);
    Reference.reachabilityFence(slice);
  }

  void putLongRelease(long offset, long value) {
    ByteBuffer slice = slice(offset);
    if (guarded) {
      LONG.setRelease(slice, index(offset), value);
    } else {
      synchronized (stores) {
        LONG.setRelease(slice, index(offset), value);
      }
    }
    Reference.reachabilityFence(slice);
  }

  void putLongVolatile(long offset, long value) {
    ByteBuffer slice = slice(offset);
    if (guarded) {
      LONG.setVolatile(slice, index(offset), value);
    } else {
      synchronized (stores) {
        LONG.setVolatile(slice, index(offset), value);
      }
    }
    Reference.reachabilityFence(slice);
  }

  boolean compareAndSetLong(long offset, long expected, long value) {
    ByteBuffer slice = slice(offset);
    boolean done = exchange(slice, index(offset), expected, value);
    Reference.reachabilityFence(slice);
    return done;
  }

  /**
   * As {@link #compareAndSetLong(long, long, long)}, in a slice. Without a guard it is made of a
   * read and a store under a lock: a fault in the JVM's own code for it ends the JVM.
   */
  boolean exchange(ByteBuffer slice, int index, long expected, long value) {
    if (guarded) {
      return LONG.compareAndSet(slice, index, expected, value);
    }
    synchronized (stores) {
      boolean done = (long) LONG.getVolatile(slice, index) == expected;
      if (done) {
        LONG.setVolatile(slice, index, value);
      }
      return done;
    }
  }

  /** Fills an array. */
  void get(long offset, byte[] target) {
    if (target.length <= FEW) {
      ByteBuffer slice = slice(offset);
      int index = index(offset);
      int i = 0;
      for (; i + 8 <= target.length; i += 8) {
        ARRAY.set(target, i, slice.getLong(index + i));
      }
      for (; i < target.length; i++) {
        target[i] = slice.get(index + i);
      }
      return;
    }
    for (int done = 0; done < target.length; done += MOST) {
      int part = Math.min(target.length - done, MOST);
      slice(offset + done).get(index(offset + done), target, done, part);
    }
  }

  /** Writes an array. */
  void put(long offset, byte[] source) {
    if (source.length <= FEW) {
      ByteBuffer slice = slice(offset);
      int index = index(offset);
      int i = 0;
      for (; i + 8 <= source.length; i += 8) {
        LONG.set(slice, index + i, (long) ARRAY.get(source, i));
      }
      for (; i < source.length; i++) {
        slice.put(index + i, source[i]);
      }
      return;
    }
    for (int done = 0; done < source.length; done += MOST) {
      int part = Math.min(source.length - done, MOST);
      slice(offset + done).put(index(offset + done), source, done, part);
    }
  }

  /** Copies within the memory, between ranges that do not overlap. */
  void copy(long from, long to, long length) {
    for (long done = 0; done < length; done += MOST) {
      int part = (int) Math.min(length - done, MOST);
      slice(to + done).put(index(to + done), slice(from + done), index(from + done), part);
    }
  }

  /** CRC-32C of a range. Without a guard by way of the heap, where a fault does not end the JVM. */
  int crc32c(long offset, long length) {
    CRC32C crc = new CRC32C();
    if (!guarded) {
      byte[] block = new byte[(int) Math.min(length, BLOCK)];
      for (long done = 0; done < length; done += block.length) {
        int part = (int) Math.min(length - done, block.length);
        slice(offset + done).get(index(offset + done), block, 0, part);
        crc.update(block, 0, part);
      }
      return (int) crc.getValue();
    }
    for (long done = 0; done < length; done += MOST) {
      int part = (int) Math.min(length - done, MOST);
      crc.update(slice(offset + done).slice(index(offset + done), part));
    }
    return (int) crc.getValue();
  }

  /** A read-only little-endian view of up to {@link #MOST} bytes. */
  ByteBuffer view(long offset, int length) {
    return slice(offset)
        .slice(index(offset), length)
        .asReadOnlyBuffer()
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
