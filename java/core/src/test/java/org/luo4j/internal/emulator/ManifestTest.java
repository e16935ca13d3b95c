/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

  /** As of another version, or of a program that counts wrong: the checksum is right. */
  @ParameterizedTest
  @CsvSource({
    "'luo4j-session 2|name 61', not a session of format 1",
    "luo4j-session 1, not a session of format 1",
    "'luo4j-session 1|nome 61', no name",
    "'luo4j-session 1|name 6g', bad name",
    "'luo4j-session 1|name 61|file 1 2 3 4', bad line 3",
    "'luo4j-session 1|name 61|fold 1 2 3 4 m.data', bad line 3",
    "'luo4j-session 1|name 61|file 1 -2 3 4 m.data', bad number in line 3",
    "'luo4j-session 1|name 61|file 1 2 3 -4 m.data', bad number in line 3",
    "'luo4j-session 1|name 61|file 1 2 64 4 m.data', bad seals in line 3",
    "'luo4j-session 1|name 61|file 1 2 3 4 ../m.data', bad file name in line 3",
    "'luo4j-session 1|name 61|file 1 2 3 4 m.data|file 1 2 3 4 n.data', a token twice in line 4",
  })
  void whatNoVersionWritesIsDamage(String lines, String reason) throws Exception {
    String text = lines.replace('|', '\n') + "\n";
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(StandardCharsets.US_ASCII));
    Path file =
        Files.writeString(
            temporary.resolve("manifest"), text + "end " + Long.toHexString(crc.getValue()) + "\n");
    IOException e = assertThrows(IOException.class, () -> Manifest.read(file));
    assertEquals(file + " is damaged: " + reason, e.getMessage());
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

  @Test
  void aChecksumOfNothingIsDamage() throws Exception {
    Path file = Files.writeString(temporary.resolve("manifest"), "end 0\n");
    IOException e = assertThrows(IOException.class, () -> Manifest.read(file));
    assertEquals(file + " is damaged: not a session of format 1", e.getMessage());
  }
}
