/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.luo4j.cli.doctor.Finding.ok;
import static org.luo4j.cli.doctor.Finding.problem;
import static org.luo4j.cli.doctor.Finding.warning;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.luo4j.cli.host.Host;
import org.luo4j.cli.host.Sizes;

/** Memory: huge folios, KHO's scratch, room for the cache, /dev/shm, and what limits it. */
final class MemoryChecks {

  private static final String SHMEM = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
  private static final String SCRATCH = "/sys/kernel/debug/kho/out/scratch_len";
  private static final String SHM = "/dev/shm";
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  /** What container engines give /dev/shm by default. */
  private static final long CONTAINER_SHM = 64 * MIB;

  private MemoryChecks() {}

  static List<Finding> hugeFolios(Doctor.Patient patient) {
    Optional<String> text = patient.host().text(SHMEM);
    String mode = text.map(t -> t.replaceFirst(".*\\[(\\w+)].*", "$1")).orElse("absent");
    return List.of(
        switch (mode) {
          case "advise", "always", "within_size", "force" -> ok("huge folios", mode);
          default ->
              warning(
                  "huge folios",
                  SHMEM + " is " + mode + ": preserve and retrieve take a hundred times longer",
                  text.isEmpty()
                      ? "boot a kernel with CONFIG_TRANSPARENT_HUGEPAGE=y"
                      : "echo advise > " + SHMEM);
        });
  }

  static List<Finding> scratch(Doctor.Patient patient) {
    Host host = patient.host();
    Optional<String> parameter = KernelChecks.lastParameter(host, "kho_scratch");
    String size = "[0-9]+[kKmMgG]?";
    if (parameter.isPresent()
        && !parameter.get().matches("[0-9]+%|" + size + "," + size + "," + size)) {
      return List.of(
          warning(
              "KHO scratch",
              "kho_scratch=" + parameter.get() + " is not understood by the kernel",
              "use kho_scratch=N% of the kernel's own memory, or three sizes: low memory, global,"
                  + " each node, as in kho_scratch=16M,512M,256M"));
    }
    if (!KernelChecks.isOn(host, "kho")) {
      return List.of();
    }
    String asked = parameter.map(p -> ", by kho_scratch=" + p).orElse("");
    OptionalLong bytes = scratchBytes(host);
    if (bytes.isPresent()) {
      return List.of(ok("KHO scratch", Sizes.text(bytes.getAsLong()) + asked));
    }
    return List.of(
        ok(
            "KHO scratch",
            parameter.isPresent()
                ? "kho_scratch=" + parameter.get()
                : "sized by the kernel; " + SCRATCH + " cannot be read"));
  }

