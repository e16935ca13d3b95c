/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.luo4j.cache.Verification;

/** How far a task is, in a line of a terminal that is redrawn. */
final class ProgressBar implements Verification.Progress {

  private static final int WIDTH = 40;

  private final PrintStream out;
  private final String task;
  private long shown = -1;

  ProgressBar(PrintStream out, String task) {
    this.out = out;
    this.task = task;
  }

  /** One on stderr, if that is a terminal; else one that shows nothing. */
  static Verification.Progress onTerminal(String task) {
    return isTerminal() ? new ProgressBar(System.err, task) : (done, total) -> {};
  }

  private static boolean isTerminal() {
    try {
      String file = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return file.matches("/dev/(pts/|tty|console).*");
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void at(long done, long total) {
    long percent = total <= 0 || done >= total ? 100 : (long) (100.0 * done / total);
    if (percent <= shown) {
      return;
    }
    shown = percent;
    int full = (int) (WIDTH * percent / 100);
    out.print(
        String.format(
            Locale.ROOT,
            "\r%s [%s%s] %3d %%%s",
            task,
            "#".repeat(full),
            ".".repeat(WIDTH - full),
            percent,
            percent == 100 ? "\n" : ""));
    out.flush();
  }
}
