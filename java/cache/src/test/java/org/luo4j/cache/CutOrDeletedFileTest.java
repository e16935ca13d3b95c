/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;

/** The file of a cache that is open is cut short or deleted. */
@EnabledOnOs(OS.LINUX)
class CutOrDeletedFileTest {

  private static final int CAPACITY = 1 << 20;

  @TempDir Path folder;

  private static WarmCache<String, String> open(Path file) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING).capacity(CAPACITY).file(file).open();
  }

  private static WarmCache<String, String> filled(Path file) throws IOException {
    WarmCache<String, String> cache = open(file);
    for (int i = 0; i < 1000; i++) {
      cache.put("key " + i, "value " + i);
    }
    return cache;
  }

  private static void cut(Path file, long size) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.setLength(size);
    }
  }

  private ChildJvm.Ended child(Class<?> main, String bridge, long size) throws Exception {
    return child(ChildJvm.of(main), main, bridge, size);
  }

  private ChildJvm.Ended child(ChildJvm.Command command, Class<?> main, String bridge, long size)
      throws Exception {
    JniLibrary.assumeBuilt();
    ChildJvm.Ended ended =
        command
            .classPath(
                Stream.concat(
                        ChildJvm.classPath().stream(),
                        Stream.of(ChildJvm.location(main), ChildJvm.location(WarmCache.class)))
                    .toList())
            .property(LiveUpdate.BRIDGE_PROPERTY, bridge)
            .run(folder.resolve("cache").toString(), "" + size);
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("COLD", ended.answer("opened again: "));
    return ended;
  }

  private static void openAgain(Path file) throws IOException {
    try (WarmCache<String, String> again = open(file)) {
      again.put("key", "new");
      System.out.println("opened again: " + again.start().kind());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jna", "emulator"})
  void closeGivesTheFileUpWithoutAGuardToo(String bridge) throws Exception {
    child(Closer.class, bridge, 0);
    Files.delete(folder.resolve("cache"));
    child(Closer.class, bridge, 1_000_000);
  }

  /** With libjsig the JVM meets a fault before JNI does: values are verified, as without JNI. */
  @Test
  void behindLibjsigThereIsNoGuard() throws Exception {
    Path libjsig = Path.of(System.getProperty("java.home"), "lib", "libjsig.so");
    ChildJvm.Command command =
        ChildJvm.of(Guarded.class).environment("LD_PRELOAD", libjsig.toString());
    assertEquals("false", child(command, Guarded.class, "jni", 0).answer("guarded: "));
    assertEquals("true", child(Guarded.class, "jni", 0).answer("guarded: "));
  }

  /** Another process, which says whether its memory is guarded. */
  static final class Guarded {
    public static void main(String[] args) throws Exception {
      Path file = Path.of(args[0]);
      try (WarmCache<String, String> cache =
          WarmCache.builder(Codec.STRING, Codec.STRING)
              .capacity(CAPACITY)
              .file(file)
              .memories(
                  region -> {
                    System.out.println("guarded: " + region.absorbFaults());
                    return new Memory(region);
                  })
              .open()) {
        cache.put("key", "value");
        cut(file, Long.parseLong(args[1]));
      }
      openAgain(file);
    }
  }

  /** Another process, which meets the lost memory in close, while threads use the cache. */
  static final class Closer {
    public static void main(String[] args) throws Exception {
      Path file = Path.of(args[0]);
      for (int round = 0; round < 4; round++) {
        WarmCache<String, String> cache = filled(file);
        for (int i = 0; i < 4; i++) {
          Thread user = new Thread(() -> use(cache));
          user.setDaemon(true);
          user.start();
        }
        cut(file, Long.parseLong(args[1]));
        cache.close();
      }
      openAgain(file);
    }

    private static void use(WarmCache<String, String> cache) {
      for (int i = 0; ; i++) {
        try {
          cache.put("key " + i % 1000, "value " + i);
          cache.verify();
        } catch (MemoryLostException | InternalError e) {
          LockSupport.parkNanos(100_000);
        } catch (IllegalStateException closed) {
          return;
        }
      }
    }
  }

  @Test
  void aDeletedFileIsUsedUntilTheCacheIsClosed() throws IOException {
    Path file = folder.resolve("cache");
    try (Logged log = new Logged(WarmCache.class)) {
      useDeleted(file);
      assertEquals(1, log.lines().size(), "" + log.lines());
      assertTrue(log.lines().get(0).startsWith("WARNING " + file + " was deleted"));
    }
  }

  private static void useDeleted(Path file) throws IOException {
    try (WarmCache<String, String> cache = filled(file)) {
      Files.delete(file);
      assertEquals("value 1", cache.getIfPresent("key 1"));
      cache.put("key 1", "other");
      try (WarmCache<String, String> next = open(file)) {
        assertFalse(next.start().isWarm());
        next.put("key 2", "next");
        assertEquals("other", cache.getIfPresent("key 1"));
        assertEquals("value 2", cache.getIfPresent("key 2"));
      }
    }
    try (WarmCache<String, String> next = open(file)) {
      assertTrue(next.start().isWarm());
      assertEquals("next", next.getIfPresent("key 2"));
    }
  }
}
