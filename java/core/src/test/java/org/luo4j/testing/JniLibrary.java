/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import org.junit.jupiter.api.Assumptions;
import org.luo4j.internal.bridge.Machine;

/**
 * Whether this build has the JNI library: without a C compiler and cmake it is built without it.
 */
public final class JniLibrary {

  private JniLibrary() {}

  /** Whether there is a library for this platform. */
  public static boolean isBuilt() {
    return System.getProperty("luo4j.library.path") != null
        || JniLibrary.class.getResource(resource()) != null;
  }

  /** Skips the test, saying why, when there is no library. */
  public static void assumeBuilt() {
    Assumptions.assumeTrue(
        isBuilt(),
        () ->
            "built without the JNI library, as no C compiler or no cmake was there: " + resource());
  }

  private static String resource() {
    return "/org/luo4j/native/" + Machine.platform() + "/libluo4j.so";
  }
}
