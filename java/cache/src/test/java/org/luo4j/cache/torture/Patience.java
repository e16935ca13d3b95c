/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Timer;
import java.util.TimerTask;

/** Ends this JVM when something does not end: nothing else ends a loop that hangs. */
final class Patience {

  private static final int SECONDS = 60;
  private static final int EXIT_CODE = 70;

  private final Timer timer = new Timer("patience", true);
  private TimerTask running;

  /** Begins to wait for {@link #end} of what is done with these bytes. */
  void begin(byte[] bytes) {
    end();
    Thread thread = Thread.currentThread();
    running =
        new TimerTask() {
          @Override
          public void run() {
            giveUp(thread, bytes);
          }
        };
    timer.schedule(running, SECONDS * 1000L);
  }

  void end() {
    if (running != null) {
      running.cancel();
    }
    timer.purge();
  }

  private static void giveUp(Thread thread, byte[] bytes) {
    StringBuilder text = new StringBuilder("HANG: no end after " + SECONDS + " s");
    try {
      text.append(", the damaged file is ").append(AttachFuzzTest.keep(bytes));
    } catch (IOException e) {
      text.append(", the damaged file could not be kept: ").append(e);
    }
    for (StackTraceElement frame : thread.getStackTrace()) {
      text.append("\n\tat ").append(frame);
    }
    // System.err may be a test runner's, which would not get to it.
    try (PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err))) {
      err.println(text);
    }
    Runtime.getRuntime().halt(EXIT_CODE);
  }
}
