/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Decodes a cache's keys and values, and counts those that cannot be decoded. Any thread; takes no
 * lock.
 *
 * @param <K> the keys
 * @param <V> the values
 */
final class Decoder<K, V> {

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  private final Codec<K> keys;
  private final Codec<V> values;
  private final boolean throwing;
  private final LongAdder failures = new LongAdder();
  private final AtomicBoolean logged = new AtomicBoolean();

  Decoder(Codec<K> keys, Codec<V> values, OnDecodeFailure onFailure) {
    this.keys = keys;
    this.values = values;
    this.throwing = onFailure == OnDecodeFailure.THROW;
  }

  /** How many keys and values could not be decoded. */
  long failures() {
    return failures.sum();
  }

  /**
   * Decodes a value; null when it cannot be decoded.
   *
   * @param bytes the codec's to keep and to change
   * @throws RuntimeException the codec's, with {@link OnDecodeFailure#THROW}
   */
  @Nullable V value(byte[] bytes) {
    V value = null;
    Exception failure = null;
    try {
      value = values.decode(bytes);
    } catch (CodecUsesCacheException e) {
      throw e;
    } catch (Exception e) { // other languages throw checked ones, too
      failure = e;
    }
    return value != null ? value : failed("value", values, bytes.length, failure, throwing);
  }

  /** Decodes a key, as {@link #value} does a value. */
  @Nullable K key(byte[] bytes) {
    return decode("key", keys, bytes, throwing);
  }

  /** As {@link #value}, but throws none of the codec's exceptions. */
  @Nullable V valueOrNull(byte[] bytes) {
    return decode("value", values, bytes, false);
  }

  /** As {@link #key}, but throws none of the codec's exceptions. */
  @Nullable K keyOrNull(byte[] bytes) {
    return decode("key", keys, bytes, false);
  }

  /** Whether a value can be decoded; counts nothing. */
  boolean canDecodeValue(byte[] bytes) {
    try {
      return values.decode(bytes) != null;
    } catch (CodecUsesCacheException e) {
      throw e;
    } catch (Exception e) {
      return false;
    }
  }

  private <T> @Nullable T decode(String what, Codec<T> codec, byte[] bytes, boolean mayThrow) {
    T decoded = null;
    Exception failure = null;
    try {
      decoded = codec.decode(bytes);
    } catch (CodecUsesCacheException e) {
      throw e;
    } catch (Exception e) { // other languages throw checked ones, too
      failure = e;
    }
    return decoded != null ? decoded : failed(what, codec, bytes.length, failure, mayThrow);
  }

  private <T> @Nullable T failed(
      String what, Codec<T> codec, int length, @Nullable Exception failure, boolean mayThrow) {
    failures.increment();
    Exception reason = failure != null ? failure : Codecs.gaveNull("decode", what + "s", codec);
    if (mayThrow) {
      throw reason instanceof RuntimeException known
          ? known
          : new IllegalStateException("codec '" + codec.name() + "' failed: " + reason, reason);
    }
    if (!logged.getAndSet(true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "codec '"
              + codec.name()
              + "' cannot decode a "
              + what
              + " of "
              + length
              + " bytes ("
              + reason
              + "): such entries are misses and are removed; CacheStats.decodeFailures counts them,"
              + " and this is logged once for each cache. Give the codec another name when the form"
              + " of its bytes changes, or set onDecodeFailure(THROW)",
          reason);
    }
    return null;
  }
}
