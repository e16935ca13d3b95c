/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * What a cache was made as, and stays: memory of another shape is refused.
 *
 * @param capacity in bytes, 64 KiB to 8 TiB
 * @param averageEntryBytes 32 to 65536
 * @param keyCodec the name of the keys' codec: {@link Codec#name}. Where memory has its hash alone,
 *     as an early version made it, this is 0x and 8 hexadecimal digits
 * @param valueCodec the name of the values' codec
 * @param created ms since 1970, from which expiry counts
 * @since 0.1.0
 */
public record CacheShape(
    long capacity, int averageEntryBytes, String keyCodec, String valueCodec, long created) {

  static final long SMALLEST = 64 << 10;
  static final long LARGEST = 1L << 43;

  /**
   * Checks the numbers and names.
   *
   * @param capacity in bytes, 64 KiB to 8 TiB
   * @param averageEntryBytes 32 to 65536
   * @param keyCodec at most 1024 bytes in UTF-8, without control characters
   * @param valueCodec as {@code keyCodec}
   * @param created any
   * @throws IllegalArgumentException for one that no cache has
   */
  public CacheShape {
    checkCapacity(capacity);
    checkAverageEntry(averageEntryBytes);
    CodecNames.check("keyCodec", Objects.requireNonNull(keyCodec, "keyCodec"));
    CodecNames.check("valueCodec", Objects.requireNonNull(valueCodec, "valueCodec"));
  }

  static void checkCapacity(long bytes) {
    if (bytes < SMALLEST || bytes > LARGEST) {
      throw new IllegalArgumentException(
          "capacity "
              + bytes
              + " must be "
              + SMALLEST
              + " to "
              + LARGEST
              + " bytes"
              + (bytes > 0 ? "" : ": write 8L << 30, as 8 << 30 is an int and overflows"));
    }
  }

  static void checkAverageEntry(int bytes) {
    if (bytes < 32 || bytes > 1 << 16) {
      throw new IllegalArgumentException("averageEntryBytes " + bytes + " must be 32 to 65536");
    }
  }

  /** The shape that a header page says, which {@link CacheFormat#refuseHeader} has accepted. */
  static CacheShape of(ByteBuffer page) {
    CodecNames codecs = Objects.requireNonNull(CodecNames.of(page), "looked at");
    return new CacheShape(
        page.getLong(CacheFormat.CAPACITY_AT),
        page.getInt(CacheFormat.AVERAGE_AT),
        codecs.keys(),
        codecs.values(),
        page.getLong(CacheFormat.CREATED_AT));
  }

  /**
   * The memory of a cache of this shape.
   *
   * @return bytes
   */
  public long memoryBytes() {
    return CacheFormat.Layout.of(capacity, averageEntryBytes).memoryBytes();
  }
}