  private static OptionalLong scratchBytes(Host host) {
    Optional<String> lengths = host.text(SCRATCH);
    if (lengths.isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(lengths.get().lines().mapToLong(Long::decode).sum());
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  static List<Finding> headroom(Doctor.Patient patient) {
    Host host = patient.host();
    long total = kibibytes(host, "MemTotal");
    // What lies in KHO's scratch is free, and no place for memory that is preserved.
    long available = kibibytes(host, "MemAvailable") - kibibytes(host, "CmaFree");
    String there = Sizes.text(available) + " available of " + Sizes.text(total);
    Wanted wanted = patient.wanted();
    if (wanted.cacheSize() == 0) {
      return List.of(ok("memory", there + "; --cache-size says whether it is enough"));
    }
    String need =
        "a cache of "
            + Sizes.text(wanted.cacheSize())
            + " takes "
            + Sizes.text(wanted.memory())
            + "; "
            + there;
    if (wanted.memory() > available) {
      return List.of(
          problem(
              "memory",
              need,
              "make the cache at most "
                  + Sizes.text(Wanted.largestCache(available))
                  + ", or free "
                  + Sizes.text(wanted.memory() - available)));
    }
    long machine = 2 * wanted.memory() + GIB;
    return List.of(
        total < machine
            ? warning(
                "memory",
                need,
                "give the machine " + Sizes.text(machine) + ": twice what is preserved and 1 GiB")
            : ok("memory", need));
  }

  private static long kibibytes(Host host, String field) {
    String text = host.field("/proc/meminfo", field).orElse("0 kB").replace(" kB", "");
    return text.matches("[0-9]{1,15}") ? Long.parseLong(text) * 1024 : 0;
  }

  static List<Finding> limits(Doctor.Patient patient) {
    Host host = patient.host();
    List<Finding> findings = new ArrayList<>();
    String locked =
        host.field("/proc/self/limits", "Max locked memory").orElse("?").split("\\s+")[0];
    findings.add(
        ok(
            "locked memory",
            (locked.matches("[0-9]{1,18}") ? Sizes.text(Long.parseLong(locked)) : locked)
                + "; what LUO pins does not count against it"));
    findings.add(cgroup(host, patient.wanted()));
    return findings;
  }

  /** The smallest limit on the way from this process's cgroup to the root. */
  private static Finding cgroup(Host host, Wanted wanted) {
    long smallest = Long.MAX_VALUE;
    String where = "";
    for (String file : limitFiles(host)) {
      String text = host.text(file).orElse("max");
      if (text.matches("[0-9]{1,18}") && Long.parseLong(text) < smallest) {
        smallest = Long.parseLong(text);
        where = file;
      }
    }
    if (smallest >= 1L << 60) {
      return ok("cgroup memory", "no limit");
    }
    String found = Sizes.text(smallest) + " in " + where;
    return smallest < wanted.memory()
        ? problem(
            "cgroup memory",
            found + ", the cache takes " + Sizes.text(wanted.memory()),
            "raise the limit to "
                + Sizes.text(wanted.memory())
                + " and what the heap takes: MemoryMax= of the unit, --memory of the container,"
                + " resources.limits.memory of the pod; or: echo max > "
                + where)
        : ok("cgroup memory", found);
  }

  private static List<String> limitFiles(Host host) {
    List<String> files = new ArrayList<>();
    for (String line : host.text("/proc/self/cgroup").orElse("").lines().toList()) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3 && (parts[1].isEmpty() || parts[1].equals("memory"))) {
        boolean v2 = parts[1].isEmpty();
        String root = "/sys/fs/cgroup" + (v2 ? "" : "/memory");
        String path = parts[2];
        while (path.length() > 1) {
          files.add(root + path + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
          path = path.substring(0, path.lastIndexOf('/'));
        }
        // A container sees its own cgroup as the root, which has a limit then.
        files.add(root + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
      }
    }
    return files;
  }

  /** Room for a cache's file on /dev/shm. */
  static List<Finding> sharedMemory(Doctor.Patient patient) {
    Host host = patient.host();
    Wanted wanted = patient.wanted();
    if (!host.has(SHM)) {
      return List.of(
          warning(
              SHM,
              "absent: a cache's file needs another tmpfs",
              "mkdir /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm"));
    }
    Host.Space space = host.space(SHM);
    String there =
        Sizes.text(space.free())
            + " free of "
            + Sizes.text(space.total())
            + "; a cache takes 1.63 times its capacity, 1.51 times with averageEntryBytes 1024";
    if (wanted.cacheSize() == 0) {
      String found = "room for a cache of " + Sizes.text(Wanted.largestCache(space.free()));
      return List.of(
          space.total() > CONTAINER_SHM
              ? ok(SHM, found + ": " + there)
              : warning(SHM, found + ": " + there, larger("SIZE")));
    }
    String found =
        "a cache of "
            + Sizes.text(wanted.cacheSize())
            + " in a file here takes "
            + Sizes.text(wanted.memory())
            + ": "
            + there;
    long size = space.total() - space.free() + wanted.memory();
    return List.of(
        space.free() >= wanted.memory()
            ? ok(SHM, found)
            : warning(SHM, found, larger(size / MIB + 1 + "m")));
  }

  private static String larger(String size) {
    return ("mount -o remount,size=%1$s /dev/shm; in Docker: --shm-size=%1$s, which is 64m by default;"
            + " in Kubernetes: mount an emptyDir with medium: Memory and sizeLimit at /dev/shm")
        .formatted(size);
  }

  static List<Finding> memfds(Doctor.Patient patient) {
    String value = patient.host().text("/proc/sys/vm/memfd_noexec").orElse("0");
    return List.of(
        value.equals("2")
            ? problem(
                "vm.memfd_noexec",
                "2: memfds that are preserved may not be made (EACCES)",
                "sysctl vm.memfd_noexec=0, and the same in /etc/sysctl.d")
            : ok("vm.memfd_noexec", value));
  }
}
