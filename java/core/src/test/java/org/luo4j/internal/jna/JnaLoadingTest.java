/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jna;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.RoundTrip;
import org.luo4j.testing.SystemProperties;

/** How the JNA bridge comes up, and what it says when it does not. */
class JnaLoadingTest {

  private final SystemProperties properties = new SystemProperties();

  @TempDir Path temporary;

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  @Test
  void twoClassLoadersEachLoadTheirOwn() throws Exception {
    try (FreshLoader one = new FreshLoader();
        FreshLoader other = new FreshLoader()) {
      assertEquals("jna", one.call(RoundTrip.Jna.class));
      assertEquals("jna", other.call(RoundTrip.Jna.class));
      assertEquals("jna", one.call(RoundTrip.Jna.class));
      assertEquals("jna", new RoundTrip.Jna().call());
    }
  }

  @Test
  void anInstalledLibraryServesOneClassLoaderAndTheJarsTheNext() throws Exception {
    install("", "");
    properties.set("jna.boot.library.path", temporary);
    try (FreshLoader one = new FreshLoader();
        FreshLoader other = new FreshLoader()) {
      assertEquals("jna", one.call(RoundTrip.Jna.class));
      String maps = Files.readString(Path.of("/proc/self/maps"));
      assertTrue(maps.contains(temporary.toRealPath().toString()), "it is not what is mapped");
      assertEquals("jna", other.call(RoundTrip.Jna.class));
    }
  }

  @Test
  void aMissingFolderIsNamedWithTheProperty() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    properties.set("jna.tmpdir", file.resolve("folder"));
    assertRefused("(" + file.resolve("folder") + ")", "-Djna.tmpdir", "-Djna.boot.library.path");
  }

  @Test
  void withoutThePropertyJnasOwnFoldersAreNamed() throws Exception {
    properties.set("jna.noclasspath", "true").set("jna.nosys", "true").set("jna.tmpdir", null);
    assertRefused(
        "Unable to locate JNA native support library", "JNA/temp in $XDG_CACHE_HOME or ~/.cache");
  }

  /** JNA throws a plain Error then, not a LinkageError. */
  @Test
  void aLibraryOfAnotherReleaseIsRefused() throws Exception {
    install("\0" + "7.0.", "\0" + "6.0.");
    properties.set("jna.boot.library.path", temporary);
    assertRefused("incompatible JNA native library", "-Djna.boot.library.path");
  }

  @Test
  void withoutJnaTheBridgeSaysWhatToAdd() throws Exception {
    try (FreshLoader loader = FreshLoader.without(Native.class)) {
      IOException refused = assertThrows(IOException.class, () -> loader.call(RoundTrip.Jna.class));
      assertTrue(refused.getMessage().contains("net.java.dev.jna:jna"), refused.getMessage());
    }
  }

  /** What musl's loader says of the library in JNA's jar. */
  @Test
  void onMuslItSaysWhichLibraryOfJnasToInstall() {
    String said = "Error relocating /tmp/jna1.tmp: __strdup: symbol not found";
    String reason = JnaBridge.LibC.whyUnavailable(new UnsatisfiedLinkError(said));
    for (String word : List.of(said, "musl", "-Djna.boot.library.path", "java-jna-native")) {
      assertTrue(reason.contains(word), word + " is not in: " + reason);
    }
  }

  @Test
  void aCLibraryThatLacksAFunctionIsNamedWithTheVersionsThatDoNot() {
    String said = "Error looking up 'statx': Symbol not found: statx";
    String reason = JnaBridge.LibC.whyUnavailable(new UnsatisfiedLinkError(said));
    for (String word : List.of(said, "glibc 2.28", "musl 1.2.5", "use JNI")) {
      assertTrue(reason.contains(word), word + " is not in: " + reason);
    }
  }

  /** Puts JNA's library into the folder, with some bytes replaced by others. */
  private void install(String replaced, String by) throws IOException {
    String resource = "/com/sun/jna/" + Platform.RESOURCE_PREFIX + "/libjnidispatch.so";
    try (InputStream in = Native.class.getResourceAsStream(resource)) {
      String bytes = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
      assertTrue(bytes.contains(replaced), "JNA's library is not of the release expected");
      Files.write(
          temporary.resolve("libjnidispatch.so"),
          (by.isEmpty() ? bytes : bytes.replace(replaced, by))
              .getBytes(StandardCharsets.ISO_8859_1));
    }
  }

  /** Asks twice: what JNA cannot say the second time is kept. */
  private static void assertRefused(String... words) throws IOException {
    try (FreshLoader loader = new FreshLoader()) {
      for (int attempt = 1; attempt <= 2; attempt++) {
        IOException refused =
            assertThrows(IOException.class, () -> loader.call(RoundTrip.Jna.class));
        for (String word : words) {
          assertTrue(refused.getMessage().contains(word), attempt + ": " + word + ": " + refused);
        }
      }
    }
  }
}
