/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.MemoryRegion;
import org.luo4j.testing.Logged;

class WriterTest {

  private static final byte[] KEY = {1, 2, 3};
  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(64 << 10, 64);

  @TempDir Path folder;
  private MemoryRegion region;
  private Reader reader;
  private Writer writer;
  private long hash;

  @BeforeEach
  void open() throws IOException {
    CacheFormat.Layout layout = LAYOUT;
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("cache"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.allocate(1), layout.memoryBytes() - 1);
      region = MemoryRegion.ofFile(file, 0, layout.memoryBytes());
    }
    CacheFormat.create(region, layout, true, 1, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
    Memory memory = new Memory(region);
    reader = new Reader(memory, layout, new CacheClock(memory, () -> 0), false);
    writer = new Writer(reader, layout);
    hash = reader.hash(KEY);
    for (int i = 0;
        i < 60;
        i++) { // beyond what will be cleaned first, where nothing is overwritten
      byte[] other = {4, 5, (byte) i};
      writer.put(other, reader.hash(other), value(i), 0, Entry.check(other, value(i), 0));
    }
  }

  @AfterEach
  void close() {
    region.close();
  }

  private static byte[] value(int n) {
    return ByteBuffer.allocate(16).putInt(n).array();
  }

  private void put(int n) {
    writer.put(KEY, hash, value(n), 0, Entry.check(KEY, value(n), 0));
  }

  private boolean overwrite(int n) {
    int check = Entry.check(KEY, value(n), 0);
    return writer.overwrites().tryPut(KEY, hash, value(n), 0, 0, check) == Overwrites.Result.DONE;
  }

  private boolean tryPut(int n, long expected, long period) {
    int check = Entry.check(KEY, value(n), 0);
    return writer.tryPut(KEY, hash, value(n), 0, check, expected, period);
  }

  @Test
  void aChangeIsRefusedWhereTheSlotIsTheSameAndTheEntryIsNot() {
    put(0);
    put(1); // its place is kept, for overwrites
    long period = reader.pins.period();
    long seen = writer.slotOf(KEY, hash);
    int n = 1;
    do {
      writer.newPeriod();
      writer.newPeriod();
      assertTrue(overwrite(++n), "overwrite " + n);
    } while (!Index.isSame(writer.slotOf(KEY, hash), seen));
    assertFalse(tryPut(99, seen, period));
    assertArrayEquals(value(n), reader.get(KEY, hash));
    assertTrue(tryPut(99, seen, reader.pins.period()));
    assertArrayEquals(value(99), reader.get(KEY, hash));
  }

  @Test
  void aChangeIsRefusedWhereTheEntryHasBeenOverwritten() {
    put(0);
    put(1);
    writer.newPeriod();
    writer.newPeriod();
    long period = reader.pins.period();
    long seen = writer.slotOf(KEY, hash);
    assertTrue(overwrite(2));
    assertFalse(tryPut(99, seen, period));
    assertArrayEquals(value(2), reader.get(KEY, hash));
  }

  /** A reader that found the dead entry in the period before may still copy it. */
  @Test
  void aPlaceIsOverwrittenTwoPeriodsAfterItsEntryDied() {
    put(0);
    put(1); // the place of the first is kept
    int check = Entry.check(KEY, value(2), 0);
    for (int periods = 0; periods < 2; periods++) {
      assertEquals(
          Overwrites.Result.NOT_YET, writer.overwrites().tryPut(KEY, hash, value(2), 0, 0, check));
      assertArrayEquals(value(1), reader.get(KEY, hash));
      assertTrue(writer.newPeriod());
    }
    assertTrue(overwrite(2));
    assertArrayEquals(value(2), reader.get(KEY, hash));
  }

  // ---- the places that a thread keeps ----

  private long position(byte[] key) {
    Reader.Found found = new Reader.Found();
    assertTrue(reader.find(key, reader.hash(key), found));
    return found.position;
  }

  private static byte[] longer(int n) {
    return ByteBuffer.allocate(24).putInt(n).array();
  }

