/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.PrintWriter;
import java.io.StringWriter;

/** Texts for people. */
final class Texts {

  private Texts() {}

  /** A throwable with its trace, in one line. */
  static String of(Throwable thrown) {
    StringWriter text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text));
    return text.toString().strip().replaceAll("\\R\\s*", " | ");
  }

  /** "3 min 5 s" */
  static String duration(long seconds) {
    return seconds < 60 ? seconds + " s" : seconds / 60 + " min " + seconds % 60 + " s";
  }
}
