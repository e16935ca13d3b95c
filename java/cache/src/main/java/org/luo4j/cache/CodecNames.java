/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * The names of a cache's codecs. A header holds them as they are: two names of one hash are two
 * codecs.
 *
 * @param keys as {@link Codec#name} gives it
 * @param values as {@link Codec#name} gives it
 */
record CodecNames(String keys, String values) {

  /** The longest name, in bytes of UTF-8. */
  static final int MAX_BYTES = 1024;

  /**
   * Asks each codec for its name, once.
   *
   * @throws IllegalStateException when a name is null, or none that a header can hold
   */
  static CodecNames of(Codec<?> keys, Codec<?> values) {
    return new CodecNames(name(keys, "keys"), name(values, "values"));
  }

  private static String name(Codec<?> codec, String what) {
    String whose = "codec of the " + what + ", a " + codec.getClass().getName() + ": ";
    String name = codec.name();
    if (name == null) {
      throw new IllegalStateException(
          whose + "name must not return null: return a word such as \"order-v2\"");
    }
    String wrong = wrong(name);
    if (wrong != null) {
      throw new IllegalStateException(whose + wrong);
    }
    return name;
  }

  /**
   * Checks a name that is an argument.
   *
   * @throws IllegalArgumentException when a header cannot hold it
   */
  static void check(String argument, String name) {
    String wrong = wrong(name);
    if (wrong != null) {
      throw new IllegalArgumentException(argument + ": " + wrong);
    }
  }

  /** Null, or why a header cannot hold a name. */
  private static @Nullable String wrong(String name) {
    byte[] bytes = bytes(name);
    if (bytes.length > MAX_BYTES) {
      return "the name has " + bytes.length + " bytes in UTF-8: it must have at most " + MAX_BYTES;
    }
    if (name.chars().anyMatch(Character::isISOControl)) {
      return "the name must have no control characters: messages and commands show it";
    }
    if (!new String(bytes, StandardCharsets.UTF_8).equals(name)) {
      return "the name must have no unpaired surrogates, which UTF-8 has no bytes for";
    }
    return null;
  }

  private static byte[] bytes(String name) {
    return name.getBytes(StandardCharsets.UTF_8);
  }

  /** Writes the names into a header. */
  void write(MemoryRegion memory) {
    byte[] area = new byte[2 * MAX_BYTES];
    byte[] key = bytes(keys);
    byte[] value = bytes(values);
    System.arraycopy(key, 0, area, 0, key.length);
    System.arraycopy(value, 0, area, MAX_BYTES, value.length);
    memory.put(CacheFormat.NAMES_AT, area);
    memory.putInt(CacheFormat.NAME_LENGTHS_AT, value.length << 16 | key.length);
    memory.putInt(CacheFormat.NAMES_CRC_AT, crc(area));
  }

  /** Reads the names of a header page; null when they are not what a cache has written there. */
  static @Nullable CodecNames of(ByteBuffer page) {
    byte[] area = new byte[2 * MAX_BYTES];
    page.get(CacheFormat.NAMES_AT, area);
    int lengths = page.getInt(CacheFormat.NAME_LENGTHS_AT);
    String keys = name(area, 0, lengths & 0xFFFF);
    String values = name(area, MAX_BYTES, lengths >>> 16);
    return keys == null || values == null || page.getInt(CacheFormat.NAMES_CRC_AT) != crc(area)
        ? null
        : new CodecNames(keys, values);
  }

  private static @Nullable String name(byte[] area, int from, int length) {
    if (length > MAX_BYTES) {
      return null;
    }
    String name = new String(area, from, length, StandardCharsets.UTF_8);
    byte[] bytes = Arrays.copyOfRange(area, from, from + length);
    return wrong(name) == null && Arrays.equals(bytes(name), bytes) ? name : null;
  }

  private static int crc(byte[] area) {
    CRC32C crc = new CRC32C();
    crc.update(area);
    return (int) crc.getValue();
  }

  /** Null when other memory has these names, else which of them differs. */
  @Nullable String refuse(CodecNames old) {
    String of = "the old memory was written with ";
    String keyCodec = "the key codec '" + old.keys + "', not '" + keys + "'";
    String valueCodec = "the value codec '" + old.values + "', not '" + values + "'";
    if (!old.keys.equals(keys)) {
      return of + keyCodec + (old.values.equals(values) ? "" : ", and " + valueCodec);
    }
    return old.values.equals(values) ? null : of + valueCodec;
  }
}
