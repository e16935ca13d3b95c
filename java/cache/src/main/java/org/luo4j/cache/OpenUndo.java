/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What an open has changed outside the memory, such as files' names, and how to change it back. A
 * step that fails, whatever it throws, is changed back at once, so that the open may go on another
 * way. The inverse of one that was made is kept: an open that fails later runs all of them, from
 * the last to the first. One thread.
 *
 * <p>An inverse looks how far its step came: it is there before the step begins.
 */
final class OpenUndo {

  /** A change, in one or more parts. */
  interface Step {
    void run() throws IOException;
  }

  /** Changes back what a step has changed, all of it or a part. */
  interface Inverse {
    void run() throws Exception;
  }

  private final Deque<Inverse> inverses = new ArrayDeque<>();

  /** Adds the inverse of what was done. */
  void add(Inverse inverse) {
    inverses.push(inverse);
  }

  /**
   * Makes a step, of which others may be parts.
   *
   * @throws IOException what the step throws; what goes wrong while it is changed back is
   *     suppressed in it
   */
  void step(Step step, Inverse inverse) throws IOException {
    int before = inverses.size();
    add(inverse);
    try {
      step.run();
    } catch (Throwable e) {
      runTo(before, e);
      throw e;
    }
  }

  /**
   * Changes everything back. An inverse that fails stops none of the others.
   *
   * @param failure why the open ended; what goes wrong here is suppressed in it
   */
  void run(Throwable failure) {
    runTo(0, failure);
  }

  private void runTo(int left, Throwable failure) {
    while (inverses.size() > left) {
      run(failure, inverses.pop());
    }
  }

  /** Runs an action; what it throws is suppressed in the failure. */
  static void run(Throwable failure, Inverse action) {
    try {
      action.run();
    } catch (Throwable e) {
      if (e != failure) { // the JVM throws one OutOfMemoryError several times
        failure.addSuppressed(e);
      }
    }
  }
}
