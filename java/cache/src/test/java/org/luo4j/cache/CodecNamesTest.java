/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The names of codecs, by which old memory is known: two names are never taken for one. */
class CodecNamesTest {

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("cache");
  }

  /** A codec that may have any name. */
  private record Named(String name) implements Codec<byte[]> {
    @Override
    public byte[] encode(byte[] value) {
      return value;
    }

    @Override
    public byte[] decode(byte[] bytes) {
      return bytes;
    }
  }

  private WarmCache<byte[], byte[]> open(String keys, String values) throws IOException {
    return WarmCache.builder(new Named(keys), new Named(values))
        .capacity(64 << 10)
        .file(file())
        .open();
  }

  @ParameterizedTest
  @CsvSource({
    "Aa, v, BB, v, 'the key codec ''Aa'', not ''BB'''",
    "k, Aa, k, BB, 'the value codec ''Aa'', not ''BB'''",
    "Aa, v, BB, w, 'the key codec ''Aa'', not ''BB'', and the value codec ''v'', not ''w'''",
    "ab, c, a, bc, 'the key codec ''ab'', not ''a'', and the value codec ''c'', not ''bc'''",
  })
  void namesThatDifferAtAllAreOfTwoCodecs(
      String keys, String values, String otherKeys, String otherValues, String said)
      throws IOException {
    byte[] key = {1};
    try (WarmCache<byte[], byte[]> cache = open(keys, values)) {
      cache.put(key, new byte[] {2});
    }
    try (WarmCache<byte[], byte[]> cache = open(otherKeys, otherValues)) {
      assertNull(cache.getIfPresent(key));
      assertTrue(
          cache.start().reason().startsWith("the old memory was written with " + said + "; "),
          cache.start().reason());
    }
    try (WarmCache<byte[], byte[]> cache = open(keys, values)) {
      assertArrayEquals(new byte[] {2}, cache.getIfPresent(key), cache.start().reason());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "größe", "\uD83D\uDE00"})
  void aNameIsInTheHeaderAsItIs(String name) throws IOException {
    String longest = "n".repeat(CodecNames.MAX_BYTES);
    open(name, longest).close();
    CacheShape shape = CacheHeader.read(file()).shape();
    assertEquals(name, shape.keyCodec());
    assertEquals(longest, shape.valueCodec());
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file())) {
      assertEquals(shape, cache.shape());
    }
    try (WarmCache<byte[], byte[]> cache = WarmCache.builder(shape).file(file()).open()) {
      assertTrue(cache.start().isWarm());
    }
    try (WarmCache<byte[], byte[]> cache = open(name, longest)) {
      assertTrue(cache.start().isWarm());
    }
  }

  @Test
  void aNameThatNoHeaderCanHoldIsRefusedBeforeAFileIsMade() {
    String[][] names = {
      {null, "name must not return null"},
      {
        "é".repeat(512) + "a",
        "the name '" + "é".repeat(100) + "...' has 1025 bytes in UTF-8: it must have at most 1024"
      },
      {"a\u001b[31m\n", "the name 'a\\u001b[31m\\u000a' must have no control characters"},
      {"\uD83D", "the name '\\ud83d' must have no unpaired surrogates"},
      {"0x4991455b", "a name that is not known"},
    };
    for (String[] each : names) {
      for (String what : new String[] {"keys", "values"}) {
        IllegalStateException e =
            assertThrows(
                IllegalStateException.class,
                () ->
                    open(what.equals("keys") ? each[0] : "k", what.equals("keys") ? "v" : each[0]));
        assertTrue(
            e.getMessage().startsWith("codec of the " + what + ", a " + Named.class.getName()),
            e.getMessage());
        assertTrue(e.getMessage().contains(each[1]), e.getMessage());
        assertFalse(Files.exists(file()));
      }
      if (each[0] != null && !each[0].startsWith("0x")) {
        assertThrows(
            IllegalArgumentException.class, () -> new CacheShape(64 << 10, 64, each[0], "", 0));
        assertThrows(
            IllegalArgumentException.class, () -> new CacheShape(64 << 10, 64, "", each[0], 0));
      }
    }
  }

  private static int crc(byte[] bytes, int from, int to) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, to - from);
    return (int) crc.getValue();
  }

  /** Memory as an early version made it, with the hashes of the names alone. */
  private void forgetNames() throws IOException {
    byte[] bytes = Files.readAllBytes(file());
    Arrays.fill(bytes, 1024, 3080, (byte) 0);
    Files.write(file(), bytes);
  }

  private CacheShape shape() throws IOException {
    return CacheHeader.read(file()).shape();
  }

  @Test
  void memoryThatHasHashesAloneIsTakenOverAndGetsTheNames() throws IOException {
    byte[] key = {1};
    try (WarmCache<byte[], byte[]> cache = open("Aa", "value")) {
      cache.put(key, new byte[] {2});
    }
    forgetNames();
    String hash = String.format("0x%08x", "Aa".hashCode());
    assertEquals(hash, shape().keyCodec());
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file())) {
      assertArrayEquals(new byte[] {2}, cache.getIfPresent(key));
    }
    assertEquals(hash, shape().keyCodec(), "who does not know a name writes none");
    try (WarmCache<byte[], byte[]> cache = WarmCache.builder(shape()).file(file()).open()) {
      assertTrue(cache.start().isWarm());
    }
    try (WarmCache<byte[], byte[]> cache = open("Aa", "other")) {
      assertTrue(cache.start().reason().contains("the value codec '0x"), cache.start().reason());
    }
    try (WarmCache<byte[], byte[]> cache = open("Aa", "value")) {
      assertArrayEquals(new byte[] {2}, cache.getIfPresent(key));
    }
    assertEquals("Aa", shape().keyCodec());
    assertEquals("value", shape().valueCodec());
    try (WarmCache<byte[], byte[]> cache = open("BB", "value")) {
      assertFalse(cache.start().isWarm(), "a name of the same hash");
    }
  }

  /** So that a cache is made of a dump of such memory, and its service finds it warm. */
  @Test
  void aCacheIsMadeOfHashesAlone() throws IOException {
    CacheShape shape =
        new CacheShape(
            64 << 10,
            64,
            String.format("0x%08x", "key".hashCode()),
            String.format("0x%08x", "größe".hashCode()),
            0);
    WarmCache.builder(shape).file(file()).open().close();
    assertEquals(shape.keyCodec(), shape().keyCodec());
    try (WarmCache<byte[], byte[]> cache = open("key", "größe")) {
      assertTrue(cache.start().isWarm(), cache.start().reason());
    }
    assertEquals("größe", shape().valueCodec());
  }

  /** With checksums that hold, as who means harm would have it. */
  private byte[] forged(int lengths, String key) throws IOException {
    byte[] bytes = Files.readAllBytes(file());
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(CacheFormat.NAME_LENGTHS_AT, lengths);
    header.put(CacheFormat.NAMES_AT, key.getBytes(StandardCharsets.ISO_8859_1));
    header.putInt(CacheFormat.NAMES_CRC_AT, crc(bytes, 1024, 3076));
    return bytes;
  }

  @Test
  void namesThatNoCacheWritesAreADamagedHeader() throws IOException {
    open("key", "value").close();
    byte[] whole = Files.readAllBytes(file());
    assertArrayEquals(whole, forged(5 << 16 | 3, "key"));
    byte[][] damaged = {
      forged(5 << 16 | 1025, "key"),
      forged(1025 << 16 | 3, "key"),
      forged(5 << 16 | 3, "\u001b[1"),
      forged(5 << 16 | 3, "k\u00ff\u00ff"), // shown as U+FFFD: a name that would be another's
    };
    for (int i = 0; i < 4; i++) {
      Files.write(file(), damaged[i]);
      IOException e =
          assertThrows(IOException.class, () -> WarmCache.openAsFound(file()), "case " + i);
      assertTrue(e.getMessage().contains("the name of a codec"), e.getMessage());
    }
    for (int at : new int[] {1024, 1026, 1030, 2048, 3071, 3072, 3079}) {
      byte[] flipped = whole.clone();
      flipped[at] ^= 1;
      Files.write(file(), flipped);
      assertThrows(IOException.class, () -> CacheHeader.read(file()), "byte " + at);
    }
    Files.write(file(), whole);
    assertNotNull(CacheHeader.read(file()));
  }
}
