/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What became of each key: the change that was begun last and the one that was acknowledged last.
 * Mapped from a file, it outlives a process that is killed. Each key has one writer at a time.
 */
final class Journal {

  private static final VarHandle LONGS =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int OPENED_AT = 0;
  private static final int KEYS_AT = 64;

  private final ByteBuffer memory;

  private Journal(ByteBuffer memory) {
    this.memory = memory;
  }

  static Journal inMemory(int keys) {
    return new Journal(ByteBuffer.allocateDirect(size(keys)));
  }

  /** A journal in a file, which is made where it is not there. */
  static Journal map(Path file, int keys) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      return new Journal(channel.map(FileChannel.MapMode.READ_WRITE, 0, size(keys)));
    }
  }

  private static int size(int keys) {
    return KEYS_AT + 16 * keys;
  }

  /** A copy whose changes are its own. */
  Journal copy() {
    ByteBuffer copy = ByteBuffer.allocateDirect(memory.capacity());
    copy.put(memory.duplicate().rewind());
    return new Journal(copy.rewind());
  }

  /** Whether the cache was open once: from then on it must not start cold. */
  boolean wasOpened() {
    return get(OPENED_AT) != 0;
  }

  void opened() {
    set(OPENED_AT, 1);
  }

  long intended(int key) {
    return get(KEYS_AT + 16 * key);
  }

  long acknowledged(int key) {
    return get(KEYS_AT + 16 * key + 8);
  }

  void intend(int key, long op) {
    set(KEYS_AT + 16 * key, op);
  }

  void acknowledge(int key, long op) {
    set(KEYS_AT + 16 * key + 8, op);
  }

  private long get(int at) {
    return (long) LONGS.getVolatile(memory, at);
  }

  private void set(int at, long value) {
    LONGS.setVolatile(memory, at, value);
  }
}
