/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.MemoryRegion;
import org.luo4j.OwnedFile;

/** What lookups make of entries that are whole, damaged, dead and expired, in unguarded memory. */
class ReaderTest {

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(64 << 10, 64);

  @TempDir Path folder;
  private Scene scene;

  @BeforeEach
  void open() throws IOException {
    scene = new Scene(folder.resolve("scene"), LAYOUT);
    for (int i = 0; i < 20; i++) {
      scene.put("key" + i, Scene.value(i, 40 + i));
    }
  }

  @AfterEach
  void close() {
    scene.close();
    scene = null;
  }

  private CacheImage.Item item(String key) {
    return scene.image().item(key);
  }

  private byte[] read(String key) {
    return scene.reader.read(
        Scene.bytes(key),
        scene.hash(key),
        value -> {
          byte[] bytes = new byte[value.remaining()];
          value.get(bytes);
          return bytes;
        });
  }

  private long corrupt() {
    return scene.reader.corrupt.sum();
  }

  private void flip(int at) {
    scene.region.putByte(at, (byte) (scene.region.getByte(at) ^ 1));
  }

  @Test
  void aWholeEntryIsFound() {
    assertArrayEquals(Scene.value(7, 47), scene.get("key7"));
    assertArrayEquals(Scene.value(7, 47), read("key7"));
    assertNull(scene.get("none"));
    assertNull(read("none"));
    assertEquals(0, corrupt());
  }

  /** At each access of the check, one at a time, another thread kills the entry. */
  @Test
  void anEntryThatIsKilledWhileItIsCheckedIsNotTakenForLost() {
    int at = item("key7").at();
    int check = scene.region.getInt(at);
    int[] accesses = {0};
    Memory killed =
        new Memory(scene.region) {
          @Override
          ByteBuffer slice(long offset) {
            if (accesses[0]-- == 0) {
              scene.region.putInt(at, 0);
            }
            return super.slice(offset);
          }
        };
    Reader reader = new Reader(killed, LAYOUT, new CacheClock(killed, () -> 0), false);
    int kills = 0;
    do {
      scene.region.putInt(at, check);
      accesses[0] = kills;
      reader.checkWritten(at, Entry.bytes(4, 47));
    } while (accesses[0] < 0 && ++kills > 0);
    assertTrue(kills > 2, "it looks at the entry more than once");
    scene.region.putInt(at, check ^ 1); // it is not dead
    accesses[0] = -1;
    assertThrows(IllegalStateException.class, () -> reader.checkWritten(at, Entry.bytes(4, 47)));
  }

  /** Where a page that cannot be had may read as anything no value is given unverified. */
  @Test
  void aDamagedValueIsAMissAndCounted() {
    flip(item("key7").at() + 30);
    assertNull(scene.get("key7"));
    assertEquals(1, corrupt());
    assertNull(read("key7"));
    assertEquals(2, corrupt());
    assertNull(scene.get("none"));
    assertEquals(2, corrupt());
  }

  /** The same of one that an earlier process wrote; also its expiry is covered. */
  @ParameterizedTest
  @ValueSource(ints = {4, 30})
  void anOldEntryIsVerifiedOnce(int at) {
    int damaged = item("key7").at() + at;
    scene.reopen();
    assertArrayEquals(Scene.value(7, 47), scene.get("key7"));
    flip(damaged);
    assertNull(scene.get("key7"), "its value is verified at each lookup");
    scene.reopen();
    assertNull(scene.get("key7"));
    assertEquals(1, corrupt());
  }

  @Test
  void anEntryIsCopiedByTheSlotThatNamesIt() {
    CacheImage.Item item = item("key7");
    Reader.Copy copy = scene.reader.entryAt(item.place());
    assertArrayEquals(Scene.bytes("key7"), copy.key());
    assertArrayEquals(Scene.value(7, 47), copy.value());
    assertEquals(0, copy.expiry());
    scene.remove("key7");
    assertNull(scene.reader.entryAt(item.place()));
    assertEquals(0, corrupt());
  }

  @Test
  void whatHasExpiredIsNotCopied() {
    scene.put("ends", Scene.value(1, 40), scene.reader.clock.after(100));
    CacheImage.Item item = item("ends");
    assertEquals(item.expiry(), scene.reader.entryAt(item.place()).expiry());
    scene.now += 200;
    assertNull(scene.reader.entryAt(item.place()));
    assertNull(scene.get("ends"));
    assertNull(read("ends"));
    assertEquals(0, corrupt());
    assertTrue(scene.reader.isExpired(item.at()));
    assertFalse(scene.reader.isExpired(item("key7").at()));
  }

