/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@link WarmCache#get} with loaders: who waits for whom, and what becomes of the others. */
class LoadersTest {

  /** How long a call may take that must not hang. */
  private static final int SECONDS = 60;

  @TempDir Path folder;
  private WarmCache<String, String> cache;
  private volatile int deepest;

  /** A call on a thread of its own. */
  private static final class Call<T> extends FutureTask<T> {
    private final Thread thread = new Thread(this, "caller");

    Call(Callable<T> call) {
      super(call);
      thread.setDaemon(true);
      thread.start();
    }

    T result() throws Exception {
      try {
        return get(SECONDS, TimeUnit.SECONDS);
      } catch (TimeoutException e) {
        throw new AssertionError("the call hangs", e);
      }
    }

    <E extends Throwable> E failure(Class<E> type) {
      return assertThrows(
          type,
          () -> {
            try {
              result();
            } catch (ExecutionException e) {
              throw e.getCause();
            }
          });
    }

    /** Returns when the thread waits for another. */
    Call<T> awaitWaiting() {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      while (thread.getState() != Thread.State.WAITING) {
        assertTrue(thread.isAlive(), "the call did not wait");
        assertTrue(System.nanoTime() < deadline, "the call does not wait");
        Thread.onSpinWait();
      }
      return this;
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("waited in vain");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private WarmCache<String, String> open(String file) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(1 << 20)
        .file(folder.resolve(file))
        .recordStats()
        .open();
  }

  @BeforeEach
  void open() throws IOException {
    cache = open("cache");
  }

  @AfterEach
  void close() {
    cache.close();
  }

  /** A load that runs until it is released, and a call that waits for it. */
  private final class Slow {
    final CountDownLatch entered = new CountDownLatch(1);
    final CountDownLatch release = new CountDownLatch(1);
    final Call<String> call;

    Slow(String key, Callable<String> then) {
      call =
          new Call<>(
              () ->
                  cache.get(
                      key,
                      same -> {
                        entered.countDown();
                        await(release);
                        return LoadersTest.<RuntimeException>call(then);
                      }));
      await(entered);
    }
  }

  @SuppressWarnings("unchecked")
  private static <E extends Exception> String call(Callable<String> call) throws E {
    try {
      return call.call();
    } catch (Exception e) {
      throw (E) e;
    }
  }

  @Test
  void anyNumberOfKeysIsLoadedAtTheSameTime() throws Exception {
    int threads = 200;
    CountDownLatch inside = new CountDownLatch(threads);
    List<Call<String>> calls = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      String key = "key " + i;
      calls.add(
          new Call<>(
              () ->
                  cache.get(
                      key,
                      same -> {
                        inside.countDown();
                        await(inside);
                        return "of " + same;
                      })));
    }
    for (int i = 0; i < threads; i++) {
      assertEquals("of key " + i, calls.get(i).result());
    }
  }

  @Test
  void loadersMayLoadOtherKeys() throws Exception {
    List<Call<Void>> calls = new ArrayList<>();
    for (int thread = 0; thread < 8; thread++) {
      int first = thread;
      calls.add(
          new Call<>(
              () -> {
                for (int n = first; n < 8 * 500; n += 8) {
                  String part = "part " + n;
                  String page =
                      cache.get(
                          "page " + n,
                          key -> {
                            Thread.yield();
                            return cache.get(part, same -> "p") + "!";
                          });
                  assertEquals("p!", page);
                }
                return null;
              }));
    }
    for (Call<Void> call : calls) {
      call.result();
    }
    assertEquals(2 * 8 * 500, cache.size());
  }

