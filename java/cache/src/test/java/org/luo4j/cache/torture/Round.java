/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.SplittableRandom;

/** What one JVM does in a round of a mode; {@link Rounds} runs it. */
interface Round {

  void run(SplittableRandom random, Tally tally) throws Exception;
}
