/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.memory.ChunkedMemory;

/**
 * Mapped memory of any size, with {@code long} offsets in bytes from 0.
 *
 * <p>Each access checks bounds ({@link IndexOutOfBoundsException}) and liveness ({@link
 * IllegalStateException} after {@link #close}). An access that races with close does its work or
 * throws; it never faults. Close gives the memory back to the system at once. Only where a {@link
 * #slice} was taken does it leave the memory to the slices, until none of them is reachable; {@link
 * #free} does not.
 *
 * <p>A page cannot be had when its file was cut short, its disk fails, or there is no memory for
 * it. An access then throws an {@link InternalError}, perhaps some time later (a memfd can be
 * sealed with {@link Seal#SHRINK}); a region that {@link #absorbFaults absorbs faults} reads zeros.
 *
 * <p>Values are little-endian. The method's name says the memory order: none (plain, may be
 * unaligned), Acquire, Release or Volatile (aligned to the value's size), as {@link
 * java.lang.invoke.VarHandle} defines them; they hold between threads and between processes that
 * map the same memfd. Any thread may call any method.
 *
 * @since 0.1.0
 */
public final class MemoryRegion implements AutoCloseable {

  /** Made where it is first needed, as it starts a thread. */
  private static final class Unmapping {
    static final Cleaner CLEANER = Cleaner.create();
  }

  /**
   * A mapping that {@link Bridge#map} made. It is unmapped when the last of its views is not
   * reachable any more; until then its addresses are not used for anything else.
   */
  private static final class Mapping implements Runnable {
    private final Bridge bridge;
    private final long address;
    private final long size;

    /** Views that are reachable, as far as is known. */
    private int views;

    private boolean guarded;

    Mapping(Bridge bridge, long address, long size) {
      this.bridge = bridge;
      this.address = address;
      this.size = size;
    }

    ByteBuffer[] views(boolean writable) {
      ByteBuffer[] made = new ByteBuffer[ChunkedMemory.viewCount(size)];
      views = made.length;
      for (int i = 0; i < made.length; i++) {
        int length = ChunkedMemory.viewLength(size, i);
        ByteBuffer root = bridge.view(address + (long) i * ChunkedMemory.STRIDE, length);
        Unmapping.CLEANER.register(root, this);
        made[i] = writable ? root : root.asReadOnlyBuffer();
      }
      return made;
    }

    /** One view is not reachable any more. */
    @Override
    public synchronized void run() {
      if (--views == 0) {
        unguard();
        bridge.unmap(address, size);
      }
    }

    synchronized boolean guard() {
      guarded = guarded || bridge.guard(address, size) == 0;
      return guarded;
    }

    /** Puts zeros in the memory's place, unless it is unmapped. */
    synchronized void giveBack() {
      if (views == 0) {
        return;
      }
      unguard();
      int result = bridge.revoke(address, size);
      if (result < 0 && result != -Errno.ENOSYS) {
        throw Refusal.UNMAP.exception(result, size + " bytes");
      }
    }

    private void unguard() {
      if (guarded) {
        guarded = false;
        bridge.unguard(address);
      }
    }
  }

  /** Null for a region that the JDK has mapped. */
  private final @Nullable Mapping mapping;

  private final boolean writable;
  private final String what;
  private final ChunkedMemory memory;

  /** Takes ownership of the mapping. */
  MemoryRegion(Bridge bridge, long address, long size, boolean writable, String what) {
    this.mapping = new Mapping(bridge, address, size);
    this.writable = writable;
    this.what = "region of " + what;
    this.memory = new ChunkedMemory(mapping.views(writable), size, this.what);
  }

  private MemoryRegion(ByteBuffer[] views, long size, String what) {
    this.mapping = null;
    this.writable = true;
    this.what = what;
    this.memory = new ChunkedMemory(views, size, what);
  }

