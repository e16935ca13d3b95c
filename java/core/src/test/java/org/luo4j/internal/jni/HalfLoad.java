/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import org.apache.commons.io.input.ProxyInputStream;
import org.luo4j.testing.FreshLoader;
import org.luo4j.testing.RoundTrip;

/** A child JVM that stops in the middle of loading the JNI library, says so, and waits. */
final class HalfLoad {

  private HalfLoad() {}

  public static void main(String[] none) throws Exception {
    FreshLoader.Resources stopping =
        (name, found) ->
            new ProxyInputStream(found) {
              @Override
              protected void afterRead(int n) throws IOException {
                System.out.println("half");
                System.in.read();
              }
            };
    try (FreshLoader loader = new FreshLoader(stopping)) {
      loader.call(RoundTrip.Jni.class);
    }
  }
}
