/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.function.Function;

/**
 * Turns keys or values into bytes and back. Equal keys must give equal bytes, in every JVM. Used by
 * any thread.
 *
 * @param <T> what is turned
 */
public interface Codec<T> {

  /**
   * What the bytes are, in a word that does not change: a cache whose memory was written by another
   * codec is not read with this one.
   *
   * @return a name such as "utf-8"
   */
  String name();

  /**
   * The bytes of a value.
   *
   * @param value not null
   * @return bytes that the cache may keep and does not change
   */
  byte[] encode(T value);

  /**
   * The value of bytes.
   *
   * @param bytes what {@link #encode} gave, the callee's to keep
   * @return the value, not null
   */
  T decode(byte[] bytes);

  /** Byte arrays, as they are. They are not copied: do not change one that is in use. */
  Codec<byte[]> BYTES = of("bytes", bytes -> bytes, bytes -> bytes);

  /** Text in UTF-8. Unpaired surrogates do not survive. */
  Codec<String> STRING =
      of(
          "utf-8",
          text -> text.getBytes(StandardCharsets.UTF_8),
          bytes -> new String(bytes, StandardCharsets.UTF_8));

  /** Longs, 8 bytes little-endian. */
  Codec<Long> LONG =
      of(
          "i64",
          value -> ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value).array(),
          bytes -> ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());

  /** Ints, 4 bytes little-endian. */
  Codec<Integer> INT =
      of(
          "i32",
          value -> ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, value).array(),
          bytes -> ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt());

  /** UUIDs, 16 bytes big-endian (RFC 9562). */
  Codec<UUID> UUID =
      of(
          "uuid",
          value ->
              ByteBuffer.allocate(16)
                  .putLong(value.getMostSignificantBits())
                  .putLong(value.getLeastSignificantBits())
                  .array(),
          bytes -> {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            return new UUID(buffer.getLong(), buffer.getLong());
          });

  /**
   * A codec of two functions.
   *
   * @param name as {@link #name}
   * @param encode as {@link #encode}
   * @param decode as {@link #decode}
   * @param <T> what is turned
   * @return the codec
   */
  static <T> Codec<T> of(String name, Function<T, byte[]> encode, Function<byte[], T> decode) {
    return new Codec<>() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public byte[] encode(T value) {
        return encode.apply(value);
      }

      @Override
      public T decode(byte[] bytes) {
        return decode.apply(bytes);
      }
    };
  }
}
