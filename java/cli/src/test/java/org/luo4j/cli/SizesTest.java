/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.OptionalLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.cli.host.Sizes;

class SizesTest {

  @ParameterizedTest
  @CsvSource({
    "0,0",
    "4096,4096",
    "4096b,4096",
    "64k,65536",
    "512M,536870912",
    "8g,8589934592",
    "1.5GiB,1610612736",
    "1tb,1099511627776",
    "576460752303423489,576460752303423489"
  })
  void sizesAsPeopleWriteThem(String text, long bytes) {
    assertEquals(OptionalLong.of(bytes), Sizes.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "g",
        "-1",
        "1x",
        "1 g b",
        "infinity",
        "50%",
        "0x10",
        "99999999t",
        "1e9",
        "1.g"
      })
  void whatIsNoSizeIsNone(String text) {
    assertEquals(OptionalLong.empty(), Sizes.parse(text));
  }

  @ParameterizedTest
  @CsvSource({"0,0 bytes", "1023,1023 bytes", "1536,1.5 KiB", "8589934592,8.0 GiB"})
  void sizesForPeople(long bytes, String text) {
    assertEquals(text, Sizes.text(bytes));
  }
}
