/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.selftest;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How a child that runs the suite ends is part of the result, not only what it said before. */
class SelfTestTest {

  private final StringWriter out = new StringWriter();

  /** Has a shell's script stand for the child. */
  private boolean run(String script, String... bridges) throws Exception {
    SelfTest test =
        new SelfTest(
            (main, properties, arguments) -> new ProcessBuilder("sh", "-c", script),
            false,
            new PrintWriter(out));
    return test.run(List.of(bridges));
  }

  private static String result(String what) {
    return "printf '"
        + String.join("\\t", ContractRun.MARK, what, ContractGroup.values()[0].name(), "aTest", "")
        + "\\n'; ";
  }

  @Test
  void aChildThatEndsWellAndSaysPassPasses() throws Exception {
    assertTrue(run(result("PASS") + result("PASS"), "emulator"), out::toString);
    assertTrue(out.toString().contains("2 passed, 0 failed, "), out::toString);
  }

  @Test
  void whatFailedInAChildThatEndsWellIsAFailure() throws Exception {
    assertFalse(run(result("PASS") + result("FAIL"), "emulator"), out::toString);
    assertTrue(out.toString().contains("1 passed, 1 failed, "), out::toString);
  }

  /** Whatever it said until then: a crash, a class that is missing, a JVM that is killed. */
  @ParameterizedTest
  @ValueSource(strings = {"exit 1", "exit 3", "kill -9 $$"})
  void aChildThatDoesNotEndWellIsAFailure(String end) throws Exception {
    assertFalse(run(result("PASS") + "echo why; " + end, "emulator"), out::toString);
    int exit = end.startsWith("exit ") ? Integer.parseInt(end.substring(5)) : 128 + 9;
    String told = "FAIL emulator: its JVM ended with " + exit + "; its last lines:\n  | why\n";
    assertTrue(out.toString().contains(told), out::toString);
    assertTrue(out.toString().contains("\n1 passed, 1 failed, "), out::toString);
  }

  @Test
  void aFailureOfOneBridgeIsNotLostInTheNext() throws Exception {
    String once = "test -z \"$PASSES\" && exit 1; ";
    SelfTest test =
        new SelfTest(
            (main, properties, arguments) -> {
              ProcessBuilder child = new ProcessBuilder("sh", "-c", once + result("PASS"));
              child.environment().put("PASSES", properties.get(0).endsWith("=jni") ? "" : "yes");
              return child;
            },
            false,
            new PrintWriter(out));
    assertFalse(test.run(List.of("jni", "emulator")), out::toString);
  }
}
