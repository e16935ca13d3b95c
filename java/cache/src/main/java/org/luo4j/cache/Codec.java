/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.function.Function;

/**
 * Turns keys or values into bytes and back. A cache knows keys and values by their bytes alone:
 *
 * <ul>
 *   <li>Keys that are equal must give the same bytes, in every JVM, and others must not. What has
 *       no fixed order, such as the fields of a HashMap, makes no key.
 *   <li>Values are compared by their bytes, in {@code replace} and {@code remove} with a value and
 *       in the map's {@code containsValue}; {@code equals} is not asked.
 *   <li>The bytes outlive the process, and the classes that wrote them: read what an older release
 *       wrote, or change {@link #name}, by which the cache starts cold.
 * </ul>
 *
 * <p>A codec must not use caches. The map's and other changes that return the old value decode it
 * while they hold the cache's lock. A codec that loads a key then, or changes its own cache, gets
 * an IllegalStateException, and the change is not made. A codec may also wait for another cache.
 * Where a loader of that one waits for this cache, both hang until the cache is closed.
 *
 * <p>Any thread uses a codec, several at a time; one that needs a thing of one thread, such as a
 * Kryo, has one for each thread. Lookups call {@link #encode} for the key and {@link #decode} for
 * the value each time. What {@code encode} throws reaches the caller before anything is changed. An
 * entry whose {@code decode} throws a RuntimeException or returns null is a miss and is removed, or
 * an exception: {@link WarmCache.Builder#onDecodeFailure}.
 *
 * @param <T> what is turned
 * @since 0.1.0
 */
public interface Codec<T> {

  /**
   * What the bytes are, in a word that does not change: memory that was written with a codec of
   * another name is not read with this one. Change it with the form of the bytes.
   *
   * <p>The cache asks for it when it is opened, before it looks at its memory, and for messages.
   *
   * @return a name such as "utf-8" or "order-v2"; not null, at most 1024 bytes in UTF-8, without
   *     control characters, and not 0x and 8 hexadecimal digits. Names that differ at all are of
   *     two codecs
   */
  String name();

  /**
   * The bytes of a value.
   *
   * @param value not null
   * @return its bytes, 0 or more; the cache copies them before it calls the codec again in this
   *     thread, and neither changes nor keeps them: it may be one array each time
   * @throws IllegalArgumentException when the value has no bytes that decode to it
   */
  byte[] encode(T value);

  /**
   * The value of bytes.
   *
   * @param bytes what {@link #encode} gave, the callee's to keep
   * @return the value, not null
   */
  T decode(byte[] bytes);

  /**
   * Byte arrays, as they are; null is refused. An array that the cache gives is the caller's own.
   * As arrays are equal only to themselves, collections of keys or values want {@link
   * #BYTE_BUFFER}.
   */
  Codec<byte[]> BYTES = new Codecs.Bytes();

  /**
   * The remaining bytes of a buffer, whose position stays. Decoding gives a new heap buffer of
   * exactly these bytes, big-endian as all new ones are, writable, and the caller's own.
   */
  Codec<ByteBuffer> BYTE_BUFFER = new Codecs.Buffers();

  /**
   * Text in UTF-8. Text with an unpaired surrogate, which UTF-8 has no bytes for, is refused with
   * an IllegalArgumentException.
   */
  Codec<String> STRING = new Codecs.Utf8();

  /** Longs, 8 bytes little-endian. */
  Codec<Long> LONG = new Codecs.Longs();

  /** Ints, 4 bytes little-endian. */
  Codec<Integer> INT = new Codecs.Ints();

  /** UUIDs, 16 bytes big-endian (RFC 9562). */
  Codec<UUID> UUID = new Codecs.Uuids();

  /**
   * A codec of two functions, which any thread may call.
   *
   * @param name as {@link #name}
   * @param encode as {@link #encode}
   * @param decode as {@link #decode}
   * @param <T> what is turned
   * @return the codec
   */
  static <T> Codec<T> of(String name, Function<T, byte[]> encode, Function<byte[], T> decode) {
    return new Codecs.OfFunctions<>(name, encode, decode);
  }
}
