/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Entries whose key or value cannot be decoded. */
class DecodeFailureTest {

  /** How a codec fails. */
  enum Failure {
    THROWS,
    /** Writes into the array before it throws, as the array is its own. */
    SPOILS_AND_THROWS,
    RETURNS_NULL,
    /** As codecs in other languages may. */
    THROWS_CHECKED
  }

  private static final String BAD = "bad";

  @TempDir Path folder;
  private WarmCache<String, String> cache;
  private Failure failure = Failure.THROWS;

  /** Text; what begins with "bad" cannot be decoded. */
  private Codec<String> codec() {
    return Codec.of(
        "text-but-bad",
        text -> text.getBytes(StandardCharsets.US_ASCII),
        bytes -> {
          String text = new String(bytes, StandardCharsets.US_ASCII);
          if (!text.startsWith(BAD)) {
            return text;
          }
          if (failure == Failure.SPOILS_AND_THROWS) {
            Arrays.fill(bytes, (byte) '!');
          }
          if (failure == Failure.RETURNS_NULL) {
            return null;
          }
          if (failure == Failure.THROWS_CHECKED) {
            throw DecodeFailureTest.<RuntimeException>unchecked(
                new IOException("cannot decode " + text));
          }
          throw new IllegalArgumentException("cannot decode " + text);
        });
  }

  /** An exception as what a codec or listener in another language throws. */
  @SuppressWarnings("unchecked")
  static <E extends Exception> E unchecked(Exception e) throws E {
    throw (E) e;
  }

  private WarmCache.Builder<String, String> builder() {
    return WarmCache.builder(codec(), codec())
        .capacity(64 << 10)
        .file(folder.resolve("cache"))
        .recordStats();
  }

  // ---- the log ----

