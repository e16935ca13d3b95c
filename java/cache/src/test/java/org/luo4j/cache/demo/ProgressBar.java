/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.demo;

import java.io.PrintStream;
import java.util.Locale;

/**
 * How far a task is: on a terminal one line that is redrawn, anywhere else a line at each tenth.
 */
final class ProgressBar {

  private static final int WIDTH = 40;

  private final PrintStream out;
  private final boolean terminal;
  private final String task;
  private final long total;
  private long shown;

  ProgressBar(PrintStream out, boolean terminal, String task, long total) {
    if (total < 1) {
      throw new IllegalArgumentException("total " + total + " must be 1 or more");
    }
    this.out = out;
    this.terminal = terminal;
    this.task = task;
    this.total = total;
  }

  /** Shows that {@code done} of the total are done, where that is news. */
  void at(long done) {
    long percent = done * 100 / total;
    long step = terminal ? percent : percent / 10 * 10;
    if (step <= shown) {
      return;
    }
    shown = step;
    String text = String.format(Locale.ROOT, "%3d %%  %,d of %,d", step, done, total);
    if (terminal) {
      int full = (int) (WIDTH * percent / 100);
      String bar = "#".repeat(full) + ".".repeat(WIDTH - full);
      out.print("\r" + task + " [" + bar + "] " + text + (done == total ? "\n" : ""));
    } else {
      out.print(task + " " + text + "\n");
    }
    out.flush();
  }
}
