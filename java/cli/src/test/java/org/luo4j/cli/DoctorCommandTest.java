/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.luo4j.cli.doctor.Finding;
import org.luo4j.cli.doctor.Finding.State;

/** How findings are printed, and what the command ends with. */
class DoctorCommandTest {

  private static final Finding OK = new Finding("a", State.OK, "fine", "");
  private static final Finding WARNING = new Finding("long name", State.WARNING, "so so", "do it");
  private static final Finding PROBLEM =
      new Finding("c", State.PROBLEM, "\"\\\t\u0000\u007f\u00e9\ud83d\ude00", "x: 'y'\n");

  private final StringWriter out = new StringWriter();

  private int print(boolean json, Finding... findings) {
    return DoctorCommand.print(List.of(findings), json, new PrintWriter(out));
  }

  @Test
  void theWorstFindingIsTheExitCode() {
    assertEquals(0, print(false, OK, OK));
    assertEquals(1, print(false, OK, WARNING));
    assertEquals(2, print(false, PROBLEM, WARNING, OK));
    assertEquals(2, print(true, OK, PROBLEM));
  }

  @Test
  void aLineForEachAndItsFixBelow() {
    print(false, OK, WARNING);
    assertEquals(
        """
        ok       a          fine
        warning  long name  so so
                            fix: do it
        1 ok, 1 warnings, 0 problems
        """,
        out.toString());
  }

  @Test
  void anyTextIsJson() throws IOException {
    print(true, OK, WARNING, PROBLEM);
    JsonNode json = new ObjectMapper().readTree(out.toString());
    assertEquals(3, json.get("checks").size());
    JsonNode problem = json.get("checks").get(2);
    assertEquals(PROBLEM.found(), problem.get("found").asText());
    assertEquals(PROBLEM.fix(), problem.get("fix").asText());
    assertEquals("problem", problem.get("state").asText());
    assertEquals("{\"ok\":1,\"warnings\":1,\"problems\":1,\"exit\":2}", json.get("summary") + "");
  }
}
