/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressBarTest {

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  private String run(boolean terminal, int total) {
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    ProgressBar bar = new ProgressBar(out, terminal, "fill", total);
    for (int done = 1; done <= total; done++) {
      bar.at(done);
    }
    return written.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aLineAtEachTenthWhereThereIsNoTerminal() {
    String[] lines = run(false, 20_000).split("\n");
    assertEquals(10, lines.length);
    assertEquals("fill  10 %  2,000 of 20,000", lines[0]);
    assertEquals("fill 100 %  20,000 of 20,000", lines[9]);
  }

  @Test
  void oneLineRedrawnOnATerminal() {
    String text = run(true, 20_000);
    String[] states = text.substring(1).split("\r");
    assertEquals(100, states.length);
    assertEquals(
        "fill [" + "#".repeat(20) + ".".repeat(20) + "]  50 %  10,000 of 20,000", states[49]);
    assertEquals(text.length() - 1, text.indexOf('\n'));
    assertTrue(states[99].contains("[" + "#".repeat(40) + "] 100 %"));
  }

  @Test
  void fewerThanTenStepsEndAtAHundred() {
    assertEquals("fill  30 %  1 of 3\nfill  60 %  2 of 3\nfill 100 %  3 of 3\n", run(false, 3));
  }

  @Test
  void nothingToDoIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new ProgressBar(System.out, false, "fill", 0));
  }
}
