/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * The names of a cache's codecs. A header holds them as they are: two names of one hash are two
 * codecs. Only memory of an early version has hashes alone; the names are added when it is opened.
 *
 * @param keys as {@link Codec#name} gives it
 * @param values as {@link Codec#name} gives it
 */
record CodecNames(String keys, String values) {

  /** The longest name, in bytes of UTF-8. */
  static final int MAX_BYTES = 1024;

  /** Where the lengths are in what the header has of the names. */
  private static final int LENGTHS = CacheFormat.NAME_LENGTHS_AT - CacheFormat.NAMES_AT;

  private static final int AREA = LENGTHS + 4;

  /** How a name is shown of which only the hash is known. */
  private static final String HASH = "0x%08x";

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
    if (wrong == null && isHash(name) && !(codec instanceof Codecs.Raw)) {
      wrong = quoted(name) + "stands for a name that is not known: choose one that is a word";
    }
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
      return quoted(name)
          + "has "
          + bytes.length
          + " bytes in UTF-8: it must have at most "
          + MAX_BYTES;
    }
    if (name.chars().anyMatch(Character::isISOControl)) {
      return quoted(name) + "must have no control characters: messages and commands show it";
    }
    if (!new String(bytes, StandardCharsets.UTF_8).equals(name)) {
      return quoted(name) + "must have no unpaired surrogates, which UTF-8 has no bytes for";
    }
    return null;
  }

  private static String quoted(String name) {
    return "the name " + Loads.quote(name) + " ";
  }

  private static byte[] bytes(String name) {
    return name.getBytes(StandardCharsets.UTF_8);
  }

  /** Writes the names into a header that is being made. */
  void write(MemoryRegion memory) {
    memory.putInt(CacheFormat.KEY_CODEC_AT, hash(keys));
    memory.putInt(CacheFormat.VALUE_CODEC_AT, hash(values));
    complete(memory);
  }

  /** Writes the names into a header that has their hashes alone, unless they are not known. */
  void complete(MemoryRegion memory) {
    if (memory.getInt(CacheFormat.NAMES_CRC_AT) != 0 || isHash(keys) || isHash(values)) {
      return;
    }
    byte[] key = bytes(keys);
    byte[] value = bytes(values);
    ByteBuffer area = ByteBuffer.allocate(AREA).order(ByteOrder.LITTLE_ENDIAN);
    area.put(0, key).put(MAX_BYTES, value).putInt(LENGTHS, value.length << 16 | key.length);
    memory.put(CacheFormat.NAMES_AT, area.array());
    // Last: of a process that is killed here the names stay unknown.
    memory.putIntVolatile(CacheFormat.NAMES_CRC_AT, crc(area.array()));
  }

  /** Reads the names of a header page; null when they are not what a cache has written there. */
  static @Nullable CodecNames of(ByteBuffer page) {
    int crc = page.getInt(CacheFormat.NAMES_CRC_AT);
    if (crc == 0) {
      return new CodecNames(
          String.format(HASH, page.getInt(CacheFormat.KEY_CODEC_AT)),
          String.format(HASH, page.getInt(CacheFormat.VALUE_CODEC_AT)));
    }
    byte[] area = new byte[AREA];
    page.get(CacheFormat.NAMES_AT, area);
    int lengths = page.getInt(CacheFormat.NAME_LENGTHS_AT);
    String keys = name(area, 0, lengths & 0xFFFF);
    String values = name(area, MAX_BYTES, lengths >>> 16);
    return keys == null || values == null || crc != crc(area) ? null : new CodecNames(keys, values);
  }

  private static @Nullable String name(byte[] area, int from, int length) {
    if (length > MAX_BYTES) {
      return null;
    }
    String name = new String(area, from, length, StandardCharsets.UTF_8);
    byte[] bytes = Arrays.copyOfRange(area, from, from + length);
    return wrong(name) == null && Arrays.equals(bytes(name), bytes) ? name : null;
  }

  /** A checksum that is not 0. */
  private static int crc(byte[] area) {
    CRC32C crc = new CRC32C();
    crc.update(area);
    return crc.getValue() == 0 ? 1 : (int) crc.getValue();
  }

  /** Whether a name is a hash, of a codec whose name is not known. */
  private static boolean isHash(String name) {
    return name.matches("0x[0-9a-f]{8}");
  }

  private static int hash(String name) {
    return isHash(name) ? Integer.parseUnsignedInt(name.substring(2), 16) : name.hashCode();
  }

  /**
   * Null when the memory of a header page, which is in order, has these names, else what differs.
   */
  @Nullable String refuse(ByteBuffer page) {
    CodecNames old = Objects.requireNonNull(of(page), "looked at");
    boolean sameKeys = isSame(keys, old.keys);
    boolean sameValues = isSame(values, old.values);
    String of = "the old memory was written with ";
    String keyCodec = "the key codec '" + old.keys + "', not '" + keys + "'";
    String valueCodec = "the value codec '" + old.values + "', not '" + values + "'";
    if (!sameKeys) {
      return of + keyCodec + (sameValues ? "" : ", and " + valueCodec);
    }
    return sameValues ? null : of + valueCodec;
  }

  /** Whether a name is that of old memory; where only its hash is known, has that hash. */
  private static boolean isSame(String name, String old) {
    return isHash(old) || isHash(name) ? hash(name) == hash(old) : name.equals(old);
  }
}
