/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.problem;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import org.luo4j.cli.host.Host;
import org.luo4j.cli.host.Sizes;

/** The service's unit: whether systemd keeps what the service stores. */
final class UnitChecks {

  private static final String SETTINGS =
      "LoadState,Type,FileDescriptorStoreMax,FileDescriptorStorePreserve,NotifyAccess,MemoryMax";

  private static final Set<String> NOTIFIES = Set.of("notify", "notify-reload");

  private UnitChecks() {}

  static List<Finding> unit(Doctor.Patient patient) {
    Wanted wanted = patient.wanted();
    if (wanted.unitFile() != null) {
      try {
        return settings(ofFile(wanted.unitFile()), "in " + wanted.unitFile(), wanted);
      } catch (IOException e) {
        return List.of(
            problem("unit", "cannot be read: " + e.getMessage(), "name another --unit-file"));
      }
    }
    if (wanted.unit() == null) {
      return List.of();
    }
    Host host = patient.host();
    Optional<String> shown =
        SystemdChecks.isRunning(host)
            ? host.run("systemctl", "show", "--property=" + SETTINGS, "--", wanted.unit())
            : Optional.empty();
    if (shown.isEmpty()) {
      return List.of(
          problem(
              "unit",
              "systemd does not tell of " + wanted.unit() + " here",
              "run this where systemd runs, or name the unit's file: --unit-file"));
    }
    Map<String, String> settings = new TreeMap<>();
    shown.get().lines().forEach(line -> assign(settings, line));
    if (!settings.getOrDefault("LoadState", "").equals("loaded")) {
      return List.of(
          problem(
              "unit",
              wanted.unit() + " is " + settings.getOrDefault("LoadState", "not known"),
              "systemctl list-unit-files --type=service names the units"));
    }
    return settings(settings, "by: systemctl edit " + wanted.unit(), wanted);
  }

  /** The section Service of a unit's file; drop-ins are not read. */
  private static Map<String, String> ofFile(Path file) throws IOException {
    Map<String, String> settings = new TreeMap<>();
    boolean inService = false;
    String text = Files.readString(file).replaceAll("\\\\\\R", " ");
    for (String line : text.lines().map(String::strip).toList()) {
      if (line.startsWith("[")) {
        inService = line.equals("[Service]");
      } else if (inService && !line.startsWith("#") && !line.startsWith(";")) {
        assign(settings, line);
      }
    }
    settings.putIfAbsent("Type", "simple");
    settings.putIfAbsent("FileDescriptorStoreMax", "0");
    settings.putIfAbsent("FileDescriptorStorePreserve", "restart");
    settings.putIfAbsent("NotifyAccess", NOTIFIES.contains(settings.get("Type")) ? "main" : "none");
    return settings;
  }

  private static void assign(Map<String, String> settings, String line) {
    int equals = line.indexOf('=');
    if (equals > 0) {
      settings.put(line.substring(0, equals).strip(), line.substring(equals + 1).strip());
    }
  }

  private static List<Finding> settings(Map<String, String> unit, String how, Wanted wanted) {
    List<Finding> findings = new ArrayList<>();
    findings.add(setting(unit, "Type", NOTIFIES.contains(unit.get("Type")), "notify", how));
    String max = unit.getOrDefault("FileDescriptorStoreMax", "0");
    findings.add(setting(unit, "FileDescriptorStoreMax", max.matches("0*[1-9][0-9]*"), "16", how));
    String preserve = unit.getOrDefault("FileDescriptorStorePreserve", "restart");
    findings.add(
        setting(
            unit,
            "FileDescriptorStorePreserve",
            Set.of("yes", "true", "on", "1").contains(preserve),
            "yes",
            how));
    String access = unit.getOrDefault("NotifyAccess", "none");
    findings.add(
        setting(unit, "NotifyAccess", Set.of("main", "exec", "all").contains(access), "main", how));
    OptionalLong limit = Sizes.parse(unit.getOrDefault("MemoryMax", "infinity"));
    if (limit.isPresent()) {
      boolean enough = limit.getAsLong() >= wanted.memory();
      String found = Sizes.text(limit.getAsLong());
      findings.add(
          enough
              ? ok("unit MemoryMax", found)
              : problem(
                  "unit MemoryMax",
                  found + ", the cache takes " + Sizes.text(wanted.memory()),
                  "set MemoryMax= in [Service] to "
                      + Sizes.text(wanted.memory())
                      + " and what the heap takes, "
                      + how));
    }
    return findings;
  }

  private static Finding setting(
      Map<String, String> unit, String name, boolean good, String better, String how) {
    String found = name + "=" + unit.getOrDefault(name, "");
    return good
        ? ok("unit " + name, found)
        : problem("unit " + name, found, "set " + name + "=" + better + " in [Service], " + how);
  }

  /** What systemd tells this process, where it is a service. */
  static List<Finding> environment(Doctor.Patient patient) {
    Host host = patient.host();
    if (host.variable("NOTIFY_SOCKET").isEmpty()) {
      return List.of();
    }
    String max = host.variable("FDSTORE").orElse("not set");
    return List.of(
        max.matches("0*[1-9][0-9]*")
            ? ok("service FDSTORE", max + " descriptors may be stored")
            : problem(
                "service FDSTORE",
                max + ": systemd keeps no descriptors of this service",
                "set FileDescriptorStoreMax=16 in [Service] of the unit; systemd 254 or later"));
  }
}
