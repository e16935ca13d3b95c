/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** A cache on a machine, or in a Java, that lacks something. */
class SmallMachineCacheTest {

  @TempDir Path folder;

  @BeforeEach
  void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  /** A child JVM: opens a cache in a file, and says what is in it. */
  static final class Service {
    private Service() {}

    public static void main(String[] arguments) throws IOException {
      try (WarmCache<String, String> cache =
          WarmCache.builder(Codec.STRING, Codec.STRING)
              .capacity(64 << 10)
              .file(Path.of(arguments[0]))
              .open()) {
        System.out.println(
            "found: "
                + String.join(
                    " ",
                    "" + cache.start().kind(),
                    cache.getIfPresent("key"),
                    cache.getIfPresent("late"),
                    cache.getIfPresent("soon")));
        cache.put("key", "value");
        cache.put("late", "hour", Duration.ofHours(1));
        cache.put("soon", "moment", Duration.ofMillis(1));
      }
    }
  }

  private void assertGoesOn(ChildJvm.Command command) throws Exception {
    command.classPath(
        Stream.concat(
                ChildJvm.classPath().stream(),
                Stream.of(ChildJvm.location(Service.class), ChildJvm.location(WarmCache.class)))
            .toList());
    String file = folder.resolve("cache").toString();
    ChildJvm.Ended first = command.run(file);
    assertEquals(0, first.exit(), first::toString);
    assertEquals("COLD null null null", first.answer("found: "));
    ChildJvm.Ended second = command.run(file);
    assertEquals(0, second.exit(), second::toString);
    assertEquals("WARM_AFTER_RESTART value hour null", second.answer("found: "));
  }

  /** The launcher finds its libraries by /proc: they are named to it. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "emulator"})
  void withoutProcTheWallClockTellsTheTime(String bridge) throws Exception {
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
        "only root can hide /proc");
    assumeTrue(
        System.getProperty("os.arch").equals("amd64"),
        "without /proc the page size is not known here: a cache says so");
    Path home = Jdk.current().home();
    assertGoesOn(
        ChildJvm.of(Service.class)
            .property(LiveUpdate.BRIDGE_PROPERTY, bridge)
            .environment("LD_LIBRARY_PATH", home + "/lib:" + home + "/lib/server")
            .under("unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"));
  }

  @Test
  void anImageOfJavaBaseIsEnough() throws Exception {
    Jdk image = Jdk.image(folder.resolve("image"), "java.base");
    assertGoesOn(
        ChildJvm.of(Service.class).java(image.home()).flags(image.nativeAccess("ALL-UNNAMED")));
  }
}
