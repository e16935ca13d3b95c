/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.BridgeType;
import org.luo4j.cli.doctor.Finding.State;
import org.luo4j.cli.host.Host;

/** Each single thing that is wrong with a host, on a host where nothing else is. */
class DoctorTest {

  @TempDir Path folder;

  /** JUnit warns of links out of its folder. */
  @AfterEach
  void removeLink() throws IOException {
    Files.deleteIfExists(folder.resolve("proc/77/fd/9"));
  }

  /** Changes a good host. */
  @FunctionalInterface
  interface Breakage {
    void on(FakeHost host) throws IOException;
  }

  /** What a change gives: the lines that are not ok then, and words of the only fix. */
  private static Arguments of(State state, String check, String fix, Breakage breakage) {
    return Arguments.of(check, state, fix, breakage);
  }

  private static Stream<Arguments> options() {
    return Stream.of(
            "KEXEC_FILE",
            "KEXEC_HANDOVER",
            "LIVEUPDATE",
            "LIVEUPDATE_MEMFD",
            "MEMFD_CREATE",
            "SHMEM",
            "TRANSPARENT_HUGEPAGE")
        .map(
            option ->
                of(
                    option.startsWith("TRANS") ? State.WARNING : State.PROBLEM,
                    "CONFIG_" + option,
                    "boot a kernel with CONFIG_" + option + "=y",
                    h ->
                        h.zipped(
                            "/proc/config.gz",
                            FakeHost.CONFIG.replace(
                                "CONFIG_" + option + "=y", "# CONFIG_" + option + " is not set"))));
  }

  private static Arguments unit(String name, String value, String fix) {
    return of(
        State.PROBLEM,
        "unit " + name,
        fix + " in [Service], by: systemctl edit my.service",
        h -> h.unit(FakeHost.UNIT.replaceFirst("(?m)^" + name + "=.*", name + "=" + value)));
  }

