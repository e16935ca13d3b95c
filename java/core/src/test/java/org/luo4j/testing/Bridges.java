/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.internal.jni.JniBridge;

/** The native bridges that this build has, for tests that run over each of them. */
public final class Bridges {

  private Bridges() {}

  /** JNI, where its library was built, and JNA; each by its name. */
  public static Stream<Named<Bridge>> all() throws IOException {
    List<Named<Bridge>> bridges = new ArrayList<>();
    if (JniLibrary.isBuilt()) {
      bridges.add(Named.of("jni", JniBridge.load()));
    }
    bridges.add(Named.of("jna", JnaBridge.load()));
    return bridges.stream();
  }
}
