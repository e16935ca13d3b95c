/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Policies against sequences worked out by hand: h is a hit, m is a miss. */
class CachePolicyTest {

  private static String outcome(CachePolicy policy, long... keys) {
    StringBuilder outcome = new StringBuilder();
    for (long key : keys) {
      outcome.append(policy.accessAndPutIfAbsent(key) ? 'h' : 'm');
    }
    return outcome.toString();
  }

  @Test
  void fifoEvictsTheFirstPutHoweverItWasUsed() {
    // 4 evicts 1 although it was hit; 1 evicts 2; 2 evicts 3; 4 and 1 are still there
    assertEquals("mmmhmmmhh", outcome(new FifoPolicy(3), 1, 2, 3, 1, 4, 1, 2, 4, 1));
  }

  @Test
  void lruEvictsTheLeastRecentlyUsed() {
    // 4 evicts 2, as 1 was used after it; 2 evicts 3; 3 evicts 1 (used before 4 and 2)
    assertEquals("mmmhmhmhmm", outcome(new LruPolicy(3), 1, 2, 3, 1, 4, 1, 2, 4, 3, 1));
  }

  @Test
  void s3FifoEvictsFromTheSmallQueueWhatWasUsedOnlyOnce() {
    // ten entries: one small, nine main. Nothing is evicted before the eleventh; then 1, hit twice,
    // goes to the main queue and 2, hit once, leaves
    S3FifoPolicy policy = new S3FifoPolicy(10);
    assertEquals("mmmmmmmmmm", outcome(policy, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    assertEquals("hhh", outcome(policy, 1, 1, 2));
    assertEquals("m", outcome(policy, 11));
    assertEquals("hhhhhhhhhh", outcome(policy, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  }

  @Test
  void s3FifoPutsAGhostIntoTheMainQueue() {
    S3FifoPolicy policy = new S3FifoPolicy(10);
    outcome(policy, LongStream.rangeClosed(1, 10).toArray());
    // 11 evicts 1, which its ghost brings into the main queue; that evicts 2
    assertEquals("mm", outcome(policy, 11, 1));
    // nine new keys push all others out of the small queue; 1 stays
    assertEquals("m".repeat(9), outcome(policy, LongStream.rangeClosed(12, 20).toArray()));
    assertEquals("h", outcome(policy, 1));
  }

  @Test
  void s3FifoForgetsGhostsBeyondTheLengthOfTheMainQueue() {
    S3FifoPolicy policy = new S3FifoPolicy(10);
    // 1 to 10 leave one after another as 11 to 20 come; of the ghosts only 2 to 10 are kept
    outcome(policy, LongStream.rangeClosed(1, 20).toArray());
    // 1 is new: it enters the small queue and evicts 11, whose ghost takes the place of that of 2
    assertEquals("m", outcome(policy, 1));
    // 4 has a ghost still when 12 leaves for it: main queue
    assertEquals("m", outcome(policy, 4));
    outcome(policy, LongStream.rangeClosed(31, 42).toArray());
    assertEquals("h", outcome(policy, 4));
    assertEquals("m", outcome(policy, 1));
  }

  @Test
  void s3FifoGivesTheMainQueueATurnForEachUse() {
    // four entries: one small, three main
    S3FifoPolicy policy = new S3FifoPolicy(4);
    assertEquals("mmmm", outcome(policy, 1, 2, 3, 4));
    // 1 and 2, used twice, move to the main queue and 3 leaves for 5; 1 is used again
    assertEquals("hhhhmh", outcome(policy, 1, 1, 2, 2, 5, 1));
    // 4 leaves for 3, and 5 for 4, which have ghosts: the main queue holds 1, 2, 3 and 4
    assertEquals("mm", outcome(policy, 3, 4));
    // 1 has another turn and 2 leaves for 6
    assertEquals("mhhhhm", outcome(policy, 6, 1, 3, 4, 6, 2));
  }

  @ParameterizedTest
  @EnumSource(HitRatio.Policy.class)
  void holdsWhatFitsAndNoMore(HitRatio.Policy policy) {
    try (CachePolicy cache = policy.create(100)) {
      long[] loop = LongStream.range(0, 1000).map(i -> i % 90).toArray();
      assertEquals(0.91, HitRatio.ratio(cache, loop), 1e-9);
    }
    try (CachePolicy cache = policy.create(100)) {
      long[] scan = LongStream.range(0, 10_000).toArray();
      assertEquals(0, HitRatio.ratio(cache, scan));
    }
  }

  @Test
  void aPopularKeyIsDrawnAsOftenAsItsRankSays() {
    int[] sequence = Zipf.sequence(1000, 0.99, 200_000, 1);
    long[] counts = new long[1000];
    for (int index : sequence) {
      counts[index]++;
    }
    java.util.Arrays.sort(counts);
    double total = 0;
    for (int rank = 1; rank <= 1000; rank++) {
      total += 1 / Math.pow(rank, 0.99);
    }
    assertEquals(200_000 / total, counts[999], 0.03 * 200_000 / total);
    assertTrue(counts[0] > 0, "every key is drawn");
  }
}
