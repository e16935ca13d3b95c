/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.luo4j.BridgeType;
import org.luo4j.cli.host.Host;

/** A host in a folder on which all is as it should be, until a test changes it. */
final class FakeHost implements Jvm.Attempts {

  static final String CONFIG =
      """
      CONFIG_KEXEC_FILE=y
      CONFIG_KEXEC_HANDOVER=y
      CONFIG_LIVEUPDATE=y
      CONFIG_LIVEUPDATE_MEMFD=y
      CONFIG_MEMFD_CREATE=y
      CONFIG_SHMEM=y
      CONFIG_TRANSPARENT_HUGEPAGE=y
      """;

  static final String UNIT =
      """
      LoadState=loaded
      Type=notify
      FileDescriptorStoreMax=16
      FileDescriptorStorePreserve=yes
      NotifyAccess=main
      MemoryMax=infinity
      """;

  final Path root;
  final Map<String, String> environment = new HashMap<>();
  final Map<String, String> answers = new HashMap<>();
  final Map<String, String> properties = new TreeMap<>();
  final Map<BridgeType, String> brokenBridges = new HashMap<>();
  final List<String> arguments = new ArrayList<>();
  int feature = 17;
  Wanted wanted = new Wanted(8L << 30, "my.service", null);
  Host.Space sharedMemory = new Host.Space(128L << 30, 127L << 30);
  RuntimeException kernelRefuses;

  FakeHost(Path root) throws IOException {
    this.root = root;
    file("/proc/sys/kernel/osrelease", "7.3.4");
    file("/proc/sys/kernel/kexec_load_disabled", "0");
    file("/proc/sys/vm/memfd_noexec", "0");
    file("/proc/cmdline", "quiet kho=on liveupdate=on");
    zipped("/proc/config.gz", CONFIG);
    file("/proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 62914560 kB\nCmaFree: 1048576 kB");
    file("/proc/self/limits", "Max locked memory         8388608              8388608     bytes");
    file("/proc/self/cgroup", "0::/system.slice/my.service");
    file(
        "/proc/self/mountinfo",
        "1 0 0:1 / / rw - ext4 d rw\n2 1 0:2 / /tmp rw,nosuid - tmpfs t rw");
    user(ownUid(), "0000000000000000");
    file("/sys/fs/cgroup/system.slice/my.service/memory.max", "max");
    file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size [advise] never");
    file("/sys/kernel/debug/kho/out/scratch_len", "0x1000000\n0x20000000");
    file("/dev/liveupdate", "");
    mode("/dev/liveupdate", "rw-------");
    Files.createDirectories(root.resolve("dev/shm"));
    file("/usr/sbin/kexec", "");
    file("/run/systemd/system/x", "");
    file("/proc/77/comm", "agent");
    link("/proc/77/fd/4", "pipe:[1]");
    answers.put("systemctl --version", "systemd 262 (262.1-1)\n+PAM");
    unit(UNIT);
    properties.put("java.io.tmpdir", "/tmp");
  }

  void unit(String text) {
    answers.put(
        "systemctl show --property=LoadState,Type,FileDescriptorStoreMax,"
            + "FileDescriptorStorePreserve,NotifyAccess,MemoryMax -- my.service",
        text);
  }

  int ownUid() throws IOException {
    return (int) Files.getAttribute(root, "unix:uid");
  }

  void user(int uid, String capabilities) {
    file(
        "/proc/self/status",
        "Name:\tjava\nUid:\t%1$d\t%1$d\t%1$d\t%1$d\nGid:\t%1$d\t%1$d\nGroups:\t%1$d\nCapEff:\t%2$s"
            .formatted(uid, capabilities));
  }

  private Path made(String path) throws IOException {
    Path file = root.resolve(path.substring(1));
    Files.createDirectories(file.getParent());
    return file;
  }

  void file(String path, String text) {
    try {
      Files.writeString(made(path), text + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void zipped(String path, String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream zip = new GZIPOutputStream(bytes)) {
      zip.write(text.getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    try {
      Files.write(made(path), bytes.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void mode(String path, String mode) {
    try {
      Files.setPosixFilePermissions(made(path), PosixFilePermissions.fromString(mode));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void link(String path, String target) {
    try {
      Files.createSymbolicLink(made(path), Path.of(target));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void remove(String path) {
    try {
      Files.delete(root.resolve(path.substring(1)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String bridge(BridgeType type) {
    if (brokenBridges.containsKey(type)) {
      throw new IllegalStateException(brokenBridges.get(type));
    }
    return "" + type;
  }

  @Override
  public String kernel() {
    if (kernelRefuses != null) {
      throw kernelRefuses;
    }
    return "KERNEL through the bridge JNI";
  }

  List<Finding> examine() {
    Host host =
        new Host(
            root,
            environment,
            command -> Optional.ofNullable(answers.get(String.join(" ", command))),
            path -> path.endsWith("dev/shm") ? sharedMemory : new Host.Space(0, 0));
    return Doctor.examine(host, new Jvm(feature, arguments, properties, this), wanted);
  }
}
