/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;

/** Manifests are read as they were written, or not at all. */
class ManifestTest {

  @TempDir Path temporary;

  private static Manifest example() {
    return new Manifest(
        "6361636865",
        List.of(
            new Manifest.Entry(0, 0, 0, 0, "m-0.data"),
            new Manifest.Entry(-1, Long.MAX_VALUE, 0x3f, 7, "ffffffffffffffff.data")));
  }

  @Test
  void whatIsWrittenIsRead() throws Exception {
    Path file = temporary.resolve("manifest");
    example().write(file);
    assertEquals(example(), Manifest.read(file));
  }

  @Test
  void aBitFlippedInAnyByteOrAnEndCutOffIsNoticed() throws Exception {
    Path file = temporary.resolve("manifest");
    example().write(file);
    byte[] good = Files.readAllBytes(file);
    for (int at = 0; at < good.length; at++) {
      byte[] bad = good.clone();
      bad[at] ^= (byte) (1 << at % 8);
      Files.write(file, bad);
      assertThrows(IOException.class, () -> Manifest.read(file), "byte " + at);
    }
    for (int length = 0; length < good.length; length++) {
      Files.write(file, Arrays.copyOf(good, length));
      assertThrows(IOException.class, () -> Manifest.read(file), "length " + length);
    }
  }

  @Test
  void namesOfAllBytesSurvive() {
    byte[] field = new byte[Abi.NAME_LENGTH];
    for (int i = 0; i < 63; i++) {
      field[i] = (byte) (i * 4 + 3);
    }
    assertArrayEquals(field, Manifest.nameField(Manifest.hexName(field)));
    field[63] = 1;
    assertNull(Manifest.hexName(field));
    assertNull(Manifest.hexName(new byte[Abi.NAME_LENGTH]));
  }
}
