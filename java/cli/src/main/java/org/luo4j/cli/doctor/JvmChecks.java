/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.problem;
import static org.luo4j.cli.doctor.Finding.warning;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.luo4j.BridgeType;
import org.luo4j.cli.host.Host;

/** The JVM: its version and flags, where native libraries are unpacked, and the bridges. */
final class JvmChecks {

  private static final String FLAG = "--enable-native-access=";

  private JvmChecks() {}

  static List<Finding> version(Doctor.Patient patient) {
    Jvm jvm = patient.jvm();
    boolean allowed = jvm.arguments().stream().anyMatch(argument -> argument.startsWith(FLAG));
    if (jvm.feature() < 24 || allowed) {
      return List.of(ok("JDK", jvm.feature() + (allowed ? " with " + FLAG.strip() + "..." : "")));
    }
    return List.of(
        warning(
            "JDK",
            jvm.feature() + " without " + FLAG + "...: it warns of native access, or denies it",
            "java "
                + FLAG
                + "ALL-UNNAMED on the class path, "
                + FLAG
                + "org.luo4j,com.sun.jna on the module path"));
  }

  /** The libraries of both bridges are unpacked to a folder, and mapped from there to be run. */
  static List<Finding> temporaryFolders(Doctor.Patient patient) {
    Map<String, String> properties = patient.jvm().properties();
    String common = properties.getOrDefault("java.io.tmpdir", "/tmp");
    List<Finding> findings = new ArrayList<>();
    for (String property : List.of("luo4j.tmpdir", "jna.tmpdir")) {
      String folder = properties.getOrDefault(property, common);
      String options = mountOptions(patient.host(), Path.of(folder).toAbsolutePath().normalize());
      findings.add(
          List.of(options.split(",")).contains("noexec")
              ? problem(
                  property,
                  folder + " is mounted noexec: its library cannot be loaded",
                  "java -D" + property + "=FOLDER, one that is not mounted noexec")
              : ok(property, folder));
    }
    return findings;
  }

  /** The options of the mount that a folder is in: the last of those with the longest path. */
  private static String mountOptions(Host host, Path folder) {
    int longest = -1;
    String options = "";
    for (String line : host.text("/proc/self/mountinfo").orElse("").lines().toList()) {
      String[] fields = line.split(" ");
      if (fields.length < 6) {
        continue;
      }
      Path mount = Path.of(fields[4].replace("\\040", " "));
      if (folder.startsWith(mount) && mount.getNameCount() >= longest) {
        longest = mount.getNameCount();
        options = fields[5];
      }
    }
    return options;
  }

  static List<Finding> bridges(Doctor.Patient patient) {
    Jvm.Attempts attempts = patient.jvm().attempts();
    String jni = attempt(attempts, BridgeType.JNI);
    String jna = attempt(attempts, BridgeType.JNA);
    return List.of(
        bridge("bridge JNI", jni, jna == null, "JNA serves instead"),
        bridge("bridge JNA", jna, jni == null, "JNI serves"));
  }

  /** Null, or why it does not work. */
  private static @Nullable String attempt(Jvm.Attempts attempts, BridgeType type) {
    try {
      attempts.bridge(type);
      return null;
    } catch (RuntimeException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static Finding bridge(
      String check, @Nullable String failure, boolean otherWorks, String meanwhile) {
    if (failure == null) {
      return ok(check, "loaded, self-test passed");
    }
    String fix = "see the lines above, and \"What a host needs\" in README.md";
    return otherWorks
        ? warning(check, failure + "; " + meanwhile, fix)
        : problem(check, failure, fix);
  }
}