  /**
   * Maps a range of an ordinary file, shared, readable and writable, growing the file where it is
   * shorter. It needs no native code, and survives a restart of the JVM as the file does (on a
   * tmpfs such as /dev/shm: until the machine is rebooted).
   *
   * @param file open for reading and writing; stays the caller's, who may close it
   * @param offset 0 or more, in bytes, a multiple of the page size
   * @param size 1 or more, in bytes
   * @return the region; {@link #advise} is not supported
   * @throws IOException when the file cannot be grown or mapped
   */
  public static MemoryRegion ofFile(FileChannel file, long offset, long size) throws IOException {
    if (size <= 0 || offset < 0 || offset > Long.MAX_VALUE - size) {
      throw new IllegalArgumentException(
          "offset " + offset + " must be 0 or more, size " + size + " 1 or more");
    }
    ByteBuffer[] views = new ByteBuffer[ChunkedMemory.viewCount(size)];
    for (int i = 0; i < views.length; i++) {
      long start = offset + (long) i * ChunkedMemory.STRIDE;
      int length = ChunkedMemory.viewLength(size, i);
      views[i] = file.map(FileChannel.MapMode.READ_WRITE, start, length);
    }
    return new MemoryRegion(views, size, "region of a file");
  }

  /**
   * The size.
   *
   * @return bytes, 1 or more
   */
  public long size() {
    return memory.size();
  }

  /**
   * Whether writing is allowed.
   *
   * @return false for a region of {@link MemFd#mapReadOnly}
   */
  public boolean isWritable() {
    return writable;
  }

  /**
   * Whether {@link #close} has not been called.
   *
   * @return true while accesses are allowed
   */
  public boolean isOpen() {
    return memory.isOpen();
  }

  /**
   * Where the region is mapped, for diagnosis only.
   *
   * @return the address, a multiple of 2 MiB; made up on the emulator, 0 for an ordinary file
   */
  public long address() {
    return mapping == null ? 0 : mapping.address;
  }

  /**
   * Replaces the whole region by zeros, instead of failing, when a page of it cannot be had: see
   * the class. To notice it, keep a number other than 0 in the region, and look at it after what
   * matters was read or written. The JVM's handler of SIGBUS is replaced by one that passes all
   * other faults on to it, until the last such region is closed.
   *
   * <p>With {@code -Xcheck:jni} the JVM warns that its handler was modified; {@code
   * -XX:+AllowUserSignalHandlers} ends that.
   *
   * @return whether it does so from now on; false without JNI, behind libjsig, and for a region of
   *     {@link #ofFile}
   * @throws IllegalStateException when the region is closed
   */
  public boolean absorbFaults() {
    Object pin = memory.pin(0, memory.size());
    boolean guarded = mapping != null && mapping.guard();
    Reference.reachabilityFence(pin);
    return guarded;
  }

  /**
   * Advises the kernel on the whole region.
   *
   * @param advice what to advise
   * @throws LuoException when the kernel refuses: EINVAL for an advice that it does not know,
   *     ENOMEM
   */
  public void advise(Advice advice) {
    advise(0, memory.size(), advice);
  }

  /**
   * Advises the kernel on a range.
   *
   * @param offset a multiple of the page size, in bytes
   * @param length in bytes
   * @param advice what to advise
   * @throws LuoException when the kernel refuses: EINVAL also for an offset inside a page
   * @throws UnsupportedOperationException on a region of an ordinary file
   */
  public void advise(long offset, long length, Advice advice) {
    Object pin = memory.pin(offset, length);
    if (mapping == null) {
      throw new UnsupportedOperationException("advise is for memfds: this is a " + what);
    }
    int result = mapping.bridge.advise(mapping.address + offset, length, advice.number);
    Reference.reachabilityFence(pin);
    if (result < 0) {
      throw Refusal.ADVISE.exception(
          result, what + " " + advice + " for " + length + " bytes at " + offset);
    }
  }

  /**
   * Makes later accesses throw, and gives the memory back to the system. Where a {@link #slice} was
   * taken, the memory is given back when no slice is reachable any more; {@link #free} may follow.
   * Without native code, that is on the emulator and for a region of {@link #ofFile}, it always is
   * given back when nothing of the region is reachable. Idempotent.
   *
   * @throws LuoException when the kernel refuses, for want of memory: ENOMEM
   */
  @Override
  public void close() {
    if (memory.close()) {
      giveBack();
    }
  }

