/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.util.List;
import java.util.Set;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the contract suite in a guest: {@code ContractRun --bridge jni|jna [--after-kexec]}. Without
 * the flag what needs no kexec, with it what needs the fixtures of the kernel before.
 */
public final class ContractRun {

  private static final List<String> BEFORE =
      List.of(
          "org.luo4j.contract.MemFdContractTest",
          "org.luo4j.contract.SocketContractTest",
          "org.luo4j.contract.DeviceContractTest",
          "org.luo4j.contract.SessionContractTest");
  private static final List<String> AFTER = List.of("org.luo4j.contract.IncomingContractTest");

  private ContractRun() {}

  public static void main(String[] args) {
    Arguments arguments = new Arguments(args, Set.of("--after-kexec"));
    String bridge = arguments.get("--bridge");
    System.setProperty("luo4j.contract.bridge", bridge);
    List<String> classes = arguments.has("--after-kexec") ? AFTER : BEFORE;
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(classes.stream().map(DiscoverySelectors::selectClass).toList())
            .build();
    Report report = new Report("contract." + bridge);
    LauncherFactory.create().execute(request, new Listener(report));
    System.exit(report.failed() == 0 ? 0 : 1);
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
      int type = id.indexOf("[class:org.luo4j.contract.");
      if (type < 0) {
        return test.getDisplayName();
      }
      String testClass =
          id.substring(type + "[class:org.luo4j.contract.".length(), id.indexOf(']', type));
      return testClass + "." + test.getDisplayName().replaceAll("[ (].*", "");
    }
  }
}
