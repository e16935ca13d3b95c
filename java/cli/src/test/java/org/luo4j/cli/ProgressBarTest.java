/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressBarTest {

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final ProgressBar bar =
      new ProgressBar(new PrintStream(written, true, StandardCharsets.UTF_8), "load");

  private String text() {
    return written.toString(StandardCharsets.UTF_8);
  }

  @Test
  void oneLineThatIsRedrawnWhereSomethingIsNew() {
    for (int done = 0; done <= 20_000; done++) {
      bar.at(done, 20_000);
    }
    String[] states = text().substring(1).split("\r");
    assertEquals(101, states.length);
    assertEquals("load [" + "#".repeat(20) + ".".repeat(20) + "]  50 %", states[50]);
    assertTrue(text().endsWith("#] 100 %\n"));
  }

  @Test
  void nothingToDoAndMoreThanAllAreAHundred() {
    bar.at(0, 0);
    bar.at(5, 4);
    assertEquals("\rload [" + "#".repeat(40) + "] 100 %\n", text());
  }
}