  /**
   * As {@link #close}, and gives the memory back at once although there are slices. It is for
   * callers that know that no thread uses a slice: one that does reads zeros from now on, never
   * faults, and what it writes goes nowhere. The addresses are freed when nothing of the region is
   * reachable.
   *
   * @throws LuoException when the kernel refuses, for want of memory: ENOMEM
   */
  public void free() {
    memory.close();
    giveBack();
  }

  private void giveBack() {
    if (mapping != null) {
      mapping.giveBack();
    }
  }

  /**
   * Reads a byte, plain.
   *
   * @param offset in bytes, of any alignment
   * @return the value
   */
  public byte getByte(long offset) {
    return memory.getByte(offset);
  }

  /**
   * Writes a byte, plain.
   *
   * @param offset in bytes, of any alignment
   * @param value the value
   */
  public void putByte(long offset, byte value) {
    memory.putByte(offset, value);
  }

  /**
   * Reads a short, plain.
   *
   * @param offset in bytes, of any alignment
   * @return the value
   */
  public short getShort(long offset) {
    return memory.getShort(offset);
  }

  /**
   * Writes a short, plain.
   *
   * @param offset in bytes, of any alignment
   * @param value the value
   */
  public void putShort(long offset, short value) {
    memory.putShort(offset, value);
  }

  /**
   * Reads an int, plain.
   *
   * @param offset in bytes, of any alignment
   * @return the value
   */
  public int getInt(long offset) {
    return memory.getInt(offset);
  }

  /**
   * Writes an int, plain.
   *
   * @param offset in bytes, of any alignment
   * @param value the value
   */
  public void putInt(long offset, int value) {
    memory.putInt(offset, value);
  }

  /**
   * Reads an int, acquire.
   *
   * @param offset in bytes, a multiple of 4
   * @return the value
   */
  public int getIntAcquire(long offset) {
    return memory.getIntAcquire(offset);
  }

  /**
   * Reads an int, volatile.
   *
   * @param offset in bytes, a multiple of 4
   * @return the value
   */
  public int getIntVolatile(long offset) {
    return memory.getIntVolatile(offset);
  }

  /**
   * Writes an int, release.
   *
   * @param offset in bytes, a multiple of 4
   * @param value the value
   */
  public void putIntRelease(long offset, int value) {
    memory.putIntRelease(offset, value);
  }

  /**
   * Writes an int, volatile.
   *
   * @param offset in bytes, a multiple of 4
   * @param value the value
   */
  public void putIntVolatile(long offset, int value) {
    memory.putIntVolatile(offset, value);
  }

  /**
   * Writes an int if it has the expected value, volatile.
   *
   * @param offset in bytes, a multiple of 4
   * @param expected the value it must have
   * @param value the value it gets
   * @return whether it had it
   */
  public boolean compareAndSetInt(long offset, int expected, int value) {
    return memory.compareAndSetInt(offset, expected, value);
  }

  /**
   * Reads a long, plain.
   *
   * @param offset in bytes, of any alignment
   * @return the value
   */
  public long getLong(long offset) {
    return memory.getLong(offset);
  }

  /**
   * Writes a long, plain.
   *
   * @param offset in bytes, of any alignment
   * @param value the value
   */
  public void putLong(long offset, long value) {
    memory.putLong(offset, value);
  }

  /**
   * Reads a long, acquire.
   *
   * @param offset in bytes, a multiple of 8
   * @return the value
   */
  public long getLongAcquire(long offset) {
    return memory.getLongAcquire(offset);
  }

  /**
   * Reads a long, volatile.
   *
   * @param offset in bytes, a multiple of 8
   * @return the value
   */
  public long getLongVolatile(long offset) {
    return memory.getLongVolatile(offset);
  }

