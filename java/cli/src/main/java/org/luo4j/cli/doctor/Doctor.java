/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.util.ArrayList;
import java.util.List;
import org.luo4j.cli.host.Host;

/** Runs the checks. */
public final class Doctor {

  /** A thing to look at. */
  @FunctionalInterface
  interface Check {
    List<Finding> run(Patient patient);
  }

  /** What checks look at. */
  record Patient(Host host, Jvm jvm, Wanted wanted) {}

  private static final List<Check> CHECKS =
      List.of(
          KernelChecks::version,
          KernelChecks::options,
          KernelChecks::commandLine,
          KernelChecks::kexec,
          DeviceChecks::device,
          DeviceChecks::holders,
          MemoryChecks::hugeFolios,
          MemoryChecks::scratch,
          MemoryChecks::headroom,
          MemoryChecks::sharedMemory,
          MemoryChecks::limits,
          MemoryChecks::memfds,
          SystemdChecks::version,
          UnitChecks::unit,
          UnitChecks::environment,
          JvmChecks::version,
          JvmChecks::temporaryFolders,
          JvmChecks::bridges);

  private Doctor() {}

  /** Everything that was looked at, in an order in which causes come before what they cause. */
  public static List<Finding> examine(Host host, Jvm jvm, Wanted wanted) {
    Patient patient = new Patient(host, jvm, wanted);
    List<Finding> findings = new ArrayList<>();
    for (Check check : CHECKS) {
      findings.addAll(check.run(patient));
    }
    return findings;
  }
}
