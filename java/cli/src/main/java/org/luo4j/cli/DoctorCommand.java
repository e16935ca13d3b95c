/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.luo4j.cache.CacheShape;
import org.luo4j.cli.doctor.Doctor;
import org.luo4j.cli.doctor.Finding;
import org.luo4j.cli.doctor.Finding.State;
import org.luo4j.cli.doctor.Jvm;
import org.luo4j.cli.doctor.Wanted;
import org.luo4j.cli.host.Host;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** luo doctor. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Says whether this host can carry memory over a kexec, and what to do where it cannot.",
      "",
      "Each line is ok, warning (LUO works, with less than it could do) or problem (it does not), what"
          + " was found, and the fix. Changes nothing. As root it sees more."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:all is ok", "1:warnings", "2:problems"},
    footer = {
      "",
      "Examples:",
      "  luo doctor --cache-size 8g",
      "  luo doctor --unit my-service.service",
      "  luo doctor --json | jq '.checks[] | select(.state != \"ok\")'"
    })
final class DoctorCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Prints {checks: [{check, state, found, fix}], summary}.")
  private boolean json;

  @Option(
      names = "--cache-size",
      paramLabel = "SIZE",
      converter = Size.class,
      description =
          "The capacity of the cache to be carried over, as in 8g: is there room for it? It takes 1.63"
              + " times that with entries of the default average of 64 bytes: 8g takes 13.1 GiB.")
  private Long cacheSize;

  @ArgGroup private UnitOption unit;

  /** Of which the last is not both. */
  private static final class UnitOption {
    @Option(
        names = "--unit",
        paramLabel = "NAME",
        description = "Looks at this systemd unit's settings too.")
    private String name;

    @Option(
        names = "--unit-file",
        paramLabel = "FILE",
        description = "Looks at the settings in a unit's file; drop-ins are not read.")
    private Path file;
  }

  @Override
  public Integer call() {
    Wanted wanted =
        new Wanted(capacity(), unit == null ? null : unit.name, unit == null ? null : unit.file);
    PrintWriter out = spec.commandLine().getOut();
    int exit = print(Doctor.examine(Host.here(), Jvm.here(), wanted), json, out);
    out.flush();
    return exit;
  }

  /** The capacity that was given, 0 where none was. */
  private long capacity() {
    if (cacheSize == null) {
      return 0;
    }
    try {
      return new CacheShape(cacheSize, Wanted.AVERAGE_ENTRY, "", "", 0).capacity();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for option '--cache-size': " + e.getMessage(), e);
    }
  }

  /** Prints findings and gives the exit code. */
  static int print(List<Finding> findings, boolean json, PrintWriter out) {
    long warnings = count(findings, State.WARNING);
    long problems = count(findings, State.PROBLEM);
    int exit = problems > 0 ? 2 : warnings > 0 ? 1 : 0;
    if (json) {
      Map<String, Object> summary = new LinkedHashMap<>();
      summary.put("ok", count(findings, State.OK));
      summary.put("warnings", warnings);
      summary.put("problems", problems);
      summary.put("exit", exit);
      out.println(
          findings.stream()
              .map(DoctorCommand::object)
              .collect(Collectors.joining(",\n  ", "{\"checks\": [\n  ", "\n],")));
      out.println("\"summary\": " + Json.object(summary) + "}");
      return exit;
    }
    int width = findings.stream().mapToInt(f -> f.check().length()).max().orElse(1);
    for (Finding finding : findings) {
      String start = String.format("%-8s %-" + width + "s  ", finding.state(), finding.check());
      out.println(start + finding.found());
      if (!finding.fix().isEmpty()) {
        out.println(" ".repeat(start.length()) + "fix: " + finding.fix());
      }
    }
    out.println(
        count(findings, State.OK) + " ok, " + warnings + " warnings, " + problems + " problems");
    return exit;
  }

  private static String object(Finding finding) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("check", finding.check());
    members.put("state", finding.state());
    members.put("found", finding.found());
    members.put("fix", finding.fix());
    return Json.object(members);
  }

  private static long count(List<Finding> findings, State state) {
    return findings.stream().filter(finding -> finding.state() == state).count();
  }
}