  private void put(byte[] key, byte[] value) {
    writer.put(key, reader.hash(key), value, 0, Entry.check(key, value, 0));
  }

  private Overwrites.Result overwrite(byte[] key, byte[] value) {
    int check = Entry.check(key, value, 0);
    return writer.overwrites().tryPut(key, reader.hash(key), value, 0, 0, check);
  }

  private void newPeriods() {
    assertTrue(writer.newPeriod());
    assertTrue(writer.newPeriod());
  }

  @Test
  void ofSomePlacesOneOfTheSizeIsTakenAndTheOthersStay() {
    byte[] other = {7, 8, 9};
    put(other, longer(0));
    put(KEY, value(0));
    long[] places = {position(other), position(KEY)};
    put(other, longer(1));
    put(KEY, value(1));
    long[] present = {position(other), position(KEY)};
    for (int n = 2; n < 200; n++) {
      newPeriods();
      assertEquals(Overwrites.Result.DONE, overwrite(KEY, value(n)));
      assertEquals(places[1], position(KEY));
      assertEquals(Overwrites.Result.DONE, overwrite(other, longer(n)));
      assertEquals(places[0], position(other));
      long[] dead = present;
      present = places;
      places = dead;
      assertArrayEquals(value(n), reader.get(KEY, hash));
      assertArrayEquals(longer(n), reader.get(other, reader.hash(other)));
    }
  }

  /** Else two entries would be in one place. */
  @Test
  void aPlaceThatAThreadKeepsIsTakenByNoOtherEntry() {
    put(KEY, value(0));
    long kept = position(KEY);
    put(KEY, value(1));
    newPeriods();
    newPeriods();
    byte[] other = {7, 8, 9};
    put(other, value(5));
    assertNotEquals(kept, position(other));
    assertTrue(overwrite(2));
    assertEquals(kept, position(KEY));
    assertArrayEquals(value(5), reader.get(other, reader.hash(other)));
  }

  @Test
  void aFewPlacesAreLookedAtForOneOfTheSize() {
    for (int others : new int[] {15, 16}) {
      writer = new Writer(reader, LAYOUT); // keeps none
      writer.remove(KEY, hash, RemovalCause.EXPLICIT);
      put(KEY, value(0));
      long place = position(KEY);
      for (int i = 0; i < others; i++) {
        assertTrue(writer.overwrites().keep(reader.small, place, 4096));
      }
      put(KEY, value(1));
      newPeriods();
      Overwrites.Result expected =
          others < 16 ? Overwrites.Result.DONE : Overwrites.Result.NOT_HERE;
      assertEquals(expected, overwrite(KEY, value(2)), "after " + others);
    }
  }

  @Test
  void aThreadKeeps64PlacesAndForgetsThoseThatAreCleanedSoon() {
    put(KEY, value(0));
    put(KEY, value(1));
    for (int i = 1; i < 64; i++) {
      assertTrue(writer.overwrites().keep(reader.small, 8 * i, 4096), "place " + i);
    }
    assertFalse(writer.overwrites().keep(reader.small, 0, 4096));
    newPeriods();
    assertTrue(overwrite(2), "the place that was kept first");
    assertEquals(Overwrites.Result.NOT_YET, overwrite(KEY, value(3)));
    newPeriods();
    assertTrue(overwrite(3), "the others are before what may be used again");
    assertEquals(Overwrites.Result.NOT_YET, overwrite(KEY, value(4)));
  }

  @Test
  void aValueOfAnotherSizeIsNotForAnOverwrite() {
    put(KEY, value(0));
    put(KEY, value(1));
    newPeriods();
    assertEquals(Overwrites.Result.NOT_HERE, overwrite(KEY, longer(2)));
    assertEquals(Overwrites.Result.NOT_HERE, overwrite(new byte[] {7, 8, 9}, value(2)));
    assertEquals(
        Overwrites.Result.NOT_HERE,
        writer.overwrites().tryPut(KEY, hash, value(2), 5, reader.clock.base() + 1, 0),
        "an expiry of another base");
    assertTrue(overwrite(2));
  }

