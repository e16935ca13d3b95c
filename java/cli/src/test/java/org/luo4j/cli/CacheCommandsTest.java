/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;
import picocli.CommandLine;

/** luo cache, on files and on the emulator's sessions. */
class CacheCommandsTest {

  private static final int ENTRIES = 5000;

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("cache");
  }

  private Path dump() {
    return folder.resolve("cache.dump");
  }

  private static WarmCache.Builder<String, byte[]> builder() {
    return WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(4 << 20);
  }

  private static void fill(WarmCache<String, byte[]> cache) {
    Random random = new Random(1);
    for (int i = 0; i < ENTRIES; i++) {
      byte[] value = new byte[random.nextInt(400)];
      random.nextBytes(value);
      if (i % 3 == 0) {
        cache.put("key " + i, value);
      } else {
        cache.put("key " + i, value, Duration.ofMinutes(10 + i));
      }
    }
    cache.put("", new byte[0]);
    cache.put("k".repeat(300), new byte[200_000]);
  }

  private void filled() throws IOException {
    try (WarmCache<String, byte[]> cache = builder().file(file()).open()) {
      fill(cache);
    }
  }

  private static Map<String, String> contents(WarmCache<byte[], byte[]> cache) {
    Map<String, String> found = new TreeMap<>();
    cache.visit(
        (key, value, expires) ->
            found.put(Arrays.toString(key), Arrays.hashCode(value) + " until " + expires),
        (done, total) -> {});
    return found;
  }

  private static Map<String, String> contents(Path file) throws IOException {
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file)) {
      return contents(cache);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static void assertRun(int exit, Run run) {
    assertEquals(exit, run.exit(), run::toString);
  }

  /** Of a dump that is not written whole nothing is left, whatever ended it. */
  @Test
  void aDumpThatFailsLeavesNothing() throws IOException {
    for (boolean isThere : new boolean[] {false, true}) {
      if (isThere) {
        Files.writeString(dump(), "the dump before");
      }
      List<String> before = names();
      for (Throwable thrown :
          List.of(
              new IOException("thrown"),
              new IllegalStateException("thrown"),
              new OutOfMemoryError("thrown"),
              new StackOverflowError("thrown"))) {
        Throwable told =
            assertThrows(
                Throwable.class,
                () ->
                    CacheDump.writeFile(
                        dump(),
                        out -> {
                          out.write(new byte[100]);
                          throw CacheCommandsTest.<RuntimeException>sneaky(thrown);
                        }));
        assertSame(thrown, told);
        assertEquals(before, names());
      }
    }
    assertEquals("the dump before", Files.readString(dump()));
  }

  private static <T extends Throwable> T sneaky(Throwable thrown) throws T {
    @SuppressWarnings("unchecked")
    T unchecked = (T) thrown;
    throw unchecked;
  }

  @Test
  void statReadsAFileAndChangesNothing() throws IOException {
    try (WarmCache<String, byte[]> cache = builder().file(file()).open()) {
      cache.put("a", new byte[1]);
      Run open = Run.luo("cache", "stat", file());
      String owner = "start          open in process " + ProcessHandle.current().pid() + "\n";
      assertTrue(open.out().endsWith(owner), open.out());
    }
    byte[] before = Files.readAllBytes(file());
    Run closed = Run.luo("cache", "stat", file());
    assertTrue(closed.out().contains("capacity       4,194,304 bytes, 4.0 MiB"), closed.out());
    assertTrue(closed.out().contains("key codec      utf-8"), closed.out());
    assertTrue(closed.out().contains("value codec    bytes"), closed.out());
    assertTrue(closed.out().contains("entries        1\n"), closed.out());
    assertTrue(closed.out().contains("WARM_AFTER_RESTART"), closed.out());
    assertArrayEquals(before, Files.readAllBytes(file()));
  }

  @Test
  void verifySaysWhetherAllIsWholeAndRemovesNothingUnlessTold() throws IOException {
    filled();
    Run whole = Run.luo("cache", "verify", file());
    assertRun(0, whole);
    assertTrue(whole.out().contains("whole    5,002 entries"), whole.out());
    byte[] bytes = Files.readAllBytes(file());
    bytes[bytes.length / 3] ^= 1;
    bytes[bytes.length / 4] ^= 1;
    Files.write(file(), bytes);
    for (int i = 0; i < 2; i++) {
      Run damaged = Run.luo("cache", "verify", file());
      assertRun(1, damaged);
      assertTrue(damaged.out().contains("left as they are"), damaged.out());
    }
    Run dumped = Run.luo("cache", "dump", file(), "--to", dump());
    assertRun(1, dumped);
    assertTrue(dumped.err().contains("damaged ones left out"), dumped.err());
    assertRun(1, Run.luo("cache", "verify", "--repair", file()));
    assertRun(0, Run.luo("cache", "verify", file()));
    assertRun(0, Run.luo("cache", "load", file(), "--from", dump()));
  }

  @Test
  void aDumpThatIsLoadedIsTheSameCache() throws IOException {
    filled();
    assertRun(0, Run.luo("cache", "dump", file(), "--to", dump()));
    assertEquals("[OWNER_READ, OWNER_WRITE]", sorted(Files.getPosixFilePermissions(dump())));
    Path copy = folder.resolve("copy");
    Run loaded = Run.luo("cache", "load", copy, "--from", dump());
    assertRun(0, loaded);
    assertTrue(loaded.err().contains("5,002 entries loaded, 0 had expired"), loaded.err());
    assertEquals(contents(file()), contents(copy));
    try (WarmCache<String, byte[]> cache = builder().file(copy).open()) {
      assertTrue(cache.start().isWarm());
      assertEquals(200_000, cache.getIfPresent("k".repeat(300)).length);
    }
    assertEquals(List.of("cache", "cache.dump", "copy"), names());
  }

  private static String sorted(java.util.Set<?> set) {
    return set.stream().map(Object::toString).sorted().toList().toString();
  }

  @Test
  void loadingIntoACacheReplacesItsValuesAndKeepsTheRest() throws IOException {
    filled();
    Run.luo("cache", "dump", file(), "--to", dump());
    Path other = folder.resolve("other");
    try (WarmCache<String, byte[]> cache = builder().file(other).open()) {
      cache.put("key 1", new byte[1]);
      cache.put("mine", new byte[2]);
    }
    assertRun(0, Run.luo("cache", "load", other, "--from", dump()));
    try (WarmCache<String, byte[]> cache = builder().file(other).open();
        WarmCache<String, byte[]> from = builder().file(file()).open()) {
      assertArrayEquals(from.getIfPresent("key 1"), cache.getIfPresent("key 1"));
      assertEquals(2, cache.getIfPresent("mine").length);
      assertEquals(ENTRIES + 3, cache.size());
    }
  }

  @Test
  void anotherCapacityAndWhatItEvicts() throws IOException {
    filled();
    Run.luo("cache", "dump", file(), "--to", dump());
    Path large = folder.resolve("large");
    assertRun(0, Run.luo("cache", "load", large, "--from", dump(), "--capacity", "8m"));
    assertEquals(contents(file()), contents(large));
    assertRun(2, Run.luo("cache", "load", large, "--from", dump(), "--capacity", "8m"));
    Path small = folder.resolve("small");
    Run run = Run.luo("cache", "load", small, "--from", dump(), "--capacity", "64k");
    assertRun(2, run);
    assertTrue(run.err().contains("an eighth of the capacity"), run.err());
    assertFalse(Files.exists(small));
  }

  /** It would be taken back, and be deleted with a new cache whose dump is cut off. */
  @Test
  void aNewCacheIsNotLoadedBesideOneThatIsSetAside() throws IOException {
    filled();
    assertRun(0, Run.luo("cache", "dump", file(), "--to", dump()));
    Path refused = folder.resolve("new.refused");
    Files.move(file(), refused);
    Run load = Run.luo("cache", "load", folder.resolve("new"), "--from", dump());
    assertRun(2, load);
    assertTrue(load.err().contains(refused + " is, which was set aside"), load.err());
    assertEquals(List.of("cache.dump", "new.refused"), names());
  }

  /** Neither the cache itself nor another one, by a link either: it would be lost. */
  @Test
  void aCacheIsNotDumpedOverACache() throws IOException {
    filled();
    Path other = folder.resolve("other");
    Path link = folder.resolve("link");
    try (WarmCache<String, byte[]> cache = builder().file(other).open()) {
      cache.put("key", new byte[1]);
    }
    Files.createSymbolicLink(link, other);
    Map<String, String> before = contents(file());
    for (Path to : List.of(file(), other, link)) {
      Run refused = Run.luo("cache", "dump", file(), "--to", to);
      assertRun(2, refused);
      assertTrue(refused.err().contains("--to '" + to + "' is a cache"), refused.err());
    }
    assertEquals(before, contents(file()));
    assertEquals(1, contents(other).size());
  }

  /** What is no ordinary file stays what it is, and a link leads to what is written. */
  @Test
  void aDumpGoesWhereALinkLeadsAndIntoAFifo() throws Exception {
    filled();
    Path link = folder.resolve("link");
    Files.createFile(dump());
    Files.createSymbolicLink(link, dump());
    assertRun(0, Run.luo("cache", "dump", file(), "--to", link));
    assertTrue(Files.isSymbolicLink(link));
    byte[] written = Files.readAllBytes(dump());
    Path fifo = folder.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    FutureTask<byte[]> read = new FutureTask<>(() -> Files.readAllBytes(fifo));
    new Thread(read, "reads").start();
    assertRun(0, Run.luo("cache", "dump", file(), "--to", fifo));
    assertArrayEquals(written, read.get(1, TimeUnit.MINUTES));
    assertFalse(Files.isRegularFile(fifo));
  }

  @Test
  void aDumpSaysHowManyHadExpired() throws IOException {
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(4 << 20).file(file()).open()) {
      cache.put("stays", new byte[1]);
      cache.put("expires", new byte[1], Duration.ofMillis(1));
      while (cache.getIfPresent("expires") != null) {
        Thread.onSpinWait(); // for 64 ms at most: the steps in which expiry is kept
      }
    }
    Run run = Run.luo("cache", "dump", file(), "--to", dump());
    assertRun(0, run);
    assertTrue(run.err().contains("1 entries dumped, 1 expired ones left out"), run.err());
  }

  @Test
  void otherCodecsAreRefusedAndNothingIsChanged() throws IOException {
    filled();
    Run.luo("cache", "dump", file(), "--to", dump());
    Path other = folder.resolve("other");
    try (WarmCache<Long, byte[]> cache =
        WarmCache.builder(Codec.LONG, Codec.BYTES).capacity(4 << 20).file(other).open()) {
      cache.put(1L, new byte[1]);
    }
    Map<String, String> before = contents(other);
    Run run = Run.luo("cache", "load", other, "--from", dump());
    assertRun(2, run);
    assertTrue(run.err().contains("i64 and bytes, the dump utf-8 and bytes: load into"), run.err());
    assertEquals(before, contents(other));
  }

  @Test
  void ofADamagedDumpNothingIsLoadedAndNoCacheIsMade() throws IOException {
    filled();
    Run.luo("cache", "dump", file(), "--to", dump());
    byte[] bytes = Files.readAllBytes(dump());
    bytes[bytes.length - 40] ^= 1;
    Files.write(dump(), bytes);
    Path copy = folder.resolve("copy");
    Run run = Run.luo("cache", "load", copy, "--from", dump());
    assertRun(2, run);
    assertTrue(run.err().contains("damaged at record 5002"), run.err());
    assertFalse(Files.exists(copy));
    InputStream stdin = System.in;
    try {
      System.setIn(new ByteArrayInputStream(bytes));
      assertRun(2, Run.luo("cache", "load", copy, "--from", "-"));
    } finally {
      System.setIn(stdin);
    }
    assertFalse(Files.exists(copy));
  }

  @Test
  void aCacheThatIsOpenIsLeftToItsOwner() throws IOException {
    try (WarmCache<String, byte[]> cache = builder().file(file()).open()) {
      for (List<Object> arguments :
          List.<List<Object>>of(
              List.of("cache", "verify", file()),
              List.of("cache", "dump", file(), "--to", dump()))) {
        Run run = Run.luo(arguments.toArray());
        assertRun(2, run);
        assertTrue(run.err().contains("one owner at a time"), run.err());
      }
      assertEquals(List.of("cache"), names());
      cache.put("it", new byte[0]);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cache",
        "cache stat",
        "cache stat a --session b --give-up",
        "cache stat --session b",
        "cache dump a",
        "cache load --from x",
        "cache load a",
        "doctor --unit a --unit-file b",
        "doctor --cache-size much",
        "doctor --cache-size 0",
        "doctor --cache-size 1k",
        "selftest --bridge smoke",
        ""
      })
  void aCommandLineThatMakesNoSenseIsRefusedWithUsage(String words) {
    Run run = Run.luo((Object[]) words.split(" "));
    assertRun(2, run);
    assertTrue(run.err().contains("Usage: luo"), run.err());
  }

  @Test
  void whatIsNoCacheIsSaid() throws IOException {
    Run run = Run.luo("cache", "stat", file());
    assertRun(2, run);
    assertEquals("luo: " + file() + ": no such file or folder\n", run.err());
    Files.writeString(file(), "text");
    assertTrue(Run.luo("cache", "verify", file()).err().contains("that is no cache"));
    assertEquals(List.of("cache"), names());
  }

  /** A machine of this test's, on which the commands run too. */
  private LiveUpdate machine() {
    Path machine = folder.resolve("machine");
    System.setProperty(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    System.setProperty(LiveUpdate.EMULATOR_DIR_PROPERTY, machine.toString());
    return LiveUpdate.builder().bridge(BridgeType.EMULATOR).emulatorDirectory(machine).open();
  }

  @AfterEach
  void clearProperties() {
    System.clearProperty(LiveUpdate.BRIDGE_PROPERTY);
    System.clearProperty(LiveUpdate.EMULATOR_DIR_PROPERTY);
  }

  @Test
  void aCacheThatArrivedInASessionIsDumped() throws IOException {
    LiveUpdate luo = machine();
    fill(builder().session(luo, "service").open());
    luo.emulateKexec();
    assertRun(0, Run.luo("cache", "dump", "--session", "service", "--give-up", "--to", dump()));
    assertRun(0, Run.luo("cache", "load", file(), "--from", dump()));
    assertEquals(ENTRIES + 2, contents(file()).size());
    Run again = Run.luo("cache", "stat", "--session", "service", "--give-up");
    assertRun(2, again);
    assertTrue(again.err().contains("retrieve session 'service'"), again.err());
  }

  @Test
  void aCacheThatIsLoadedIntoASessionIsHeldUntilTheKexec() throws Exception {
    filled();
    Run.luo("cache", "dump", file(), "--to", dump());
    LiveUpdate luo = machine();
    StringWriter err = new StringWriter();
    CommandLine line = Luo.commandLine().setErr(new PrintWriter(err));
    Thread holder =
        new Thread(
            () -> line.execute("cache", "load", "--session", "held", "--from", dump().toString()));
    holder.start();
    while (!err.toString().contains("held in session 'held'") && holder.isAlive()) {
      Thread.sleep(10);
    }
    luo.emulateKexec();
    try (WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(machine(), "held")) {
      assertEquals(contents(file()), contents(cache));
    }
    holder.interrupt();
    holder.join();
  }

  @Test
  void aDumpWithoutAFolderIsNamed() throws IOException {
    filled();
    Path dump = folder.resolve("missing/cache.dump");
    Run failed = Run.luo("cache", "dump", file(), "--to", dump);
    assertRun(2, failed);
    assertEquals(
        "luo: --to '" + dump + "': there is no folder " + dump.getParent() + ": make it\n",
        failed.err());
  }

  /** The file appears whole, or not at all. */
  @Test
  void aDumpThatCannotBePutInItsPlaceLeavesNothing() throws IOException {
    filled();
    Files.createDirectories(dump().resolve("in the way"));
    Run failed = Run.luo("cache", "dump", file(), "--to", dump());
    assertRun(2, failed);
    assertEquals(List.of("cache", "cache.dump"), names());
    assertEquals(ENTRIES + 2, contents(file()).size(), "the cache stays as it is");
  }
}
