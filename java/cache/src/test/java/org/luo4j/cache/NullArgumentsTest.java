/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.BridgeType;
import org.luo4j.Handover;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.NullArguments;

/** An argument that is null is named, and so is a codec that gives null. */
class NullArgumentsTest {

  private static final Path SOURCE = Path.of("src/main/java/org/luo4j/cache/WarmCache.java");

  @TempDir Path folder;
  private final Map<Class<?>, Object> samples = new HashMap<>();

  @BeforeEach
  void makeSamples() {
    LiveUpdate luo =
        LiveUpdate.builder()
            .bridge(BridgeType.EMULATOR)
            .emulatorDirectory(folder.resolve("machine"))
            .open();
    samples.put(Object.class, "text");
    samples.put(String.class, "name");
    samples.put(Path.class, folder.resolve("cache"));
    samples.put(LiveUpdate.class, luo);
    samples.put(Handover.class, Handover.builder().luo(luo).open());
    samples.put(Duration.class, Duration.ofDays(1));
    samples.put(Codec.class, Codec.STRING);
    samples.put(CacheShape.class, new CacheShape(64 << 10, 64, "a", "b", 0));
    samples.put(LongSupplier.class, (LongSupplier) System::currentTimeMillis);
    samples.put(OnRefusal.class, OnRefusal.KEEP);
    samples.put(OnDecodeFailure.class, OnDecodeFailure.MISS);
    samples.put(RemovalListener.class, (RemovalListener<String, String>) (key, value, cause) -> {});
    samples.put(Function.class, (Function<Object, Object>) any -> null);
    samples.put(Verification.Progress.class, (Verification.Progress) (done, total) -> {});
    samples.put(EntryVisitor.class, (EntryVisitor<String, String>) (key, value, expires) -> {});
    samples.put(long.class, 1L << 20);
    samples.put(int.class, 64);
  }

  private <V> WarmCache<String, V> open(Codec<String> keys, Codec<V> values) throws IOException {
    return WarmCache.builder(keys, values)
        .capacity(64 << 10)
        .file(folder.resolve("cache"))
        .onDecodeFailure(OnDecodeFailure.THROW)
        .open();
  }

  private void assertNamed(Class<?> type, Callable<?> instance) throws Exception {
    assertEquals(List.of(), NullArguments.unnamed(SOURCE, type, instance, samples));
  }

  @Test
  void ofTheBuilder() throws Exception {
    assertNamed(WarmCache.Builder.class, () -> WarmCache.builder(Codec.STRING, Codec.STRING));
  }

  @Test
  void ofTheCache() throws Exception {
    try (WarmCache<String, String> cache = open(Codec.STRING, Codec.STRING)) {
      assertNamed(WarmCache.class, () -> cache);
    }
  }

  private static Codec<String> codec(String name, boolean encodes, boolean decodes) {
    return Codec.of(
        name,
        text -> encodes ? text.getBytes(StandardCharsets.UTF_8) : null,
        bytes -> decodes ? new String(bytes, StandardCharsets.UTF_8) : null);
  }

  private static void assertSaid(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
  }

  @Test
  void aCodecThatGivesNullIsNamed() throws IOException {
    String encode = "codec 'odd' of the %s: encode must not return null";
    try (WarmCache<String, String> cache = open(codec("odd", false, true), Codec.STRING)) {
      assertSaid(encode.formatted("keys"), () -> cache.getIfPresent("key"));
      assertSaid(encode.formatted("keys"), () -> cache.put("key", "value"));
    }
    try (WarmCache<String, String> cache = open(Codec.STRING, codec("odd", false, true))) {
      assertSaid(encode.formatted("values"), () -> cache.put("key", "value"));
      assertSaid(encode.formatted("values"), () -> cache.get("key", key -> "value"));
      assertSaid(encode.formatted("values"), () -> cache.asMap().containsValue("value"));
    }
    try (WarmCache<String, String> cache = open(Codec.STRING, codec("odder", true, false))) {
      cache.put("key", "value");
      assertSaid(
          "codec 'odder' of the values: decode must not return null",
          () -> cache.getIfPresent("key"));
    }
    try (WarmCache<String, String> cache = open(codec("odder", true, false), Codec.STRING)) {
      cache.put("key", "value");
      assertSaid(
          "codec 'odder' of the keys: decode must not return null",
          () -> cache.asMap().keySet().iterator().next());
      assertTrue(cache.size() == 1, "it stays");
    }
  }
}
