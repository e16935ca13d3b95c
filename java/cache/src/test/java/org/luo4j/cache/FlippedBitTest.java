/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each bit of an entry's header, flipped: the entry is a miss, and no other one is lost by it. */
class FlippedBitTest {

  private static final CacheFormat.Layout LAYOUT = CacheFormat.Layout.of(64 << 10, 64);

  /** Its header has 20 bytes. */
  private static final String LONG = "L".repeat(300);

  private static final int ENTRIES = 60;

  @TempDir Path folder;
  private CacheImage image;
  private int dead;
  private int files;

  /** Live ones among dead ones, of sizes that a flipped bit makes another one's. */
  @BeforeEach
  void makeImage() throws IOException {
    try (Scene scene = new Scene(folder.resolve("made"), LAYOUT)) {
      for (int i = 0; i < ENTRIES; i++) {
        scene.put("key" + i, Scene.value(i, i % 3 == 0 ? 45 : 109));
      }
      scene.put(LONG, Scene.value(1, 200));
      dead = scene.image().item("key30").at();
      scene.remove("key30");
      image = scene.image();
    }
  }

  static List<String> keys() {
    return List.of("key0", "key31", "key59", LONG);
  }

  /**
   * The bits of check, expiry and lengths of an entry. Where the header is the long one, only the
   * sign of the short lengths says something.
   */
  private static int[] bits(String key) {
    return key.equals(LONG)
        ? IntStream.range(0, 160).filter(bit -> bit < 64 || bit > 94).toArray()
        : IntStream.range(0, 96).toArray();
  }

  private Scene flipped(int at, int bit) throws IOException {
    CacheImage damaged = image.copy();
    int word = at + bit / 32 * 4;
    damaged.setInt(word, damaged.intAt(word) ^ 1 << bit % 32);
    Scene scene = Scene.left(folder.resolve("left" + files++), damaged);
    scene.writer.recover();
    scene.reader.countOpening();
    return scene;
  }

  /** Puts until all that was there before has been cleaned, below nine tenths of the capacity. */
  private static void goRound(Scene scene) {
    long round = scene.reader.small.head() + scene.layout.smallBytes();
    for (int i = 0; scene.reader.small.tail() < round; i++) {
      String key = "new" + i % 50;
      scene.put(key, Scene.value(i, 100 + i % 64));
      assertArrayEquals(Scene.value(i, 100 + i % 64), scene.get(key));
    }
  }

  private void assertOthersStay(Scene scene, String damaged, int bit) {
    Map<String, byte[]> stays = new HashMap<>(image.contents());
    stays.remove(damaged);
    stays.forEach((key, value) -> assertArrayEquals(value, scene.get(key), key + ", bit " + bit));
    assertEquals(0, scene.writer.evictions(), "bit " + bit);
    scene.writer.recount();
    scene.image().checkCounts();
    scene.image().walk();
  }

  @Test
  void ofADeadEntryLosesNone() throws IOException {
    for (int bit : bits("key30")) {
      try (Scene scene = flipped(dead, bit)) {
        goRound(scene);
        assertOthersStay(scene, "key30", bit);
        assertNull(scene.get("key30"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("keys")
  void ofALiveEntryLosesThatOneAlone(String key) throws IOException {
    for (int bit : bits(key)) {
      try (Scene scene = flipped(image.item(key).at(), bit)) {
        assertNull(scene.get(key), "bit " + bit);
        goRound(scene);
        assertNull(scene.get(key), "bit " + bit);
        assertOthersStay(scene, key, bit);
        assertTrue(scene.reader.corrupt.sum() > 0, "bit " + bit);
      }
    }
  }

  /** Whatever is put, put again or removed: the damaged entry never answers for its key again. */
  @ParameterizedTest
  @MethodSource("keys")
  void ofALiveEntryGivesNoOldValueBack(String key) throws IOException {
    for (int bit : bits(key)) {
      try (Scene scene = flipped(image.item(key).at(), bit)) {
        if (bit % 2 == 0) {
          assertNull(scene.get(key), "bit " + bit);
        }
        byte[] value = Scene.value(1000 + bit, 109);
        if (scene.overwrite(key, value) != Overwrites.Result.DONE) {
          scene.put(key, value);
        }
        assertArrayEquals(value, scene.get(key), "bit " + bit);
        goRound(scene);
        assertArrayEquals(value, scene.get(key), "bit " + bit);
        scene.put(key, Scene.value(2000, 109));
        assertArrayEquals(Scene.value(2000, 109), scene.get(key), "bit " + bit);
        assertTrue(scene.remove(key), "bit " + bit);
        assertNull(scene.get(key), "bit " + bit);
        assertOthersStay(scene, key, bit);
      }
    }
  }

  /** The last entry, which ends at the head, seems to go on behind it: until the head moves on. */
  @Test
  void ofTheHeadGivesNoOldValueBack() throws IOException {
    for (int bit = 3; bit < 62; bit++) {
      CacheImage damaged = image.copy();
      long head = damaged.word(CacheFormat.SMALL_HEAD_AT);
      damaged.setWord(CacheFormat.SMALL_HEAD_AT, head ^ 1L << bit);
      try (Scene scene = Scene.left(folder.resolve("head" + bit), damaged)) {
        if (scene.writer.damage() != null) {
          continue; // it is refused
        }
        scene.writer.recover();
        scene.reader.countOpening();
        for (int i = 55; i < ENTRIES; i++) {
          scene.put("key" + i, Scene.value(1000 + i, 50));
        }
        goRound(scene);
        for (int i = 55; i < ENTRIES; i++) {
          String key = "key" + i;
          assertArrayEquals(Scene.value(1000 + i, 50), scene.get(key), key + ", bit " + bit);
          assertTrue(scene.remove(key), key + ", bit " + bit);
          assertNull(scene.get(key), key + ", bit " + bit);
        }
      }
    }
  }
}
