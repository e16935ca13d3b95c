/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.problem;
import static org.luo4j.cli.doctor.Finding.warning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.luo4j.cli.host.Host;

/** The kernel: what it is, how it was built, and what it was told when it was booted. */
final class KernelChecks {

  private static final Pattern RELEASE = Pattern.compile("^([0-9]+)\\.([0-9]+).*");
  private static final String BUILD = "scripts/build-kernel.sh builds one that has it";

  /** Without these nothing can be carried over. */
  private static final List<String> NEEDED =
      List.of(
          "KEXEC_FILE",
          "KEXEC_HANDOVER",
          "LIVEUPDATE",
          "LIVEUPDATE_MEMFD",
          "MEMFD_CREATE",
          "SHMEM");

  /** What the kernel takes for true: it looks at no more (kstrtobool). */
  private static final Pattern TRUE = Pattern.compile("[yYtTeE1].*|[oO][nN].*");

  private KernelChecks() {}

  static List<Finding> version(Doctor.Patient patient) {
    String release = patient.host().kernelRelease();
    Matcher matcher = RELEASE.matcher(release);
    if (!matcher.matches()) {
      return List.of(
          problem("kernel version", "no Linux: '" + release + "'", "run on Linux 6.19 or later"));
    }
    int number = Integer.parseInt(matcher.group(1)) * 1000 + Integer.parseInt(matcher.group(2));
    if (number < 6019) {
      return List.of(
          problem(
              "kernel version",
              release + ": LUO came with 6.19",
              "boot Linux 6.19 or later with LUO; " + BUILD));
    }
    return List.of(
        number < 7002
            ? warning(
                "kernel version",
                release + ": seals of a memfd are lost at a kexec before 7.2",
                "boot Linux 7.2 or later, or seal again after each kexec")
            : ok("kernel version", release));
  }

  static List<Finding> options(Doctor.Patient patient) {
    Optional<String> config = config(patient.host());
    if (config.isEmpty()) {
      String file = "/boot/config-" + patient.host().kernelRelease();
      return List.of(
          warning(
              "kernel options",
              "neither /proc/config.gz nor " + file + " can be read",
              "modprobe configs, or install the kernel's configuration as " + file));
    }
    List<Finding> findings = new ArrayList<>();
    for (String option : NEEDED) {
      findings.add(
          isSet(config.get(), option)
              ? ok("CONFIG_" + option, "y")
              : problem(
                  "CONFIG_" + option,
                  "not set in this kernel",
                  "boot a kernel with CONFIG_" + option + "=y; " + BUILD));
    }
    findings.add(
        isSet(config.get(), "TRANSPARENT_HUGEPAGE")
            ? ok("CONFIG_TRANSPARENT_HUGEPAGE", "y")
            : warning(
                "CONFIG_TRANSPARENT_HUGEPAGE",
                "not set in this kernel: preserve and retrieve take a hundred times longer",
                "boot a kernel with CONFIG_TRANSPARENT_HUGEPAGE=y; " + BUILD));
    return findings;
  }

  private static Optional<String> config(Host host) {
    return host.unzipped("/proc/config.gz")
        .or(() -> host.text("/boot/config-" + host.kernelRelease()));
  }

  private static boolean isSet(String config, String option) {
    return config.lines().anyMatch(line -> line.equals("CONFIG_" + option + "=y"));
  }

  static List<Finding> commandLine(Doctor.Patient patient) {
    return List.of(parameter(patient.host(), "kho"), parameter(patient.host(), "liveupdate"));
  }

  /** Whether the kernel was told to have "kho" or "liveupdate", or has it without. */
  static boolean isOn(Host host, String name) {
    return lastParameter(host, name)
        .map(value -> TRUE.matcher(value).matches())
        .orElseGet(
            () ->
                name.equals("kho")
                    && config(host)
                        .filter(c -> isSet(c, "KEXEC_HANDOVER_ENABLE_DEFAULT"))
                        .isPresent());
  }

  private static Finding parameter(Host host, String name) {
    Optional<String> value = lastParameter(host, name);
    String check = "command line " + name;
    if (isOn(host, name)) {
      return ok(check, value.map(v -> name + "=" + v).orElse("on by default in this kernel"));
    }
    return problem(
        check, value.map(v -> name + "=" + v).orElse(name + "=on is missing"), bootFix(host, name));
  }

  /** The kernel takes the last one. */
  static Optional<String> lastParameter(Host host, String name) {
    return Arrays.stream(host.text("/proc/cmdline").orElse("").split("\\s+"))
        .filter(word -> word.startsWith(name + "="))
        .map(word -> word.substring(name.length() + 1))
        .reduce((first, second) -> second);
  }

  private static String bootFix(Host host, String name) {
    if (host.has("/usr/sbin/grubby") || host.has("/sbin/grubby")) {
      return "grubby --update-kernel=ALL --args=" + name + "=on, then reboot";
    }
    if (host.has("/etc/default/grub")) {
      return "add "
          + name
          + "=on to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot";
    }
    return "add " + name + "=on to the kernel's command line in the boot loader, then reboot";
  }

  static List<Finding> kexec(Doctor.Patient patient) {
    Host host = patient.host();
    List<Finding> findings = new ArrayList<>();
    String disabled = host.text("/proc/sys/kernel/kexec_load_disabled").orElse("");
    findings.add(
        disabled.equals("1")
            ? problem(
                "kexec allowed",
                "kernel.kexec_load_disabled=1: it stays until a reboot",
                "remove kernel.kexec_load_disabled=1 from /etc/sysctl.d, then reboot")
            : ok("kexec allowed", "kernel.kexec_load_disabled is not 1"));
    String path = host.variable("PATH").orElse("") + ":/usr/sbin:/sbin:/usr/bin";
    Optional<String> program =
        Arrays.stream(path.split(":"))
            .filter(folder -> folder.startsWith("/"))
            .map(folder -> folder + "/kexec")
            .filter(host::has)
            .findFirst();
    findings.add(
        program.isPresent()
            ? ok("kexec program", program.get())
            : warning(
                "kexec program",
                "none: something else has to load the next kernel",
                "apt-get install kexec-tools, or dnf install kexec-tools"));
    return findings;
  }
}
