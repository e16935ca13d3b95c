/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Native;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.apache.commons.io.IOUtils;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.LiveUpdate;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/** luo4j and JNA as modules, used by a program that is a module. */
class ModulePathTest {

  private static final String MODULE =
      """
      module app {
        requires org.luo4j;
      }
      """;

  private static final String MAIN =
      """
      package app;

      import org.luo4j.*;

      public class Main {
        public static void main(String[] args) {
          System.out.println("module " + LiveUpdate.class.getModule().getName());
          for (BridgeType bridge : new BridgeType[] {BridgeType.JNI, BridgeType.JNA}) {
            LiveUpdate luo = LiveUpdate.builder().bridge(bridge).open();
            try (MemFd memory = luo.createMemFd(MemFdOptions.named("app").size(8192));
                MemoryRegion one = memory.map();
                MemoryRegion other = memory.mapReadOnly()) {
              one.putLong(4096, 42);
              System.out.println(luo.bridge() + " read " + other.getLong(4096));
            }
          }
        }
      }
      """;

  @TempDir static Path temporary;

  private static Path app;

  static Stream<Jdk> jdks() {
    return Jdk.all();
  }

  private static List<Path> libraries() {
    return List.of(
        ChildJvm.location(LiveUpdate.class),
        ChildJvm.location(Native.class),
        ChildJvm.location(IOUtils.class));
  }

  /** Of luo4j's API: there when a program is compiled, and not when it runs. */
  private static Stream<Path> annotations() {
    return Stream.of(ChildJvm.location(NullMarked.class));
  }

  @BeforeAll
  static void compile() throws Exception {
    JniLibrary.assumeBuilt();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    assumeTrue(compiler != null, "this Java has no compiler: it is a JRE");
    app = temporary.resolve("classes");
    Path module = Files.writeString(temporary.resolve("module-info.java"), MODULE);
    Path main = Files.writeString(temporary.resolve("Main.java"), MAIN);
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    int failed =
        compiler.run(
            null,
            null,
            errors,
            "--release",
            "17",
            "-Xlint:all",
            "-Werror",
            "-d",
            app.toString(),
            "-p",
            String.join(
                ":",
                Stream.concat(libraries().stream(), annotations()).map(Path::toString).toList()),
            module.toString(),
            main.toString());
    assertEquals(0, failed, errors::toString);
  }

  private static ChildJvm.Command child(Jdk jdk) {
    return ChildJvm.ofModule("app/app.Main")
        .java(jdk.home())
        .modulePath(Stream.concat(Stream.of(app), libraries().stream()).toList());
  }

  @ParameterizedTest
  @MethodSource("jdks")
  void bothBridgesWorkFromTheModulePath(Jdk jdk) throws Exception {
    ChildJvm.Ended ended = child(jdk).flags(jdk.nativeAccess("org.luo4j,com.sun.jna")).run();
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals(List.of("module org.luo4j", "JNI read 42", "JNA read 42"), ended.lines());
  }

  /** The flag for the class path is of no use to modules, and the message names theirs. */
  @Test
  void theReasonNamesTheModulesToEnable() throws Exception {
    for (Jdk jdk : Jdk.restricting()) {
      ChildJvm.Ended ended = child(jdk).flags(jdk.nativeAccess("ALL-UNNAMED")).run();
      assertEquals(1, ended.exit(), ended::toString);
      String reason = ended.linesWith("BridgeUnavailable").get(0);
      assertTrue(reason.contains("=org.luo4j,com.sun.jna"), reason);
    }
  }
}
