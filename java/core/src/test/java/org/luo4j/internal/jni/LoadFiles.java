/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.nio.file.Path;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.RoundTrip;

/**
 * A child JVM that loads files of the folder luo4j.test.folder as the luo4j library, each in a
 * class loader of its own, and writes a line for each: its name, and "works" or "refused" and why.
 * A file is announced before it is tried, so that a crash names it.
 */
final class LoadFiles {

  private LoadFiles() {}

  public static void main(String[] names) throws Exception {
    Path folder = Path.of(System.getProperty("luo4j.test.folder"));
    for (String name : names) {
      System.out.println("try " + name);
      System.setProperty(NativeLibrary.PATH_PROPERTY, folder.resolve(name).toString());
      try (FreshLoader loader = new FreshLoader()) {
        System.out.println(name + ": works over " + loader.call(RoundTrip.Jni.class));
      } catch (IOException e) {
        System.out.println(name + ": refused: " + e.getMessage().replace('\n', ' '));
      }
    }
  }
}
