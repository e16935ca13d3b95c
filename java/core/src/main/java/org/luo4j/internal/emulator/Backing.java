/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * The bytes of one memfd, in a sparse file that is as long as has been needed so far. What lies
 * beyond the file's end reads as zeros.
 *
 * <p>Once a view was made the file is never cut shorter, so that no access through a view can
 * fault: bytes that a truncation takes away are zeroed instead.
 *
 * <p>Belongs to one {@link MemFile}, whose emulator locks. Input and output go through {@link
 * RandomAccessFile}, which a thread's interrupt does not close.
 */
final class Backing {

  private static final int BLOCK = 1 << 16;
  private static final byte[] ZEROS = new byte[BLOCK];

  private final Path file;
  private @Nullable RandomAccessFile io;
  private boolean viewed;

  /** A file that is created when it is first needed, or that is there already. */
  Backing(Path file) {
    this.file = file;
  }

  Path file() {
    return file;
  }

  /** Fills the buffer from a position, with zeros beyond the file's end. */
  void read(long position, ByteBuffer buffer, int start, int length) throws IOException {
    byte[] block = new byte[Math.min(BLOCK, length)];
    int done = 0;
    while (done < length) {
      int count = Math.min(block.length, length - done);
      read(position + done, block, count);
      buffer.put(start + done, block, 0, count);
      done += count;
    }
  }

  /** Reads a block, with zeros beyond the file's end. */
  void read(long position, byte[] block, int count) throws IOException {
    int got = 0;
    if (io != null || Files.exists(file)) {
      RandomAccessFile in = open();
      in.seek(position);
      int n;
      while (got < count && (n = in.read(block, got, count - got)) > 0) {
        got += n;
      }
    }
    Arrays.fill(block, got, count, (byte) 0);
  }

  void write(long position, ByteBuffer buffer, int start, int length) throws IOException {
    byte[] block = new byte[Math.min(BLOCK, length)];
    RandomAccessFile out = open();
    out.seek(position);
    int done = 0;
    while (done < length) {
      int count = Math.min(block.length, length - done);
      buffer.get(start + done, block, 0, count);
      out.write(block, 0, count);
      done += count;
    }
  }

  /** How long the file is by now. */
  long length() throws IOException {
    return io != null ? io.length() : Files.exists(file) ? Files.size(file) : 0;
  }

  /** Makes the bytes {@code from} to {@code to - 1} zero; blocks that are zero are left alone. */
  void zero(long from, long to) throws IOException {
    long end = Math.min(to, length());
    byte[] block = new byte[BLOCK];
    for (long at = from; at < end; ) {
      int count = (int) Math.min(BLOCK, end - at);
      read(at, block, count);
      if (!isZero(block, 0, count)) {
        RandomAccessFile out = open();
        out.seek(at);
        out.write(ZEROS, 0, count);
      }
      at += count;
    }
  }

  /** Makes all bytes from a position on zero, by cutting the file where no view can notice. */
  void cut(long size) throws IOException {
    long length = length();
    if (length <= size) {
      return;
    }
    if (viewed) {
      zero(size, length);
    } else {
      open().setLength(size);
    }
  }

  boolean isViewed() {
    return viewed;
  }

  /** Maps a range, making the file long enough first. The view outlives the file's deletion. */
  ByteBuffer view(long position, int length, boolean writable) throws IOException {
    RandomAccessFile grown = open();
    if (grown.length() < position + length) {
      grown.setLength(position + length);
    }
    viewed = true;
    return Uninterrupted.map(file, writable, position, length).order(ByteOrder.nativeOrder());
  }

  /** Closes the file and leaves it where it is. */
  void close() {
    if (io != null) {
      try {
        io.close();
      } catch (IOException e) {
        // Nothing is buffered: the bytes are in the file already.
      }
      io = null;
    }
  }

  /** Copies a file's first bytes, leaving holes where they are zero; the copy always exists. */
  static void copy(Path from, Path to, long size) throws IOException {
    try (RandomAccessFile out = StateFolder.writable(to)) {
      if (!Files.exists(from)) {
        return;
      }
      try (RandomAccessFile in = new RandomAccessFile(from.toFile(), "r")) {
        byte[] block = new byte[BLOCK];
        long at = 0;
        int count;
        while (at < size && (count = in.read(block, 0, (int) Math.min(BLOCK, size - at))) > 0) {
          if (!isZero(block, 0, count)) {
            out.seek(at);
            out.write(block, 0, count);
          }
          at += count;
        }
      }
    }
  }

  static boolean isZero(byte[] block, int from, int to) {
    for (int at = from; at < to; at += BLOCK) {
      int end = Math.min(to, at + BLOCK);
      if (!Arrays.equals(block, at, end, ZEROS, 0, end - at)) {
        return false;
      }
    }
    return true;
  }

  private RandomAccessFile open() throws IOException {
    if (io == null) {
      io = StateFolder.writable(file);
    }
    return io;
  }
}
