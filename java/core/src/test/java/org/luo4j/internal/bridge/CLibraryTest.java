/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** glibc and musl are told apart by what the program asks for, else by what is mapped. */
class CLibraryTest {

  private static final int INTERPRETER = 3;
  private static final int LOAD = 1;

  @TempDir Path temporary;

  private Path program;
  private Path maps;

  @BeforeEach
  void nameTheFiles() {
    program = temporary.resolve("program");
    maps = temporary.resolve("maps");
  }

  /** A program of one segment, which is this text. */
  private void write(int type, String segment) throws IOException {
    byte[] text = segment.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer elf = ByteBuffer.allocate(64 + 56 + text.length).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0, 0x464C457F).put(4, (byte) 2).put(5, (byte) 1);
    elf.putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 1);
    elf.putInt(64, type).putLong(64 + 8, 64 + 56).putLong(64 + 32, text.length);
    elf.put(64 + 56, text);
    Files.write(program, elf.array());
  }

  private void writeMaps(String lastPath) throws IOException {
    Files.writeString(
        maps,
        """
        55d8c0a00000-55d8c0a01000 r--p 00000000 08:01 131 /opt/program
        7f10a2c00000-7f10a2c21000 rw-p 00000000 00:00 0
        7f10a2e00000-7f10a2e26000 r--p 00000000 08:01 977 %s
        """
            .formatted(lastPath));
  }

  private boolean isMusl() {
    return CLibrary.isMusl(program, maps);
  }

  @ParameterizedTest
  @CsvSource({
    "/lib/ld-musl-x86_64.so.1, true",
    "/lib/ld-musl-aarch64.so.1, true",
    "/nix/store/0c-musl-1.2.5/lib/ld-musl-x86_64.so.1, true",
    "/lib64/ld-linux-x86-64.so.2, false",
    "/lib/ld-linux-aarch64.so.1, false",
    "/opt/ld-musl-less/ld-linux-x86-64.so.2, false",
    "/system/bin/linker64, false",
  })
  void theLoaderThatTheProgramNamesDecides(String loader, boolean musl) throws Exception {
    write(INTERPRETER, loader + "\0");
    writeMaps(musl ? "/lib/x86_64-linux-gnu/libc.so.6" : "/lib/ld-musl-x86_64.so.1");
    assertEquals(loader, ElfFile.interpreter(program));
    assertEquals(musl, isMusl());
  }

  @ParameterizedTest
  @CsvSource({
    "/lib/ld-musl-x86_64.so.1, true",
    "/lib/libc.musl-x86_64.so.1, true",
    "/usr/lib/x86_64-linux-musl/libc.so, true",
    "/usr/lib/x86_64-linux-gnu/libc.so.6, false",
    "/lib/libc-2.28.so, false",
    "/opt/musl/libc.so.6, false",
  })
  void withoutOneWhatIsMappedDecides(String mapped, boolean musl) throws Exception {
    write(LOAD, "/lib/ld-musl-x86_64.so.1\0");
    writeMaps(mapped);
    assertNull(ElfFile.interpreter(program));
    assertEquals(musl, isMusl());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "#!/bin/sh", "\u007fELF"})
  void aProgramThatIsNoneLeavesItToWhatIsMapped(String text) throws Exception {
    Files.writeString(program, text);
    assertThrows(IOException.class, () -> ElfFile.interpreter(program));
    writeMaps("/lib/ld-musl-aarch64.so.1");
    assertTrue(isMusl());
  }

  @Test
  void withNothingToReadItIsGlibc() throws Exception {
    assertEquals(false, isMusl());
    writeMaps("/lib/ld-musl-aarch64.so.1");
    assertEquals(true, isMusl());
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void ofThisJvmBothWaysSayTheSame() {
    Path none = temporary.resolve("none");
    Path self = Path.of("/proc/self");
    boolean mapped = CLibrary.isMusl(none, self.resolve("maps"));
    assertEquals(mapped, CLibrary.isMusl(self.resolve("exe"), none));
    assertEquals(mapped, Machine.isMusl());
    assertEquals(mapped, Machine.platform().endsWith("-musl"));
  }
}
