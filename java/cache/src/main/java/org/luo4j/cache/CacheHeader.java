/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * What the header of a cache's memory says. It is read without opening the cache: that needs no
 * ownership, changes nothing, and sees the numbers of a cache that is in use as they are at that
 * moment.
 *
 * @param shape what the cache was made as
 * @param entries how many it has, expired ones that nobody has met included
 * @param liveBytes what they count as
 * @param isClosed whether it was closed; else it is open, or its process ended without closing it
 * @since 0.1.0
 */
public record CacheHeader(CacheShape shape, long entries, long liveBytes, boolean isClosed) {

  /**
   * Reads the header of a cache's file.
   *
   * @param file a cache's
   * @return what it says
   * @throws IOException when the file cannot be read, is not a whole cache of this version, or is
   *     open in a cache of this JVM: reading it would cost that cache its lock
   */
  public static CacheHeader read(Path file) throws IOException {
    CacheMemory.OfFile.checkNotOpenHere(file);
    try (FileChannel channel = FileChannel.open(file)) {
      ByteBuffer page =
          ByteBuffer.allocate(CacheFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      long size = channel.size();
      while (page.hasRemaining() && channel.read(page, page.position()) >= 0) {
        // Until the page is full or the file ends.
      }
      if (page.hasRemaining()) {
        throw new IOException(file + " has " + size + " bytes: that is no cache");
      }
      CacheHeader header = of(page, file.toString());
      if (size != header.shape.memoryBytes()) {
        throw new IOException(
            file + " has " + size + " bytes, its cache " + header.shape.memoryBytes());
      }
      return header;
    }
  }

  /** Takes a page apart that may hold anything. */
  static CacheHeader of(ByteBuffer page, String where) throws IOException {
    String refused = CacheFormat.refuseHeader(page);
    if (refused != null) {
      throw new IOException(where + ": " + refused);
    }
    try {
      return new CacheHeader(
          CacheShape.of(page),
          page.getLong(CacheFormat.ENTRIES_AT),
          page.getLong(CacheFormat.LIVE_AT),
          page.getLong(CacheFormat.STATE_AT) == CacheFormat.CLOSED);
    } catch (IllegalArgumentException e) {
      throw new IOException(where + ": the old memory's header: " + e.getMessage(), e);
    }
  }
}
