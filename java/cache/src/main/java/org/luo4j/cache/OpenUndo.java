/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What an open has changed outside the memory, such as files' names, and how to change it back.
 * Each step adds its inverse; an open that fails, whatever it throws, runs them from the last to
 * the first. One thread.
 */
final class OpenUndo {

  /** Changes back what one step has changed. */
  interface Inverse {
    void run() throws Exception;
  }

  private final Deque<Inverse> steps = new ArrayDeque<>();

  /** Adds the inverse of a step that is about to be made, or was made. */
  void add(Inverse inverse) {
    steps.push(inverse);
  }

  /** Forgets all steps: the open has succeeded, or a step left nothing to change back. */
  void forget() {
    steps.clear();
  }

  /**
   * Changes everything back. A step that fails stops none of the others.
   *
   * @param failure why the open ended; what goes wrong here is suppressed in it
   */
  void run(Throwable failure) {
    while (!steps.isEmpty()) {
      run(failure, steps.pop());
    }
  }

  /** Runs an action; what it throws is suppressed in the failure. */
  static void run(Throwable failure, Inverse action) {
    try {
      action.run();
    } catch (Throwable e) {
      failure.addSuppressed(e);
    }
  }
}