  // ---- changes that an Error ends, and what a reader holds ----

  private static final class Injected extends Error {
    private static final long serialVersionUID = 1;
  }

  private static Set<String> keys(Scene scene) {
    return scene.image().contents().keySet();
  }

  /** After each store of each kind of change: all is counted, and changes go on. */
  @Test
  void aChangeThatAnErrorEndsAnywhereIsFinished() throws IOException {
    List<Consumer<Scene>> changes =
        List.of(
            scene -> scene.put("fresh", Scene.value(1, 40)),
            scene -> scene.put("key7", Scene.value(1, 60)),
            scene -> scene.remove("key7"),
            scene -> scene.writer.clear());
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      for (Consumer<Scene> change : changes) {
        boolean isOver = false;
        for (int store = 0; !isOver; store++) {
          for (int i = 0; i < 20; i++) {
            scene.put("key" + i, Scene.value(i, 40 + i));
          }
          scene.remove("fresh");
          scene.memory.record();
          scene.memory.interrupt(
              store,
              () -> {
                throw new Injected();
              });
          try {
            change.accept(scene);
            isOver = true;
          } catch (Injected e) {
            scene.writer.finishFailed();
          }
          scene.memory.interrupt(-1, () -> {});
          scene.image().checkCounts();
          scene.image().checkNothingUnderWay();
          scene.image().walk();
          assertEquals(0, scene.image().word(CacheFormat.RECOUNT_AT));
          assertEquals(scene.reader.entries(), keys(scene).size());
        }
      }
      assertEquals(Set.of(), keys(scene));
    }
  }

  /** A put that finds no memory, as a reader holds it, leaves no old value, and is told. */
  @Test
  void whatAReaderKeepsFromBeingPutIsDroppedAndTold() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT);
        Logged log = new Logged(WarmCache.class)) {
      scene.put("old", Scene.value(1, 40));
      Pins.Pin pin = scene.reader.pins.enterFunction();
      Thread.currentThread().interrupt();
      int puts = 0;
      while (scene.writer.dropped() == 0) {
        scene.get("old"); // so that it is not evicted
        scene.put("key" + puts++, Scene.value(1, 1000));
      }
      assertTrue(Thread.interrupted(), "it stays set");
      assertEquals(List.of(), log.lines().stream().filter(line -> !line.contains("read")).toList());
      assertEquals(1, log.lines().size());
      assertNull(scene.get("key" + (puts - 1)));
      assertArrayEquals(Scene.value(1, 40), scene.get("old"));
      List<String> told = new ArrayList<>();
      scene.writer.onRemoval(
          (key, value, cause) -> told.add(new String(key, US_ASCII) + value.length + cause));
      String last = "key" + (puts - 2); // in the small ring, which has no room
      assertArrayEquals(Scene.value(1, 1000), scene.get(last));
      scene.put(last, Scene.value(2, 2000));
      assertEquals(List.of(last + "1000REPLACED", last + "2000SIZE"), told);
      assertEquals(2, scene.writer.dropped());
      assertNull(scene.get(last));
      assertEquals(1, log.lines().size(), "told once");
      scene.image().checkCounts();
      pin.held = 0;
      scene.put(last, Scene.value(3, 2000));
      assertArrayEquals(Scene.value(3, 2000), scene.get(last));
      assertEquals(2, scene.writer.dropped());
    }
  }

  /** A thread that is held up in a short call of the cache's own is no function that stalls. */
  @Test
  void aShortCallThatIsHeldUpCostsNoPut() throws Exception {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT);
        Logged log = new Logged(WarmCache.class)) {
      Pins.Pin pin = scene.reader.pins.enter();
      Thread putting =
          new Thread(
              () -> {
                for (int i = 0; i < 1000; i++) {
                  scene.put("key", Scene.value(i, 1000 + i));
                }
              });
      putting.start();
      long waits = 0; // since when it is seen to wait
      while (waits == 0 || System.nanoTime() - waits < 5 * Writer.STALL_NANOS / 4) {
        assertTrue(putting.isAlive(), "it never waited");
        if (waits == 0 && putting.getState() == Thread.State.TIMED_WAITING) {
          waits = System.nanoTime();
        }
        Thread.sleep(1);
      }
      assertTrue(putting.isAlive());
      pin.held = 0;
      putting.join();
      assertArrayEquals(Scene.value(999, 1999), scene.get("key"));
      assertEquals(0, scene.writer.dropped());
      assertEquals(List.of(), log.lines());
    }
  }

  // ---- which entries stay ----

  private static boolean isInMain(Scene scene, String key) {
    return (scene.image().item(key).slot() & Index.MAIN_BIT) != 0;
  }

  @Test
  void whatWasUsedOrComesBackGoesToTheMainRing() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      scene.put("used", Scene.value(1, 40));
      scene.get("used");
      scene.get("used");
      assertFalse(isInMain(scene, "used"));
      for (int i = 0; i < 200; i++) {
        scene.put("key" + i, Scene.value(i, 500));
      }
      assertTrue(isInMain(scene, "used"));
      assertEquals(1, scene.image().item("used").slot() >>> Index.USES_SHIFT & 3, "one use less");
      assertTrue(scene.writer.evictions() > 0);
      assertEquals(201, scene.reader.entries() + scene.writer.evictions());
      scene.put("key199x", Scene.value(1, 500));
      assertFalse(isInMain(scene, "key199x"), "it is new");
      int last = 199;
      while (scene.get("key" + last) != null) {
        last--;
      }
      scene.put("key" + last, Scene.value(1, 500));
      assertTrue(isInMain(scene, "key" + last), "it was evicted not long ago");
    }
  }

  @Test
  void someAreRemovedAtATime() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      for (int i = 0; i < 300; i++) {
        scene.put("key" + i, Scene.value(i, 20));
      }
      long from = scene.layout.index();
      long entries = scene.reader.entries();
      long inFirst =
          scene.image().items().stream().filter(item -> item.place() < from + 8 * 64).count();
      assertEquals(from + 8 * 64, scene.writer.removeSome(from));
      assertEquals(entries - inFirst, scene.reader.entries());
      long end = from + 8 * scene.reader.index.slots();
      assertEquals(end, scene.writer.removeSome(end - 16), "not beyond the index");
    }
    CacheFormat.Layout large = CacheFormat.Layout.of(16 << 20, 1 << 20);
    try (Scene scene = new Scene(folder.resolve("large"), large)) {
      for (int i = 0; i < 8; i++) {
        scene.put("key" + i, Scene.value(i, 600_000));
      }
      scene.writer.removeSome(large.index());
      assertEquals(6, scene.reader.entries(), "those of one MiB and a bit more");
    }
  }

  @Test
  void aRemovalIsRefusedWhereTheSlotIsAnother() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      byte[] key = Scene.bytes("key");
      long seen = scene.writer.slotOf(key, scene.hash("key"));
      assertTrue(scene.writer.tryRemove(key, scene.hash("key"), seen), "there is none");
      scene.put("key", Scene.value(1, 40));
      assertFalse(scene.writer.tryRemove(key, scene.hash("key"), seen));
      seen = scene.writer.slotOf(key, scene.hash("key"));
      scene.put("key", Scene.value(2, 50));
      assertFalse(scene.writer.tryRemove(key, scene.hash("key"), seen));
      assertArrayEquals(Scene.value(2, 50), scene.get("key"));
      seen = scene.writer.slotOf(key, scene.hash("key"));
      assertTrue(scene.writer.tryRemove(key, scene.hash("key"), seen));
      assertFalse(scene.writer.tryRemove(key, scene.hash("key"), seen), "it was removed before");
      assertFalse(scene.remove("key"));
    }
  }

  @Test
  void asManyAsAreOneMebibyteAreRemovedAtATime() throws IOException {
    CacheFormat.Layout large = CacheFormat.Layout.of(16 << 20, 1 << 20);
    try (Scene scene = new Scene(folder.resolve("large"), large)) {
      for (int i = 0; i < 8; i++) {
        scene.put("key" + i, Scene.value(i, (512 << 10) - 12 - 4));
      }
      scene.writer.removeSome(large.index());
      assertEquals(6, scene.reader.entries());
    }
  }

  // ---- periods ----

  @Test
  void aPeriodBeginsWhenEightHaveBeenRemoved() {
    writer = new Writer(reader, LAYOUT);
    long period = reader.pins.period();
    for (int i = 1; i <= 24; i++) {
      byte[] key = {4, 5, (byte) i};
      assertTrue(writer.remove(key, reader.hash(key), RemovalCause.EXPLICIT));
      assertEquals(period + i / 8, reader.pins.period(), "removals: " + i);
    }
  }

  @Test
  void noPeriodBeginsBeforeAReaderOfTheOneBeforeHasLeft() {
    Pins.Pin pin = reader.pins.enter();
    assertTrue(writer.newPeriod());
    assertFalse(writer.newPeriod());
    assertFalse(writer.newPeriod());
    pin.held = 0;
    assertTrue(writer.newPeriod());
    assertTrue(writer.newPeriod());
  }

  /** Its place is not taken before, and nothing is dropped. */
  @Test
  void aPutWaitsForAReaderThatEndsInTime() {
    Pins.Pin[] pin = new Pins.Pin[1];
    int[] checks = {0};
    Memory memory =
        new Memory(region) {
          @Override
          void checkSound() {
            super.checkSound();
            if (++checks[0] == 5 && pin[0] != null) {
              pin[0].held = 0;
            }
          }
        };
    reader = new Reader(memory, LAYOUT, new CacheClock(memory, () -> 0), false);
    writer = new Writer(reader, LAYOUT);
    pin[0] = reader.pins.enter();
    try (Logged log = new Logged(WarmCache.class)) {
      for (int n = 0; pin[0].held != 0; n++) {
        byte[] key = {7, 8, (byte) n};
        byte[] value = ByteBuffer.allocate(1000).putInt(n).array();
        checks[0] = 0; // one that waits looks at the memory again and again
        put(key, value);
        assertTrue(checks[0] < 3 || pin[0].held == 0);
        assertArrayEquals(value, reader.get(key, reader.hash(key)));
      }
      assertEquals(List.of(), log.lines());
    }
    assertEquals(0, writer.dropped());
    assertFalse(Thread.interrupted());
  }

  /** What was there when a reader began, found or not. */
  @Test
  void whatAReaderMayHaveFoundIsNotWrittenOver() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT);
        Logged log = new Logged(WarmCache.class)) {
      int puts = 0;
      while (scene.reader.small.head() < 2 * LAYOUT.smallBytes()) {
        scene.put("key" + puts, Scene.value(puts++, 100));
      }
      Pins.Pin pin = scene.reader.pins.enterFunction();
      List<CacheImage.Item> items = scene.image().items();
      while (scene.writer.dropped() == 0) {
        scene.put("key" + puts, Scene.value(puts++, 100));
      }
      byte[] bytes = scene.image().bytes();
      for (CacheImage.Item item : items) {
        int at = item.at() + 12 + item.key().length();
        byte[] found = Arrays.copyOfRange(bytes, at, at + item.value().length);
        assertArrayEquals(item.value(), found, item.key());
      }
      assertEquals(1, log.lines().size());
      pin.held = 0;
      scene.put("later", Scene.value(1, 100));
      assertArrayEquals(Scene.value(1, 100), scene.get("later"));
      assertEquals(1, scene.writer.dropped());
    }
  }

  /** Else one would go on in memory that is given up. */
  @Test
  void allAreRemovedWhenNoOverwriteIsUnderWay() {
    Pins.Pin[] held = new Pins.Pin[1];
    Memory memory =
        new Memory(region) {
          @Override
          boolean isGuarded() {
            return false;
          }

          @Override
          boolean isSound() {
            if (held[0] != null && held[0].held != 0) {
              held[0].held = 0; // while it is waited for
              assertEquals(60, reader.entries());
            }
            return super.isSound();
          }
        };
    reader = new Reader(memory, LAYOUT, new CacheClock(memory, () -> 0), false);
    writer = new Writer(reader, LAYOUT);
    held[0] = reader.pins.hold(3);
    writer.clear();
    assertEquals(0, held[0].held);
    assertEquals(0, reader.entries());
  }

  // ---- what another thread overwrites meanwhile ----

  /** Has a change's first store be followed by an overwrite of a key by another thread. */
  private static void overwriteInNextChange(Scene scene, String key, byte[] value) {
    scene.memory.record();
    scene.memory.interrupt(
        0,
        () ->
            scene.inOtherThread(
                () -> assertEquals(Overwrites.Result.DONE, scene.overwrite(key, value))));
  }

  @Test
  void aChangeIsRefusedWhereAnotherThreadOverwritesInItsMidst() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      for (int i = 0; i < 60; i++) {
        scene.put("fill" + i, Scene.value(i, 40));
      }
      byte[] key = Scene.bytes("key");
      long hash = scene.hash("key");
      scene.inOtherThread(
          () -> {
            for (int i = 0; i < 4; i++) {
              scene.put("key", Scene.value(i, 40));
            }
          });
      scene.newPeriods();
      List<RemovalCause> told = new ArrayList<>();
      scene.writer.onRemoval((gone, value, cause) -> told.add(cause));

      overwriteInNextChange(scene, "key", Scene.value(10, 40));
      assertFalse(scene.writer.tryRemove(key, hash, scene.writer.slotOf(key, hash)));
      assertArrayEquals(Scene.value(10, 40), scene.get("key"));
      scene.image().checkCounts();

      byte[] longer = Scene.value(20, 60);
      overwriteInNextChange(scene, "key", Scene.value(11, 40));
      assertFalse(
          scene.writer.tryPut(
              key,
              hash,
              longer,
              0,
              Entry.check(key, longer, 0),
              scene.writer.slotOf(key, hash),
              scene.reader.pins.period()));
      assertArrayEquals(Scene.value(11, 40), scene.get("key"));
      scene.image().checkCounts();
      scene.image().checkDead();
      assertEquals(List.of(), told);
    }
  }

  @Test
  void aDamagedEntryThatAnotherThreadOverwritesIsNotDropped() throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), LAYOUT)) {
      for (int i = 0; i < 60; i++) {
        scene.put("fill" + i, Scene.value(i, 40));
      }
      scene.inOtherThread(
          () -> {
            for (int i = 0; i < 4; i++) {
              scene.put("key", Scene.value(i, 40));
            }
          });
      scene.newPeriods();
      CacheImage.Item item = scene.image().item("key");
      int damaged = item.at() + 12 + 3 + 20;
      scene.memory.putByte(damaged, (byte) ~scene.memory.getByte(damaged));
      assertEquals(-1, scene.reader.verify(item.place()));
      overwriteInNextChange(scene, "key", Scene.value(10, 40));
      assertFalse(scene.writer.dropDamaged(item.place()));
      assertArrayEquals(Scene.value(10, 40), scene.get("key"));
      assertEquals(0, scene.reader.corrupt.sum());
    }
  }

  @Test
  void aChangeIsDoneAPeriodAfterTheEntryWasSeenAndNotTwo() {
    put(0);
    for (int later = 0; later < 4; later++) {
      long period = reader.pins.period();
      long seen = writer.slotOf(KEY, hash);
      for (int i = 0; i < later; i++) {
        assertTrue(writer.newPeriod());
      }
      assertEquals(later < 2, tryPut(later + 1, seen, period), "periods later: " + later);
    }
    assertArrayEquals(value(2), reader.get(KEY, hash));
  }
}
