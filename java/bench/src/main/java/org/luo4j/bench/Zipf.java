/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.Arrays;
import java.util.Random;

/** Indexes drawn from a Zipf distribution, with the popular ones scattered. */
final class Zipf {

  private Zipf() {}

  /**
   * Draws indexes below {@code items}. The item of rank r is drawn with a probability proportional
   * to 1 / r^exponent; a random permutation says which index has which rank.
   */
  static int[] sequence(int items, double exponent, int length, long seed) {
    double[] cumulative = new double[items];
    double total = 0;
    for (int i = 0; i < items; i++) {
      total += 1 / Math.pow(i + 1, exponent);
      cumulative[i] = total;
    }
    Random random = new Random(seed);
    int[] indexes = permutation(items, random);
    int[] sequence = new int[length];
    for (int i = 0; i < length; i++) {
      int rank = Arrays.binarySearch(cumulative, random.nextDouble() * total);
      sequence[i] = indexes[Math.min(rank < 0 ? ~rank : rank, items - 1)];
    }
    return sequence;
  }

  private static int[] permutation(int items, Random random) {
    int[] indexes = new int[items];
    for (int i = 0; i < items; i++) {
      int j = random.nextInt(i + 1);
      indexes[i] = indexes[j];
      indexes[j] = i;
    }
    return indexes;
  }
}
