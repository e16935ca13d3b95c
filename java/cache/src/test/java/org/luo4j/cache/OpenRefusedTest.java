/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.NoRoomException;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** Opens that are refused, over each bridge and without native code: the reason says what to do. */
class OpenRefusedTest {

  private static final int CAPACITY = 64 << 10;

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private void use(String bridge) {
    if (bridge.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  private static WarmCache.Builder<String, String> builder(Path file, long capacity) {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(capacity)
        .ownerTimeout(Duration.ZERO)
        .file(file);
  }

  private static ChildJvm.Command child(Class<?> main, String bridge) {
    List<Path> classPath = new ArrayList<>(ChildJvm.classPath());
    classPath.add(ChildJvm.location(OpenRefusedTest.class));
    classPath.add(ChildJvm.location(WarmCache.class));
    return ChildJvm.of(main)
        .classPath(classPath)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  // ---- a second owner ----

  /** Another process that has the cache, until it is killed. */
  static final class Owner {
    private Owner() {}

    public static void main(String[] arguments) throws IOException {
      try (WarmCache<String, String> cache = builder(Path.of(arguments[0]), CAPACITY).open()) {
        cache.put("key", "value");
        System.out.println(ProcessHandle.current().pid());
        System.in.read();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void anotherProcessThatHasTheCacheIsNamed(String bridge) throws Exception {
    use(bridge);
    Path file = folder.resolve("cache");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    try (ChildJvm owner = child(Owner.class, bridge).start(file.toString())) {
      long pid = Long.parseLong(owner.readLine());
      for (Path name : List.of(file, link)) {
        LuoException.OwnerAlive e =
            assertThrows(LuoException.OwnerAlive.class, () -> builder(name, CAPACITY).open());
        assertEquals(pid, e.pid().orElseThrow());
        assertTrue(e.getMessage().contains("process " + pid), e.getMessage());
        assertTrue(e.getMessage().contains(name.toString()), e.getMessage());
      }
    }
    try (WarmCache<String, String> cache = builder(file, CAPACITY).open()) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void thisProcessIsNamedToo(String bridge) throws IOException {
    use(bridge);
    Path file = folder.resolve("cache");
    try (WarmCache<String, String> cache = builder(file, CAPACITY).open()) {
      LuoException.OwnerAlive e =
          assertThrows(LuoException.OwnerAlive.class, () -> builder(file, CAPACITY).open());
      assertEquals(ProcessHandle.current().pid(), e.pid().orElse(0));
      cache.put("key", "value");
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  // ---- no room ----

  /** A child in a mount namespace of its own, with a tmpfs of 1 MiB on the folder. */
  static final class OnFullTmpfs {
    private OnFullTmpfs() {}

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      Path file = folder.resolve("cache");
      try (WarmCache<String, String> small = builder(folder.resolve("small"), CAPACITY).open()) {
        small.put("key", "value");
        long left = folder.toFile().getUsableSpace();
        try {
          builder(file, 8 << 20).open().close();
          System.out.println("opened");
        } catch (NoRoomException e) {
          System.out.println("needed: " + e.needed());
          System.out.println("available: " + (e.available() == left));
          System.out.println("message: " + e.getMessage());
        }
        System.out.println("file: " + Files.exists(file));
        System.out.println("left: " + (left == folder.toFile().getUsableSpace()));
        System.out.println("other: " + small.getIfPresent("key"));
        try (WarmCache<String, String> fits = builder(file, CAPACITY).open()) {
          fits.put("key", "value");
          System.out.println("fits: " + fits.getIfPresent("key"));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aCacheThatHasNoRoomSaysHowMuchItNeeds(String bridge) throws Exception {
    use(bridge);
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "only root can mount");
    ChildJvm.Ended ended =
        child(OnFullTmpfs.class, bridge)
            .under(
                "unshare",
                "-m",
                "sh",
                "-c",
                "mount -t tmpfs -o size=1m none " + folder + " && exec \"$@\"",
                "sh")
            .run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    try (WarmCache<String, String> cache = builder(folder.resolve("large"), 8 << 20).open()) {
      assertEquals(Long.toString(cache.memoryBytes()), ended.answer("needed: "));
    }
    assertEquals("true", ended.answer("available: "));
    String message = ended.answer("message: ");
    for (String part : List.of(folder.resolve("cache").toString(), "make the tmpfs larger")) {
      assertTrue(message.contains(part), part + " is not in: " + message);
    }
    assertEquals("false", ended.answer("file: "));
    assertEquals("true", ended.answer("left: "));
    assertEquals("value", ended.answer("other: "));
    assertEquals("value", ended.answer("fits: "));
    assertFalse(Files.exists(folder.resolve("cache")), "it was not the tmpfs");
  }
}
