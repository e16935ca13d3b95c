/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.cache.RecordingMemory.Word;

/**
 * Every state that a kill can leave: the stores of an operation are recorded, and the memory is
 * opened as it was after each of them. So is what a kill of that recovery leaves.
 */
class KillStatesTest {

  private static final long CAPACITY = 64 << 10;
  private static final String KEY = "key";

  /** One of so many states is used until all of its memory was used again. */
  private static final int USED_EACH = 4;

  private static final Path MEMORY = Path.of("/dev/shm");

  private Path folder;

  /**
   * The file that a state is written to and opened from. Its fd stays open, as a process loses its
   * lock on a file when it closes any fd of it.
   */
  private FileChannel left;

  @BeforeEach
  void makeFolder() throws IOException {
    folder =
        Files.isDirectory(MEMORY)
            ? Files.createTempDirectory(MEMORY, "luo4j-kill-states")
            : Files.createTempDirectory("luo4j-kill-states");
    left =
        FileChannel.open(
            folder.resolve("left"),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
  }

  @AfterEach
  void deleteFolder() throws IOException {
    left.close();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  private void write(CacheImage image) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(image.bytes());
    while (bytes.hasRemaining()) {
      left.write(bytes, bytes.position());
    }
  }

  private CacheImage read(CacheImage like) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(like.bytes().length);
    while (left.read(bytes, bytes.position()) > 0) {
      // Until it is full.
    }
    return new CacheImage(like.layout(), bytes.array());
  }

  /** An operation: a scene is prepared for it, and what is returned does it. */
  record Operation(String name, int averageEntry, Function<Scene, Runnable> prepare) {