  @Test
  void aSlotIsVerified() {
    CacheImage.Item item = item("key7");
    assertEquals((12 + 4 + 47 + 7) / 8 * 8, scene.reader.verify(item.place()));
    flip(item.at() + 30);
    assertEquals(-1, scene.reader.verify(item.place()));
    flip(item.at() + 30);
    int check = scene.region.getInt(item.at());
    scene.region.putInt(item.at(), 0);
    assertEquals(-1, scene.reader.verify(item.place()), "it is dead");
    scene.region.putInt(item.at(), check);
    assertTrue(scene.reader.verify(item.place()) > 0);
    long empty = LAYOUT.index();
    while (scene.memory.getLong(empty) != 0) {
      empty += 8;
    }
    assertEquals(0, scene.reader.verify(empty));
    scene.memory.putLong(empty, item.slot() ^ 1L << 63);
    assertEquals(-1, scene.reader.verify(empty), "it has another's tag");
  }

  @Test
  void slotsAreGoneThrough() {
    int found = 0;
    long place = scene.reader.nextSlot(0);
    while (place >= 0) {
      found++;
      assertTrue(scene.reader.verify(place) > 0);
      place = scene.reader.nextSlot(place + 8);
    }
    assertEquals(20, found);
  }

  /** Up to three are counted, by which an entry is kept when its ring is cleaned. */
  @Test
  void lookupsAreCountedInTheSlot() {
    for (int uses = 0; uses < 5; uses++) {
      long slot = scene.memory.getLong(item("key7").place());
      assertEquals(Math.min(uses, 3), slot >>> Index.USES_SHIFT & 3);
      scene.get("key7");
    }
    read("key8");
    assertEquals(1, scene.memory.getLong(item("key8").place()) >>> Index.USES_SHIFT & 3);
  }

  @Test
  void whoReadsInPlaceIsKnown() {
    assertFalse(Reader.isInRead());
    assertEquals(List.of(), Reader.threadsInRead());
    String name = Thread.currentThread().getName();
    boolean[] seen = new boolean[2];
    scene.reader.read(
        Scene.bytes("key7"),
        scene.hash("key7"),
        value -> {
          seen[0] = Reader.isInRead();
          seen[1] = Reader.threadsInRead().contains("'" + name + "'");
          return 1;
        });
    assertTrue(seen[0]);
    assertTrue(seen[1]);
  }

  /** The JVM lists no virtual threads: a message does not say that nobody reads. */
  @Test
  void aReaderThatTheJvmDoesNotListIsToldAsSuch() {
    assertEquals("in ['a']", Reader.whoReads(List.of("'a'"), 25));
    assertEquals("in a thread that is not known", Reader.whoReads(List.of(), 17));
    String told = Reader.whoReads(List.of(), 21);
    assertTrue(told.startsWith("in a virtual thread, which the JVM does not list"), told);
    assertTrue(told.contains("jcmd " + ProcessHandle.current().pid()), told);
  }

  /** A page that could not be had under a put: what was written is not in the memory. */
  @Test
  void aPutThatIsNotInTheMemoryIsToldWhereNothingGuardsIt() {
    scene.memory.record();
    // The stores of a new entry: expiry, lengths, padding, key, value; then its check.
    scene.memory.interrupt(
        4,
        () -> {
          long head = scene.reader.small.head();
          long at = scene.reader.small.offset(head);
          scene.region.putByte(at + 12 + 5, (byte) 99);
        });
    assertThrows(MemoryLostException.class, () -> scene.put("fresh", Scene.value(1, 51)));
    assertNull(scene.get("fresh"));
  }

  /** The function gets a copy: what it reads does not change under it. */
  @Test
  void aReaderInPlaceGetsAVerifiedCopy() {
    ByteBuffer[] given = new ByteBuffer[1];
    scene.reader.read(
        Scene.bytes("key7"),
        scene.hash("key7"),
        value -> {
          given[0] = value;
          return 1;
        });
    flip(item("key7").at() + 30);
    byte[] bytes = new byte[47];
    given[0].get(bytes);
    assertArrayEquals(Scene.value(7, 47), bytes);
    assertTrue(given[0].isReadOnly());
  }

  // ---- overwrites, memory that is gone ----

  private static long mark(MemoryRegion region) {
    return CacheFormat.markAt(region.size());
  }

  @Test
  void overwritesAreAwaitedUnlessTheMemoryIsGone() throws InterruptedException {
    Reader reader = scene.reader;
    Pins.Pin held = reader.pins.hold(3);
    Thread waiting = new Thread(reader::awaitOverwrites);
    waiting.start();
    waiting.join(20);
    assertTrue(waiting.isAlive());
    held.held = 0;
    waiting.join(10_000);
    assertFalse(waiting.isAlive());
    reader.pins.hold(3);
    scene.region.putLong(mark(scene.region), 0);
    reader.awaitOverwrites(); // who holds it may have ended by the error of a fault
  }