  /**
   * Writes a long, release.
   *
   * @param offset in bytes, a multiple of 8
   * @param value the value
   */
  public void putLongRelease(long offset, long value) {
    memory.putLongRelease(offset, value);
  }

  /**
   * Writes a long, volatile.
   *
   * @param offset in bytes, a multiple of 8
   * @param value the value
   */
  public void putLongVolatile(long offset, long value) {
    memory.putLongVolatile(offset, value);
  }

  /**
   * Writes a long if it has the expected value, volatile.
   *
   * @param offset in bytes, a multiple of 8
   * @param expected the value it must have
   * @param value the value it gets
   * @return whether it had it
   */
  public boolean compareAndSetLong(long offset, long expected, long value) {
    return memory.compareAndSetLong(offset, expected, value);
  }

  /**
   * Adds to a long, volatile.
   *
   * @param offset in bytes, a multiple of 8
   * @param delta what to add
   * @return the value before
   */
  public long getAndAddLong(long offset, long delta) {
    return memory.getAndAddLong(offset, delta);
  }

  /**
   * Copies out, plain.
   *
   * @param offset where in the region, in bytes
   * @param target where to
   * @param start the first index in the array
   * @param length in bytes
   */
  public void get(long offset, byte[] target, int start, int length) {
    memory.get(offset, target, start, length);
  }

  /**
   * Fills a whole array, plain.
   *
   * @param offset where in the region, in bytes
   * @param target where to
   */
  public void get(long offset, byte[] target) {
    memory.get(offset, target, 0, target.length);
  }

  /**
   * Copies in, plain.
   *
   * @param offset where in the region, in bytes
   * @param source where from
   * @param start the first index in the array
   * @param length in bytes
   */
  public void put(long offset, byte[] source, int start, int length) {
    memory.put(offset, source, start, length);
  }

  /**
   * Writes a whole array, plain.
   *
   * @param offset where in the region, in bytes
   * @param source where from
   */
  public void put(long offset, byte[] source) {
    memory.put(offset, source, 0, source.length);
  }

  /**
   * Fills what remains of a buffer, plain; its position moves to its limit.
   *
   * @param offset where in the region, in bytes
   * @param target where to
   */
  public void get(long offset, ByteBuffer target) {
    memory.get(offset, target);
  }

  /**
   * Writes what remains of a buffer, plain; its position moves to its limit.
   *
   * @param offset where in the region, in bytes
   * @param source where from
   */
  public void put(long offset, ByteBuffer source) {
    memory.put(offset, source);
  }

  /**
   * Copies to another region, or within this one, where the ranges may overlap.
   *
   * @param offset where from, in bytes
   * @param target the region to write
   * @param targetOffset where to, in bytes
   * @param length in bytes, of any size
   */
  public void copyTo(long offset, MemoryRegion target, long targetOffset, long length) {
    memory.copyTo(offset, target.memory, targetOffset, length);
  }

  /**
   * Sets each byte of a range, plain.
   *
   * @param offset where in the region, in bytes
   * @param length in bytes, of any size
   * @param value the value
   */
  public void fill(long offset, long length, byte value) {
    memory.fill(offset, length, value);
  }

  /**
   * CRC-32C (Castagnoli) of a range.
   *
   * @param offset where in the region, in bytes
   * @param length in bytes, of any size
   * @return the checksum, 0 to 2^32 - 1
   */
  public long crc32c(long offset, long length) {
    return memory.crc32c(offset, length);
  }

  /**
   * A little-endian buffer over the memory itself, read-only where the region is. It stays valid
   * after {@link #close}, and reads zeros after {@link #free}.
   *
   * @param offset where in the region, in bytes
   * @param length 0 to 2^30 bytes
   * @return the buffer, with position 0 and limit {@code length}
   */
  public ByteBuffer slice(long offset, int length) {
    return memory.slice(offset, length);
  }

  /** What it is, its size and whether it is open. */
  @Override
  public String toString() {
    return what + ", " + size() + " bytes" + (isOpen() ? "" : " (closed)");
  }
}
