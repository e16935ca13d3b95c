/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * What programs in a guest tell the host, a line each on the serial console: see
 * scripts/guest/init.
 */
public final class Report {

  /** A check, which throws when it does not hold. */
  @FunctionalInterface
  public interface Check {
    void run() throws Exception;
  }

  private final String suite;
  private int failed;

  public Report(String suite) {
    this.suite = suite;
  }

  /** Runs a check and reports it. */
  public void check(String name, Check check) {
    try {
      check.run();
      pass(name);
    } catch (Exception | AssertionError e) {
      fail(name, e);
    }
  }

  public void pass(String name) {
    line("PASS " + suite + " " + name);
  }

  public void fail(String name, Throwable reason) {
    failed++;
    line("FAIL " + suite + " " + name + ": " + flat(reason));
    reason.printStackTrace();
  }

  public void skip(String name, String reason) {
    line("SKIP " + suite + " " + name + ": " + reason);
  }

  /** How many checks have failed. */
  public int failed() {
    return failed;
  }

  public static void info(String text) {
    line(text);
  }

  public static void equal(Object expected, Object actual, String what) {
    if (!Objects.equals(expected, actual)) {
      throw new AssertionError(what + " is " + actual + ", expected " + expected);
    }
  }

  /** One write a line, so that no other writer can come between. */
  private static synchronized void line(String text) {
    byte[] bytes = ("[luo4j] " + text + "\n").getBytes(StandardCharsets.UTF_8);
    System.out.write(bytes, 0, bytes.length);
    System.out.flush();
  }

  private static String flat(Throwable reason) {
    return String.valueOf(reason).replaceAll("\\s+", " ");
  }
}
