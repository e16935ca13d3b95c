/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;

/**
 * What a cache was made as, and stays: memory of another shape is refused.
 *
 * @param capacity in bytes, 64 KiB to 8 TiB
 * @param averageEntryBytes 32 to 65536
 * @param keyCodec what the name of the keys' codec hashes to
 * @param valueCodec what the name of the values' codec hashes to
 * @param created ms since 1970, from which expiry counts
 * @since 0.1.0
 */
public record CacheShape(
    long capacity, int averageEntryBytes, int keyCodec, int valueCodec, long created) {

  static final long SMALLEST = 64 << 10;
  static final long LARGEST = 1L << 43;

  /**
   * Checks the numbers.
   *
   * @param capacity in bytes, 64 KiB to 8 TiB
   * @param averageEntryBytes 32 to 65536
   * @param keyCodec any
   * @param valueCodec any
   * @param created any
   * @throws IllegalArgumentException for one that no cache has
   */
  public CacheShape {
    checkCapacity(capacity);
    checkAverageEntry(averageEntryBytes);
  }

  static void checkCapacity(long bytes) {
    if (bytes < SMALLEST || bytes > LARGEST) {
      throw new IllegalArgumentException(
          "capacity " + bytes + " must be " + SMALLEST + " to " + LARGEST + " bytes");
    }
  }

  static void checkAverageEntry(int bytes) {
    if (bytes < 32 || bytes > 1 << 16) {
      throw new IllegalArgumentException("averageEntryBytes " + bytes + " must be 32 to 65536");
    }
  }

  /** The shape that a header page says. */
  static CacheShape of(ByteBuffer page) {
    return new CacheShape(
        page.getLong(CacheFormat.CAPACITY_AT),
        page.getInt(CacheFormat.AVERAGE_AT),
        page.getInt(CacheFormat.KEY_CODEC_AT),
        page.getInt(CacheFormat.VALUE_CODEC_AT),
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

  /**
   * The name of the keys' codec.
   *
   * @return the name, if it is one of {@link Codec}'s own; else its hash as 0x and 8 digits
   */
  public String keyCodecName() {
    return Codecs.nameOf(keyCodec);
  }

  /**
   * The name of the values' codec.
   *
   * @return as {@link #keyCodecName}
   */
  public String valueCodecName() {
    return Codecs.nameOf(valueCodec);
  }
}
