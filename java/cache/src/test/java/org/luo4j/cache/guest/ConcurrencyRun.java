/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.guest;

import java.util.List;
import org.luo4j.guest.JUnitRun;
import org.luo4j.guest.Report;

/**
 * Runs in a guest what threads do to a cache at the same time, and what they leave when SIGKILL
 * ends their JVM: there the order of memory accesses is the guest's processor's.
 */
public final class ConcurrencyRun {

  private static final List<String> CLASSES =
      List.of(
          "org.luo4j.cache.PinsTest",
          "org.luo4j.cache.OverwritesTest",
          "org.luo4j.cache.WriterTest",
          "org.luo4j.cache.torture.StressTest",
          "org.luo4j.cache.torture.SharedKeysTest",
          "org.luo4j.cache.torture.TortureTest");

  private ConcurrencyRun() {}

  public static void main(String[] args) {
    Report report = new Report("concurrency");
    JUnitRun.run(report, CLASSES);
    System.exit(report.failed() == 0 ? 0 : 1);
  }
}
