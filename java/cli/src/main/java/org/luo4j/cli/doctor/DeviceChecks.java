/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static java.util.Objects.requireNonNull;
import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.problem;
import static org.luo4j.cli.doctor.Finding.warning;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.luo4j.LuoException;
import org.luo4j.cli.host.Host;

/** /dev/liveupdate: whether it is there, for this user, and who has it open. */
final class DeviceChecks {

  private static final String DEVICE = "/dev/liveupdate";

  /** The capability that lets a process read and write what its mode forbids: CAP_DAC_OVERRIDE. */
  private static final long DAC_OVERRIDE = 1 << 1;

  private DeviceChecks() {}

  static List<Finding> device(Doctor.Patient patient) {
    Host host = patient.host();
    Path device = host.path(DEVICE);
    if (!Files.exists(device)) {
      return List.of(
          problem(
              DEVICE,
              "absent",
              "mend the kernel's lines above and reboot; where they are ok: dmesg | grep -i luo"));
    }
    List<Finding> findings = new ArrayList<>();
    findings.add(ok(DEVICE, "present"));
    Finding access = access(host, device);
    findings.add(access);
    if (access.state() == Finding.State.OK) {
      findings.add(answer(patient.jvm()));
    }
    return findings;
  }

  private static Finding access(Host host, Path device) {
    String check = DEVICE + " access";
    try {
      Map<String, Object> file = Files.readAttributes(device, "unix:mode,uid,gid");
      int mode = (int) requireNonNull(file.get("mode"));
      int owner = (int) requireNonNull(file.get("uid"));
      int group = (int) requireNonNull(file.get("gid"));
      List<String> uids = words(host, "Uid");
      List<String> groups = new ArrayList<>(words(host, "Groups"));
      List<String> gids = words(host, "Gid");
      groups.addAll(gids.subList(0, Math.min(2, gids.size())));
      String user = uids.size() > 1 ? uids.get(1) : "?";
      boolean overrides =
          host.field("/proc/self/status", "CapEff")
              .filter(mask -> (Long.parseUnsignedLong(mask, 16) & DAC_OVERRIDE) != 0)
              .isPresent();
      int bits = mode & 7;
      if (user.equals("" + owner)) {
        bits = mode >> 6 & 7;
      } else if (groups.contains("" + group)) {
        bits = mode >> 3 & 7;
      }
      String found =
          String.format("mode %04o, owner %d, group %d; user %s", mode & 07777, owner, group, user);
      return overrides || (bits & 6) == 6
          ? ok(check, found)
          : problem(
              check,
              found,
              "run as root, or as root: groupadd -f luo && chgrp luo "
                  + DEVICE
                  + " && chmod 0660 "
                  + DEVICE
                  + "; for good, in /etc/udev/rules.d/70-luo.rules:"
                  + " KERNEL==\"liveupdate\", GROUP=\"luo\", MODE=\"0660\"");
    } catch (IOException | RuntimeException e) {
      return problem(check, "cannot be looked at: " + e, "run as root");
    }
  }

  private static List<String> words(Host host, String field) {
    return List.of(host.field("/proc/self/status", field).orElse("").split("\\s+"));
  }

  private static Finding answer(Jvm jvm) {
    String check = DEVICE + " answers";
    try {
      return ok(check, jvm.attempts().kernel());
    } catch (LuoException e) {
      return problem(check, String.valueOf(e.getMessage()), e.remedy());
    }
  }

  static List<Finding> holders(Doctor.Patient patient) {
    if (!patient.host().has(DEVICE)) {
      return List.of();
    }
    String check = DEVICE + " free";
    Host.OpenFiles open = patient.host().openFiles();
    String holders =
        open.seen().stream()
            .filter(file -> file.target().equals(DEVICE))
            .map(file -> file.command() + " (pid " + file.pid() + ", fd " + file.fd() + ")")
            .collect(Collectors.joining(", "));
    if (!holders.isEmpty()) {
      return List.of(
          warning(
              check,
              "held by " + holders + ": nobody else can open it",
              "have it closed after each call, or stop that process; see fuser -v " + DEVICE));
    }
    return List.of(
        open.hiddenProcesses() == 0
            ? ok(check, "nobody has it open")
            : ok(
                check,
                "nobody that may be seen has it open; "
                    + open.hiddenProcesses()
                    + " processes are hidden from this user"));
  }
}
