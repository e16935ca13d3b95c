/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.util.List;
import java.util.Set;

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
    Report report = new Report("contract." + bridge);
    JUnitRun.run(report, classes);
    System.exit(report.failed() == 0 ? 0 : 1);
  }
}
