/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.commons.io.input.ProxyInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Machine;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.RoundTrip;
import org.luo4j.testing.SystemProperties;

/** Where the library is written to, who may read it there, and what stays behind. */
class ExtractionTest {

  private final SystemProperties properties =
      new SystemProperties().set(NativeLibrary.PATH_PROPERTY, null);

  @TempDir Path temporary;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  /** What is in a folder. */
  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.toList();
    }
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  /** Calls back in the middle of the library, while it is being copied out of the jar. */
  private static FreshLoader.Resources inTheMiddle(Middle middle) {
    return (name, found) ->
        name.endsWith(".so")
            ? new ProxyInputStream(found) {
              private long copied;

              @Override
              public int read(byte[] target, int start, int length) throws IOException {
                return super.read(target, start, Math.min(length, 4096));
              }

              @Override
              protected void afterRead(int n) throws IOException {
                copied += n;
                if (copied > 8192) {
                  middle.reached();
                }
              }
            }
            : found;
  }

  /** What happens in the middle. */
  @FunctionalInterface
  private interface Middle {
    void reached() throws IOException;
  }

  @Test
  void theLibraryIsInAPrivateFolderWhileItIsLoadedAndGoneAfterwards() throws Exception {
    properties.set(NativeLibrary.TMP_PROPERTY, temporary);
    Set<String> seen = new TreeSet<>();
    Middle look =
        () -> {
          for (Path folder : list(temporary)) {
            String name = folder.getFileName().toString().replaceAll("-[0-9]+$", "-*");
            seen.add(name + " " + mode(folder) + " " + list(folder).get(0).getFileName());
          }
        };
    try (FreshLoader loader = new FreshLoader(inTheMiddle(look))) {
      assertEquals("jni", loader.call(RoundTrip.Jni.class));
    }
    assertEquals(Set.of("luo4j-* rwx------ libluo4j.so"), seen);
    assertEquals(List.of(), list(temporary));
  }

  @Test
  void javasTemporaryFolderIsTheDefault() throws Exception {
    properties.set(NativeLibrary.TMP_PROPERTY, null).set("java.io.tmpdir", temporary);
    List<Path> seen = new ArrayList<>();
    try (FreshLoader loader = new FreshLoader(inTheMiddle(() -> seen.addAll(list(temporary))))) {
      loader.call(RoundTrip.Jni.class);
    }
    assertTrue(!seen.isEmpty(), "nothing was written there");
    assertEquals(List.of(), list(temporary));
  }

  @Test
  void aFailureInTheMiddleLeavesNothingAndMayBeRepeated() throws Exception {
    properties.set(NativeLibrary.TMP_PROPERTY, temporary);
    boolean[] full = {true};
    Middle fail =
        () -> {
          if (full[0]) {
            throw new IOException("the disk is full");
          }
        };
    try (FreshLoader loader = new FreshLoader(inTheMiddle(fail))) {
      IOException refused = assertThrows(IOException.class, () -> loader.call(RoundTrip.Jni.class));
      assertNames(refused, temporary.toString(), "the disk is full", "-Dluo4j.tmpdir");
      assertEquals(List.of(), list(temporary));
      full[0] = false;
      assertEquals("jni", loader.call(RoundTrip.Jni.class));
      assertEquals(List.of(), list(temporary));
    }
  }

  @Test
  void aMissingFolderIsNamedWithTheProperty() throws Exception {
    Path missing = temporary.resolve("missing");
    properties.set(NativeLibrary.TMP_PROPERTY, missing);
    assertNames(refusal(), missing.toString(), "-Dluo4j.tmpdir", "-Dluo4j.library.path");
    assertTrue(Files.notExists(missing), "a folder that was named wrongly is not made");
  }

  @Test
  void aFileInPlaceOfTheFolderIsNamedWithTheProperty() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    properties.set(NativeLibrary.TMP_PROPERTY, null).set("java.io.tmpdir", file);
    assertNames(refusal(), file.toString(), "-Dluo4j.tmpdir", "-Dluo4j.library.path");
  }

  @Test
  void aJarWithoutALibraryForThisMachineSaysSo() throws Exception {
    String here = Machine.platform().contains("x86_64") ? "linux-x86_64" : "linux-aarch64";
    properties.set("os.arch", "riscv64");
    assertNames(
        refusal(), "carries no JNI library for linux-riscv64", "but for " + here, "or use JNA");
  }

  @Test
  void twoClassLoadersEachLoadTheirOwn() throws Exception {
    try (FreshLoader one = new FreshLoader();
        FreshLoader other = new FreshLoader()) {
      assertEquals("jni", one.call(RoundTrip.Jni.class));
      assertEquals("jni", other.call(RoundTrip.Jni.class));
      assertEquals("jni", one.call(RoundTrip.Jni.class));
      assertEquals("jni", new RoundTrip.Jni().call());
    }
  }

  @Test
  void oneClassLoaderLoadsItOnce() throws Exception {
    List<String> opened = new ArrayList<>();
    try (FreshLoader loader =
        new FreshLoader(
            (name, found) -> {
              opened.add(name);
              return found;
            })) {
      loader.call(RoundTrip.Jni.class);
      loader.call(RoundTrip.Jni.class);
    }
    assertEquals(1, opened.stream().filter(name -> name.endsWith("libluo4j.so")).count());
  }

  @Test
  void theConfiguredFileIsLoadedWhereItIs() throws Exception {
    Path library = copy("any-name.so");
    properties.set(NativeLibrary.PATH_PROPERTY, library);
    properties.set(NativeLibrary.TMP_PROPERTY, temporary.resolve("unused"));
    loadIn(library);
  }

  @Test
  void aConfiguredFolderHasItUnderItsOwnName() throws Exception {
    Path library = copy("libluo4j.so");
    properties.set(NativeLibrary.PATH_PROPERTY, temporary);
    loadIn(library);
  }

  private static void loadIn(Path library) throws Exception {
    try (FreshLoader loader = new FreshLoader()) {
      assertEquals("jni", loader.call(RoundTrip.Jni.class));
      String maps = Files.readString(Path.of("/proc/self/maps"));
      assertTrue(maps.contains(library.toRealPath().toString()), "it is not what is mapped");
    }
  }

  @Test
  void aConfiguredPathWithNothingThereIsNamed() throws Exception {
    Path missing = temporary.resolve("missing.so");
    properties.set(NativeLibrary.PATH_PROPERTY, missing);
    assertNames(refusal(), "-Dluo4j.library.path=" + missing, "correct or unset it");
    properties.set(NativeLibrary.PATH_PROPERTY, temporary);
    assertNames(refusal(), temporary.resolve("libluo4j.so").toString(), "correct or unset it");
    properties.set(NativeLibrary.PATH_PROPERTY, "");
    assertNames(refusal(), "-Dluo4j.library.path=:", "correct or unset it");
  }

  @Test
  void aConfiguredFileServesOneClassLoader() throws Exception {
    properties.set(NativeLibrary.PATH_PROPERTY, copy("libluo4j.so"));
    try (FreshLoader one = new FreshLoader()) {
      one.call(RoundTrip.Jni.class);
      assertNames(
          refusal(),
          "already loaded in another classloader",
          "one class loader only",
          "unset -Dluo4j.library.path");
      assertEquals("jni", one.call(RoundTrip.Jni.class));
    }
  }

  private Path copy(String name) throws IOException {
    return LibraryCopy.to(temporary.resolve(name));
  }

  /** What a class loader that has not loaded it says. */
  private static IOException refusal() throws IOException {
    try (FreshLoader loader = new FreshLoader()) {
      return assertThrows(IOException.class, () -> loader.call(RoundTrip.Jni.class));
    }
  }

  private static void assertNames(Exception refused, String... words) {
    for (String word : words) {
      assertTrue(refused.getMessage().contains(word), word + " is not in: " + refused);
    }
  }
}
