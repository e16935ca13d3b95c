/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.cli.host.Host;
import org.luo4j.cli.selftest.SelfTest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** luo selftest. */
@Command(
    name = "selftest",
    mixinStandardHelpOptions = true,
    description = {
      "Runs luo4j's contract suite on this host, over JNI, over JNA and on the emulator, and prints a"
          + " report to attach to a bug.",
      "",
      "Needs no LUO: what does is skipped, with the reason. Where there is LUO it creates sessions of its"
          + " own, opens /dev/liveupdate for moments, and leaves nothing behind."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:nothing failed", "1:something failed", "2:it could not be run"},
    footer = {"", "Examples:", "  luo selftest > report.txt", "  luo selftest --bridge jna"})
final class SelfTestCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--bridge",
      paramLabel = "BRIDGE",
      description = "Only this one: ${COMPLETION-CANDIDATES}; can be given several times.")
  private List<BridgeType> bridges = List.of(BridgeType.values());

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    Host host = Host.here();
    for (String line : new Version().getVersion()) {
      out.println(line);
    }
    out.println("kernel " + host.text("/proc/version").orElse("?"));
    out.println("command line " + host.text("/proc/cmdline").orElse("?"));
    out.println("at " + Instant.now().truncatedTo(ChronoUnit.SECONDS));
    String kernel = kernel();
    out.println(kernel == null ? "the kernel's LUO answers" : kernel);
    List<String> names =
        bridges.stream().map(bridge -> bridge.name().toLowerCase(Locale.ROOT)).toList();
    return new SelfTest(JavaCommand::of, kernel == null, out).run(names) ? 0 : 1;
  }

  /** Null where the device can be opened, else why not. */
  private static @Nullable String kernel() {
    try {
      LiveUpdate.requireKernel();
      return null;
    } catch (LuoException e) {
      return e.getMessage();
    }
  }
}
