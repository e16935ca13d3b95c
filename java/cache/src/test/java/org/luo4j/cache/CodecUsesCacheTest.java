/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A codec that uses its own cache is told so, where it would wait for the change that calls it. */
class CodecUsesCacheTest {

  private static final String SAID = "a codec used the cache that it encodes for";

  @TempDir Path folder;

  private final ExecutorService other = Executors.newSingleThreadExecutor();
  private WarmCache<String, String> cache;

  /** What the codec does when it decodes; null for nothing. */
  private Consumer<WarmCache<String, String>> use;

  @AfterEach
  void end() throws InterruptedException {
    cache.close();
    other.shutdownNow();
    assertTrue(other.awaitTermination(10, TimeUnit.SECONDS));
  }

  private void open(OnDecodeFailure onFailure) throws IOException {
    Codec<String> using =
        Codec.of(
            "using",
            Codec.STRING::encode,
            bytes -> {
              Consumer<WarmCache<String, String>> now = use;
              use = null;
              if (now != null) {
                now.accept(cache);
              }
              return Codec.STRING.decode(bytes);
            });
    cache =
        WarmCache.builder(Codec.STRING, using)
            .capacity(64 << 10)
            .file(folder.resolve("cache"))
            .onDecodeFailure(onFailure)
            .open();
    cache.put("key", "value");
  }

  private static List<Consumer<WarmCache<String, String>>> uses() {
    return List.of(
        c -> c.put("new", "value"),
        c -> c.putIfAbsent("new", "value"),
        c -> c.remove("key"),
        c -> c.get("none", key -> "loaded"),
        c -> c.asMap().merge("new", "value", String::concat),
        c -> c.asMap().computeIfAbsent("none", key -> "loaded"),
        c -> c.invalidateAll(),
        c -> c.asMap().clear());
  }

  private static List<Consumer<WarmCache<String, String>>> changes() {
    return List.of(
        c -> c.putIfAbsent("key", "other"),
        c -> c.replace("key", "other"),
        c -> c.asMap().put("key", "other"),
        c -> c.asMap().remove("key"));
  }

  @ParameterizedTest
  @EnumSource
  void aChangeWhoseCodecUsesTheCacheIsNotMade(OnDecodeFailure onFailure) throws IOException {
    open(onFailure);
    for (Consumer<WarmCache<String, String>> change : changes()) {
      for (Consumer<WarmCache<String, String>> each : uses()) {
        use = each;
        IllegalStateException e =
            assertThrows(IllegalStateException.class, () -> change.accept(cache));
        assertTrue(e.getMessage().startsWith(SAID), e.getMessage());
        assertEquals("value", cache.getIfPresent("key"));
        assertEquals(1, cache.size());
      }
    }
    assertEquals(0, cache.stats().decodeFailures());
    cache.put("key", "last");
    assertEquals("last", cache.getIfPresent("key"));
  }

  /**
   * The loader's thread wants the lock that the codec's has, whose codec would wait for the load.
   */
  @Test
  void aCodecDoesNotWaitForALoadThatWaitsForIt() throws Exception {
    open(OnDecodeFailure.MISS);
    CountDownLatch loading = new CountDownLatch(1);
    CountDownLatch decoding = new CountDownLatch(1);
    Future<String> load =
        other.submit(
            () ->
                cache.get(
                    "loaded",
                    key -> {
                      loading.countDown();
                      try {
                        decoding.await();
                      } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                      }
                      return "by the other";
                    }));
    loading.await();
    use =
        c -> {
          decoding.countDown();
          c.get("loaded", key -> "by the codec");
        };
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> cache.putIfAbsent("key", "other"));
    assertTrue(e.getMessage().startsWith(SAID), e.getMessage());
    assertEquals("by the other", load.get(60, TimeUnit.SECONDS));
    assertEquals("by the other", cache.getIfPresent("loaded"));
    assertEquals("value", cache.getIfPresent("key"));
  }

  /** A lookup holds no lock. */
  @Test
  void theCodecOfALookupHoldsNobodyUp() throws IOException {
    open(OnDecodeFailure.THROW);
    use = c -> c.get("none", key -> "loaded");
    assertEquals("value", cache.getIfPresent("key"));
    assertEquals("loaded", cache.getIfPresent("none"));
    use = c -> c.invalidateAll();
    assertEquals("value", cache.getIfPresent("key"));
    assertNull(cache.getIfPresent("key"));
  }
}
