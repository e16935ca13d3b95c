/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.luo4j.cli.doctor.Finding.State;
import org.luo4j.cli.host.Host;

/** The host that the tests run on, with LUO or without. */
class RealHostTest {

  @Test
  void theDeviceIsAProblemWhereItIsNotThere() {
    List<Finding> findings = Doctor.examine(Host.here(), Jvm.here(), new Wanted(0, null, null));
    Map<String, Finding> byName =
        findings.stream().collect(Collectors.toMap(Finding::check, Function.identity()));
    State expected = Host.here().has("/dev/liveupdate") ? State.OK : State.PROBLEM;
    assertEquals(expected, byName.get("/dev/liveupdate").state());
    assertEquals(State.OK, byName.get("bridge JNA").state(), byName.get("bridge JNA")::toString);
    for (Finding finding : findings) {
      assertEquals(finding.state() == State.OK, finding.fix().isEmpty(), finding::toString);
    }
  }
}
