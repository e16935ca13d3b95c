/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** A JVM that is killed while it loads leaves private files at most, and none that harms others. */
class KilledWhileLoadingTest {

  private static final int ROUNDS = 10;
  private static final int MOST_LOADS = 4;
  private static final int MOST_NANOS = 20_000_000;
  private static final long SEED = 20260103;

  @TempDir Path temporary;

  private Path jni;
  private Path jna;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  @BeforeEach
  void makeFolders() throws Exception {
    jni = Files.createDirectory(temporary.resolve("jni"));
    jna = Files.createDirectory(temporary.resolve("jna"));
  }

  private ChildJvm child(Class<?> main) throws IOException {
    return ChildJvm.of(main)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property("luo4j.tmpdir", jni)
        .property("jna.tmpdir", jna)
        .start();
  }

  private void assertNextJvmLoads() throws Exception {
    try (ChildJvm next = child(LoadLoop.class)) {
      assertEquals("jni jna", next.readLine());
    }
  }

  @Test
  void aJvmKilledAtAnyMomentOfLoadingDoesNotDisturbTheNext() throws Exception {
    Random random = new Random(SEED);
    for (int round = 0; round < ROUNDS; round++) {
      try (ChildJvm child = child(LoadLoop.class)) {
        for (int loads = 1 + random.nextInt(MOST_LOADS); loads > 0; loads--) {
          assertEquals("jni jna", child.readLine(), "round " + round);
        }
        LockSupport.parkNanos(random.nextInt(MOST_NANOS));
        child.kill();
        for (String line; (line = child.readLine()) != null; ) {
          assertTrue("jni jna".startsWith(line), "round " + round + ": " + line);
        }
      }
    }
    for (Path left : list(jni)) {
      assertPrivate(left);
    }
    for (Path left : list(jna)) {
      String name = left.getFileName().toString();
      assertTrue(name.startsWith("jna") && name.endsWith(".tmp"), "not JNA's: " + left);
    }
    assertNextJvmLoads();
  }

  @Test
  void whatAKillInTheMiddleOfExtractionLeavesIsPrivateAndLeftAlone() throws Exception {
    try (ChildJvm child = child(HalfLoad.class)) {
      assertEquals("half", child.readLine());
      child.kill();
    }
    List<Path> left = list(jni);
    assertEquals(1, left.size());
    assertPrivate(left.get(0));
    assertNextJvmLoads();
    assertTrue(list(jni).contains(left.get(0)), "another program's folder was deleted");
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.toList();
    }
  }

  private static void assertPrivate(Path folder) throws IOException {
    assertTrue(folder.getFileName().toString().matches("luo4j-[0-9]+"), folder.toString());
    assertTrue(Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS), folder.toString());
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)));
    for (Path file : list(folder)) {
      assertEquals("libluo4j.so", file.getFileName().toString());
    }
  }
}