  @Test
  void aKeyIsLoadedOnceAndEachCallerGetsAnObjectOfItsOwn() throws Exception {
    try (WarmCache<String, byte[]> bytes =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(1 << 20)
            .file(folder.resolve("bytes"))
            .recordStats()
            .open()) {
      CountDownLatch entered = new CountDownLatch(1);
      CountDownLatch release = new CountDownLatch(1);
      AtomicInteger loads = new AtomicInteger();
      Callable<byte[]> get =
          () ->
              bytes.get(
                  "key",
                  same -> {
                    loads.incrementAndGet();
                    entered.countDown();
                    await(release);
                    return new byte[] {1, 2, 3};
                  });
      Call<byte[]> owner = new Call<>(get);
      await(entered);
      List<Call<byte[]>> others = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        others.add(new Call<>(get).awaitWaiting());
      }
      release.countDown();
      byte[] first = owner.result();
      first[0] = 9;
      for (Call<byte[]> other : others) {
        byte[] value = other.result();
        assertArrayEquals(new byte[] {1, 2, 3}, value);
        value[0] = 9;
        assertNotSame(first, value);
      }
      assertEquals(1, loads.get());
      assertArrayEquals(new byte[] {1, 2, 3}, bytes.getIfPresent("key"));
      assertEquals(1, bytes.stats().misses());
      assertEquals(10 + 1, bytes.stats().hits());
    }
  }

  /** Those who wait are served although the value is gone before they run. */
  @Test
  void waitingCallersGetAValueThatIsRemovedAtOnce() throws Exception {
    Slow slow = new Slow("key", () -> "value");
    AtomicInteger loads = new AtomicInteger();
    List<Call<String>> others = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      others.add(
          new Call<>(() -> cache.get("key", same -> "load " + loads.incrementAndGet()))
              .awaitWaiting());
    }
    Call<Void> remover =
        new Call<>(
            () -> {
              while (cache.getIfPresent("key") == null) {
                Thread.onSpinWait();
              }
              cache.remove("key");
              return null;
            });
    slow.release.countDown();
    assertEquals("value", slow.call.result());
    remover.result();
    for (Call<String> other : others) {
      assertEquals("value", other.result());
    }
    assertEquals(0, loads.get());
  }

  // ---- recursion ----

  private static void assertNames(String key, IllegalStateException e) {
    assertTrue(e.getMessage().contains("recursive load of key '" + key + "'"), e.getMessage());
  }

  @Test
  void recursionIsAnExceptionThatNamesTheKey() throws Exception {
    Call<String> direct =
        new Call<>(() -> cache.get("key", same -> cache.get("key", again -> "never")));
    IllegalStateException e = direct.failure(IllegalStateException.class);
    assertNames("key", e);
    assertTrue(e.getMessage().contains("', which this thread is loading: a"), e.getMessage());
    Call<String> overAnother =
        new Call<>(
            () ->
                cache.get(
                    "first", one -> cache.get("second", two -> cache.get("first", three -> "no"))));
    assertNames("first", overAnother.failure(IllegalStateException.class));
    Call<String> overTheMap =
        new Call<>(
            () ->
                cache
                    .asMap()
                    .computeIfAbsent(
                        "map", one -> cache.asMap().computeIfAbsent("map", two -> "no")));
    assertNames("map", overTheMap.failure(IllegalStateException.class));
    assertEquals(0, cache.size());
    assertEquals("later", cache.get("key", same -> "later"));
  }

  @Test
  void aKeyOfBytesIsNamedInHexadecimalAndALongOneCutOff() throws Exception {
    try (WarmCache<byte[], String> bytes =
        WarmCache.builder(Codec.BYTES, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("bytes"))
            .open()) {
      byte[] key = {1, (byte) 0xab};
      Call<String> recursive =
          new Call<>(() -> bytes.get(key, same -> bytes.get(key, again -> "never")));
      assertNames("0x01ab", recursive.failure(IllegalStateException.class));
    }
    String key = "k".repeat(5000);
    Call<String> recursive =
        new Call<>(() -> cache.get(key, same -> cache.get(key, again -> "never")));
    int length = recursive.failure(IllegalStateException.class).getMessage().length();
    assertTrue(length < 400, "characters: " + length);
    Call<String> odd =
        new Call<>(
            () -> cache.get("ö\n\u202e\ud83d\ude00", same -> cache.get(same, again -> "never")));
    assertNames("ö\\u000a\\u202e\ud83d\ude00", odd.failure(IllegalStateException.class));
  }

  @Test
  void aKeyOfUpTo100CharactersIsQuotedWhole() {
    String key = "k".repeat(100);
    assertEquals("'" + key + "'", Loads.quote(key));
    assertEquals("'" + key + "...'", Loads.quote(key + "k"));
  }

  @Test
  void loadsOfKeysOfOneHashDoNotWaitForEachOther() {
    Loads loads = new Loads();
    assertNull(loads.begin(new Loads.Load(new byte[] {1}, 5)));
    assertNull(loads.begin(new Loads.Load(new byte[] {2}, 5)));
  }

  /** What it gave is for those who came while it ran. */
  @Test
  void whoComesWhenALoadIsOverGetsNothingOfIt() throws Exception {
    Loads loads = new Loads();
    Loads.Load load = new Loads.Load(new byte[] {1}, 5);
    assertNull(loads.begin(load));
    assertSame(load, loads.begin(new Loads.Load(new byte[] {1}, 5)));
    Call<byte[]> waiting = new Call<>(() -> loads.await(load, "key")).awaitWaiting();
    loads.end(load, new byte[] {2});
    assertArrayEquals(new byte[] {2}, waiting.result());
    assertNull(loads.await(load, "key"));
    assertNull(loads.begin(new Loads.Load(new byte[] {1}, 5)));
  }

  /** A loader may get its key when it has put it: that is a hit. */
  @Test
  void aLoaderMayPutItsKey() {
    String value =
        cache.get(
            "key",
            same -> {
              cache.put("key", "put");
              return cache.get("key", again -> "never") + " and returned";
            });
    assertEquals("put", value);
    assertEquals("put", cache.getIfPresent("key"));
  }

  /** Each of some threads loads a key and wants that of the next. None hangs, none gets a value. */
  private void assertCycle(List<WarmCache<String, String>> caches, int threads) throws Exception {
    CyclicBarrier inside = new CyclicBarrier(threads);
    List<Call<String>> calls = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      WarmCache<String, String> own = caches.get(i % caches.size());
      WarmCache<String, String> next = caches.get((i + 1) % threads % caches.size());
      String key = "key " + i;
      String wanted = "key " + (i + 1) % threads;
      calls.add(
          new Call<>(
              () ->
                  own.get(
                      key,
                      same -> {
                        try {
                          inside.await(SECONDS, TimeUnit.SECONDS);
                        } catch (InterruptedException | BrokenBarrierException e) {
                          throw new AssertionError(e);
                        } catch (TimeoutException e) {
                          throw new AssertionError("not all loaders run", e);
                        }
                        return next.get(wanted, other -> own.get(key, again -> "never"));
                      })));
    }
    String messages = "";
    for (Call<String> call : calls) {
      String message = call.failure(IllegalStateException.class).getMessage();
      assertTrue(message.contains("recursive load of key 'key "), message);
      messages += message;
    }
    assertTrue(messages.contains(", which thread 'caller'"), messages);
    for (WarmCache<String, String> each : caches) {
      assertEquals(0, each.size());
      assertEquals("later", each.get("key 0", key -> "later"));
    }
  }

  @Test
  void aCycleOverThreadsIsAnExceptionInEach() throws Exception {
    assertCycle(List.of(cache), 2);
    cache.invalidateAll();
    assertCycle(List.of(cache), 5);
  }

  @Test
  void aCycleOverThreadsAndCachesIsAnExceptionInEach() throws Exception {
    try (WarmCache<String, String> other = open("other")) {
      assertCycle(List.of(cache, other), 2);
    }
  }

  /** Whose load of the other's key needs nothing more. */
  @Test
  void ofTwoLoadersThatWaitForEachOtherOneMayGoOn() throws Exception {
    CyclicBarrier inside = new CyclicBarrier(2);
    List<Call<String>> calls = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String own = "key " + i;
      String wanted = "key " + (1 - i);
      calls.add(
          new Call<>(
              () -> {
                try {
                  return cache.get(
                      own,
                      key -> {
                        try {
                          inside.await(SECONDS, TimeUnit.SECONDS);
                        } catch (Exception e) {
                          throw new AssertionError(e);
                        }
                        return "with " + cache.get(wanted, other -> "its own");
                      });
                } catch (IllegalStateException e) {
                  return e.getMessage();
                }
              }));
    }
    List<String> results = new ArrayList<>();
    for (Call<String> call : calls) {
      results.add(call.result());
    }
    assertTrue(results.remove("with its own"), () -> results + " is of one only");
    assertTrue(results.get(0).startsWith("recursive load of key 'key "), results.get(0));
  }

  /** It would hang, if it waited without end. */
  @Test
  void aWaitForAnotherThreadsWorkIsNotNoticed() throws Exception {
    AtomicReference<Call<String>> work = new AtomicReference<>();
    String loaded =
        cache.get(
            "key",
            key -> {
              work.set(new Call<>(() -> cache.get("key", same -> "never")));
              work.get().awaitWaiting();
              return "loaded";
            });
    assertEquals("loaded", loaded);
    assertEquals("loaded", work.get().result());
  }

  /** Who waited for it has not gone on yet, at most times. */
  @Test
  void aLoadThatIsOverIsNoPartOfACycle() throws Exception {
    for (int i = 0; i < 200; i++) {
      String mine = "mine " + i;
      String theirs = "theirs " + i;
      CountDownLatch entered = new CountDownLatch(1);
      AtomicReference<Call<String>> call = new AtomicReference<>();
      cache.get(
          mine,
          key -> {
            call.set(
                new Call<>(
                    () ->
                        cache.get(
                            theirs,
                            other -> {
                              entered.countDown();
                              return cache.get(mine, never -> "never") + ", theirs too";
                            })));
            await(entered);
            call.get().awaitWaiting();
            return "loaded";
          });
      assertEquals("loaded, theirs too", cache.get(theirs, key -> "never"));
      assertEquals("loaded, theirs too", call.get().result());
    }
  }

  private String chain(int n) {
    deepest = n;
    return cache.get("chain " + n, key -> chain(n + 1));
  }

  /** Loaders that need other keys without end: where the stack ends, no load stays. */
  @Test
  void aLoadWhoseStackEndsLeavesNothing() throws Exception {
    for (int round = 0; round < 20; round++) {
      int frames = round;
      Call<Boolean> call =
          new Call<>(
              () -> {
                assertThrows(StackOverflowError.class, () -> below(frames, () -> chain(0)));
                return true;
              });
      assertEquals(true, call.result());
      for (int i = Math.max(0, deepest - 20); i <= deepest + 1; i++) {
        String key = "chain " + i;
        assertEquals("now", new Call<>(() -> cache.get(key, same -> "now")).result());
        cache.remove(key);
      }
    }
  }

  /** Calls something with more frames on the stack, so that it ends elsewhere. */
  private static void below(int frames, Runnable call) {
    if (frames > 0) {
      below(frames - 1, call);
    } else {
      call.run();
    }
  }

  // ---- loaders that give nothing ----

  @Test
  void whatALoaderThrowsReachesItsCallerAloneAndLeavesNothing() throws Exception {
    List<Throwable> all =
        List.of(new IllegalArgumentException("one"), new IOException("two"), new Error("three"));
    for (Throwable thrown : all) {
      Slow slow =
          new Slow(
              "key",
              () -> {
                if (thrown instanceof Error error) {
                  throw error;
                }
                throw (Exception) thrown;
              });
      Call<String> other = new Call<>(() -> cache.get("key", same -> "its own")).awaitWaiting();
      slow.release.countDown();
      assertSame(thrown, slow.call.failure(thrown.getClass()));
      assertEquals("its own", other.result());
      assertTrue(cache.remove("key"));
      assertEquals(0, cache.size());
    }
  }

  @Test
  void whereALoaderGivesNullThoseWhoWaitTryThemselves() throws Exception {
    Slow slow = new Slow("key", () -> null);
    Call<String> nothing = new Call<>(() -> cache.get("key", same -> null)).awaitWaiting();
    Call<String> something = new Call<>(() -> cache.get("key", same -> "value")).awaitWaiting();
    slow.release.countDown();
    assertNull(slow.call.result());
    assertEquals("value", something.result());
    String either = nothing.result();
    assertTrue(either == null || either.equals("value"), either);
    assertEquals("value", cache.getIfPresent("key"));
  }

  @Test
  void aValueThatIsTooLargeReachesItsCallerAndLeavesNothing() throws Exception {
    Slow slow = new Slow("key", () -> "v".repeat(1 << 20));
    Call<String> other = new Call<>(() -> cache.get("key", same -> "small")).awaitWaiting();
    slow.release.countDown();
    slow.call.failure(IllegalArgumentException.class);
    assertEquals("small", other.result());
  }

  // ---- other calls meanwhile ----

  @Test
  void whatIsPutDuringALoadStays() throws Exception {
    Slow slow = new Slow("key", () -> "loaded");
    Call<String> other = new Call<>(() -> cache.get("key", same -> "never")).awaitWaiting();
    cache.put("key", "put");
    assertEquals("put", cache.get("key", same -> "never"));
    slow.release.countDown();
    assertEquals("put", slow.call.result());
    assertEquals("put", other.result());
    assertEquals("put", cache.getIfPresent("key"));
  }

  /** A load holds no lock that any other call needs. */
  @Test
  void allOtherCallsGoOnDuringALoad() throws Exception {
    Slow slow = new Slow("key", () -> "loaded");
    Call<Void> others =
        new Call<>(
            () -> {
              assertNull(cache.getIfPresent("key"));
              assertEquals(false, cache.remove("key"));
              assertNull(cache.putIfAbsent("key", "put"));
              assertEquals("put?", cache.asMap().merge("key", "?", String::concat));
              cache.invalidateAll();
              assertTrue(cache.verify().isClean());
              return null;
            });
    others.result();
    slow.release.countDown();
    assertEquals("loaded", slow.call.result());
    assertEquals("loaded", cache.getIfPresent("key"));
  }

  /** The loader may change the key's array: the entry is that of the key as it was. */
  @Test
  void aKeyThatTheLoaderChangesIsPutAsItWas() throws Exception {
    try (WarmCache<byte[], String> bytes =
        WarmCache.builder(Codec.BYTES, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("bytes"))
            .open()) {
      byte[] key = {1};
      bytes.get(
          key,
          same -> {
            same[0] = 2;
            return "one";
          });
      assertEquals("one", bytes.getIfPresent(new byte[] {1}));
      assertNull(bytes.getIfPresent(new byte[] {2}));
      assertEquals("again", bytes.get(new byte[] {3}, same -> "again")); // no load was left
    }
  }

  @Test
  void anInterruptEndsNoWaitAndStaysSet() throws Exception {
    Slow slow = new Slow("key", () -> "value");
    Callable<String> get =
        () ->
            cache.get("key", same -> "never")
                + ", interrupted "
                + Thread.currentThread().isInterrupted();
    Call<String> during = new Call<>(get).awaitWaiting();
    Call<String> before =
        new Call<>(
                () -> {
                  Thread.currentThread().interrupt();
                  return get.call();
                })
            .awaitWaiting();
    during.thread.interrupt();
    slow.release.countDown();
    assertEquals("value", slow.call.result());
    assertEquals("value, interrupted true", during.result());
    assertEquals("value, interrupted true", before.result());
  }

  // ---- close ----

  @Test
  void closeDoesNotWaitForALoaderWhoseValueGoesToAllCallers() throws Exception {
    Slow slow = new Slow("key", () -> "value");
    Call<String> other = new Call<>(() -> cache.get("key", same -> "never")).awaitWaiting();
    new Call<Void>(
            () -> {
              cache.close();
              return null;
            })
        .result();
    assertThrows(IllegalStateException.class, () -> cache.get("key", same -> "never"));
    slow.release.countDown();
    assertEquals("value", slow.call.result());
    assertEquals("value", other.result());
    open();
    assertEquals(0, cache.size());
  }

  @Test
  void afterCloseALoaderThatThrowsLeavesNobodyWaiting() throws Exception {
    Slow slow =
        new Slow(
            "key",
            () -> {
              throw new IllegalArgumentException("as the loader says");
            });
    List<Call<String>> others = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      others.add(new Call<>(() -> cache.get("key", same -> "never")).awaitWaiting());
    }
    cache.close();
    slow.release.countDown();
    assertEquals(
        "as the loader says", slow.call.failure(IllegalArgumentException.class).getMessage());
    for (Call<String> other : others) {
      String message = other.failure(IllegalStateException.class).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  @Test
  void aLoadedValueLivesAsLongAsOneThatWasPut() throws Exception {
    try (WarmCache<String, String> expiring =
        WarmCache.builder(Codec.STRING, Codec.STRING)
            .capacity(64 << 10)
            .file(folder.resolve("expiring"))
            .clock(clock::incrementAndGet)
            .expireAfterWrite(Duration.ofSeconds(1))
            .open()) {
      assertEquals("1", expiring.get("key", same -> "1"));
      assertEquals("1", expiring.get("key", same -> "2"));
      clock.addAndGet(2000);
      assertEquals("3", expiring.get("key", same -> "3"));
    }
  }

  private final AtomicLong clock = new AtomicLong(1_000_000);
}
