/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.file.Path;

/**
 * A cache of one variant and the loops that measure it. The application's class loader defines this
 * interface; each {@link VariantLoader} defines an implementation of its own. Public, as a package
 * does not reach across class loaders.
 */
public interface CompareLoop extends AutoCloseable {

  /** What a loop calls. */
  enum Operation {
    GET,
    PUT,
    MIXED
  }

  /** Opens the cache in a new file and puts the entries of the indexes from 0. */
  void open(Path file, int entries, int valueSize) throws Exception;

  /** Returns the loop of one thread, which starts at its own place of the sequence. */
  Turn turn(int[] sequence, int thread);

  @Override
  void close();

  /** The loop of one thread. Its calls go on where the last ones ended. */
  interface Turn {
    /**
     * Repeats an operation for a time.
     *
     * @return the number of calls
     * @throws IllegalStateException on a missing or wrong value
     */
    long run(Operation operation, long nanos);
  }
}
