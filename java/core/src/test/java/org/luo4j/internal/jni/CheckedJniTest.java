/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** The natives keep the rules of JNI that -Xcheck:jni checks. */
class CheckedJniTest {

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  static Stream<Jdk> jdks() {
    return Jdk.all();
  }

  @ParameterizedTest
  @MethodSource("jdks")
  void everyCallIsCleanUnderXcheck(Jdk jdk) throws Exception {
    ChildJvm.Ended ended =
        ChildJvm.of(EveryCall.class)
            .java(jdk.home())
            .flags(jdk.nativeAccess("ALL-UNNAMED"))
            // The second, as the handler of SIGBUS is not the JVM's while memory is guarded.
            .flags(List.of("-Xcheck:jni", "-XX:+AllowUserSignalHandlers"))
            .run();
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals(List.of("not called: []"), ended.lines());
  }
}
