/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.RoundTrip;

/**
 * A child JVM that loads both bridges in one new class loader after the other, until it is killed
 * or nobody listens.
 */
final class LoadLoop {

  private LoadLoop() {}

  public static void main(String[] none) throws Exception {
    while (!System.out.checkError()) {
      try (FreshLoader loader = new FreshLoader()) {
        System.out.println(
            loader.call(RoundTrip.Jni.class) + " " + loader.call(RoundTrip.Jna.class));
      }
    }
  }
}
