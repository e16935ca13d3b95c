/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A range of memory of any size, seen through byte buffers of at most 2 GiB, with {@code long}
 * offsets, bounds and liveness checked on each access.
 *
 * <pre>
 *   offset   0         1 GiB       2 GiB       3 GiB
 *            |-----------|-----------|-----------|
 *   view 0   [======================)                 each view starts at a multiple of 1 GiB and
 *   view 1               [======================)     reaches up to 2 GiB - 1 further, so that no
 *   view 2                           [==========]     access of up to 1 GiB needs two of them
 * </pre>
 *
 * <p>Multi-byte values are little-endian on every machine. Any thread may call any method; {@link
 * #close} makes every later access an {@link IllegalStateException}, and one that is running
 * finishes or throws it. The addresses stay mapped as long as a view of them is reachable.
 */
public final class ChunkedMemory {

  /** The distance of two views' starts, in bytes. */
  public static final int STRIDE = 1 << 30;

  /** The most bytes that one access or slice may take. */
  public static final int MAX_SPAN = STRIDE;

  /** What goes by way of the heap goes in blocks of so many bytes. */
  private static final int BLOCK = 1 << 16;

  private static final int SHIFT = 30;
  private static final int MASK = STRIDE - 1;

  private static final VarHandle SHORT =
      MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final long size;
  private final String what;

  /** Null once closed. Plain: each access looks before it, and behind a fence after it. */
  private ByteBuffer @Nullable [] views;

  /** Whether {@link #slice} was called. */
  private boolean sliced;

  /**
   * @param views as many as {@link #viewCount}, each {@link #viewLength} bytes long
   * @param what the memory's name in messages
   */
  public ChunkedMemory(ByteBuffer[] views, long size, String what) {
    this.size = size;
    this.what = what;
    this.views = views.clone();
  }

  /** How many views a range of {@code size} bytes needs. */
  public static int viewCount(long size) {
    return (int) ((size + STRIDE - 1) >>> SHIFT);
  }

  /** The length in bytes of the view that starts at {@code index} GiB. */
  public static int viewLength(long size, int index) {
    return (int) Math.min(size - ((long) index << SHIFT), Integer.MAX_VALUE);
  }

  public long size() {
    return size;
  }

  /**
   * Makes later accesses throw, and those that race with this, and lets go of the views.
   * Idempotent.
   *
   * @return whether nobody has a slice
   */
  public boolean close() {
    views = null;
    VarHandle.fullFence(); // as in slice: either that one sees this, or this sees that one
    return !sliced;
  }

  public boolean isOpen() {
    return views != null;
  }

  /** The view for {@code span} bytes at {@code offset}, of which they start at offset & MASK. */
  private ByteBuffer view(long offset, long span) {
    ByteBuffer[] live = views;
    if (live == null) {
      throw closed();
    }
    if (offset < 0 || offset > size - span) {
      throw outOfBounds(offset, span);
    }
    return live[(int) (offset >>> SHIFT)];
  }

  private IllegalStateException closed() {
    return new IllegalStateException(what + " is closed: map it again to use it");
  }

  private IndexOutOfBoundsException outOfBounds(long offset, long span) {
    return new IndexOutOfBoundsException(
        "offset "
            + offset
            + " with "
            + span
            + " bytes is outside "
            + what
            + " of "
            + size
            + " bytes");
  }

  /** The view for an atomic access, which must be aligned. */
  private ByteBuffer aligned(long offset, int span) {
    if ((offset & (span - 1)) != 0) {
      throw new IllegalArgumentException(
          "offset " + offset + " is not a multiple of " + span + ", as an atomic access needs");
    }
    return view(offset, span);
  }

  /** Throws unless {@code length} bytes at {@code offset} lie inside. */
  public void checkRange(long offset, long length) {
    if (views == null) {
      throw closed();
    }
    if (length < 0 || offset < 0 || offset > size - length) {
      throw outOfBounds(offset, length);
    }
  }

  /** Checks the range and returns something that keeps the memory mapped while it is reachable. */
  public Object pin(long offset, long length) {
    ByteBuffer[] live = views;
    checkRange(offset, length);
    if (live == null) {
      throw closed();
    }
    return live;
  }

  /**
   * Ends each access. The view, and so the mapping, is reachable until the memory has been touched,
   * whatever a compiler does with the address; and what was read was read before a close, after
   * which the memory may be given back and read as zeros.
   */
  private void end(ByteBuffer view) {
    Reference.reachabilityFence(view);
    VarHandle.acquireFence();
    if (views == null) {
      throw closed();
    }
  }

  public byte getByte(long offset) {
    ByteBuffer view = view(offset, 1);
    byte value = view.get((int) offset & MASK);
    end(view);
    return value;
  }

  public void putByte(long offset, byte value) {
    ByteBuffer view = view(offset, 1);
    view.put((int) offset & MASK, value);
    end(view);
  }

  public short getShort(long offset) {
    ByteBuffer view = view(offset, 2);
    short value = (short) SHORT.get(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putShort(long offset, short value) {
    ByteBuffer view = view(offset, 2);
    SHORT.set(view, (int) offset & MASK, value);
    end(view);
  }

  public int getInt(long offset) {
    ByteBuffer view = view(offset, 4);
    int value = (int) INT.get(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putInt(long offset, int value) {
    ByteBuffer view = view(offset, 4);
    INT.set(view, (int) offset & MASK, value);
    end(view);
  }

  public int getIntAcquire(long offset) {
    ByteBuffer view = aligned(offset, 4);
    int value = (int) INT.getAcquire(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putIntRelease(long offset, int value) {
    ByteBuffer view = aligned(offset, 4);
    INT.setRelease(view, (int) offset & MASK, value);
    end(view);
  }

  public int getIntVolatile(long offset) {
    ByteBuffer view = aligned(offset, 4);
    int value = (int) INT.getVolatile(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putIntVolatile(long offset, int value) {
    ByteBuffer view = aligned(offset, 4);
    INT.setVolatile(view, (int) offset & MASK, value);
    end(view);
  }

  public boolean compareAndSetInt(long offset, int expected, int value) {
    ByteBuffer view = aligned(offset, 4);
    boolean done = INT.compareAndSet(view, (int) offset & MASK, expected, value);
    end(view);
    return done;
  }

  public long getLong(long offset) {
    ByteBuffer view = view(offset, 8);
    long value = (long) LONG.get(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putLong(long offset, long value) {
    ByteBuffer view = view(offset, 8);
    LONG.set(view, (int) offset & MASK, value);
    end(view);
  }

  public long getLongAcquire(long offset) {
    ByteBuffer view = aligned(offset, 8);
    long value = (long) LONG.getAcquire(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putLongRelease(long offset, long value) {
    ByteBuffer view = aligned(offset, 8);
    LONG.setRelease(view, (int) offset & MASK, value);
    end(view);
  }

  public long getLongVolatile(long offset) {
    ByteBuffer view = aligned(offset, 8);
    long value = (long) LONG.getVolatile(view, (int) offset & MASK);
    end(view);
    return value;
  }

  public void putLongVolatile(long offset, long value) {
    ByteBuffer view = aligned(offset, 8);
    LONG.setVolatile(view, (int) offset & MASK, value);
    end(view);
  }

  public boolean compareAndSetLong(long offset, long expected, long value) {
    ByteBuffer view = aligned(offset, 8);
    boolean done = LONG.compareAndSet(view, (int) offset & MASK, expected, value);
    end(view);
    return done;
  }

  public long getAndAddLong(long offset, long delta) {
    ByteBuffer view = aligned(offset, 8);
    long value = addLong(view, (int) offset & MASK, delta);
    end(view);
    return value;
  }

  /** A loop of compare-and-set, as a byte-swapped fetch-and-add does not exist. */
  private static long addLong(ByteBuffer view, int index, long delta) {
    long value;
    do {
      value = (long) LONG.getVolatile(view, index);
    } while (!LONG.weakCompareAndSet(view, index, value, value + delta));
    return value;
  }

  /** Copies out. The array's range is the array's affair: it is checked before memory is read. */
  public void get(long offset, byte[] target, int start, int length) {
    checkArray(target.length, start, length);
    checkRange(offset, length);
    for (int done = 0; done < length; ) {
      int part = Math.min(length - done, MAX_SPAN);
      ByteBuffer view = view(offset + done, part);
      view.get((int) (offset + done) & MASK, target, start + done, part);
      end(view);
      done += part;
    }
  }

  /** Copies in. */
  public void put(long offset, byte[] source, int start, int length) {
    checkArray(source.length, start, length);
    checkRange(offset, length);
    for (int done = 0; done < length; ) {
      int part = Math.min(length - done, MAX_SPAN);
      ByteBuffer view = view(offset + done, part);
      view.put((int) (offset + done) & MASK, source, start + done, part);
      end(view);
      done += part;
    }
  }

  /** Copies in what remains of {@code source}, whose position moves to its limit. */
  public void put(long offset, ByteBuffer source) {
    int length = source.remaining();
    checkRange(offset, length);
    int from = source.position();
    for (int done = 0; done < length; ) {
      int part = Math.min(length - done, MAX_SPAN);
      ByteBuffer view = view(offset + done, part);
      view.put((int) (offset + done) & MASK, source, from + done, part);
      end(view);
      done += part;
    }
    source.position(from + length);
  }

  /** Fills {@code target} from its position to its limit, where its position moves. */
  public void get(long offset, ByteBuffer target) {
    int length = target.remaining();
    checkRange(offset, length);
    for (int done = 0; done < length; ) {
      int part = Math.min(length - done, MAX_SPAN);
      ByteBuffer view = view(offset + done, part);
      target.put(target.position(), view, (int) (offset + done) & MASK, part);
      target.position(target.position() + part);
      end(view);
      done += part;
    }
  }

  /** Copies between two memories, or within one, where the ranges may overlap. */
  public void copyTo(long offset, ChunkedMemory target, long targetOffset, long length) {
    checkRange(offset, length);
    target.checkRange(targetOffset, length);
    boolean backwards = this == target && offset < targetOffset;
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(length - done, MAX_SPAN);
      long at = backwards ? length - done - part : done;
      ByteBuffer from = view(offset + at, part);
      ByteBuffer to = target.view(targetOffset + at, part);
      to.put((int) (targetOffset + at) & MASK, from, (int) (offset + at) & MASK, part);
      end(from);
      target.end(to);
      done += part;
    }
  }

  /** Sets each byte of the range. */
  public void fill(long offset, long length, byte value) {
    checkRange(offset, length);
    byte[] block = new byte[(int) Math.min(length, BLOCK)];
    if (value != 0) {
      Arrays.fill(block, value);
    }
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(length - done, block.length);
      put(offset + done, block, 0, part);
      done += part;
    }
  }

  /**
   * CRC-32C (Castagnoli, RFC 3720 B.4) of the range, as an unsigned 32-bit number. By way of the
   * heap: a fault in the JVM's checksum code ends the process, one in its copies is an error.
   */
  public long crc32c(long offset, long length) {
    checkRange(offset, length);
    CRC32C crc = new CRC32C();
    byte[] block = new byte[(int) Math.min(length, BLOCK)];
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(length - done, block.length);
      get(offset + done, block, 0, part);
      crc.update(block, 0, part);
      done += part;
    }
    return crc.getValue();
  }

  /** A little-endian buffer over the range itself, which keeps the mapping alive. */
  public ByteBuffer slice(long offset, int length) {
    if (length < 0 || length > MAX_SPAN) {
      throw new IllegalArgumentException(
          "length " + length + " of a slice must be 0 to " + MAX_SPAN + " bytes: take several");
    }
    checkRange(offset, length);
    if (length == 0) {
      return ByteBuffer.allocateDirect(0).order(ByteOrder.LITTLE_ENDIAN);
    }
    sliced = true;
    VarHandle.fullFence();
    ByteBuffer view = view(offset, length);
    return view.slice((int) offset & MASK, length).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void checkArray(int arrayLength, int start, int length) {
    if (start < 0 || length < 0 || start > arrayLength - length) {
      throw new IndexOutOfBoundsException(
          "start " + start + " with " + length + " bytes is outside an array of " + arrayLength);
    }
  }
}
