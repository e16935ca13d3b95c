/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.luo4j.MemoryRegion;

/** Which buckets a hash has, in an index of any size. */
class IndexTest {

  private static final int BINS = 1024;
  private static final int SAMPLES = 1 << 19;

  /**
   * The bound that 1 of 10^8 samples of {@link #BINS} bins exceeds, by the normal approximation.
   */
  private static final double CHI_SQUARE = BINS - 1 + 5.6 * Math.sqrt(2.0 * (BINS - 1));

  @TempDir Path folder;

  private static Index index(CacheFormat.Layout layout) {
    return new Index(null, layout);
  }

  private static long number(CacheFormat.Layout layout, long bucket) {
    assertEquals(0, (bucket - layout.index()) % CacheFormat.BUCKET_BYTES);
    return (bucket - layout.index()) / CacheFormat.BUCKET_BYTES;
  }

  /** Caches that are there must stay warm: where their slots are does not change. */
  @ParameterizedTest
  @CsvSource({
    "65536, 64, 137, 87, 45, 78, 81, 6509689787736518672",
    "1048576, 64, 2170, 1386, 709, 1251, 1272, -3873159398173430100",
    "1073741824, 64, 2220515, 1418511, 726140, 1280184, 1301638, -1270786759298008073",
    "68719476736, 100, 90952250, 58102193, 29742677, 52436346, 53315039, 3712587500011467387",
    "1099511627776, 64, 2273806217, 1452554815, 743566917, 1310908638, 1332875962,"
        + " -8376568000942225660",
    "1099511627776, 48, 3031741622, 1936739753, 991422556, 1747878184, 1777167949,"
        + " -5144000482235222411",
    "966367641600, 32, 3996924990, 2553319011, 1307051220, 2304331590, 2342946026,"
        + " -5960658198538436687"
  })
  void anIndexOfLessThanAllOf32BitsIsAsItWas(
      long capacity,
      int averageEntry,
      long buckets,
      long first,
      long firstOther,
      long second,
      long secondOther,
      long sumOfThousand) {
    CacheFormat.Layout layout = CacheFormat.Layout.of(capacity, averageEntry);
    assertEquals(buckets, layout.buckets());
    Index index = index(layout);
    SplittableRandom random = new SplittableRandom(5);
    long[] numbers = new long[2000];
    long sum = 0;
    for (int i = 0; i < numbers.length; i += 2) {
      long hash = random.nextLong();
      numbers[i] = number(layout, index.first(hash));
      numbers[i + 1] = number(layout, index.other(index.first(hash), Index.tag(hash)));
      sum = (sum * 31 + numbers[i]) * 31 + numbers[i + 1];
    }
    assertEquals(first, numbers[0]);
    assertEquals(firstOther, numbers[1]);
    assertEquals(second, numbers[2]);
    assertEquals(secondOther, numbers[3]);
    assertEquals(sumOfThousand, sum);
  }

