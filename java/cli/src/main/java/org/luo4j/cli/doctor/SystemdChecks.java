/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.warning;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.luo4j.cli.host.Host;

/** systemd: whether it runs, and what its version can keep. */
final class SystemdChecks {

  private static final Pattern VERSION = Pattern.compile("(?s)^systemd ([0-9]{1,6}).*");

  /** The first that keeps the descriptor store over a stop of the service. */
  private static final int STORE = 254;

  /** The first that carries it over a kexec. */
  private static final int KEXEC = 261;

  private SystemdChecks() {}

  static boolean isRunning(Host host) {
    return host.has("/run/systemd/system");
  }

  static List<Finding> version(Doctor.Patient patient) {
    Host host = patient.host();
    if (!isRunning(host)) {
      return List.of(
          warning(
              "systemd",
              "does not run here: nothing keeps sessions when the service ends",
              "run luo agent, which keeps them, or have the service hold its sessions until the"
                  + " kexec"));
    }
    Optional<String> text = host.run("systemctl", "--version");
    Matcher matcher = VERSION.matcher(text.orElse(""));
    if (!matcher.matches()) {
      return List.of(
          warning("systemd", "systemctl --version does not say which", "systemctl --version"));
    }
    int version = Integer.parseInt(matcher.group(1));
    if (version < STORE) {
      return List.of(
          warning(
              "systemd",
              version + ": keeps no descriptors, neither over a restart nor over a kexec",
              "install systemd 261 or later, or hold the sessions in a process of your own"));
    }
    return List.of(
        version < KEXEC
            ? warning(
                "systemd",
                version + ": keeps descriptors over a restart, and not over a kexec",
                "install systemd 261 or later, or hold the sessions in a process of your own")
            : ok("systemd", version + ": keeps descriptors over restarts and kexecs"));
  }
}
