/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.luo4j.testing.PublicApi;

/** The public API says since when it is there, and what may be null. */
class PublicApiTest {

  @Test
  void nothingIsLacking() throws Exception {
    assertEquals(List.of(), PublicApi.lacking(Path.of("src/main/java")));
  }
}