  @Test
  void nothingIsSaidOfMemoryThatIsGone() {
    CacheImage.Item item = item("key7");
    CacheImage.Item dead = item("key8");
    Reader reader = scene.reader;
    assertEquals(20, reader.entries());
    assertTrue(reader.liveBytes() >= 20 * 64, "bytes: " + reader.liveBytes());
    scene.region.putInt(dead.at(), 0);
    scene.region.putLong(mark(scene.region), 0);
    assertThrows(MemoryLostException.class, () -> scene.get("key7"));
    assertThrows(MemoryLostException.class, () -> scene.get("none"));
    assertThrows(MemoryLostException.class, reader::entries);
    assertThrows(MemoryLostException.class, reader::liveBytes);
    assertThrows(MemoryLostException.class, () -> reader.entryAt(item.place()));
    assertThrows(MemoryLostException.class, () -> reader.entryAt(dead.place()));
    assertThrows(MemoryLostException.class, () -> reader.nextSlot(0));
    assertThrows(MemoryLostException.class, () -> reader.verify(dead.place()));
    assertThrows(
        MemoryLostException.class, () -> reader.checkWritten(item.at(), Entry.bytes(4, 47)));
  }

  /** The JVM's error of an access, where nothing guards the memory. */
  @Test
  void theErrorOfAFaultIsToldAsMemoryThatIsGone() {
    long place = item("key7").place();
    boolean[] fails = new boolean[1];
    Memory failing =
        new Memory(scene.region) {
          @Override
          ByteBuffer slice(long offset) {
            if (fails[0]) {
              throw new InternalError();
            }
            return super.slice(offset);
          }
        };
    Reader reader = new Reader(failing, LAYOUT, new CacheClock(failing, () -> 0), false);
    fails[0] = true;
    byte[] key = Scene.bytes("key7");
    assertThrows(MemoryLostException.class, () -> reader.get(key, scene.hash("key7")));
    assertThrows(MemoryLostException.class, () -> reader.entryAt(place));
    assertThrows(MemoryLostException.class, () -> reader.verify(place));
    assertThrows(MemoryLostException.class, () -> reader.nextSlot(0));
    assertThrows(MemoryLostException.class, reader::entries);
    for (int i = 0; i < 3; i++) {
      assertTrue(reader.pins.advance(), "nobody is pinned");
    }
  }

  @Test
  void anEntryOfAnotherKeysSlotIsDamagedAndADeadOneIsNot() {
    CacheImage.Item item = item("key7");
    CacheImage.Item dead = item("key8");
    scene.region.putInt(dead.at(), 0);
    assertNull(scene.reader.entryAt(dead.place()));
    assertEquals(0, corrupt());
    long empty = LAYOUT.index();
    while (scene.memory.getLong(empty) != 0) {
      empty += 8;
    }
    assertNull(scene.reader.entryAt(empty));
    scene.memory.putLong(empty, item.slot() ^ 1L << 63);
    assertNull(scene.reader.entryAt(empty));
    assertEquals(1, corrupt());
  }

  // ---- memory that is guarded, where there is native code: values are not verified ----

  /** The scene's memory as the next process has it, which does something at one of its accesses. */
  private final class Guarded implements AutoCloseable {
    private final MemoryRegion region;
    private final Reader reader;
    private final Writer writer;
    private int access = -1;
    private Runnable interruption = () -> {};

    Guarded() throws IOException {
      Path file = folder.resolve("guarded");
      Files.write(file, scene.image().bytes());
      try (OwnedFile owned = OwnedFile.openExisting(file, Duration.ZERO, false)) {
        region = owned.map();
      }
      if (!region.absorbFaults()) {
        region.free();
        abort("there is no native code, which guards memory");
      }
      Memory memory =
          new Memory(region) {
            @Override
            ByteBuffer slice(long offset) {
              if (access-- == 0) {
                interruption.run();
              }
              return super.slice(offset);
            }
          };
      reader = new Reader(memory, LAYOUT, new CacheClock(memory, () -> 0), true);
      writer = new Writer(reader, LAYOUT);
      reader.countOpening();
    }

    byte[] get(String key) {
      return reader.get(Scene.bytes(key), scene.hash(key));
    }

    void put(String key, byte[] value) {
      byte[] bytes = Scene.bytes(key);
      writer.put(bytes, scene.hash(key), value, 0, Entry.check(bytes, value, 0));
    }

    Object read(String key, Function<ByteBuffer, Object> function) {
      return reader.read(Scene.bytes(key), scene.hash(key), function);
    }

    long at(String key) {
      Reader.Found found = new Reader.Found();
      assertTrue(reader.find(Scene.bytes(key), scene.hash(key), found));
      return found.at;
    }

