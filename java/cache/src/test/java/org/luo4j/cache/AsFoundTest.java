/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.testing.ChildJvm;

/** Caches that are looked at and opened by who does not know what they were made as. */
class AsFoundTest {

  private static final long CAPACITY = 1 << 20;

  @TempDir Path folder;

  private WarmCache.Builder<String, Long> typed() {
    return WarmCache.builder(Codec.STRING, Codec.LONG).capacity(CAPACITY).averageEntryBytes(100);
  }

  private Path file() {
    return folder.resolve("cache");
  }

  private void fill() throws IOException {
    try (WarmCache<String, Long> cache = typed().file(file()).open()) {
      for (long i = 0; i < 1000; i++) {
        cache.put("key " + i, i);
      }
      cache.put("ends", 1L, Duration.ofDays(3));
    }
  }

  @Test
  void aHeaderIsReadWhileTheCacheIsOpenAndAfter() throws IOException, InterruptedException {
    long before = System.currentTimeMillis();
    try (WarmCache<String, Long> cache = typed().file(file()).open()) {
      cache.put("key", 1L);
      ChildJvm.Ended other =
          ChildJvm.of(HeaderOf.class)
              .classPath(
                  List.of(
                      ChildJvm.location(HeaderOf.class),
                      ChildJvm.location(WarmCache.class),
                      ChildJvm.location(LiveUpdate.class)))
              .run(file().toString());
      CacheHeader seen = new CacheHeader(cache.shape(), 1, cache.liveBytes(), false);
      assertEquals(List.of(seen.toString()), other.lines());
    }
    CacheHeader header = CacheHeader.read(file());
    assertTrue(header.isClosed());
    assertEquals(1, header.entries());
    assertEquals(CAPACITY, header.shape().capacity());
    assertEquals(100, header.shape().averageEntryBytes());
    assertEquals("utf-8", header.shape().keyCodec());
    assertEquals("i64", header.shape().valueCodec());
    assertTrue(header.shape().created() >= before);
    assertEquals(Files.size(file()), header.shape().memoryBytes());
  }

  /** Another process, which looks at a cache that is open in this one. */
  static final class HeaderOf {
    public static void main(String[] args) throws IOException {
      System.out.println(CacheHeader.read(Path.of(args[0])));
    }
  }