  static Stream<Arguments> breakages() {
    State problem = State.PROBLEM;
    State warning = State.WARNING;
    String release = "/proc/sys/kernel/osrelease";
    String shmem = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    Stream<Arguments> others =
        Stream.of(
            of(problem, "kernel version", "boot Linux 6.19", h -> h.file(release, "6.18.9-arch1")),
            of(problem, "kernel version", "boot Linux 6.19", h -> h.file(release, "5.20.0")),
            of(problem, "kernel version", "run on Linux", h -> h.remove(release)),
            of(warning, "kernel version", "boot Linux 7.2", h -> h.file(release, "6.19.0")),
            of(warning, "kernel options", "modprobe configs", h -> h.remove("/proc/config.gz")),
            of(
                problem,
                "command line kho",
                "add kho=on to the kernel's command line",
                h -> h.file("/proc/cmdline", "quiet liveupdate=on")),
            of(
                problem,
                "command line kho",
                "grubby --update-kernel=ALL --args=kho=on",
                h -> {
                  h.file("/proc/cmdline", "kho=on liveupdate=1 kho=off");
                  h.file("/usr/sbin/grubby", "");
                }),
            of(
                problem,
                "command line liveupdate",
                "add liveupdate=on to GRUB_CMDLINE_LINUX in /etc/default/grub",
                h -> {
                  h.file("/proc/cmdline", "kho=y xliveupdate=on");
                  h.file("/etc/default/grub", "");
                }),
            of(
                problem,
                "kexec allowed",
                "remove kernel.kexec_load_disabled=1",
                h -> h.file("/proc/sys/kernel/kexec_load_disabled", "1")),
            of(
                warning,
                "kexec program",
                "apt-get install kexec-tools",
                h -> h.remove("/usr/sbin/kexec")),
            of(problem, "/dev/liveupdate", "dmesg | grep", h -> h.remove("/dev/liveupdate")),
            of(
                problem,
                "/dev/liveupdate access",
                "chgrp luo /dev/liveupdate && chmod 0660 /dev/liveupdate",
                h -> h.user(h.ownUid() + 1000, "0000000000000000")),
            of(
                problem,
                "/dev/liveupdate access",
                "run as root",
                h -> h.mode("/dev/liveupdate", "r--------")),
            of(
                warning,
                "/dev/liveupdate free",
                "fuser -v /dev/liveupdate",
                h -> h.link("/proc/77/fd/9", "/dev/liveupdate")),
            of(
                warning,
                "huge folios",
                "echo advise > " + shmem,
                h -> h.file(shmem, "always within_size advise [never] deny force")),
            of(
                warning,
                "huge folios",
                "echo advise > " + shmem,
                h -> h.file(shmem, "always within_size advise never [deny] force")),
            of(
                warning,
                "huge folios",
                "boot a kernel with CONFIG_TRANSPARENT_HUGEPAGE=y",
                h -> h.remove(shmem)),
            of(
                warning,
                "KHO scratch",
                "kho_scratch=16M,512M,256M",
                h -> h.file("/proc/cmdline", "kho=on liveupdate=on kho_scratch=512M")),
            of(
                problem,
                "memory",
                "make the cache at most 36.1 GiB",
                h -> h.wanted = new Wanted(40L << 30, "my.service", null)),
            of(
                warning,
                "memory",
                "give the machine 76.1 GiB",
                h -> h.wanted = new Wanted(23L << 30, "my.service", null)),
            of(
                problem,
                "cgroup memory",
                "raise the limit to 13.1 GiB",
                h -> h.file("/sys/fs/cgroup/system.slice/memory.max", "8589934592")),
            of(
                problem,
                "cgroup memory",
                "echo max > /sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                h -> {
                  h.file("/proc/self/cgroup", "4:memory:/a/b\n0::/");
                  h.file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000");
                }),
            of(
                problem,
                "cgroup memory",
                "--memory of the container",
                h -> {
                  h.file("/proc/self/cgroup", "0::/");
                  h.file("/sys/fs/cgroup/memory.max", "8589934592");
                }),
            of(warning, "/dev/shm", "mount -t tmpfs", h -> h.remove("/dev/shm")),
            of(
                warning,
                "/dev/shm",
                "--shm-size=14397m, which is 64m by default",
                h -> h.sharedMemory = new Host.Space(2L << 30, 1L << 30)),
            of(
                warning,
                "/dev/shm",
                "an emptyDir with medium: Memory",
                h -> {
                  h.wanted = new Wanted(0, "my.service", null);
                  h.sharedMemory = new Host.Space(64 << 20, 64 << 20);
                }),
            of(
                problem,
                "vm.memfd_noexec",
                "sysctl vm.memfd_noexec=0",
                h -> h.file("/proc/sys/vm/memfd_noexec", "2")),
            of(
                warning,
                "systemd",
                "install systemd 261",
                h -> h.answers.put("systemctl --version", "systemd 252 (252.38-1)")),
            of(
                warning,
                "systemd",
                "install systemd 261",
                h -> h.answers.put("systemctl --version", "systemd 260 (260-1)")),
            of(
                warning,
                "systemd",
                "systemctl --version",
                h -> h.answers.remove("systemctl --version")),
            unit("Type", "simple", "set Type=notify"),
            unit("FileDescriptorStoreMax", "0", "set FileDescriptorStoreMax=16"),
            unit("FileDescriptorStorePreserve", "restart", "set FileDescriptorStorePreserve=yes"),
            unit("NotifyAccess", "none", "set NotifyAccess=main"),
            of(
                problem,
                "unit MemoryMax",
                "set MemoryMax= in [Service] to 13.1 GiB",
                h -> h.unit(FakeHost.UNIT.replace("MemoryMax=infinity", "MemoryMax=8589934592"))),
            of(
                problem,
                "unit",
                "systemctl list-unit-files",
                h -> h.unit("LoadState=not-found\nType=simple")),
            of(
                problem,
                "service FDSTORE",
                "set FileDescriptorStoreMax=16",
                h -> h.environment.put("NOTIFY_SOCKET", "/run/systemd/notify")),
            of(warning, "JDK", "--enable-native-access=ALL-UNNAMED", h -> h.feature = 25),
            of(
                problem,
                "luo4j.tmpdir",
                "java -Dluo4j.tmpdir=FOLDER",
                h -> {
                  h.file("/proc/self/mountinfo", "2 1 0:2 / /no rw,noexec - tmpfs t rw");
                  h.properties.put("luo4j.tmpdir", "/no/such");
                }),
            of(
                problem,
                "jna.tmpdir",
                "java -Djna.tmpdir=FOLDER",
                h -> {
                  h.file(
                      "/proc/self/mountinfo",
                      "1 0 0:1 / / rw,noexec - ext4 d rw\n2 1 0:2 / /tmp rw - tmpfs t rw");
                  h.properties.put("jna.tmpdir", "/var/tmp");
                }),
            of(
                problem,
                "luo4j.tmpdir",
                "java -Dluo4j.tmpdir=FOLDER",
                h -> { // what is mounted later covers what is mounted on the same folder
                  h.file(
                      "/proc/self/mountinfo",
                      "2 1 0:2 / /no rw - tmpfs t rw\n3 2 0:3 / /no rw,noexec - tmpfs t rw");
                  h.properties.put("luo4j.tmpdir", "/no/such");
                }),
            of(
                warning,
                "bridge JNI",
                "What a host needs",
                h -> h.brokenBridges.put(BridgeType.JNI, "no library")),
            of(
                warning,
                "bridge JNA",
                "What a host needs",
                h -> h.brokenBridges.put(BridgeType.JNA, "no library")));
    return Stream.concat(options(), others);
  }

  @ParameterizedTest(name = "{index} {0}")
  @MethodSource("breakages")
  void oneThingThatIsWrongIsOneLine(String check, State state, String fix, Breakage breakage)
      throws IOException {
    FakeHost host = new FakeHost(folder);
    breakage.on(host);
    List<Finding> wrong = wrong(host.examine());
    assertEquals(1, wrong.size(), wrong::toString);
    assertEquals(check, wrong.get(0).check());
    assertEquals(state, wrong.get(0).state());
    assertTrue(wrong.get(0).fix().contains(fix), wrong.get(0)::toString);
  }

  private static List<Finding> wrong(List<Finding> findings) {
    return findings.stream().filter(finding -> finding.state() != State.OK).toList();
  }

  @Test
  void aGoodHostHasOnlyLinesThatAreOkAndNoFixes() throws IOException {
    List<Finding> findings = new FakeHost(folder).examine();
    assertEquals(List.of(), wrong(findings));
    assertTrue(findings.stream().allMatch(finding -> finding.fix().isEmpty()));
    Set<String> names = findings.stream().map(Finding::check).collect(Collectors.toSet());
    assertEquals(findings.size(), names.size(), "names of checks are unique");
    assertEquals(33, names.size(), new TreeSet<>(names)::toString);
  }

  @Test
  void eachLineOfAGoodHostButSomeCanGoWrong() throws IOException {
    Set<String> checks =
        new FakeHost(folder).examine().stream().map(Finding::check).collect(Collectors.toSet());
    breakages().map(arguments -> (String) arguments.get()[0]).forEach(checks::remove);
    assertEquals(
        Set.of("/dev/liveupdate answers", "locked memory"), checks, "lines no test has broken");
  }

  @Test
  void aCachesMemoryIsWhatItsLayoutSays() throws IOException {
    FakeHost host = new FakeHost(folder);
    for (long capacity : List.of(64L << 20, 8L << 30)) {
      Wanted wanted = new Wanted(capacity, null, null);
      double factor = (double) wanted.memory() / capacity;
      assertEquals(1.63, factor, 0.005, "of " + capacity);
      long largest = Wanted.largestCache(wanted.memory());
      assertTrue(largest <= capacity && largest > capacity * 0.99, largest + " of " + capacity);
    }
    assertThrows(IllegalArgumentException.class, new Wanted(1, null, null)::memory);
    host.wanted = new Wanted(64 << 20, null, null);
    String found =
        host.examine().stream()
            .filter(finding -> finding.check().equals("/dev/shm"))
            .findFirst()
            .orElseThrow()
            .found();
    assertTrue(found.startsWith("a cache of 64.0 MiB in a file here takes 104.5 MiB: "), found);
  }

  @Test
  void theConfigurationInBootServesToo() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.remove("/proc/config.gz");
    host.file("/boot/config-7.3.4", FakeHost.CONFIG);
    assertEquals(List.of(), wrong(host.examine()));
  }

  @Test
  void kexecHandoverThatIsOnByDefaultNeedsNoParameter() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.file("/proc/cmdline", "liveupdate=on");
    host.zipped("/proc/config.gz", FakeHost.CONFIG + "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n");
    assertEquals(List.of(), wrong(host.examine()));
  }

  @ParameterizedTest
  @CsvSource({
    "on,true",
    "ON,true",
    "Yes,true",
    "t,true",
    "1,true",
    "off,false",
    "0,false",
    "x,false"
  })
  void theCommandLineIsReadAsTheKernelReadsIt(String value, boolean on) throws IOException {
    FakeHost host = new FakeHost(folder);
    host.file("/proc/cmdline", "kho=" + value + " liveupdate=" + value);
    assertEquals(
        on ? List.of() : List.of("command line kho", "command line liveupdate"),
        wrong(host.examine()).stream().map(Finding::check).toList());
  }

  @Test
  void withoutKexecHandoverThereIsNoScratch() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.file("/proc/cmdline", "liveupdate=on kho=off");
    host.remove("/sys/kernel/debug/kho/out/scratch_len");
    List<Finding> findings = host.examine();
    assertEquals(
        List.of("command line kho"), wrong(findings).stream().map(Finding::check).toList());
    assertFalse(findings.stream().anyMatch(finding -> finding.check().equals("KHO scratch")));
  }

  @Test
  void rootOpensWhatItsModeForbids() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.user(host.ownUid() + 1000, "000001ffffffffff");
    assertEquals(List.of(), wrong(host.examine()));
  }

  @Test
  void theGroupOfTheDeviceMayOpenIt() throws IOException {
    FakeHost host = new FakeHost(folder);
    int group = (int) Files.getAttribute(folder, "unix:gid");
    host.user(host.ownUid() + 1000, "0");
    host.file(
        "/proc/self/status",
        "Uid:\t5\t%1$d\t5\t5\nGid:\t5\t5\t5\t5\nGroups:\t7 %2$d\nCapEff:\t0"
            .formatted(host.ownUid() + 1000, group));
    host.mode("/dev/liveupdate", "rw-rw----");
    assertEquals(List.of(), wrong(host.examine()));
  }

  @Test
  void bothBridgesBrokenAreTwoProblems() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.brokenBridges.putAll(Map.of(BridgeType.JNI, "a", BridgeType.JNA, "b"));
    assertEquals(
        List.of(State.PROBLEM, State.PROBLEM),
        wrong(host.examine()).stream().map(Finding::state).toList());
  }

  @Test
  void withoutSystemdAUnitCannotBeLookedAt() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.remove("/run/systemd/system/x");
    host.remove("/run/systemd/system");
    assertEquals(
        List.of("systemd", "unit"), wrong(host.examine()).stream().map(Finding::check).toList());
    host.wanted = new Wanted(0, null, null);
    assertEquals(List.of("systemd"), wrong(host.examine()).stream().map(Finding::check).toList());
  }

  @Test
  void aUnitsFileIsReadAsSystemdReadsIt() throws IOException {
    FakeHost host = new FakeHost(folder);
    Path file = folder.resolve("my.service");
    host.wanted = new Wanted(0, null, file);
    Files.writeString(
        file,
        """
        [Unit]
        Type=idle
        [Service]
        # FileDescriptorStoreMax=0
        Type=simple
        ExecStart=/usr/bin/java \\
            -jar x.jar
        Type = notify
        FileDescriptorStoreMax=4
        FileDescriptorStorePreserve=yes
        MemoryMax=16G
        [Install]
        FileDescriptorStoreMax=0
        """);
    assertEquals(List.of(), wrong(host.examine()));
    Files.writeString(file, "[Service]\nExecStart=/bin/true\n");
    List<Finding> wrong = wrong(host.examine());
    assertEquals(
        List.of(
            "unit Type",
            "unit FileDescriptorStoreMax",
            "unit FileDescriptorStorePreserve",
            "unit NotifyAccess"),
        wrong.stream().map(Finding::check).toList());
    assertTrue(wrong.get(0).fix().endsWith("in [Service], in " + file), wrong.get(0)::toString);
    Files.delete(file);
    assertEquals("unit", wrong(host.examine()).get(0).check());
  }

  @Test
  void aServiceWithAStoreSaysHowLargeItIs() throws IOException {
    FakeHost host = new FakeHost(folder);
    host.environment.putAll(Map.of("NOTIFY_SOCKET", "@x", "FDSTORE", "16"));
    assertEquals(List.of(), wrong(host.examine()));
    assertTrue(host.examine().stream().anyMatch(f -> f.found().startsWith("16 descriptors")));
  }

  @Test
  void nonsenseInEveryFileIsSurvived() throws IOException {
    FakeHost host = new FakeHost(folder);
    List<Path> files = new ArrayList<>();
    try (Stream<Path> all = Files.walk(folder)) {
      all.filter(Files::isRegularFile).forEach(files::add);
    }
    for (String nonsense : List.of("", "\0\1\2\n\n:=[]", "9".repeat(40), "a:b\nUid:\nGroups: x")) {
      for (Path file : files) {
        Files.writeString(file, nonsense);
      }
      host.unit(nonsense);
      host.answers.put("systemctl --version", nonsense);
      assertFalse(host.examine().isEmpty());
    }
  }
}
