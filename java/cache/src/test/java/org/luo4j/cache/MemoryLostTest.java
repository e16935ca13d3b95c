/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.testing.JniLibrary;

/** A cache whose file somebody has cut short: every call says so, and the next open heals it. */
class MemoryLostTest {

  @TempDir Path folder;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  static Stream<Consumer<WarmCache<Integer, byte[]>>> calls() {
    return Stream.of(
        cache -> cache.getIfPresent(1),
        cache -> cache.get(1, key -> new byte[1]),
        cache -> cache.read(1, ByteBuffer::remaining),
        cache -> cache.put(1, new byte[1]),
        cache -> cache.putIfAbsent(2, new byte[1]),
        cache -> cache.replace(1, new byte[1]),
        cache -> cache.remove(1),
        cache -> cache.invalidateAll(),
        cache -> cache.verify(),
        cache -> cache.size(),
        cache -> cache.liveBytes(),
        cache -> cache.asMap().forEach((key, value) -> {}),
        cache -> cache.asMap().compute(1, (key, value) -> new byte[1]));
  }

  @ParameterizedTest
  @MethodSource("calls")
  void everyCallThrowsAndTheListenerHearsNothing(Consumer<WarmCache<Integer, byte[]>> call)
      throws IOException {
    List<RemovalCause> told = new ArrayList<>();
    Path file = folder.resolve("cache");
    try (WarmCache<Integer, byte[]> cache =
        WarmCache.builder(Codec.INT, Codec.BYTES)
            .capacity(1 << 20)
            .file(file)
            .removalListener((key, value, cause) -> told.add(cause))
            .open()) {
      cache.put(1, new byte[] {1});
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(0);
      }
      assertThrows(MemoryLostException.class, () -> call.accept(cache));
      assertThrows(MemoryLostException.class, () -> call.accept(cache), "and again");
    }
    assertEquals(List.of(), told);
    try (WarmCache<Integer, byte[]> cache =
        WarmCache.builder(Codec.INT, Codec.BYTES).capacity(1 << 20).file(file).open()) {
      assertEquals(Start.Kind.COLD, cache.start().kind());
      cache.put(1, new byte[] {2});
      assertArrayEquals(new byte[] {2}, cache.getIfPresent(1));
    }
  }
}
