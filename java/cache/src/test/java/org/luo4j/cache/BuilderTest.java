/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.BridgeType;
import org.luo4j.Handover;
import org.luo4j.LiveUpdate;

/** No setting of a cache's builder can be given twice, nor beside one that it excludes. */
class BuilderTest {

  @TempDir Path folder;
  private LiveUpdate luo;
  private Handover handover;

  /** Each setter, by its name. */
  private final Map<String, Consumer<WarmCache.Builder<String, String>>> setters = new TreeMap<>();

  @BeforeEach
  void open() {
    luo =
        LiveUpdate.builder()
            .bridge(BridgeType.EMULATOR)
            .emulatorDirectory(folder.resolve("machine"))
            .open();
    handover = Handover.builder().luo(luo).holder(Handover.Holder.PROCESS).open();
    setters.put("capacity", builder -> builder.capacity(64 << 10));
    setters.put("averageEntryBytes", builder -> builder.averageEntryBytes(64));
    setters.put("file", builder -> builder.file(folder.resolve("cache")));
    setters.put("handover", builder -> builder.handover(handover, "cache"));
    setters.put("session", builder -> builder.session(luo, "cache"));
    setters.put("ownerTimeout", builder -> builder.ownerTimeout(Duration.ofSeconds(10)));
    setters.put("expireAfterWrite", builder -> builder.expireAfterWrite(Duration.ofDays(1)));
    setters.put("clock", builder -> builder.clock(System::currentTimeMillis));
    setters.put("recordStats", WarmCache.Builder::recordStats);
    setters.put("onRefusal", builder -> builder.onRefusal(OnRefusal.KEEP));
    setters.put("onDecodeFailure", builder -> builder.onDecodeFailure(OnDecodeFailure.MISS));
    setters.put("removalListener", builder -> builder.removalListener((key, value, cause) -> {}));
  }

  @AfterEach
  void close() {
    handover.close();
  }

  private static WarmCache.Builder<String, String> builder() {
    return WarmCache.builder(Codec.STRING, Codec.STRING);
  }

  private static boolean exclude(String first, String second) {
    Set<String> placed = Set.of("file", "handover", "session");
    return first.equals(second)
        || (placed.contains(first) && placed.contains(second))
        || Set.of(first, second).equals(Set.of("handover", "ownerTimeout"));
  }

