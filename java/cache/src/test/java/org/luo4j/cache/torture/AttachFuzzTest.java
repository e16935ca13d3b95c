/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.provider.MethodSource;
import org.luo4j.cache.Codec;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;

/**
 * Attaches to memory that a fuzzer made up. Without one it attaches to the seeds only;
 * scripts/fuzz.sh fuzzes.
 */
class AttachFuzzTest {

  private static final int CHECKSUM = 1;
  private static final int OTHER_LENGTH = 2;
  private static final int MORE_CALLS = 4;

  /** Lets the fuzzer's memory be read: it has a small index, so that entries come early in it. */
  private static final int AVERAGE_ENTRY = 8192;

  private static final Patience PATIENCE = new Patience();

  private static Path folder;
  private static List<Base> bases;

  @BeforeAll
  static void makeBases() throws IOException {
    if (folder == null) {
      folder = Folders.create();
      bases = Base.all(folder);
    }
  }

  @AfterAll
  static void deleteFolder() throws IOException {
    Folders.delete(folder);
    folder = null;
  }

  // ---- a real cache, edited: what is found is what was put last, or nothing ----

  /**
   * The input: which cache, flags, a seed of 2 bytes for what is done to the cache, then edits (see
   * {@link Edits}).
   */
  @MethodSource("editSeeds")
  @FuzzTest
  void edits(byte[] input) throws IOException {
    if (input.length < 4) {
      return;
    }
    Base base = bases.get((input[0] & 0xFF) % bases.size());
    int flags = input[1];
    SplittableRandom random = new SplittableRandom(input[2] << 8 | input[3] & 0xFF);
    byte[] original = base.bytes();
    byte[] bytes = original.clone();
    Edits.apply(ByteBuffer.wrap(input, 4, input.length - 4).slice(), bytes);
    Contest.Outside kind = Contest.Outside.DAMAGED;
    int checksumAt = Damage.headerChecksumAt(original);
    if ((flags & CHECKSUM) != 0 && !Arrays.equals(original, 0, checksumAt, bytes, 0, checksumAt)) {
      Damage.putHeaderChecksum(bytes, checksumAt);
      kind = Contest.Outside.FORGED;
    }
    if ((flags & OTHER_LENGTH) != 0) {
      bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 4096));
    }
    Contest contest =
        Contest.of(base.series(), base.journal().copy(), new Ticks(Base.NEXT_EPOCH), kind);
    Path file = write(bytes);
    PATIENCE.begin(bytes);
    int calls = (flags & MORE_CALLS) != 0 ? 300 : 30;
    DamagedCases.use(file, contest, Base.NEXT_EPOCH, calls, random);
    PATIENCE.end();
    if (!contest.findings().isEmpty()) {
      throw new AssertionError(
          contest.findings().takeTexts() + "; the damaged file is " + keep(bytes));
    }
  }

  static Stream<byte[]> editSeeds() throws IOException {
    makeBases();
    SplittableRandom random = new SplittableRandom(1);
    return Stream.iterate(0, i -> i + 1)
        .limit(8L * bases.size())
        .map(
            i -> {
              byte[] seed = new byte[4 + 12 * (i / bases.size())];
              random.nextBytes(seed);
              seed[0] = (byte) (i % bases.size());
              return seed;
            });
  }

  // ---- bytes: anything may be found, as they may be a whole cache's, but nothing breaks ----

  @MethodSource("rawSeeds")
  @FuzzTest
  void raw(byte[] input) throws IOException {
    int size = bases.stream().filter(AttachFuzzTest::hasSmallIndex).findAny().get().bytes().length;
    byte[] bytes = Arrays.copyOf(input, size);
    Path file = write(bytes);
    PATIENCE.begin(bytes);
    try (WarmCache<byte[], byte[]> cache = open(file)) {
      cache.verify();
      for (Map.Entry<byte[], byte[]> entry : cache.asMap().entrySet()) {
        cache.getIfPresent(entry.getKey());
      }
      for (int key = 0; key < 40; key++) {
        byte[] name = Codec.INT.encode(key % 25);
        byte[] value = Values.of(key, key, 16 + 97 * key);
        cache.put(name, value);
        byte[] found = cache.getIfPresent(name);
        if (found != null && !Arrays.equals(value, found)) {
          throw new AssertionError("a lookup right after a put gives " + Arrays.toString(found));
        }
        if (key % 5 == 0) {
          cache.remove(name);
        }
      }
      cache.verify();
      cache.invalidateAll();
      if (cache.size() != 0 || cache.asMap().entrySet().iterator().hasNext()) {
        throw new AssertionError("entries are left after invalidateAll");
      }
      cache.put(new byte[1], new byte[1]);
    }
    open(file).close();
    PATIENCE.end();
  }

  static Stream<byte[]> rawSeeds() throws IOException {
    makeBases();
    Path file = write(new byte[0]);
    try (WarmCache<byte[], byte[]> cache = open(file)) {
      for (int i = 0; i < 8; i++) {
        cache.put(Codec.INT.encode(i % 5), new byte[20 * i]);
      }
    }
    byte[] bytes = Files.readAllBytes(file);
    int end = bytes.length;
    while (bytes[end - 1] == 0) {
      end--;
    }
    return Stream.of(new byte[0], Arrays.copyOf(bytes, end));
  }

  private static boolean hasSmallIndex(Base base) {
    return base.series().averageEntry() == AVERAGE_ENTRY;
  }

  private static WarmCache<byte[], byte[]> open(Path file) throws IOException {
    return WarmCache.builder(Codec.BYTES, Codec.BYTES)
        .capacity(64 << 10)
        .averageEntryBytes(AVERAGE_ENTRY)
        .file(file)
        .onRefusal(OnRefusal.REPLACE)
        .open();
  }

  private static Path write(byte[] bytes) throws IOException {
    Path file = folder.resolve("case");
    Files.deleteIfExists(file.resolveSibling("case.refused"));
    Files.deleteIfExists(file);
    return Files.write(file, bytes);
  }

  static Path keep(byte[] bytes) throws IOException {
    return Files.write(Files.createTempFile("luo4j-fuzz-", ".cache"), bytes);
  }
}