  @ParameterizedTest
  @CsvSource({
    "65536, 64",
    "65536, 65536",
    "1073741824, 64",
    "966367641600, 32",
    "1099511627776, 32",
    "2199023255552, 64",
    "4398046511104, 32",
    "4398046511104, 64",
    "8796093022208, 32",
    "8796093022208, 64",
    "8796093022208, 512"
  })
  void hashesSpreadEvenlyOverAllBuckets(long capacity, int averageEntry) {
    CacheFormat.Layout layout = CacheFormat.Layout.of(capacity, averageEntry);
    Index index = index(layout);
    long buckets = layout.buckets();
    int bins = (int) Math.min(buckets, BINS);
    int[] first = new int[bins];
    int[] other = new int[bins];
    int[] fine = new int[bins];
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < SAMPLES; i++) {
      long hash = random.nextLong();
      long tag = Index.tag(hash);
      long one = index.first(hash);
      long two = index.other(one, tag);
      assertEquals(one, index.other(two, tag), "the other one's other one");
      assertTrue(index.isPlaceOf(one, tag << Index.TAG_SHIFT, hash));
      assertTrue(index.isPlaceOf(two + 56, tag << Index.TAG_SHIFT, hash));
      first[bin(number(layout, one), buckets, bins)]++;
      other[bin(number(layout, two), buckets, bins)]++;
      fine[(int) (number(layout, one) % bins)]++;
    }
    checkEven(first, layout);
    checkEven(other, layout);
    if (buckets > 1000L * BINS) {
      checkEven(fine, layout);
    }
  }

  private static int bin(long number, long buckets, int bins) {
    assertTrue(number >= 0 && number < buckets, number + " of " + buckets);
    return (int) (number / ((buckets + bins - 1) / bins));
  }

  /** The last bin may be of fewer buckets than the others. */
  private static void checkEven(int[] counts, CacheFormat.Layout layout) {
    int used = counts.length - 1;
    double all = 0;
    for (int i = 0; i < used; i++) {
      all += counts[i];
    }
    double expected = all / used;
    double sum = 0;
    for (int i = 0; i < used; i++) {
      sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    assertTrue(layout.buckets() < BINS || sum < CHI_SQUARE, "chi-square " + sum + ", " + layout);
    assertTrue(counts[used] > 0 || layout.buckets() % counts.length != 0);
  }

  /** There is a hash for any bucket: the smallest one is computed. */
  @ParameterizedTest
  @CsvSource({"1099511627776, 32", "4398046511104, 64", "8796093022208, 32"})
  void everyBucketOfALargeIndexIsTheFirstOfSomeHash(long capacity, int averageEntry) {
    CacheFormat.Layout layout = CacheFormat.Layout.of(capacity, averageEntry);
    Index index = index(layout);
    long buckets = layout.buckets();
    assertTrue(Index.isWide(buckets));
    SplittableRandom random = new SplittableRandom(8);
    for (int i = 0; i < 10_000; i++) {
      long bucket = i == 0 ? 0 : i == 1 ? buckets - 1 : random.nextLong(buckets);
      BigInteger[] smallest =
          BigInteger.valueOf(bucket)
              .shiftLeft(Index.TAG_SHIFT)
              .divideAndRemainder(BigInteger.valueOf(buckets));
      long hash = smallest[0].longValueExact() + (smallest[1].signum() == 0 ? 0 : 1);
      assertEquals(bucket, number(layout, index.first(hash)));
      assertEquals(bucket, number(layout, index.first(hash | 0xABCL << Index.TAG_SHIFT)));
    }
  }

  private ByteBuffer headerOf(CacheFormat.Layout layout) throws IOException {
    try (FileChannel file =
            FileChannel.open(
                folder.resolve("header"),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        MemoryRegion header = MemoryRegion.ofFile(file, 0, CacheFormat.HEADER_BYTES)) {
      header.fill(0, CacheFormat.HEADER_BYTES, (byte) 0);
      CacheFormat.writeHeader(header, layout, 1, 0, CodecNames.of(Codec.BYTES, Codec.BYTES));
      return CacheFormat.header(header);
    }
  }

  private static ByteBuffer withFeatures(ByteBuffer header, int features) {
    header.putInt(CacheFormat.FEATURES_AT, features);
    CRC32C crc = new CRC32C();
    crc.update(header.slice(0, CacheFormat.CRC_AT));
    return header.putInt(CacheFormat.CRC_AT, (int) crc.getValue());
  }

  /** A version that searches the index in another way does not find what is there. */
  @Test
  void aHeaderSaysHowItsIndexIsSearched() throws IOException {
    CacheFormat.Layout small = CacheFormat.Layout.of(1L << 40, 64);
    assertFalse(Index.isWide(small.buckets()));
    ByteBuffer header = headerOf(small);
    assertEquals(CacheFormat.MARKED_DEAD, header.getInt(CacheFormat.FEATURES_AT));
    assertNull(CacheFormat.refuseHeader(header));
    assertNull(CacheFormat.refuseHeader(withFeatures(header, 0)), "of an early version");
    String refused = CacheFormat.refuseHeader(withFeatures(header, CacheFormat.WIDE_INDEX));
    assertTrue(refused.contains("searched in another way"), refused);

    CacheFormat.Layout large = CacheFormat.Layout.of(1L << 43, 64);
    assertTrue(Index.isWide(large.buckets()));
    header = headerOf(large);
    assertEquals(
        CacheFormat.WIDE_INDEX | CacheFormat.MARKED_DEAD, header.getInt(CacheFormat.FEATURES_AT));
    assertNull(CacheFormat.refuseHeader(header));
    refused = CacheFormat.refuseHeader(withFeatures(header, 0));
    assertTrue(refused.contains("searched in another way"), refused);
    refused = CacheFormat.refuseHeader(withFeatures(header, 5));
    assertTrue(refused.contains("features"), refused);
  }
}
