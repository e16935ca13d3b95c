/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * What a cache was made as, and stays: memory of another shape is refused.
 *
 * @param capacity in bytes, 64 KiB to 8 TiB
 * @param averageEntryBytes 32 to 65536
 * @param keyCodec what the name of the keys' codec hashes to
 * @param valueCodec what the name of the values' codec hashes to
 * @param created ms since 1970, from which expiry counts
 */
public record CacheShape(
    long capacity, int averageEntryBytes, int keyCodec, int valueCodec, long created) {

  static final long SMALLEST = 64 << 10;
  static final long LARGEST = 1L << 43;

  /**
   * Checks the numbers.
   *
   * @param capacity in bytes, 64 KiB to 2^46
   * @param averageEntryBytes 32 to 65536
   * @param keyCodec any
   * @param valueCodec any
   * @param created any
   * @throws IllegalArgumentException for one that no cache has
   */
  public CacheShape {
    if (capacity < SMALLEST || capacity > LARGEST) {
      throw new IllegalArgumentException(
          "capacity " + capacity + " must be " + SMALLEST + " to " + LARGEST + " bytes");
    }
    if (averageEntryBytes < 32 || averageEntryBytes > 1 << 16) {
      throw new IllegalArgumentException(
          "averageEntryBytes " + averageEntryBytes + " must be 32 to 65536");
    }
  }

  /**
   * The memory of a cache of this shape.
   *
   * @return bytes
   */
  public long memoryBytes() {
    return CacheFormat.Layout.of(capacity, averageEntryBytes).size();
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
