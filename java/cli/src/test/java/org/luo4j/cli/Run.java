/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/**
 * A command that has ended.
 *
 * @param exit its exit code
 * @param out what it wrote to stdout
 * @param err what it wrote to stderr
 */
record Run(int exit, String out, String err) {

  /** Runs the luo command in this JVM. */
  static Run luo(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Luo.commandLine();
    line.setOut(new PrintWriter(out));
    line.setErr(new PrintWriter(err));
    String[] words = new String[arguments.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = arguments[i].toString();
    }
    int exit = line.execute(words);
    line.getOut().flush();
    line.getErr().flush();
    return new Run(exit, out.toString(), err.toString());
  }
}
