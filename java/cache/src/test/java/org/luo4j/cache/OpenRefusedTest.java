/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.OwnedFile;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;
import org.luo4j.testing.SystemProperties;

/** Opens that are refused, over each bridge and without native code: the reason says what to do. */
class OpenRefusedTest {

  private static final int CAPACITY = 64 << 10;

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private void use(String bridge) {
    if (bridge.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  private static WarmCache.Builder<String, String> builder(Path file, long capacity) {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(capacity)
        .ownerTimeout(Duration.ZERO)
        .file(file);
  }

  private static ChildJvm.Command child(Class<?> main, String bridge) {
    List<Path> classPath = new ArrayList<>(ChildJvm.classPath());
    classPath.add(ChildJvm.location(OpenRefusedTest.class));
    classPath.add(ChildJvm.location(WarmCache.class));
    return ChildJvm.of(main)
        .classPath(classPath)
        .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
        .property(LiveUpdate.BRIDGE_PROPERTY, bridge);
  }

  // ---- a second owner ----

  /** Another process that has the cache, until it is killed. */
  static final class Owner {
    private Owner() {}

    public static void main(String[] arguments) throws IOException {
      try (WarmCache<String, String> cache = builder(Path.of(arguments[0]), CAPACITY).open()) {
        cache.put("key", "value");
        System.out.println(ProcessHandle.current().pid());
        System.in.read();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void anotherProcessThatHasTheCacheIsNamed(String bridge) throws Exception {
    use(bridge);
    Path file = folder.resolve("cache");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    try (ChildJvm owner = child(Owner.class, bridge).start(file.toString())) {
      long pid = Long.parseLong(owner.readLine());
      for (Path name : List.of(file, link)) {
        LuoException.OwnerAlive e =
            assertThrows(LuoException.OwnerAlive.class, () -> builder(name, CAPACITY).open());
        assertEquals(pid, e.pid().orElseThrow());
        assertTrue(e.getMessage().contains("process " + pid), e.getMessage());
        assertTrue(e.getMessage().contains(name.toString()), e.getMessage());
      }
    }
    try (WarmCache<String, String> cache = builder(file, CAPACITY).open()) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  /** A number that another container's process has is not told as one of this process's. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "emulator"})
  void anOwnerInAnotherPidNamespaceHasNoNumberHere(String bridge) throws Exception {
    use(bridge);
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
        "only root can make a namespace");
    Path file = folder.resolve("cache");
    ChildJvm.Command command = child(Owner.class, bridge);
    try (ChildJvm owner =
        command.under("unshare", "-p", "-f", "--kill-child", "--mount-proc").start(file + "")) {
      assertEquals("1", owner.readLine());
      LuoException.OwnerAlive e =
          assertThrows(LuoException.OwnerAlive.class, () -> builder(file, CAPACITY).open());
      assertTrue(e.pid().isEmpty(), e::toString);
      assertTrue(e.getMessage().contains("its owner calls itself process 1"), e.getMessage());
      assertTrue(e.getMessage().contains("another PID namespace"), e.getMessage());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void thisProcessIsNamedToo(String bridge) throws IOException {
    use(bridge);
    Path file = folder.resolve("cache");
    try (WarmCache<String, String> cache = builder(file, CAPACITY).open()) {
      LuoException.OwnerAlive e =
          assertThrows(LuoException.OwnerAlive.class, () -> builder(file, CAPACITY).open());
      assertEquals(ProcessHandle.current().pid(), e.pid().orElse(0));
      assertTrue(e.getMessage().contains("this process itself has it open"), e.getMessage());
      cache.put("key", "value");
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  /** A tool that owns the file is no cache: the process that had the cache once is not named. */
  @ParameterizedTest
  @CsvSource({"true, true", "false, false", "false, true"})
  void whoHadTheCacheBeforeIsNotTheOwner(boolean isClosed, boolean lives) throws Exception {
    Path file = folder.resolve("cache");
    builder(file, CAPACITY).open().close();
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    long pid = lives ? ProcessHandle.current().parent().orElseThrow().pid() : ended.pid();
    try (OwnedFile tool = OwnedFile.open(file, Duration.ZERO);
        MemoryRegion memory = tool.map()) {
      memory.putLong(CacheFormat.STATE_AT, isClosed ? CacheFormat.CLOSED : CacheFormat.OPEN);
      memory.putLong(CacheFormat.OWNER_AT, pid);
      LuoException.OwnerAlive e =
          assertThrows(LuoException.OwnerAlive.class, () -> builder(file, CAPACITY).open());
      boolean isNamed = !isClosed && lives;
      assertEquals(isNamed ? OptionalLong.of(pid) : OptionalLong.empty(), e.pid());
    }
  }

  // ---- no room ----

  /** A child in a mount namespace of its own, with a tmpfs of 1 MiB on the folder. */
  static final class OnFullTmpfs {
    private OnFullTmpfs() {}

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      Path file = folder.resolve("cache");
      try (WarmCache<String, String> small = builder(folder.resolve("small"), CAPACITY).open()) {
        small.put("key", "value");
        long left = folder.toFile().getUsableSpace();
        try {
          builder(file, 8 << 20).open().close();
          System.out.println("opened");
        } catch (NoRoomException e) {
          System.out.println("needed: " + e.needed());
          System.out.println("available: " + (e.available() == left));
          System.out.println("message: " + e.getMessage());
        }
        System.out.println("file: " + Files.exists(file));
        System.out.println("left: " + (left == folder.toFile().getUsableSpace()));
        System.out.println("other: " + small.getIfPresent("key"));
        try (WarmCache<String, String> fits = builder(file, CAPACITY).open()) {
          fits.put("key", "value");
          System.out.println("fits: " + fits.getIfPresent("key"));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aCacheThatHasNoRoomSaysHowMuchItNeeds(String bridge) throws Exception {
    use(bridge);
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "only root can mount");
    ChildJvm.Ended ended =
        child(OnFullTmpfs.class, bridge)
            .under(
                "unshare",
                "-m",
                "sh",
                "-c",
                "mount -t tmpfs -o size=1m none " + folder + " && exec \"$@\"",
                "sh")
            .run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    try (WarmCache<String, String> cache = builder(folder.resolve("large"), 8 << 20).open()) {
      assertEquals(Long.toString(cache.memoryBytes()), ended.answer("needed: "));
    }
    assertEquals("true", ended.answer("available: "));
    String message = ended.answer("message: ");
    for (String part : List.of(folder.resolve("cache").toString(), "make the tmpfs larger")) {
      assertTrue(message.contains(part), part + " is not in: " + message);
    }
    assertEquals("false", ended.answer("file: "));
    assertEquals("true", ended.answer("left: "));
    assertEquals("value", ended.answer("other: "));
    assertEquals("value", ended.answer("fits: "));
    assertFalse(Files.exists(folder.resolve("cache")), "it was not the tmpfs");
  }

  /** A child in a mount namespace of its own, with a tmpfs of 8 MiB on the folder. */
  static final class GivingWay {
    private GivingWay() {}

    /** Opens a cache of so many KiB, writes down its capacity in it, and says what was in it. */
    private static String open(Path file, int capacity, OnRefusal what) throws IOException {
      try (WarmCache<String, String> cache =
          builder(file, (long) capacity << 10).onRefusal(what).open()) {
        String before = cache.getIfPresent("capacity");
        cache.put("capacity", "" + capacity);
        return cache.start().kind() + " " + before;
      } catch (NoRoomException e) {
        return "no room";
      }
    }

    private static void run(String name, Path folder, OnRefusal what, int... capacities)
        throws IOException {
      Path file = folder.resolve(name);
      List<String> said = new ArrayList<>();
      try (Logged log = new Logged(WarmCache.class)) {
        for (int capacity : capacities) {
          int before = log.lines().size();
          said.add(open(file, capacity, what));
          long told =
              log.lines().stream()
                  .skip(before)
                  .filter(line -> line.contains("was deleted to make room"))
                  .count();
          boolean isAside = Files.exists(folder.resolve(name + ".refused"));
          said.set(
              said.size() - 1, said.get(said.size() - 1) + " " + told + (isAside ? " aside" : ""));
        }
      }
      System.out.println(name + ": " + String.join(", ", said));
      Files.delete(file);
      Files.deleteIfExists(folder.resolve(name + ".refused"));
    }

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      run(arguments[1], folder, OnRefusal.valueOf(arguments[2]), capacities(arguments[3]));
    }

    private static int[] capacities(String list) {
      return Stream.of(list.split(",")).mapToInt(Integer::parseInt).toArray();
    }
  }

  private ChildJvm.Command onSmallTmpfs(ChildJvm.Command child) throws IOException {
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "only root can mount");
    return child.under(
        "unshare",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs -o size=8m none " + folder + " && exec \"$@\"",
        "sh");
  }

  private String onSmallTmpfs(String bridge, OnRefusal what, String capacities) throws Exception {
    ChildJvm.Ended ended =
        onSmallTmpfs(
                child(GivingWay.class, bridge)
                    .flags(List.of("-Xmx512m", "-Xmn400m"))) // so that no collection helps
            .run(folder.toString(), "said", what.toString(), capacities);
    assertEquals(0, ended.exit(), ended::toString);
    return ended.answer("said: ");
  }

  /** Memory of 3.3 MiB, 6.1 and 12.2: the last can never fit. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void nothingIsDeletedForACacheThatCannotFit(String bridge) throws Exception {
    use(bridge);
    assertEquals(
        "COLD null 0, COLD null 0, no room 0, WARM_AFTER_RESTART 3750 0",
        onSmallTmpfs(bridge, OnRefusal.REPLACE, "2000,3750,7500,3750"));
    assertEquals(
        "COLD null 0, COLD null 0 aside, no room 0 aside, WARM_AFTER_RESTART 1250 0 aside,"
            + " WARM_AFTER_RESTART 2000 0 aside",
        onSmallTmpfs(bridge, OnRefusal.KEEP, "1250,2000,7500,1250,2000"));
  }

  /** It is free at once, also where a mapping of this process is not gone yet. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void whatIsDeletedMakesRoom(String bridge) throws Exception {
    use(bridge);
    assertEquals(
        "COLD null 0, COLD null 0 aside, COLD null 0 aside, COLD null 1",
        onSmallTmpfs(bridge, OnRefusal.KEEP, "2000,1000,2100,4400"));
    assertEquals(
        "COLD null 0, COLD null 0, COLD null 0, COLD null 0",
        onSmallTmpfs(bridge, OnRefusal.KEEP, "3750,3700,3600,3500"));
  }

  /** A child on a full tmpfs whose warm cache was copied without its holes' blocks. */
  static final class WithHoles {
    private WithHoles() {}

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      Path file = folder.resolve("cache");
      for (int capacity : new int[] {2600, 2000}) {
        GivingWay.open(file, capacity, OnRefusal.KEEP);
      }
      byte[] all = Files.readAllBytes(file);
      Files.delete(file);
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try (RandomAccessFile copy = new RandomAccessFile(file.toFile(), "rw")) {
        copy.setLength(all.length);
        for (int at = 0; at < all.length; at += 4096) {
          if (Arrays.mismatch(all, at, at + 4096, new byte[4096], 0, 4096) >= 0) {
            copy.seek(at);
            copy.write(all, at, 4096);
          }
        }
      }
      Files.write(folder.resolve("filler"), new byte[(int) folder.toFile().getUsableSpace()]);
      try (Logged log = new Logged(WarmCache.class)) {
        System.out.println("opened: " + GivingWay.open(file, 2000, OnRefusal.KEEP));
        System.out.println("told: " + log.lines());
      }
      System.out.println("aside: " + Files.exists(folder.resolve("cache.refused")));
    }
  }

  /** What is set aside gives way for it, as for a new one. */
  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna"})
  void aWarmCacheWithHolesFindsItsRoom(String bridge) throws Exception {
    use(bridge);
    ChildJvm.Ended ended = onSmallTmpfs(child(WithHoles.class, bridge)).run(folder.toString());
    assertEquals(0, ended.exit(), ended::toString);
    assertEquals("WARM_AFTER_RESTART 2000", ended.answer("opened: "));
    assertTrue(ended.answer("told: ").contains("was deleted to make room"), ended.toString());
    assertEquals("false", ended.answer("aside: "));
  }

  /** A child that makes a cache larger than its files may be. */
  static final class OfLimitedSize {
    private OfLimitedSize() {}

    public static void main(String[] arguments) throws IOException {
      Path file = Path.of(arguments[0]);
      for (int i = 0; i < 2; i++) {
        try {
          builder(file, 8 << 20).open().close();
          System.out.println("opened");
        } catch (NoRoomException e) {
          System.out.println("message: " + e.getMessage());
        }
        System.out.println("there: " + Files.exists(file));
        builder(file, CAPACITY).open().close();
      }
      System.out.println("start: " + builder(file, CAPACITY).open().start().kind());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aLimitOfTheSizeOfFilesLeavesNothing(String bridge) throws Exception {
    use(bridge);
    Path file = folder.resolve("cache");
    ChildJvm.Ended ended =
        child(OfLimitedSize.class, bridge)
            .under("sh", "-c", "ulimit -f 2048 && exec \"$@\"", "sh")
            .run(file.toString());
    assertEquals(0, ended.exit(), ended::toString);
    for (String message : ended.linesWith("message: ")) {
      assertTrue(message.contains(file.toString()), message);
      assertTrue(message.contains("ulimit -f"), message);
    }
    assertEquals(List.of("there: false", "there: true"), ended.linesWith("there: "));
    assertEquals(2, ended.linesWith("message: ").size(), ended::toString);
    assertEquals("WARM_AFTER_RESTART", ended.answer("start: "));
  }

  // ---- old memory that cannot be set aside ----

  /** A child that may do no more with files than their modes allow. */
  static final class WithoutRights {
    private WithoutRights() {}

    public static void main(String[] arguments) throws IOException {
      Path file = Path.of(arguments[0]);
      try (Logged log = new Logged(WarmCache.class);
          WarmCache<String, String> cache =
              builder(file, 2 * CAPACITY).onRefusal(OnRefusal.valueOf(arguments[1])).open()) {
        cache.put("key", "value");
        System.out.println("started: " + cache.start().kind() + " " + cache.getIfPresent("key"));
        System.out.println("told: " + log.lines());
      }
    }
  }

  private void assertStarts(Path file, String bridge, String... told) throws Exception {
    for (OnRefusal what : List.of(OnRefusal.KEEP, OnRefusal.REPLACE)) {
      try (WarmCache<String, String> cache =
          builder(file.resolveSibling("made"), CAPACITY).open()) {
        cache.put("key", "old");
      }
      Files.write(file, Files.readAllBytes(file.resolveSibling("made")));
      ChildJvm.Ended ended =
          child(WithoutRights.class, bridge)
              .under("setpriv", "--bounding-set", "-dac_override,-fowner")
              .run(file.toString(), what.toString());
      assertEquals(0, ended.exit(), ended::toString);
      assertEquals("COLD value", ended.answer("started: "));
      for (String part : what == OnRefusal.KEEP ? told : new String[] {"it was written over"}) {
        assertTrue(ended.answer("told: ").contains(part), part + " is not in: " + ended);
      }
      assertEquals(
          what == OnRefusal.KEEP, ended.answer("told: ").contains("written over, as"), "" + ended);
      assertFalse(ended.answer("told: ").contains("discardRefused"), "" + ended);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aFolderThatCannotBeWrittenStopsNoService(String bridge) throws Exception {
    use(bridge);
    assumeTrue(Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "only root");
    Path file = Files.createFile(folder.resolve("cache"));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-x------"));
    assertStarts(
        file, bridge, "written over, as it could not be set aside", "right to rename files in");
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "emulator"})
  void aFileOfAnotherUserInTheWayStopsNoService(String bridge) throws Exception {
    use(bridge);
    assumeTrue(Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "only root");
    Path file = Files.createFile(folder.resolve("cache"));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Path aside = Files.writeString(folder.resolve("cache.refused"), "theirs");
    Files.setAttribute(aside, "unix:uid", 4711);
    Files.setAttribute(folder, "unix:uid", 4712);
    Files.setAttribute(folder, "unix:mode", 01777);
    assertStarts(file, bridge, "written over, as it could not be set aside", "remove " + aside);
    assertEquals("theirs", Files.readString(aside));
    Files.setAttribute(folder, "unix:uid", 0);
  }
}
