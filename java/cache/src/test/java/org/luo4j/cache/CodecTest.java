/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The bytes of the codecs, which must stay as they are: old caches hold them. */
class CodecTest {

  @TempDir Path folder;

  private static <T> void check(Codec<T> codec, T value, String hex) {
    assertEquals(hex, HexFormat.of().formatHex(codec.encode(value)));
    assertEquals(value, codec.decode(HexFormat.of().parseHex(hex)));
  }

  @Test
  void namesAreWhatOldCachesWereWrittenWith() {
    assertEquals("bytes", Codec.BYTES.name());
    assertEquals("byte-buffer", Codec.BYTE_BUFFER.name());
    assertEquals("utf-8", Codec.STRING.name());
    assertEquals("i64", Codec.LONG.name());
    assertEquals("i32", Codec.INT.name());
    assertEquals("uuid", Codec.UUID.name());
  }

  @Test
  void bytesStayAsTheyAre() {
    byte[] value = {1, 2, 3};
    assertSame(value, Codec.BYTES.encode(value));
    assertSame(value, Codec.BYTES.decode(value));
  }

  @Test
  void intsAndLongsAreLittleEndian() {
    check(Codec.INT, 0x0102_0304, "04030201");
    check(Codec.INT, 0, "00000000");
    check(Codec.INT, -2, "feffffff");
    check(Codec.INT, Integer.MIN_VALUE, "00000080");
    check(Codec.LONG, 0x0102_0304_0506_0708L, "0807060504030201");
    check(Codec.LONG, -2L, "feffffffffffffff");
    check(Codec.LONG, Long.MAX_VALUE, "ffffffffffffff7f");
  }

  @Test
  void uuidsAreBigEndian() {
    check(
        Codec.UUID,
        UUID.fromString("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        "f81d4fae7dec11d0a76500a0c91e6bf6");
    check(Codec.UUID, new UUID(0, 0), "00000000000000000000000000000000");
  }

  @Test
  void textIsUtf8() {
    check(Codec.STRING, "", "");
    check(Codec.STRING, "key?", "6b65793f");
    check(Codec.STRING, "\0", "00");
    check(Codec.STRING, "\u00e9\u20ac", "c3a9e282ac");
    check(Codec.STRING, "a\ud83d\ude00b", "61f09f988062");
    check(Codec.STRING, "\ufffd", "efbfbd");
  }

  /** They would all be '?', and so one key. */
  @ParameterizedTest
  @ValueSource(ints = {0xd800, 0xdbff, 0xdc00, 0xdfff})
  void anUnpairedSurrogateIsRefused(int unit) {
    char surrogate = (char) unit;
    for (String text :
        List.of(
            "" + surrogate,
            "ab" + surrogate,
            surrogate + "ab",
            "\ud83d\ude00" + surrogate,
            surrogate + "\u00e9\ud83d\ude00")) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> Codec.STRING.encode(text));
      String message = refused.getMessage();
      assertTrue(message.contains(String.format("U+%04X", unit)), message);
      assertTrue(message.contains("index " + text.indexOf(surrogate)), message);
      assertTrue(message.contains("a codec of your own"), message);
    }
    String reversed = "\ude00\ud83d";
    assertThrows(IllegalArgumentException.class, () -> Codec.STRING.encode(reversed));
  }

  @Test
  void aRefusedKeyOrValueLeavesTheCacheAsItWas() throws IOException {
    try (WarmCache<String, String> cache =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .open()) {
      cache.put("?", "a question mark");
      assertThrows(IllegalArgumentException.class, () -> cache.put("\ud800", "first"));
      assertThrows(IllegalArgumentException.class, () -> cache.put("?", "\ud800"));
      assertThrows(IllegalArgumentException.class, () -> cache.getIfPresent("\udfff"));
      assertThrows(IllegalArgumentException.class, () -> cache.remove("\ud800"));
      assertEquals("a question mark", cache.getIfPresent("?"));
      assertEquals(1, cache.size());
    }
  }

  @Test
  void aBuffersRemainingBytesAreCopiedAndItsPositionStays() {
    ByteBuffer whole = ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5});
    for (ByteBuffer buffer :
        List.of(
            whole.duplicate(),
            whole.asReadOnlyBuffer(),
            whole.duplicate().order(ByteOrder.LITTLE_ENDIAN),
            ByteBuffer.allocateDirect(5).put(whole.duplicate()))) {
      buffer.limit(4).position(1);
      byte[] bytes = Codec.BYTE_BUFFER.encode(buffer);
      assertArrayEquals(new byte[] {2, 3, 4}, bytes);
      assertEquals(1, buffer.position());
      assertEquals(4, buffer.limit());
    }
    assertEquals(0, Codec.BYTE_BUFFER.encode(ByteBuffer.allocate(0)).length);
  }

  @Test
  void aDecodedBufferIsTheCallersOwn() throws IOException {
    try (WarmCache<ByteBuffer, ByteBuffer> cache =
        WarmCache.builder(Codec.BYTE_BUFFER, Codec.BYTE_BUFFER)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .open()) {
      ByteBuffer key = ByteBuffer.wrap(new byte[] {7, 8});
      cache.put(key, ByteBuffer.allocate(8).putLong(0, 42));
      ByteBuffer found = cache.getIfPresent(key);
      assertEquals(8, found.remaining());
      assertEquals(ByteOrder.BIG_ENDIAN, found.order());
      assertFalse(found.isDirect() || found.isReadOnly());
      assertEquals(42, found.getLong());
      found.putLong(0, 43);
      assertEquals(42, cache.getIfPresent(key).getLong());
      // Unlike arrays, buffers of the same bytes are equal.
      assertTrue(cache.asMap().keySet().contains(ByteBuffer.wrap(new byte[] {7, 8})));
      assertEquals(java.util.Map.of(key, ByteBuffer.allocate(8).putLong(0, 42)), cache.asMap());
    }
  }

  @Test
  void nullIsRefused() {
    for (Codec<?> codec :
        List.of(Codec.BYTES, Codec.BYTE_BUFFER, Codec.STRING, Codec.LONG, Codec.INT, Codec.UUID)) {
      assertThrows(NullPointerException.class, () -> codec.encode(null), codec.name());
    }
    assertThrows(
        NullPointerException.class, () -> Codec.of(null, Codec.INT::encode, Codec.INT::decode));
  }

  @Test
  void aCodecThatThrowsLeavesTheCacheAsItWas() throws IOException {
    Codec<Integer> even =
        Codec.of(
            "even",
            value -> {
              if (value % 2 != 0) {
                throw new IllegalArgumentException("value " + value + " must be even");
              }
              return Codec.INT.encode(value);
            },
            Codec.INT::decode);
    try (WarmCache<Integer, Integer> cache =
        WarmCache.builder(Codec.INT, even)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .open()) {
      cache.put(1, 2);
      assertThrows(IllegalArgumentException.class, () -> cache.put(1, 3));
      assertThrows(IllegalArgumentException.class, () -> cache.get(2, key -> 5));
      assertEquals(2, cache.getIfPresent(1));
      assertNull(cache.getIfPresent(2));
      cache.put(2, 4); // no lock was left held
      assertEquals(2, cache.size());
    }
  }
}