  private final Logger logger = Logger.getLogger(WarmCache.class.getName());
  private final List<LogRecord> logged = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord record) {
          logged.add(record);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @BeforeEach
  void listen() throws IOException {
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
    cache = builder().open();
  }

  @AfterEach
  void close() {
    cache.close();
    logger.setUseParentHandlers(true);
    logger.removeHandler(handler);
  }

  private void reopen(WarmCache.Builder<String, String> builder) throws IOException {
    cache.close();
    cache = builder.open();
  }

  private void assertRemoved(int entriesLeft, int failures) {
    assertEquals(entriesLeft, cache.size());
    assertEquals(failures, cache.stats().decodeFailures());
  }

  // ---- misses ----

  @ParameterizedTest
  @EnumSource
  void aLookupIsAMissAndRemovesIt(Failure how) {
    failure = how;
    cache.put("key", "bad value");
    assertNull(cache.getIfPresent("key"));
    assertRemoved(0, 1);
    assertEquals(0, cache.stats().hits());
    assertEquals(1, cache.stats().misses());
    assertNull(cache.getIfPresent("key"));
    assertRemoved(0, 1);
    assertEquals(0, cache.stats().corruptions());
  }

  @ParameterizedTest
  @EnumSource
  void aLoaderIsCalledInItsPlace(Failure how) {
    failure = how;
    cache.put("key", "bad value");
    assertEquals("loaded", cache.get("key", key -> "loaded"));
    assertEquals("loaded", cache.getIfPresent("key"));
    assertRemoved(1, 1);
    assertEquals(1, cache.stats().misses());
    assertEquals(1, cache.stats().hits());
  }

  /** What a loader gives is given to its caller, whether it can be decoded or not. */
  @Test
  void aLoadedValueThatCannotBeDecodedIsGivenOnce() {
    assertEquals("bad but loaded", cache.get("key", key -> "bad but loaded"));
    assertEquals("loaded", cache.get("key", key -> "loaded"));
    assertRemoved(1, 1);
  }

  /** Each change sees none there. */
  @ParameterizedTest
  @EnumSource
  void changesSeeNoValue(Failure how) {
    failure = how;
    Map<String, Function<ConcurrentMap<String, String>, String>> changes = new TreeMap<>();
    changes.put("compute", map -> map.compute("key", (key, value) -> "" + value));
    changes.put("computeIfAbsent", map -> map.computeIfAbsent("key", key -> "absent"));
    changes.put("computeIfPresent", map -> map.computeIfPresent("key", (key, value) -> "x"));
    changes.put("merge", map -> map.merge("key", "new", String::concat));
    changes.put("put", map -> map.put("key", "new"));
    changes.put("putIfAbsent", map -> map.putIfAbsent("key", "new"));
    changes.put("remove", map -> map.remove("key"));
    changes.put("replace", map -> map.replace("key", "new"));
    changes.put("replaceBad", map -> map.replace("key", "bad new"));
    changes.put("get", map -> map.get("key"));
    changes.put("containsKey", map -> "" + map.containsKey("key"));
    changes.put("getOrDefault", map -> map.getOrDefault("key", "default"));
    int failures = 0;
    Map<String, String> seen = new TreeMap<>();
    for (Map.Entry<String, Function<ConcurrentMap<String, String>, String>> change :
        changes.entrySet()) {
      cache.put("key", "bad value");
      String answer = change.getValue().apply(cache.asMap());
      assertEquals(++failures, cache.stats().decodeFailures(), change.getKey());
      seen.put(change.getKey(), answer + " " + cache.getIfPresent("key"));
      assertEquals(failures, cache.stats().decodeFailures(), change.getKey());
    }
    Map<String, String> expected = new TreeMap<>();
    expected.put("compute", "null null"); // the text "null", twice
    expected.put("computeIfAbsent", "absent absent");
    expected.put("computeIfPresent", "null null");
    expected.put("merge", "new new");
    expected.put("put", "null new");
    expected.put("putIfAbsent", "null new");
    expected.put("remove", "null null");
    expected.put("replace", "null null");
    expected.put("replaceBad", "null null");
    expected.put("get", "null null");
    expected.put("containsKey", "false null");
    expected.put("getOrDefault", "default null");
    assertEquals(expected, seen);
  }

  /** They compare bytes and decode nothing. */
  @Test
  void conditionalChangesCompareItsBytes() {
    cache.put("key", "bad value");
    assertFalse(cache.remove("key", "bad other"));
    assertTrue(cache.replace("key", "bad value", "bad again"));
    assertTrue(cache.remove("key", "bad again"));
    assertRemoved(0, 0);
  }

  @ParameterizedTest
  @EnumSource
  void iterationPassesOverEntriesAndRemovesThem(Failure how) {
    failure = how;
    for (int i = 0; i < 10; i++) {
      cache.put("key " + i, "value " + i);
      cache.put("of bad " + i, "bad value " + i);
      cache.put("bad key " + i, "of bad key");
    }
    Set<String> keys = Set.copyOf(new ArrayList<>(cache.asMap().keySet()));
    assertEquals(10, keys.size());
    assertTrue(keys.stream().allMatch(key -> key.startsWith("key ")), keys::toString);
    assertRemoved(10, 20);
    assertEquals(10, cache.asMap().entrySet().stream().count());
    assertFalse(cache.asMap().containsValue("bad value 1"));
    assertRemoved(10, 20);
  }

  @ParameterizedTest
  @EnumSource
  void visitPassesOverEntriesAndRemovesThem(Failure how) {
    failure = how;
    cache.put("key", "value");
    cache.put("bad key", "value");
    cache.put("of bad", "bad value");
    List<String> visited = new ArrayList<>();
    Verification found =
        cache.visit((key, value, expires) -> visited.add(key + value), (done, total) -> {});
    assertEquals(List.of("keyvalue"), visited);
    assertEquals(3, found.entries());
    assertTrue(found.isClean());
    assertRemoved(1, 2);
  }

  /** What another thread has put by then stays. */
  @Test
  void aValueThatIsPutMeanwhileStays() throws IOException {
    List<WarmCache<String, String>> self = new ArrayList<>();
    Codec<String> putting =
        Codec.of(
            "putting",
            text -> text.getBytes(StandardCharsets.US_ASCII),
            bytes -> {
              String text = new String(bytes, StandardCharsets.US_ASCII);
              if (text.startsWith(BAD)) {
                self.get(0).put("key", "good");
                throw new IllegalArgumentException(text);
              }
              return text;
            });
    try (WarmCache<String, String> other =
        WarmCache.builder(Codec.STRING, putting)
            .capacity(64 << 10)
            .file(folder.resolve("other"))
            .open()) {
      self.add(other);
      other.put("key", "bad value");
      assertNull(other.getIfPresent("key"));
      assertEquals("good", other.getIfPresent("key"));
      other.put("key", "bad value");
      assertEquals(List.of(), new ArrayList<>(other.asMap().values()));
      assertEquals("good", other.getIfPresent("key"));
    }
  }

  @Test
  void aCodecThatThrowsAnErrorChangesNothing() throws IOException {
    List<Error> errors = new ArrayList<>();
    Codec<String> failing =
        Codec.of(
            "failing",
            text -> text.getBytes(StandardCharsets.US_ASCII),
            bytes -> {
              if (!errors.isEmpty()) {
                throw errors.get(0);
              }
              return new String(bytes, StandardCharsets.US_ASCII);
            });
    try (WarmCache<String, String> other =
        WarmCache.builder(Codec.STRING, failing)
            .capacity(64 << 10)
            .file(folder.resolve("other"))
            .open()) {
      other.put("key", "value");
      errors.add(new NoClassDefFoundError("as the codec says"));
      for (Runnable call :
          List.<Runnable>of(
              () -> other.getIfPresent("key"),
              () -> other.get("key", key -> "loaded"),
              () -> other.asMap().put("key", "put"),
              () -> other.asMap().merge("key", "put", String::concat),
              () -> other.putIfAbsent("key", "put"),
              () -> other.asMap().forEach((key, value) -> {}))) {
        assertSame(errors.get(0), assertThrows(NoClassDefFoundError.class, call::run));
      }
      errors.clear();
      assertEquals("value", other.getIfPresent("key"));
      assertEquals(0, other.stats().decodeFailures());
      for (int i = 0; i < 5000; i++) { // no lock and no reader was left
        other.put("key " + i % 100, "v".repeat(i % 500));
      }
    }
  }

  @Test
  void numbersOfAnotherLengthCannotBeDecoded() {
    byte[] five = new byte[5];
    assertThrows(IllegalArgumentException.class, () -> Codec.INT.decode(five));
    assertThrows(IllegalArgumentException.class, () -> Codec.LONG.decode(new byte[9]));
    assertThrows(IllegalArgumentException.class, () -> Codec.UUID.decode(new byte[17]));
  }

  // ---- listeners ----

  @Test
  void aListenerIsNotToldAndItIsCountedOnce() throws IOException {
    List<String> told = new ArrayList<>();
    reopen(builder().removalListener((key, value, cause) -> told.add(key + " " + value + cause)));
    cache.put("removed", "bad value");
    assertTrue(cache.remove("removed"));
    assertRemoved(0, 1);
    cache.put("met", "bad value");
    assertNull(cache.getIfPresent("met"));
    assertRemoved(0, 2);
    cache.put("replaced", "bad value");
    cache.put("replaced", "value");
    assertRemoved(1, 3);
    cache.put("changed", "bad value");
    assertNull(cache.putIfAbsent("changed", "value"));
    assertRemoved(2, 4);
    cache.put("bad key", "value");
    assertTrue(cache.remove("bad key"));
    assertRemoved(2, 5);
    cache.put("iterated", "bad value");
    assertEquals(2, cache.asMap().values().stream().count());
    assertRemoved(2, 6);
    assertEquals(List.of(), told);
    cache.put("changed", "value 2");
    cache.invalidateAll();
    told.sort(null);
    assertEquals(
        List.of("changed value 2EXPLICIT", "changed valueREPLACED", "replaced valueEXPLICIT"),
        told);
    assertRemoved(0, 6);
  }

  // ---- the log ----

  @Test
  void theFirstOfACacheIsLoggedWithTheReason() throws IOException {
    cache.put("key", "bad value");
    cache.put("bad key", "value");
    assertNull(cache.getIfPresent("key"));
    assertEquals(0, cache.asMap().entrySet().stream().count());
    assertEquals(1, logged.size());
    assertEquals(Level.WARNING, logged.get(0).getLevel());
    String message = logged.get(0).getMessage();
    for (String part :
        List.of("'text-but-bad'", "value of 9 bytes", "cannot decode bad value", "(THROW)")) {
      assertTrue(message.contains(part), message);
    }
    reopen(builder());
    cache.put("key", "bad value");
    assertNull(cache.getIfPresent("key"));
    assertEquals(2, logged.size());
  }

  // ---- exceptions ----

  @ParameterizedTest
  @EnumSource
  void whereAskedForItIsAnExceptionAndTheEntryStays(Failure how) throws IOException {
    failure = how;
    reopen(builder().onDecodeFailure(OnDecodeFailure.THROW));
    cache.put("key", "bad value");
    ConcurrentMap<String, String> map = cache.asMap();
    List<Runnable> calls =
        List.of(
            () -> cache.getIfPresent("key"),
            () -> cache.get("key", key -> "loaded"),
            () -> cache.putIfAbsent("key", "value"),
            () -> cache.replace("key", "value"),
            () -> map.put("key", "value"),
            () -> map.remove("key"),
            () -> map.compute("key", (key, value) -> "value"),
            () -> map.merge("key", "value", String::concat),
            () -> map.containsKey("key"),
            () -> map.forEach((key, value) -> {}),
            () -> cache.visit((key, value, expires) -> {}, (done, total) -> {}));
    int failures = 0;
    for (Runnable call : calls) {
      RuntimeException thrown = assertThrows(RuntimeException.class, call::run);
      assertTrue(
          thrown.getMessage().contains(how == Failure.RETURNS_NULL ? "null" : "cannot decode bad"),
          thrown.toString());
      assertEquals(++failures, cache.stats().decodeFailures());
    }
    assertEquals(1, cache.size());
    assertTrue(cache.remove("key", "bad value"), "it was changed");
    assertEquals(List.of(), logged);
  }

  @Test
  void anIterationGoesOnBehindTheEntryThatThrew() throws IOException {
    reopen(builder().onDecodeFailure(OnDecodeFailure.THROW));
    for (int i = 0; i < 10; i++) {
      cache.put("key " + i, "value " + i);
      cache.put("of bad " + i, "bad value");
    }
    Iterator<String> keys = cache.asMap().keySet().iterator();
    int met = 0;
    int thrown = 0;
    while (true) {
      try {
        if (!keys.hasNext()) {
          break;
        }
        keys.next();
        met++;
      } catch (IllegalArgumentException e) {
        thrown++;
      }
    }
    assertEquals(10, met);
    assertEquals(10, thrown);
    assertEquals(20, cache.size());
  }
}
