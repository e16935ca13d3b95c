/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the machine and its cgroups leave, read from made-up files. */
class RoomTest {

  private static final int KIB = 1024;

  @TempDir Path folder;

  private Room room;

  @BeforeEach
  void open() {
    room = room(0);
  }

  private Room room(long spare) {
    return new Room(folder.resolve("proc"), folder.resolve("cgroup"), spare);
  }

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file).normalize();
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  /** A cgroup of version 2. */
  private void cgroup(String path, String max, long current, long inactiveFile) throws IOException {
    write("cgroup" + path + "/memory.max", max + "\n");
    write("cgroup" + path + "/memory.current", current + "\n");
    write(
        "cgroup" + path + "/memory.stat",
        "anon 1\nfile 900000\ninactive_file " + inactiveFile + "\nactive_file 7\n");
  }

  private void cgroupV1(String path, String limit, long usage, long inactiveFile)
      throws IOException {
    write("cgroup/memory" + path + "/memory.limit_in_bytes", limit + "\n");
    write("cgroup/memory" + path + "/memory.usage_in_bytes", usage + "\n");
    write(
        "cgroup/memory" + path + "/memory.stat",
        "inactive_file 3\ntotal_inactive_file " + inactiveFile + "\n");
  }

  private NoRoomException refused(long bytes) {
    return assertThrows(NoRoomException.class, () -> room.checkMemory("what is made", bytes));
  }

  // ---- the machine ----

  @Test
  void theMachineHasWhatIsAvailableAndSwap() throws IOException {
    write(
        "proc/meminfo",
        """
        MemTotal:       99999999 kB
        MemFree:             100 kB
        MemAvailable:       1000 kB
        SwapCached:            0 kB
        SwapTotal:          5000 kB
        SwapFree:             24 kB
        """);
    room.checkMemory("what is made", 1024 * KIB);
    NoRoomException e = refused(1024 * KIB + 1);
    assertEquals(1024 * KIB + 1, e.needed());
    assertEquals(1024 * KIB, e.available());
    assertEquals(
        "what is made needs 1048577 more bytes, this machine's memory has 1048576 left: make the"
            + " memory smaller, or end what else takes memory",
        e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "MemFree: 1 kB\nSwapFree: 1 kB\n",
        "MemAvailable: kB\n",
        "MemAvailable: 99999999999999999999 kB\n",
        "\n\n: \0",
      })
  void whatCannotBeReadDoesNotLimit(String meminfo) throws IOException {
    room.checkMemory("no /proc", Long.MAX_VALUE);
    write("proc/meminfo", meminfo);
    room.checkMemory("odd /proc/meminfo", Long.MAX_VALUE);
  }

  @Test
  void whatIsGivenBackBeforeCounts() throws IOException {
    write("proc/meminfo", "MemAvailable: 2 kB\n");
    write("proc/self/cgroup", "0::/\n");
    cgroup("", "" + 3 * KIB, 2 * KIB, 0);
    room.checkMemory("what is made", 3 * KIB, 2 * KIB);
    for (long freed : new long[] {0, KIB, 2 * KIB - 1}) { // the machine's, the cgroup's
      NoRoomException e =
          assertThrows(
              NoRoomException.class, () -> room.checkMemory("what is made", 3 * KIB, freed));
      assertEquals(3 * KIB, e.needed());
      assertEquals(freed == 0 ? 2 * KIB : KIB, e.available());
    }
  }

  @Test
  void theSoftLimitOfAFilesSizeCounts() throws IOException {
    String limits = "Limit  Soft Limit  Hard Limit  Units\nMax file size   %s    9999   bytes\n";
    room.checkFileSize("no /proc", Long.MAX_VALUE, 0);
    write("proc/self/limits", String.format(limits, "unlimited"));
    room.checkFileSize("a file", Long.MAX_VALUE, 0);
    write("proc/self/limits", String.format(limits, "1000"));
    room.checkFileSize("a file", 1000, 0);
    room.checkFileSize("a file that is larger already", 2000, 2000);
    NoRoomException none =
        assertThrows(NoRoomException.class, () -> room.checkFileSize("a file", 2001, 2000));
    assertEquals(1, none.needed());
    assertEquals(0, none.available());
    NoRoomException e =
        assertThrows(NoRoomException.class, () -> room.checkFileSize("a file", 1001, 10));
    assertEquals(991, e.needed());
    assertEquals(990, e.available());
    assertEquals(
        "a file needs 991 more bytes, this process's limit of the size of a file (ulimit -f,"
            + " RLIMIT_FSIZE) has 990 left: make the memory smaller, or raise the limit (ulimit -f"
            + " unlimited, LimitFSIZE= of the unit, --ulimit fsize= of the container)",
        e.getMessage());
  }

  @Test
  void swapThatCannotBeReadIsNone() throws IOException {
    write("proc/meminfo", "MemAvailable: 2 kB\nSwapFree: ? kB\n");
    assertEquals(2 * KIB, refused(2 * KIB + 1).available());
  }

  // ---- cgroups ----

  @Test
  void withoutCgroupsThereIsNoLimit() throws IOException {
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
    write("proc/self/cgroup", "odd\n\n0::\n1:memory\n:\n");
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
  }

  @Test
  void aLimitLeavesWhatIsNotUsedAndWhatCanBeReclaimed() throws IOException {
    write("proc/self/cgroup", "0::/app\n");
    cgroup("/app", "1000000", 600000, 100000);
    assertEquals(OptionalLong.of(500000), room.cgroupBytes());
    room.checkMemory("what is made", 500000);
    NoRoomException e = refused(500001);
    assertEquals(500001, e.needed());
    assertEquals(500000, e.available());
    assertTrue(e.getMessage().contains("this process's cgroup has 500000 left"), e.getMessage());
    assertTrue(e.getMessage().contains("memory.max"), e.getMessage());
    assertTrue(e.getMessage().contains("MemoryMax="), e.getMessage());
  }

  @Test
  void aPartOfTheLimitIsLeftToTheJvm() throws IOException {
    write("proc/self/cgroup", "0::/app\n");
    cgroup("/app", "100000000", 0, 0);
    room = room(32 << 20);
    room.checkMemory("what is made", 100_000_000 - (32 << 20));
    NoRoomException e = refused(100_000_001 - (32 << 20));
    assertEquals(100_000_000 - (32 << 20), e.available());
    assertTrue(e.getMessage().contains("; 32 MiB of it are left to the JVM"), e.getMessage());
    cgroup("/app", "100000000", 90_000_000, 0);
    assertEquals(0, refused(1).available());
    room.checkMemory("nothing more", 0);
  }

  @Test
  void theTightestOnTheWayUpCounts() throws IOException {
    write("proc/self/cgroup", "0::/a/b/c\n");
    cgroup("/a/b/c", "max", 500, 0);
    cgroup("/a/b", "1000", 500, 0);
    cgroup("/a", "1000", 900, 0);
    cgroup("/other", "1", 1, 0);
    assertEquals(OptionalLong.of(100), room.cgroupBytes());
    cgroup("/a/b", "1000", 950, 0);
    assertEquals(OptionalLong.of(50), room.cgroupBytes());
    cgroup("", "1000", 990, 0);
    assertEquals(OptionalLong.of(10), room.cgroupBytes());
    cgroup("/a", "1000", 2000, 0);
    assertEquals(OptionalLong.of(0), room.cgroupBytes());
  }

  @Test
  void maxIsNoLimit() throws IOException {
    write("proc/self/cgroup", "0::/app\n");
    cgroup("/app", "max", 600000, 100000);
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
    cgroup("/app", "9223372036854771712", 600000, 100000);
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
    cgroup("/app", "", 600000, 100000);
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
  }

  @Test
  void aLimitWithoutItsUsageIsNone() throws IOException {
    write("proc/self/cgroup", "0::/app\n");
    write("cgroup/app/memory.max", "1000\n");
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
    write("cgroup/app/memory.current", "400\n");
    assertEquals(OptionalLong.of(600), room.cgroupBytes());
    write("cgroup/app/memory.stat", "inactive_file ?\n");
    assertEquals(OptionalLong.of(600), room.cgroupBytes());
  }

  /** Docker mounts the container's own cgroup as the root, and may show the host's path to it. */
  @Test
  void aContainerSeesItsCgroupAsTheRoot() throws IOException {
    write("proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    cgroup("", "1000", 300, 0);
    assertEquals(OptionalLong.of(700), room.cgroupBytes());
  }

  /** In a cgroup namespace that the process was moved out of. */
  @Test
  void nothingAboveTheRootIsRead() throws IOException {
    write("proc/self/cgroup", "0::/../outside\n");
    cgroup("/../outside", "1000", 999, 0);
    cgroup("/..", "1000", 999, 0);
    assertEquals(OptionalLong.empty(), room.cgroupBytes());
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "cpu,memory", "memory,hugetlb"})
  void version1HasAHierarchyForMemory(String controllers) throws IOException {
    write(
        "proc/self/cgroup", "7:cpuset:/small\n4:" + controllers + ":/app/leaf\n1:name=systemd:/\n");
    cgroupV1("/small", "1", 1, 0);
    cgroupV1("", "9223372036854771712", 5_000_000, 0);
    cgroupV1("/app", "1000", 800, 50);
    cgroupV1("/app/leaf", "1000", 700, 0);
    cgroup("/app/leaf", "1", 1, 0);
    assertEquals(OptionalLong.of(250), room.cgroupBytes());
  }

  @Test
  void ofBothVersionsTheTighterCounts() throws IOException {
    write("proc/self/cgroup", "4:memory:/one\n0::/two\n");
    cgroupV1("/one", "1000", 0, 0);
    cgroup("/two", "500", 0, 0);
    assertEquals(OptionalLong.of(500), room.cgroupBytes());
    cgroup("/two", "5000", 0, 0);
    assertEquals(OptionalLong.of(1000), room.cgroupBytes());
  }

  @Test
  void anInterruptedThreadReadsItToo() throws IOException {
    write("proc/self/cgroup", "0::/app\n");
    cgroup("/app", "1000", 600, 0);
    Thread.currentThread().interrupt();
    assertEquals(OptionalLong.of(400), room.cgroupBytes());
    assertTrue(Thread.interrupted(), "the flag is lost");
  }

  // ---- file systems ----

  @Test
  void theMountTellsWhetherFilesLieInMemory() throws IOException {
    write(
        "proc/self/mountinfo",
        """
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
        25 22 0:25 / /dev/shm rw,nosuid shared:2 master:1 - tmpfs tmpfs rw,size=1024k
        26 22 0:2 / /tmpfs rw - ext4 /dev/tmpfs rw
        27 22 0:6 / /dev rw - devtmpfs udev rw
        28 22 0:7 / /ram\\040disk rw - ramfs none rw
        29 22 0:8 / /0:9 rw - xfs /dev/sdb rw
        odd
         - tmpfs 0:9 rw
        """);
    assertTrue(room.isMemory(0, 25));
    assertTrue(room.isMemory(0, 6));
    assertTrue(room.isMemory(0, 7));
    assertFalse(room.isMemory(254, 0));
    assertFalse(room.isMemory(0, 2));
    assertFalse(room.isMemory(0, 8));
    assertFalse(room.isMemory(0, 9), "not mounted");
    assertFalse(room.isMemory(25, 0));
  }

  @Test
  void withoutMountinfoNoFileIsSaidToLieInMemory() {
    assertFalse(room.isMemory(0, 25));
  }

  // ---- this machine ----

  @Test
  void noMachineHasAllMemory() throws IOException {
    MemFd.checkRoom("what is made", 0);
    MemFd.checkRoom("what is made", Long.MAX_VALUE, Long.MAX_VALUE);
    NoRoomException e =
        assertThrows(NoRoomException.class, () -> MemFd.checkRoom("what is made", Long.MAX_VALUE));
    assertTrue(e.available() > 0, e.getMessage());
  }
}