    CacheFormat.Layout layout() {
      return CacheFormat.Layout.of(CAPACITY, averageEntry);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static Operation of(String name, Function<Scene, Runnable> prepare) {
    return new Operation(name, 64, prepare);
  }

  // ---- operations ----

  /** Entries alive and dead, beyond what will be cleaned first, where nothing is overwritten. */
  private static void fill(Scene scene) {
    for (int i = 0; i < 40; i++) {
      scene.put("fill" + i, Scene.value(i, 16 + i % 3 * 40));
    }
    for (int i = 0; i < 40; i += 7) {
      scene.remove("fill" + i);
    }
    scene.put("large", Scene.value(7, 2500));
  }

  /** The key has a value of so many bytes, and each thread may overwrite it twice. */
  private static void prepareOverwrites(Scene scene, int length) {
    for (int i = 0; i < 4; i++) {
      scene.put(KEY, Scene.value(100 + i, length));
    }
    scene.inOtherThread(
        () -> {
          for (int i = 0; i < 4; i++) {
            scene.put(KEY, Scene.value(100 + i, length));
          }
        });
    scene.newPeriods();
  }

  private static void overwrite(Scene scene, int number, int length) {
    Overwrites.Result result = scene.overwrite(KEY, Scene.value(number, length));
    CacheImage.check(result == Overwrites.Result.DONE, "the overwrite was " + result);
  }

  private static void remove(Scene scene, String key) {
    CacheImage.check(scene.remove(key), key + " was not there");
  }

  /** Fills the two buckets of a key with others; each may be moved to a third one with room. */
  private static String crowd(Scene scene) {
    String key = scene.key(0, first -> true, second -> true);
    Set<Integer> full = Set.of(scene.first(key), scene.second(key));
    int next = 1;
    for (int bucket : full) {
      for (int i = 0; i < CacheFormat.SLOTS; i++) {
        String other = scene.key(next, first -> first == bucket, second -> !full.contains(second));
        next = Integer.parseInt(other) + 1;
        scene.put(other, Scene.value(i, 16));
      }
    }
    return key;
  }

  /** As crowd, where the third buckets of all are full too, and have a fourth with room. */
  private static String crowdTwice(Scene scene) {
    int[] chain = new int[5];
    for (int i = 0; i < chain.length; i++) {
      chain[i] = i + 2;
    }
    int next = 1;
    // Slots of 0 and 1 may go to 2 and 3, those of 2 and 3 to 4, which has room.
    int[][] ways = {{0, 2}, {1, 3}, {2, 4}, {3, 4}};
    for (int[] way : ways) {
      for (int i = 0; i < CacheFormat.SLOTS; i++) {
        String other =
            scene.key(next, first -> first == chain[way[0]], second -> second == chain[way[1]]);
        next = Integer.parseInt(other) + 1;
        scene.put(other, Scene.value(i, 16));
      }
    }
    return scene.key(next, first -> first == chain[0], second -> second == chain[1]);
  }

  /** Two buckets are full, and none of their slots has another to go to. */
  private static String crowdOut(Scene scene) {
    int next = 0;
    while (true) {
      String key = scene.key(next, first -> first == 2, second -> second == 3);
      next = Integer.parseInt(key) + 1;
      if (scene.reader.index.freeSlot(scene.hash(key)) < 0) {
        return key;
      }
      scene.put(key, Scene.value(next, 16));
    }
  }

  private static void moving(Scene scene, int slots, Runnable insert) {
    int before = scene.reader.index.moves();
    insert.run();
    int moved = (scene.reader.index.moves() - before) / 2;
    CacheImage.check(moved == slots, moved + " slots were moved");
  }

  private static void fillSmallRing(Scene scene) {
    fill(scene);
    for (int i = 0; scene.reader.small.tail() == 0; i++) {
      scene.put("more" + i, Scene.value(i, 30 + i % 5 * 16));
      if (i % 3 == 0) {
        scene.get("more" + i);
      }
      if (i % 4 == 0) {
        scene.remove("more" + i);
      }
    }
  }

  /** Live bytes are at their limit: each more evicts. */
  private static void fillUp(Scene scene) {
    long before = -1;
    for (int i = 0; scene.writer.evictions() == 0; i++) {
      scene.put("full" + i, Scene.value(i, 200 + i % 7 * 30));
      if (i % 2 == 0) {
        scene.get("full" + i);
      }
      before = scene.reader.liveBytes();
    }
    CacheImage.check(before > CAPACITY / 10 * 8, "only " + before + " live bytes");
  }

  /**
   * The main ring has gone round once or twice: its oldest entries must move for each large one.
   */
  private static void goRound(Scene scene) {
    fill(scene);
    for (int i = 0; scene.reader.main.head() < 2 * scene.layout.mainBytes() - 5000; i++) {
      scene.put("big" + i % 6, Scene.value(i, 2100 + i % 5 * 100));
      scene.get("big" + i % 6);
    }
  }

  static Stream<Operation> operations() {
    List<Operation> all = new ArrayList<>();
    all.add(of("insert", s -> doing(s, () -> s.put("new", Scene.value(1, 30)))));
    all.add(of("insert into main", s -> doing(s, () -> s.put("new", Scene.value(1, 2100)))));
    all.add(of("insert of a long key", s -> doing(s, () -> s.put("n".repeat(300), new byte[9]))));
    all.add(of("insert of nothing", s -> doing(s, () -> s.put("", new byte[0]))));
    all.add(
        of(
            "insert into a hole",
            s -> {
              fill(s);
              s.put("hole", Scene.value(1, 50));
              s.put("behind", Scene.value(1, 40));
              s.remove("hole");
              s.newPeriods();
              s.newPeriods();
              return () -> s.put("ho", Scene.value(2, 52));
            }));
    for (int[] lengths : new int[][] {{100, 200}, {200, 100}, {100, 100}, {100, 2500}, {2500, 9}}) {
      all.add(
          of(
              "overwrite " + lengths[0] + " by " + lengths[1],
              s -> {
                fill(s);
                s.put(KEY, Scene.value(1, lengths[0]));
                return () -> s.put(KEY, Scene.value(2, lengths[1]));
              }));
    }
    all.add(
        of(
            "insert into a cleared cache", // the last change's record holds counts of before
            s -> {
              fill(s);
              remove(s, "fill5");
              s.writer.clear();
              return () -> s.put("new", Scene.value(1, 30));
            }));
    all.add(of("remove", s -> doing(s, () -> remove(s, "fill5"))));
    all.add(of("remove a large one", s -> doing(s, () -> remove(s, "large"))));
    all.add(
        of(
            "remove an expired one",
            s -> {
              fill(s);
              s.put(KEY, Scene.value(1, 20), s.reader.clock.after(100));
              s.now += 200;
              return () -> s.remove(KEY);
            }));
    all.add(
        of(
            "overwrite without the lock",
            s -> {
              fill(s);
              prepareOverwrites(s, 70);
              return () -> overwrite(s, 1, 70);
            }));
    all.add(
        new Operation(
            "insert that moves a slot",
            64,
            s -> {
              String key = crowd(s);
              return () -> moving(s, 1, () -> s.put(key, Scene.value(1, 20)));
            }));
    all.add(
        new Operation(
            "insert that moves two slots",
            512,
            s -> {
              String key = crowdTwice(s);
              return () -> moving(s, 2, () -> s.put(key, Scene.value(1, 20)));
            }));
    all.add(
        new Operation(
            "insert that finds no slot",
            512,
            s -> {
              String key = crowdOut(s);
              return () -> moving(s, 0, () -> s.put(key, Scene.value(1, 20)));
            }));
    all.add(
        of(
            "inserts that clean the small ring",
            s -> {
              fillSmallRing(s);
              return () -> {
                for (int i = 0; i < 12; i++) {
                  s.put("next" + i, Scene.value(i, 100 + i * 8));
                }
              };
            }));
    all.add(
        of(
            "inserts that evict",
            s -> {
              fillUp(s);
              return () -> {
                for (int i = 0; i < 5; i++) {
                  s.put("next" + i, Scene.value(i, 300));
                }
              };
            }));
    all.add(
        of(
            "inserts that move the main ring's entries",
            s -> {
              goRound(s);
              return () -> {
                for (int i = 0; i < 4; i++) {
                  s.put("next" + i, Scene.value(i, 2100));
                }
              };
            }));
    all.add(of("clear", s -> doing(s, () -> s.writer.clear())));
    all.add(
        of(
            "clear of a cache that has gone round",
            s -> {
              goRound(s);
              return () -> s.writer.clear();
            }));
    all.add(
        of(
            "recount",
            s -> {
              fill(s);
              return () -> s.writer.recount();
            }));
    return all.stream();
  }

  private static Runnable doing(Scene scene, Runnable operation) {
    fill(scene);
    return operation;
  }

  @ParameterizedTest
  @MethodSource("operations")
  void anOperationIsDoneOrNot(Operation operation) throws IOException {
    try (Scene scene = new Scene(folder.resolve("scene"), operation.layout())) {
      Runnable run = operation.prepare.apply(scene);
      checkStates(new Run(scene, run));
    }
  }

  /** The same, by a process that has the memory from another one. */
  @ParameterizedTest
  @MethodSource("operations")
  void anOperationOnOldMemoryIsDoneOrNot(Operation operation) throws IOException {
    if (operation.name.equals("overwrite without the lock")) {
      return; // a new process keeps no places
    }
    try (Scene scene = new Scene(folder.resolve("scene"), operation.layout())) {
      Runnable run = operation.prepare.apply(scene);
      scene.reopen();
      checkStates(new Run(scene, run));
    }
  }

  // ---- operations in which another thread overwrites the key ----

  static Stream<Operation> interrupted() {
    List<Operation> all = new ArrayList<>();
    for (int length : new int[] {70, 200}) {
      all.add(
          of(
              "overwrite by " + length,
              s -> {
                fill(s);
                prepareOverwrites(s, 70);
                return () -> s.put(KEY, Scene.value(1, length));
              }));
    }
    all.add(
        of(
            "insert", // the overwrite may come before the counts are stored
            s -> {
              fill(s);
              prepareOverwrites(s, 70);
              remove(s, KEY);
              return () -> s.put(KEY, Scene.value(1, 70));
            }));
    all.add(
        of(
            "remove",
            s -> {
              fill(s);
              prepareOverwrites(s, 70);
              return () -> remove(s, KEY);
            }));
    all.add(
        of(
            "remove of what was seen",
            s -> {
              fill(s);
              prepareOverwrites(s, 70);
              byte[] key = Scene.bytes(KEY);
              return () -> s.writer.tryRemove(key, s.hash(KEY), s.writer.slotOf(key, s.hash(KEY)));
            }));
    all.add(
        new Operation(
            "insert that moves the key's slot",
            512,
            s -> {
              for (int i = 0; i < 10; i++) {
                s.put("fill" + i, Scene.value(i, 100)); // into buckets that stay as they are
              }
              prepareOverwrites(s, 70);
              return movingKey(s);
            }));
    all.add(
        of(
            "inserts that move the key on",
            s -> {
              s.put("first", Scene.value(1, 20));
              s.remove("first");
              s.put(KEY, Scene.value(99, 70)); // is cleaned first
              s.get(KEY);
              fillSmallRing(s, 2);
              return () -> {
                for (int i = 0; i < 3; i++) {
                  s.put("next" + i, Scene.value(i, 200));
                }
              };
            }));
    return all.stream();
  }

  /** Moves the key's slot to its other bucket, as a search for an empty slot does. */
  private static Runnable movingKey(Scene scene) {
    Index index = scene.reader.index;
    long place = scene.reader.find(Scene.bytes(KEY), scene.hash(KEY));
    long first = index.first(scene.hash(KEY));
    long second = index.other(first, Index.tag(scene.hash(KEY)));
    long other = place >= first && place < first + CacheFormat.BUCKET_BYTES ? second : first;
    long empty = other;
    while (scene.memory.getLong(empty) != Index.EMPTY) {
      empty += 8;
    }
    long target = empty;
    return () -> index.move(place, target);
  }

  /** Fills the small ring, leaving the other thread places in which to overwrite the key. */
  private static void fillSmallRing(Scene scene, int places) {
    fill(scene);
    byte[] spare = Scene.bytes("spa");
    scene.inOtherThread(
        () -> {
          for (int i = 0; i <= places; i++) {
            byte[] value = Scene.value(i, 70);
            scene.writer.put(spare, scene.hash("spa"), value, 0, Entry.check(spare, value, 0));
          }
        });
    scene.newPeriods();
    for (int i = 0; scene.reader.small.hasRoom(400, 0); i++) {
      scene.put("more" + i, Scene.value(i, 60 + i % 5 * 16));
    }
  }

  /** Each store of each operation is one after which the other thread overwrites the key. */
  @ParameterizedTest
  @MethodSource("interrupted")
  void anOverwriteComesBetweenAnyTwoStores(Operation operation) throws IOException {
    int stores = 1;
    int overwritten = 0;
    for (int store = 0; store < stores; store++) {
      try (Scene scene = new Scene(folder.resolve("scene"), operation.layout())) {
        Runnable run = operation.prepare.apply(scene);
        Run done = new Run(scene, run, store, Scene.value(2, 70));
        if (store == 0) {
          try (Scene dry = new Scene(folder.resolve("dry"), operation.layout())) {
            stores = new Run(dry, operation.prepare.apply(dry)).stores;
          }
        }
        if (done.acknowledged >= 0) {
          overwritten++;
          checkStates(done);
        }
      }
    }
    assertTrue(overwritten > 0, "no overwrite was done");
  }

  @Test
  void noOverwriteIsDoneWhileTheCacheIsCleared() throws IOException {
    for (int store = 0; store < 10; store++) {
      try (Scene scene = new Scene(folder.resolve("scene"), CacheFormat.Layout.of(CAPACITY, 64))) {
        fill(scene);
        prepareOverwrites(scene, 70);
        Run run = new Run(scene, () -> scene.writer.clear(), store, Scene.value(2, 70));
        assertTrue(run.acknowledged < 0);
        assertEquals(Set.of(), run.after.contents().keySet());
      }
    }
  }

  // ---- what is checked ----

  /** An operation that was recorded. */
  private static final class Run {
    final CacheImage before;
    final CacheImage after;
    final List<Word> words;
    final int stores;

    /** After how many words the other thread's overwrite began; states before are another run's. */
    int begun;

    /** After how many words it was done; -1: it was not. */
    int acknowledged = -1;

    /** With an overwrite: those of it and the next; others are much the same as another run's. */
    boolean isLookedAt(int count) {
      return acknowledged < 0
          || count >= begun && count < acknowledged + 20
          || count == words.size();
    }

    Run(Scene scene, Runnable operation) {
      this(scene, operation, -1, new byte[0]);
    }

    Run(Scene scene, Runnable operation, int store, byte[] overwrite) {
      before = scene.image();
      before.checkCounts();
      scene.memory.record();
      scene.memory.interrupt(
          store,
          () ->
              scene.inOtherThread(
                  () -> {
                    begun = scene.memory.words().size();
                    if (scene.overwrite(KEY, overwrite) == Overwrites.Result.DONE) {
                      acknowledged = scene.memory.words().size();
                    }
                  }));
      operation.run();
      words = List.copyOf(scene.memory.words());
      stores = scene.memory.stores();
      after = scene.image();
      after.checkCounts();
      after.checkNothingUnderWay();
      after.checkDead();
    }
  }

  /** Makes and opens every state of a run. */
  private void checkStates(Run run) throws IOException {
    CacheImage state = run.before.copy();
    Map<String, byte[]> after = run.after.contents();
    Map<String, List<String>> history = new TreeMap<>();
    for (int i = 0; i <= run.words.size(); i++) {
      if (i > 0) {
        Word word = run.words.get(i - 1);
        state.setWord(word.at(), word.value());
        if (!run.isLookedAt(i) || isInside(run.words, i)) {
          continue;
        }
      }
      try {
        boolean done = i == run.words.size();
        Map<String, byte[]> found = checkState(state);
        checkNothingToDo(state);
        checkRecovery(state, found);
        if (i % USED_EACH == 0 || done) {
          checkUse(state, found);
        }
        checkContents(found, history, run.before.contents(), after, done);
        if (run.acknowledged >= 0 && i >= run.acknowledged && found.containsKey(KEY)) {
          assertTrue(
              !Arrays.equals(run.before.contents().get(KEY), found.get(KEY)),
              "an acknowledged overwrite is lost");
        }
      } catch (AssertionError | RuntimeException e) {
        String last = i == 0 ? "" : run.words.get(i - 1).toString();
        throw new AssertionError(
            "after " + i + " of " + run.words.size() + " words, the last one " + last + ": " + e,
            e);
      }
    }
  }

  /** Whether a state lies inside of a store of many words: two of each are enough. */
  private static boolean isInside(List<Word> words, int count) {
    return count >= 3
        && count + 1 < words.size()
        && words.get(count - 3).store() == words.get(count - 1).store()
        && words.get(count + 1).store() == words.get(count - 1).store();
  }

  /** A key has the value of before or after, or one of an overwrite; none comes back. */
  private static void checkContents(
      Map<String, byte[]> found,
      Map<String, List<String>> history,
      Map<String, byte[]> before,
      Map<String, byte[]> after,
      boolean isDone) {
    Set<String> keys = new TreeSet<>(before.keySet());
    keys.addAll(after.keySet());
    keys.addAll(found.keySet());
    for (String key : keys) {
      String value = text(found.get(key));
      List<String> values = history.computeIfAbsent(key, unused -> new ArrayList<>());
      if (values.isEmpty() || !values.get(values.size() - 1).equals(value)) {
        CacheImage.check(!values.contains(value), key + " has again " + value);
        values.add(value);
      }
      boolean allowed =
          value.equals(text(before.get(key)))
              || value.equals(text(after.get(key)))
              || key.equals(KEY);
      CacheImage.check(allowed, key + " has " + value);
      if (isDone) {
        assertEquals(text(after.get(key)), value, key);
      }
    }
  }

  private static String text(byte[] value) {
    return value == null
        ? "nothing"
        : value.length + new String(value, StandardCharsets.ISO_8859_1).substring(0, value.length);
  }

  private WarmCache<byte[], byte[]> open(CacheImage image) throws IOException {
    return WarmCache.builder(Codec.BYTES, Codec.BYTES)
        .capacity(image.layout().capacity())
        .averageEntryBytes(image.layout().averageEntry())
        .clock(() -> 1_000_000)
        .onRefusal(OnRefusal.FAIL)
        .file(folder.resolve("left"))
        .open();
  }

  /** Opens a state; gives what it holds then, which the file holds too. */
  private Map<String, byte[]> checkState(CacheImage state) throws IOException {
    state.items(); // each slot names a whole entry
    state.walk();
    write(state);
    try (WarmCache<byte[], byte[]> cache = open(state)) {
      assertEquals(Start.Kind.WARM_AFTER_CRASH, cache.start().kind());
    }
    CacheImage recovered = read(state);
    recovered.checkNothingUnderWay();
    recovered.checkCounts();
    recovered.walk();
    Map<String, byte[]> contents = recovered.contents();
    assertEquals(
        state.intAt(CacheFormat.OPENINGS_AT) + 1, recovered.intAt(CacheFormat.OPENINGS_AT));
    return contents;
  }

  /** The recovery is killed after each of its stores, too. */
  private void checkRecovery(CacheImage state, Map<String, byte[]> contents) throws IOException {
    try (Scene scene = Scene.left(folder.resolve("recovery"), state)) {
      assertNull(scene.writer.damage());
      scene.memory.record();
      scene.reader.countOpening();
      scene.writer.recover();
      CacheImage half = state.copy();
      for (Word word : scene.memory.words()) {
        half.setWord(word.at(), word.value());
        if (word.at() != CacheFormat.OPENINGS_AT) {
          Map<String, byte[]> found = checkState(half);
          assertEquals(contents.keySet(), found.keySet());
          contents.forEach((key, value) -> assertArrayEquals(value, found.get(key), key));
        }
      }
    }
  }

  /**
   * A second recovery, as after a kill right after the first, changes nothing but the number of
   * openings.
   */
  private void checkNothingToDo(CacheImage state) throws IOException {
    CacheImage recovered = read(state);
    CacheImage crashed = recovered.copy();
    crashed.setWord(CacheFormat.STATE_AT, CacheFormat.OPEN);
    write(crashed);
    open(crashed).close();
    CacheImage again = read(crashed);
    for (int at :
        new int[] {CacheFormat.STATE_AT, CacheFormat.OPENINGS_AT, CacheFormat.LATEST_AT}) {
      again.setWord(at, recovered.word(at));
    }
    assertEquals(-1, Arrays.mismatch(recovered.bytes(), again.bytes()), "changed again");
  }

  /** All that is there is found, and the cache goes on. */
  private void checkUse(CacheImage state, Map<String, byte[]> contents) throws IOException {
    write(state);
    try (WarmCache<byte[], byte[]> cache = open(state)) {
      assertEquals(contents.size(), cache.size());
      contents.forEach(
          (key, value) -> assertArrayEquals(value, cache.getIfPresent(Scene.bytes(key)), key));
      Verification verified = cache.verify();
      assertTrue(verified.isClean());
      assertEquals(contents.size(), verified.entries());
      List<String> keys = new ArrayList<>(contents.keySet());
      for (int i = 0; i < 300; i++) {
        boolean old = i % 3 == 0 && !keys.isEmpty();
        byte[] key = Scene.bytes(old ? keys.get(i % keys.size()) : "use" + i);
        byte[] value = Scene.value(i, 40 + i % 9 * 70);
        cache.put(key, value);
        assertArrayEquals(value, cache.getIfPresent(key));
        if (i % 5 == 0) {
          assertTrue(cache.remove(key));
          assertNull(cache.getIfPresent(key));
        }
      }
      assertTrue(cache.verify().isClean());
      assertEquals(0, cache.stats().corruptions());
    }
    CacheImage used = read(state);
    used.checkCounts();
    used.walk();
    used.contents();
  }

  /** So that no store goes unrecorded. */
  @Test
  void everyStoreOfTheMemoryIsRecorded() {
    Set<String> recorded = new HashSet<>();
    for (var method : RecordingMemory.class.getDeclaredMethods()) {
      recorded.add(method.getName() + Arrays.toString(method.getParameterTypes()));
    }
    for (var method : Memory.class.getDeclaredMethods()) {
      String name = method.getName() + Arrays.toString(method.getParameterTypes());
      if (name.matches("(put|set|compareAnd|getAnd|copy|fill).*")) {
        assertTrue(recorded.contains(name), name);
      }
    }
  }
}