  @Test
  void allSettersAreLookedAt() {
    Set<String> names = new TreeSet<>();
    Arrays.stream(WarmCache.Builder.class.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
        .filter(method -> method.getReturnType() == WarmCache.Builder.class)
        .map(Method::getName)
        .forEach(names::add);
    assertEquals(names, setters.keySet());
  }

  /** Whatever the values are, the default included, and whatever the order is. */
  @Test
  void eachPairFitsOrIsRefusedByName() {
    setters.forEach(
        (first, set) ->
            setters.forEach(
                (second, setAgain) -> {
                  WarmCache.Builder<String, String> builder = builder();
                  set.accept(builder);
                  if (!exclude(first, second)) {
                    setAgain.accept(builder);
                    return;
                  }
                  String message =
                      assertThrows(
                              IllegalStateException.class,
                              () -> setAgain.accept(builder),
                              first + " and " + second)
                          .getMessage();
                  assertTrue(message.contains(first) || message.contains(second), message);
                }));
  }

  @Test
  void ownerTimeoutBesideAHandoverSaysWhatToDo() {
    WarmCache.Builder<String, String> builder =
        builder().handover(handover, "cache").capacity(64 << 10);
    String message =
        assertThrows(IllegalStateException.class, () -> builder.ownerTimeout(Duration.ofSeconds(1)))
            .getMessage();
    assertTrue(message.contains("Handover.builder()"), message);
  }

  /** A shape sets the capacity and the average entry. */
  @Test
  void aShapesSettingsCannotBeGivenAgain() throws IOException {
    CacheShape shape;
    try (WarmCache<String, String> cache =
        builder().capacity(64 << 10).file(folder.resolve("cache")).open()) {
      shape = cache.shape();
    }
    assertEquals(64, shape.averageEntryBytes());
    WarmCache.Builder<byte[], byte[]> builder = WarmCache.builder(shape);
    assertThrows(IllegalStateException.class, () -> builder.capacity(128 << 10));
    assertThrows(IllegalStateException.class, () -> builder.averageEntryBytes(100));
    try (WarmCache<byte[], byte[]> cache = builder.file(folder.resolve("cache")).open()) {
      assertTrue(cache.start().isWarm());
    }
  }

  /** What is refused leaves the builder as it was. */
  @Test
  void aRefusedSettingSetsNothing() throws IOException {
    WarmCache.Builder<String, String> builder = builder();
    assertThrows(IllegalArgumentException.class, () -> builder.capacity(1));
    assertThrows(IllegalArgumentException.class, () -> builder.averageEntryBytes(1));
    assertThrows(
        IllegalArgumentException.class, () -> builder.ownerTimeout(Duration.ofSeconds(-1)));
    assertThrows(IllegalArgumentException.class, () -> builder.expireAfterWrite(Duration.ZERO));
    assertThrows(NullPointerException.class, () -> builder.file(null));
    assertThrows(NullPointerException.class, () -> builder.onRefusal(null));
    assertThrows(NullPointerException.class, () -> builder.onDecodeFailure(null));
    assertThrows(NullPointerException.class, () -> builder.removalListener(null));
    assertThrows(NullPointerException.class, () -> builder.clock(null));
    try (WarmCache<String, String> cache =
        builder
            .capacity(64 << 10)
            .averageEntryBytes(100)
            .ownerTimeout(Duration.ofSeconds(1))
            .expireAfterWrite(Duration.ofDays(1))
            .file(folder.resolve("cache"))
            .onRefusal(OnRefusal.REPLACE)
            .onDecodeFailure(OnDecodeFailure.THROW)
            .open()) {
      assertEquals(100, cache.shape().averageEntryBytes());
    }
  }

  /** Another cache would rename it, and have its memory. */
  @Test
  void namesOfMemoryThatIsSetAsideAreRefused() {
    for (String name : List.of("cache.refused", "cache.swap", ".refused")) {
      for (Consumer<WarmCache.Builder<String, String>> place :
          List.<Consumer<WarmCache.Builder<String, String>>>of(
              builder -> builder.file(folder.resolve(name)),
              builder -> builder.handover(handover, name),
              builder -> builder.session(luo, name))) {
        IllegalArgumentException e =
            assertThrows(IllegalArgumentException.class, () -> place.accept(builder()));
        assertTrue(e.getMessage().contains("'" + name + "' ends in ."), e.getMessage());
      }
    }
  }

  @Test
  void aPathOfAnotherFileSystemIsRefused() throws IOException {
    Path zip = folder.resolve("files.zip");
    try (FileSystem files = FileSystems.newFileSystem(zip, Map.of("create", "true"))) {
      for (Path file : List.of(files.getPath("/cache"), files.getPath("/"))) {
        for (Executable call :
            List.<Executable>of(
                () -> builder().file(file),
                () -> WarmCache.openAsFound(file),
                () -> CacheHeader.read(file))) {
          String message = assertThrows(IllegalArgumentException.class, call).getMessage();
          assertEquals(
              "file '"
                  + file
                  + "' is a path of jar: it must be of the default file system, as Path.of(name)"
                  + " gives it",
              message);
        }
      }
    }
  }

  /** 8 << 30 is 0, and 2 << 30 is negative. */
  @Test
  void aCapacityThatOverflowedAnIntSaysHowToWriteIt() {
    for (long bytes : new long[] {0, 2 << 30}) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> builder().capacity(bytes))
              .getMessage();
      assertEquals(
          "capacity "
              + bytes
              + " must be 65536 to 8796093022208 bytes: write 8L << 30, as 8 << 30 is an int and"
              + " overflows",
          message);
    }
    for (long bytes : new long[] {1, (64 << 10) - 1, (8L << 40) + 1}) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> builder().capacity(bytes))
              .getMessage();
      assertEquals("capacity " + bytes + " must be 65536 to 8796093022208 bytes", message);
    }
  }

  private static void assertSaid(String said, Executable call) {
    String message = assertThrows(IllegalStateException.class, call).getMessage();
    assertEquals(said, message);
  }

  @Test
  void openSaysWhatIsNotSet() {
    String capacity = "capacity is not set: call capacity(bytes)";
    String place = "where to place the cache is not set: call one of file, handover and session";
    assertSaid(capacity, () -> builder().file(folder.resolve("cache")).open());
    assertSaid(place, () -> builder().capacity(64 << 10).open());
    assertSaid(capacity + "; " + place, () -> builder().open());
  }

  /** The name that the user gave, not one that was made of it. */
  @Test
  void aNameThatIsTooLongIsNamedWithTheLimit() throws IOException {
    String name = "n".repeat(48);
    for (Runnable call :
        List.<Runnable>of(
            () -> builder().handover(handover, name), () -> builder().session(luo, name))) {
      String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
      assertTrue(message.startsWith("name '" + name + "' has 48 characters: "), message);
      assertTrue(message.contains("at most 47"), message);
    }
    builder().capacity(64 << 10).handover(handover, name.substring(1)).open().close();
  }
}
