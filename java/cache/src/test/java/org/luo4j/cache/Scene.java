/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntPredicate;
import org.luo4j.MemoryRegion;

/**
 * A cache's engine over a file, without the lock of {@link WarmCache}: the test's thread has it.
 * The hash seed is fixed, so that keys can be chosen by their buckets.
 */
final class Scene implements AutoCloseable {

  private static final long SEED = 1;

  final CacheFormat.Layout layout;
  MemoryRegion region;
  RecordingMemory memory;
  Reader reader;
  Writer writer;
  long now = 1_000_000;
  private final ExecutorService other = Executors.newSingleThreadExecutor(Scene::otherStripe);

  /** An empty cache. */
  Scene(Path file, CacheFormat.Layout layout) throws IOException {
    this(file, layout, new byte[(int) layout.memoryBytes()]);
    CacheFormat.create(region, layout, true, SEED, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
    open(false);
    reader.countOpening();
  }

  private Scene(Path file, CacheFormat.Layout layout, byte[] bytes) throws IOException {
    this.layout = layout;
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      region = MemoryRegion.ofFile(channel, 0, layout.memoryBytes());
    }
    region.put(0, bytes);
  }

  /** What a process finds that opens what another left. */
  static Scene left(Path file, CacheImage image) throws IOException {
    Scene scene = new Scene(file, image.layout(), image.bytes());
    scene.open(true);
    return scene;
  }

  /** A thread that does not share this one's stripe of {@link Pins}. */
  private static Thread otherStripe(Runnable work) {
    Thread thread = new Thread(work);
    while ((thread.getId() - Thread.currentThread().getId()) % Pins.STRIPES == 0) {
      thread = new Thread(work);
    }
    thread.setDaemon(true);
    return thread;
  }

  private void open(boolean isOld) {
    memory = new RecordingMemory(region);
    reader = new Reader(memory, layout, new CacheClock(memory, () -> now), isOld);
    writer = new Writer(reader, layout);
  }

  /** The next process takes the memory over. */
  void reopen() {
    open(true);
    reader.countOpening();
  }

  @Override
  public void close() {
    other.shutdownNow();
    region.close();
    memory = null; // a scene that is still reachable must not keep the memory mapped
    reader = null;
    writer = null;
    region = null;
  }

  CacheImage image() {
    byte[] bytes = new byte[(int) region.size()];
    region.get(0, bytes);
    return new CacheImage(layout, bytes);
  }

  // ---- keys and values ----

  static byte[] bytes(String key) {
    return key.getBytes(StandardCharsets.US_ASCII);
  }

  long hash(String key) {
    return Entry.hash(bytes(key), SEED);
  }

  /** A value of a length that says which it is, in its first bytes. */
  static byte[] value(int number, int length) {
    byte[] value = new byte[length];
    Arrays.fill(value, (byte) (number * 31 + 7));
    byte[] digits = bytes(Integer.toString(number));
    System.arraycopy(digits, 0, value, 0, Math.min(length, digits.length));
    return value;
  }

  /** The number of a hash's first bucket. */
  int first(String key) {
    return bucket(reader.index.first(hash(key)));
  }

  /** The number of its other bucket. */
  int second(String key) {
    long hash = hash(key);
    return bucket(reader.index.other(reader.index.first(hash), Index.tag(hash)));
  }

  private int bucket(long place) {
    return (int) ((place - layout.index()) / CacheFormat.BUCKET_BYTES);
  }

  /** The next key from a number on with these buckets. */
  String key(int from, IntPredicate firstBucket, IntPredicate secondBucket) {
    for (int i = from; ; i++) {
      String key = String.format("%07d", i);
      if (firstBucket.test(first(key)) && secondBucket.test(second(key))) {
        return key;
      }
    }
  }

  // ---- changes, under the lock that the test's thread is said to have ----

  void put(String key, byte[] value) {
    put(key, value, 0);
  }

  void put(String key, byte[] value, int expiry) {
    byte[] bytes = bytes(key);
    writer.put(bytes, hash(key), value, expiry, Entry.check(bytes, value, expiry));
  }

  boolean remove(String key) {
    return writer.remove(bytes(key), hash(key), RemovalCause.EXPLICIT);
  }

  byte[] get(String key) {
    return reader.get(bytes(key), hash(key));
  }

  /** Overwrites a key's value without the lock. */
  Overwrites.Result overwrite(String key, byte[] value) {
    byte[] bytes = bytes(key);
    return writer.overwrites().tryPut(bytes, hash(key), value, 0, 0, Entry.check(bytes, value, 0));
  }

  /** Has another thread do something, and waits for it. */
  void inOtherThread(Runnable work) {
    try {
      other.submit(work).get();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  void newPeriods() {
    writer.newPeriod();
    writer.newPeriod();
  }
}
