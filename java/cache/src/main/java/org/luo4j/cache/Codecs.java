/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The codecs that {@link Codec} offers. Classes, not lambdas, of which the first ones cost a new
 * JVM more time than all the rest of opening a cache.
 */
final class Codecs {

  private Codecs() {}

  /**
   * Returns what a codec gave.
   *
   * @throws IllegalStateException when that is null
   */
  static <T> T notNull(@Nullable T given, String call, String what, Codec<?> codec) {
    if (given == null) {
      throw gaveNull(call, what, codec);
    }
    return given;
  }

  /** Says that a codec, of the keys or the values, returned null from encode or decode. */
  static IllegalStateException gaveNull(String call, String what, Codec<?> codec) {
    return new IllegalStateException(
        "codec '" + codec.name() + "' of the " + what + ": " + call + " must not return null");
  }

  /** The bytes of a codec of which only the name is known. */
  static final class Raw extends Named<byte[]> {
    Raw(String name) {
      super(name);
    }

    @Override
    byte[] bytes(byte[] value) {
      return value;
    }

    @Override
    public byte[] decode(byte[] bytes) {
      return bytes;
    }
  }

  /** A codec that refuses null. */
  private abstract static class Named<T> implements Codec<T> {
    private final String name;

    Named(String name) {
      this.name = name;
    }

    @Override
    public final String name() {
      return name;
    }

    @Override
    public final byte[] encode(T value) {
      return bytes(
          Objects.requireNonNull(value, "null has no bytes: keys and values are not null"));
    }

    abstract byte[] bytes(T value);

    static ByteBuffer ofLength(int length, byte[] bytes) {
      if (bytes.length != length) {
        throw new IllegalArgumentException(bytes.length + " bytes must be " + length);
      }
      return ByteBuffer.wrap(bytes);
    }
  }

  static final class Bytes extends Named<byte[]> {
    Bytes() {
      super("bytes");
    }

    @Override
    byte[] bytes(byte[] value) {
      return value;
    }

    @Override
    public byte[] decode(byte[] bytes) {
      return bytes;
    }
  }

  static final class Buffers extends Named<ByteBuffer> {
    Buffers() {
      super("byte-buffer");
    }

    @Override
    byte[] bytes(ByteBuffer value) {
      byte[] bytes = new byte[value.remaining()];
      value.get(value.position(), bytes);
      return bytes;
    }

    @Override
    public ByteBuffer decode(byte[] bytes) {
      return ByteBuffer.wrap(bytes);
    }
  }

  static final class Utf8 extends Named<String> {
    Utf8() {
      super("utf-8");
    }

    @Override
    byte[] bytes(String value) {
      requirePairs(value);
      return value.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String decode(byte[] bytes) {
      return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void requirePairs(String text) {
      for (int i = 0; i < text.length(); i++) {
        if (Character.isSurrogate(text.charAt(i))) {
          if (Character.charCount(text.codePointAt(i)) == 1) {
            throw new IllegalArgumentException(
                String.format(
                    "text has an unpaired surrogate, U+%04X, at index %d, which UTF-8 has no bytes"
                        + " for: take it out, or encode such text with a codec of your own",
                    (int) text.charAt(i), i));
          }
          i++;
        }
      }
    }
  }

  static final class Longs extends Named<Long> {
    Longs() {
      super("i64");
    }

    @Override
    byte[] bytes(Long value) {
      return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value).array();
    }

    @Override
    public Long decode(byte[] bytes) {
      return ofLength(8, bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }
  }

  static final class Ints extends Named<Integer> {
    Ints() {
      super("i32");
    }

    @Override
    byte[] bytes(Integer value) {
      return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, value).array();
    }

    @Override
    public Integer decode(byte[] bytes) {
      return ofLength(4, bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }
  }

  static final class Uuids extends Named<UUID> {
    Uuids() {
      super("uuid");
    }

    @Override
    byte[] bytes(UUID value) {
      return ByteBuffer.allocate(16)
          .putLong(value.getMostSignificantBits())
          .putLong(value.getLeastSignificantBits())
          .array();
    }

    @Override
    public UUID decode(byte[] bytes) {
      ByteBuffer buffer = ofLength(16, bytes);
      return new UUID(buffer.getLong(), buffer.getLong());
    }
  }

  /** Of two functions of the user's. */
  static final class OfFunctions<T> extends Named<T> {
    private final Function<T, byte[]> encode;
    private final Function<byte[], T> decode;

    OfFunctions(String name, Function<T, byte[]> encode, Function<byte[], T> decode) {
      super(Objects.requireNonNull(name, "name"));
      this.encode = Objects.requireNonNull(encode, "encode");
      this.decode = Objects.requireNonNull(decode, "decode");
    }

    @Override
    byte[] bytes(T value) {
      return encode.apply(value);
    }

    @Override
    public T decode(byte[] bytes) {
      return decode.apply(bytes);
    }
  }
}