    /** Whether two periods have begun, so that what was dead may be written over. */
    boolean hasPassed() {
      return reader.pins.advance() && reader.pins.advance();
    }

    @Override
    public void close() {
      reader.memory.close();
      region.free();
    }
  }

  /** At each access of the lookup, one at a time, the key gets another value. */
  @Test
  void aLookupThatIsHeldUpGivesTheOldValueOrTheNewOne() throws IOException {
    try (Guarded guarded = new Guarded()) {
      assertHeldUp(guarded, true);
      assertHeldUp(guarded, false);
      guarded.interruption = guarded::hasPassed;
      guarded.access = 0;
      assertNull(guarded.get("none"));
    }
  }

  private static void assertHeldUp(Guarded guarded, boolean forLong) {
    int accesses = 0;
    do {
      byte[] old = Scene.value(accesses, 47);
      byte[] fresh = Scene.value(1000 + accesses, 47);
      guarded.put("key7", old);
      long at = guarded.at("key7");
      guarded.interruption =
          () -> {
            guarded.put("key7", fresh);
            if (forLong && guarded.hasPassed()) {
              guarded.region.put(at + 12 + 4, new byte[47]); // another's
            }
          };
      guarded.access = accesses++;
      byte[] seen = guarded.get("key7");
      assertTrue(
          Arrays.equals(seen, old) || Arrays.equals(seen, fresh),
          "access " + accesses + ": " + Arrays.toString(seen));
    } while (guarded.access < 0);
    assertTrue(accesses > 4, "accesses: " + accesses);
  }

  @Test
  void aLookupWhoseMemoryIsGoneMeanwhileGivesNone() throws IOException {
    try (Guarded guarded = new Guarded()) {
      for (boolean passes : new boolean[] {true, false}) {
        guarded.interruption =
            () -> {
              guarded.region.putLong(mark(guarded.region), 0);
              if (passes) {
                guarded.hasPassed();
              }
            };
        int accesses = 0;
        while (true) {
          guarded.region.putLong(mark(guarded.region), CacheFormat.MARK);
          guarded.access = accesses++;
          try {
            assertArrayEquals(Scene.value(7, 47), guarded.get("key7"));
            break;
          } catch (MemoryLostException e) {
            assertTrue(guarded.access < 0);
          }
        }
        assertTrue(accesses > 3, "accesses: " + accesses);
      }
    }
  }

  @Test
  void aFunctionReadsInPlaceUnlessTheMemoryIsGoneByThen() throws IOException {
    try (Guarded guarded = new Guarded()) {
      assertEquals(47, guarded.read("key7", ByteBuffer::remaining));
      assertNull(guarded.read("none", value -> 1));
      IllegalArgumentException own = new IllegalArgumentException();
      Function<ByteBuffer, Object> throwing =
          value -> {
            throw own;
          };
      assertSame(
          own, assertThrows(IllegalArgumentException.class, () -> guarded.read("key7", throwing)));
      Runnable lose = () -> guarded.region.putLong(mark(guarded.region), 0);
      assertThrows(
          MemoryLostException.class,
          () ->
              guarded.read(
                  "key7",
                  value -> {
                    lose.run();
                    return 1;
                  }));
      assertThrows(MemoryLostException.class, () -> guarded.read("none", value -> 1));
      assertThrows(MemoryLostException.class, () -> guarded.get("none"));
      guarded.region.putLong(mark(guarded.region), CacheFormat.MARK);
      MemoryLostException lost =
          assertThrows(
              MemoryLostException.class,
              () ->
                  guarded.read(
                      "key7",
                      value -> {
                        lose.run();
                        throw own;
                      }));
      assertSame(own, lost.getCause());
    }
  }

  /** Where it is guarded: what was whole once is not read once more at each lookup. */
  @Test
  void anEntryOfAnEarlierProcessIsVerifiedOnceWhereTheMemoryIsGuarded() throws IOException {
    try (Guarded guarded = new Guarded()) {
      CacheImage.Item item = item("key7");
      CacheImage.Item damaged = item("key8");
      assertArrayEquals(Scene.value(7, 47), guarded.get("key7"));
      for (CacheImage.Item each : List.of(item, damaged)) {
        int at = each.at() + 30;
        guarded.region.putByte(at, (byte) (guarded.region.getByte(at) ^ 1));
      }
      assertTrue(guarded.reader.isTrusted(item.slot(), item.at()));
      assertFalse(guarded.reader.isTrusted(damaged.slot(), damaged.at()));
      assertNull(guarded.get("key8"));
      assertEquals(1, guarded.reader.corrupt.sum());
      assertNull(guarded.read("key8", value -> 1));
      assertEquals(2, guarded.reader.corrupt.sum());
    }
  }
}