  private boolean isLocked() throws IOException {
    String inode = ":" + Files.getAttribute(file(), "unix:ino") + " ";
    return Files.readString(Path.of("/proc/locks")).contains(inode);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void whoAsksForAnOpenCacheAgainDoesNotCostItItsLock() throws IOException {
    try (WarmCache<String, Long> cache = typed().file(file()).open()) {
      cache.put("key", 1L);
      assertTrue(isLocked());
      LuoException.OwnerAlive busy =
          assertThrows(
              LuoException.OwnerAlive.class,
              () -> typed().ownerTimeout(Duration.ZERO).file(file()).open());
      assertEquals(ProcessHandle.current().pid(), busy.pid().orElseThrow());
      assertTrue(busy.getMessage().contains(file().toString()), busy.getMessage());
      assertTrue(isLocked());
      assertEquals(CAPACITY, CacheHeader.read(file()).shape().capacity());
      assertTrue(isLocked());
      assertThrows(LuoException.OwnerAlive.class, () -> WarmCache.openAsFound(file()));
      assertTrue(isLocked());
    }
    assertFalse(isLocked());
    try (WarmCache<String, Long> larger =
        WarmCache.builder(Codec.STRING, Codec.LONG).capacity(2 * CAPACITY).file(file()).open()) {
      larger.put("key", 1L);
      assertTrue(isLocked());
      CacheHeader.read(folder.resolve("cache.refused"));
      assertTrue(isLocked());
    }
    assertFalse(isLocked());
  }

  @Test
  void itIsOpenedAsBytesAndItsOwnerFindsItWarm() throws IOException {
    fill();
    byte[] key = "key 7".getBytes(StandardCharsets.UTF_8);
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file())) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertArrayEquals(Codec.LONG.encode(7L), cache.getIfPresent(key));
      assertThrows(LuoException.OwnerAlive.class, () -> WarmCache.openAsFound(file()));
    }
    try (WarmCache<String, Long> cache = typed().file(file()).open()) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals(7, cache.getIfPresent("key 7"));
    }
  }

  @Test
  void whatHoldsNoCacheStaysAsItIs() throws IOException {
    assertThrows(NoSuchFileException.class, () -> WarmCache.openAsFound(file()));
    assertFalse(Files.exists(file()));
    for (int size : new int[] {0, 100, 4096, 1 << 20}) {
      Files.write(file(), new byte[size]);
      assertThrows(IOException.class, () -> WarmCache.openAsFound(file()));
      assertArrayEquals(new byte[size], Files.readAllBytes(file()));
    }
    Files.delete(file());
    fill();
    byte[] whole = Files.readAllBytes(file());
    for (int at = 0; at < CacheFormat.CRC_AT + 4; at++) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 4;
      Files.write(file(), damaged);
      assertThrows(IOException.class, () -> WarmCache.openAsFound(file()), "byte " + at);
      assertArrayEquals(damaged, Files.readAllBytes(file()));
    }
    Files.write(file(), java.util.Arrays.copyOf(whole, whole.length - 1));
    assertThrows(IOException.class, () -> WarmCache.openAsFound(file()));
    try (var files = Files.list(folder)) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void onRefusalFailLeavesOldMemoryWhereItIs() throws IOException {
    fill();
    byte[] whole = Files.readAllBytes(file());
    assertThrows(
        IOException.class,
        () ->
            WarmCache.builder(Codec.STRING, Codec.LONG)
                .capacity(2 * CAPACITY)
                .file(file())
                .onRefusal(OnRefusal.FAIL)
                .open());
    assertThrows(
        IOException.class,
        () ->
            WarmCache.builder(Codec.STRING, Codec.BYTES)
                .capacity(CAPACITY)
                .averageEntryBytes(100)
                .file(file())
                .onRefusal(OnRefusal.FAIL)
                .open());
    assertArrayEquals(whole, Files.readAllBytes(file()));
  }

  private static Map<String, String> contents(WarmCache<byte[], byte[]> cache) {
    Map<String, String> found = new TreeMap<>();
    Verification all =
        cache.visit(
            (key, value, expires) ->
                found.put(
                    new String(key, StandardCharsets.UTF_8),
                    java.util.Arrays.toString(value) + expires),
            (done, total) -> {});
    assertTrue(all.isClean());
    return found;
  }

  @Test
  void aCopyOfTheSameShapeHasTheSameEntriesAndTheSameExpiry() throws IOException {
    fill();
    Map<String, String> copied;
    Path other = folder.resolve("other");
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file());
        WarmCache<byte[], byte[]> copy =
            WarmCache.builder(cache.shape()).file(other).onRefusal(OnRefusal.FAIL).open()) {
      assertEquals(cache.shape(), copy.shape());
      cache.visit(
          (key, value, expires) -> assertTrue(copy.putUntil(key, value, expires)),
          (done, total) -> {});
      copied = contents(copy);
      assertEquals(contents(cache), copied);
    }
    assertEquals(1001, copied.size());
    assertFalse(copied.get("ends").endsWith("]0"));
    try (WarmCache<String, Long> cache = typed().file(other).open()) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals(999, cache.getIfPresent("key 999"));
    }
  }

  @Test
  void aTimeThatIsPastIsNotPutAndOneToComeIsNeverCutShort() throws IOException {
    long[] now = {1_000_000};
    try (WarmCache<String, Long> cache = typed().clock(() -> now[0]).file(file()).open()) {
      assertFalse(cache.putUntil("a", 1L, 1_000_000));
      assertTrue(cache.putUntil("b", 2L, 1_000_001));
      assertTrue(cache.putUntil("c", 3L, 1_000_065));
      assertTrue(cache.putUntil("d", 4L, 0));
      assertTrue(cache.putUntil("e", 5L, Long.MAX_VALUE));
      now[0] += 63;
      assertEquals(2, cache.getIfPresent("b"));
      now[0] += 1;
      assertEquals(null, cache.getIfPresent("b"));
      assertEquals(3, cache.getIfPresent("c"));
      now[0] += 64;
      assertEquals(null, cache.getIfPresent("c"));
      assertEquals(4, cache.getIfPresent("d"));
      assertEquals(5, cache.getIfPresent("e"));
    }
  }

  @Test
  void checkingLeavesDamageAndVerifyingRemovesIt() throws IOException {
    fill();
    byte[] bytes = Files.readAllBytes(file());
    CacheFormat.Layout layout = CacheFormat.Layout.of(CAPACITY, 100);
    for (long at = layout.small() + 100; at < layout.small() + 2000; at += 200) {
      bytes[(int) at] ^= 1;
    }
    Files.write(file(), bytes);
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file())) {
      Verification first = cache.check((done, total) -> {});
      assertTrue(first.damaged() > 0);
      assertEquals(1001, first.entries() + first.damaged());
      int[] given = new int[1];
      assertEquals(first, cache.visit((key, value, expires) -> given[0]++, (done, total) -> {}));
      assertEquals(first.entries(), given[0]);
      assertEquals(first, cache.verify());
      assertTrue(cache.check((done, total) -> {}).isClean());
    }
  }

  private LiveUpdate luo() {
    return LiveUpdate.builder().bridge(BridgeType.EMULATOR).emulatorDirectory(folder).open();
  }

  @Test
  void whatArrivedInASessionIsOpenedAsFound() throws IOException {
    LiveUpdate before = luo();
    WarmCache<String, Long> made = typed().session(before, "service").open();
    made.put("key", 5L);
    before.emulateKexec();
    LiveUpdate after = luo();
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(after, "service")) {
      assertEquals(Start.Kind.WARM_AFTER_KEXEC, cache.start().kind());
      assertEquals(Map.of("key", "[5, 0, 0, 0, 0, 0, 0, 0]0"), contents(cache));
    }
    IOException nothing =
        assertThrows(IOException.class, () -> WarmCache.openAsFound(after, "another"));
    assertTrue(nothing.getMessage().contains("ENOENT"), nothing.getMessage());
  }

  /** A FIFO would keep who opens it waiting. */
  @Test
  void whatIsNoOrdinaryFileIsNoCache() throws Exception {
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    for (Path path : List.of(fifo, folder, Path.of("/dev/null"))) {
      IOException e = assertThrows(IOException.class, () -> CacheHeader.read(path));
      assertEquals(path + " is no ordinary file: that is no cache", e.getMessage());
    }
  }
}
