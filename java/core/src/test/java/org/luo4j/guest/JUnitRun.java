/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.util.List;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs JUnit test classes in a guest. */
public final class JUnitRun {

  private JUnitRun() {}

  /** Runs test classes, given by their names, and reports each test as {@code Class.method}. */
  public static void run(Report report, List<String> classes) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(classes.stream().map(DiscoverySelectors::selectClass).toList())
            .build();
    LauncherFactory.create().execute(request, new Listener(report));
  }

  /** Reports each test, and containers that failed or were skipped as a whole. */
  private record Listener(Report report) implements TestExecutionListener {

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (result.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
        Throwable reason = result.getThrowable().orElse(new AssertionError("no reason given"));
        report.fail(name(test), reason);
      } else if (test.isTest()) {
        report.pass(name(test));
      }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      report.skip(name(test), reason);
    }

    private static String name(TestIdentifier test) {
      String id = test.getUniqueId();
      String start = "[class:";
      int type = id.indexOf(start);
      if (type < 0) {
        return test.getDisplayName();
      }
      String testClass = id.substring(type + start.length(), id.indexOf(']', type));
      return testClass.substring(testClass.lastIndexOf('.') + 1)
          + "."
          + test.getDisplayName().replaceAll("[ (].*", "");
    }
  }
}
