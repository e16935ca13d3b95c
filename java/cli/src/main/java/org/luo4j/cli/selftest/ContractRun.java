/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.selftest;

import java.util.Arrays;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs groups of the contract suite in a JVM of their own, as the suite has one bridge in a JVM:
 * the property luo4j.contract.bridge. Writes a line for each test: a mark, PASS, FAIL or SKIP, the
 * group, the test, and the reason, with tabs between.
 */
public final class ContractRun {

  static final String MARK = "[contract]";

  private ContractRun() {}

  public static void main(String[] names) {
    for (String name : names) {
      ContractGroup group = ContractGroup.valueOf(name);
      LauncherDiscoveryRequest request =
          LauncherDiscoveryRequestBuilder.request()
              .selectors(DiscoverySelectors.selectClass(group.testClass()))
              .build();
      LauncherFactory.create().execute(request, new Listener(group));
    }
    // What a failed test has left running does not keep the JVM.
    System.exit(0);
  }

  private record Listener(ContractGroup group) implements TestExecutionListener {

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      String reason = result.getThrowable().map(String::valueOf).orElse("");
      switch (result.getStatus()) {
        case SUCCESSFUL -> {
          if (test.isTest()) {
            line("PASS", test, "");
          }
        }
        case ABORTED -> line("SKIP", test, reason.replaceFirst("^\\S+Exception: ", ""));
        case FAILED -> line("FAIL", test, reason);
        default -> throw new IllegalStateException(result.toString());
      }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      line("SKIP", test, reason);
    }

    private void line(String result, TestIdentifier test, String reason) {
      String name = test.isTest() ? test.getDisplayName().replace("()", "") : "all";
      System.out.println(String.join("\t", MARK, result, group.name(), flat(name), flat(reason)));
    }

    private static String flat(String text) {
      return Arrays.stream(text.split("\\s+")).reduce((a, b) -> a + " " + b).orElse("");
    }
  }
}
