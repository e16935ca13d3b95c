/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.Closeable;
import java.io.IOException;

/** A way to torture caches, in rounds. */
interface Mode extends Closeable {

  /** Does a round. After one that has found something the folder has the files. */
  void round() throws IOException, InterruptedException;

  /** What was done and found so far. */
  Tally tally();

  /** What was at random in the last round, for people. */
  String how();
}
