/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Native;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.apache.commons.io.FileUtils;
import org.apache.commons.io.IOUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Machine;
import org.luo4j.internal.select.Selection;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Relocation;
import org.luo4j.testing.RoundTrip;

/** Copies of luo4j in a package of another name, beside each other and the original. */
class RelocationTest {

  @TempDir Path folder;

  @BeforeEach
  void assumeLibrary() {
    JniLibrary.assumeBuilt();
  }

  /** A loader of the relocated copy, with or without the original. */
  private URLClassLoader loader(String name, boolean resources, Path... beside) throws Exception {
    Path copy = folder.resolve(name);
    String to = name + "/of/luo4j";
    Relocation.copy(ChildJvm.location(LiveUpdate.class), copy, to, resources);
    Relocation.copy(ChildJvm.location(RoundTrip.class), copy, to, resources);
    URL[] urls = new URL[beside.length + 1];
    urls[0] = copy.toUri().toURL();
    for (int i = 0; i < beside.length; i++) {
      urls[i + 1] = beside[i].toUri().toURL();
    }
    return new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
  }

  private static Object call(ClassLoader loader, String name, String what) throws Exception {
    Class<?> type = loader.loadClass(name + ".of.luo4j.testing.RoundTrip$" + what);
    return ((Callable<?>) type.getConstructor().newInstance()).call();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void jniWorks(boolean resources) throws Exception {
    try (URLClassLoader loader = loader("shaded", resources)) {
      assertEquals("jni", call(loader, "shaded", "Jni"));
    }
  }

  @Test
  void severalCopiesAndTheOriginalWorkSideBySide() throws Exception {
    Path original = ChildJvm.location(LiveUpdate.class);
    try (URLClassLoader one = loader("one", true, original);
        URLClassLoader two = loader("two", true);
        FreshLoader fresh = new FreshLoader()) {
      assertEquals("jni", call(one, "one", "Jni"));
      assertEquals("jni", fresh.call(RoundTrip.Jni.class));
      assertEquals("jni", call(two, "two", "Jni"));
      assertEquals("jni", call(one, "one", "Jni"));
    }
    assertNull(System.getProperty("luo4j.jni.class"));
  }

  /** What the choice of a bridge says, in whatever package it is. */
  public static final class Choice implements Callable<String> {
    @Override
    public String call() {
      Selection selection = Selection.nativeBridge();
      return (selection.bridge() == null ? "none" : selection.bridge().name())
          + selection.refused().stream().map(Throwable::getMessage).toList();
    }
  }

  /** As where a shaded jar was made without what is no class. */
  @Test
  void withoutTheLibraryJnaServesAndTheReasonNamesTheRelocatedFile() throws Exception {
    try (URLClassLoader loader =
        loader("shaded", true, ChildJvm.location(Native.class), ChildJvm.location(IOUtils.class))) {
      FileUtils.deleteDirectory(folder.resolve("shaded/shaded/of/luo4j/native").toFile());
      Class<?> type = loader.loadClass("shaded.of.luo4j.RelocationTest$Choice");
      String chosen = (String) ((Callable<?>) type.getConstructor().newInstance()).call();
      String resource = "(/shaded/of/luo4j/native/" + Machine.platform() + "/libluo4j.so)";
      assertTrue(chosen.startsWith("jna[JNI: this build of luo4j carries no JNI library"), chosen);
      assertTrue(chosen.contains(resource + ", but for none"), chosen);
      assertEquals("jna", call(loader, "shaded", "Jna"));
    }
  }

  @Test
  void jnaWorks() throws Exception {
    try (URLClassLoader loader = loader("shaded", true, ChildJvm.location(Native.class))) {
      assertEquals("jna", call(loader, "shaded", "Jna"));
    }
  }
}
