/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** The bridges under the flags with which JDKs restrict, warn and check. */
class JdkFlagsTest {

  private static final String ENABLE = "--enable-native-access=ALL-UNNAMED";

  @TempDir Path temporary;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  static Stream<Jdk> jdks() {
    return Jdk.all();
  }

  private ChildJvm.Command child(Jdk jdk) {
    return ChildJvm.of(Probe.class)
        .java(jdk.home())
        .property("luo4j.emulator.dir", temporary.resolve("machine"));
  }

  private static void assertBothWork(ChildJvm.Ended ended) {
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("ok", ended.answer("memfd-jni memfd: "));
    assertEquals("ok", ended.answer("memfd-jna memfd: "));
    assertEquals(4, ended.lines().size(), () -> "more than the answers: " + ended);
  }

  @ParameterizedTest
  @MethodSource("jdks")
  void bothBridgesAreSilentWhereNativeAccessIsEnabled(Jdk jdk) throws Exception {
    assertBothWork(child(jdk).flags(jdk.nativeAccess("ALL-UNNAMED")).run("memfd-jni", "memfd-jna"));
  }

  @ParameterizedTest
  @MethodSource("jdks")
  void theJniBridgeIsSilentUnderXcheck(Jdk jdk) throws Exception {
    ChildJvm.Ended ended =
        child(jdk)
            .flags(jdk.nativeAccess("ALL-UNNAMED"))
            .flags(List.of("-Xcheck:jni"))
            .run("memfd-jni");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("ok", ended.answer("memfd-jni memfd: "));
    assertEquals(2, ended.lines().size(), ended::toString);
  }

  /** JNA looks at no exception of its own calls, which is warned about. luo4j has none. */
  @ParameterizedTest
  @MethodSource("jdks")
  void ofTheJnaBridgeXcheckWarnsOnlyOfJnaItself(Jdk jdk) throws Exception {
    ChildJvm.Ended ended =
        child(jdk)
            .flags(jdk.nativeAccess("ALL-UNNAMED"))
            .flags(List.of("-Xcheck:jni"))
            .run("jna", "memfd-jna");
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("ok", ended.answer("memfd-jna memfd: "));
    assertEquals(List.of(), ended.linesWith("FATAL"));
    List<String> lines = ended.lines();
    for (int i = lines.indexOf("jna: jna"); i < lines.size() - 1; i++) {
      boolean isWarning = lines.get(i).startsWith("WARNING");
      assertTrue(
          !isWarning || lines.get(i + 1).contains("at com.sun.jna.Native.invoke"), ended::toString);
    }
  }

  @Test
  void whereNativeAccessIsDeniedBothReasonsNameTheFlag() throws Exception {
    for (Jdk jdk : Jdk.restricting()) {
      ChildJvm.Ended ended =
          child(jdk).flags(List.of("--illegal-native-access=deny")).run("open", "native", "native");
      assertEquals(0, ended.exit(), ended::toString);
      assertTrue(ended.answer("open: ").startsWith("EMULATOR"), ended::toString);
      assertEquals("ok", ended.answer("open memfd: "));
      List<String> refused = ended.linesWith("native refused: ");
      assertEquals(4, refused.size(), ended::toString);
      for (String reason : refused) {
        assertTrue(reason.contains(ENABLE), reason);
      }
      assertEquals(1, ended.linesWith("WARNING").size(), ended::toString);
      assertEquals(2, ended.linesWith("WARNING").get(0).split(ENABLE, -1).length - 1);
    }
  }

  @Test
  void nothingUsesTheMemoryAccessOfSunMiscUnsafe() throws Exception {
    for (Jdk jdk : Jdk.restricting()) {
      assertBothWork(
          child(jdk)
              .flags(jdk.nativeAccess("ALL-UNNAMED"))
              .flags(List.of("--sun-misc-unsafe-memory-access=deny"))
              .run("memfd-jni", "memfd-jna"));
    }
  }
}
