/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.function.IntSupplier;

/**
 * What one actor changes while the other looks on, over and over until the change is done: each
 * look may come between any two stores.
 */
abstract class Watch {

  /** What a look gives that saw nothing wrong. */
  static final int AS_IT_MUST_BE = 0;

  private volatile boolean over;

  /** The first actor's change, to its end. */
  final void change(Runnable change) {
    try {
      change.run();
    } finally {
      over = true;
    }
  }

  /** What the second actor's looks gave: the first result of another kind, if there was one. */
  final int watch(IntSupplier look) {
    int seen = AS_IT_MUST_BE;
    boolean last;
    do {
      last = over;
      int now = look.getAsInt();
      seen = seen == AS_IT_MUST_BE ? now : seen;
    } while (!last);
    return seen;
  }

  /** Of a cell. */
  abstract static class OfCell extends Watch {
    final Cell cell = new Cell();
  }
}
