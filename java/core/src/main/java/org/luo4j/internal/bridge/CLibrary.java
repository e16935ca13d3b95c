/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Which C library this JVM's process runs on: the one whose dynamic loader its program asks for;
 * without /proc, that of java.home. Where that cannot be read, or the loader itself was run with
 * the program as its argument, what is mapped tells; where that cannot be read either, as without
 * /proc, it is taken for glibc.
 */
final class CLibrary {

  /** Of this process, which cannot change it. */
  private static final class Own {
    static final boolean IS_MUSL = isMusl(program(), Path.of("/proc/self/maps"));

    private static Path program() {
      Path program = Path.of("/proc/self/exe");
      return Files.exists(program)
          ? program
          : Path.of(System.getProperty("java.home"), "bin", "java");
    }
  }

  private CLibrary() {}

  /** Whether it is musl; on Linux. */
  static boolean isMusl() {
    return Own.IS_MUSL;
  }

  static boolean isMusl(Path program, Path maps) {
    try {
      String loader = ElfFile.interpreter(program);
      if (loader != null) {
        return isOfMusl(loader);
      }
    } catch (IOException unreadable) {
      // the mappings are left
    }
    try {
      for (String mapping : Files.readAllLines(maps, StandardCharsets.ISO_8859_1)) {
        if (isOfMusl(mapping)) {
          return true;
        }
      }
    } catch (IOException unreadable) {
      // taken for glibc
    }
    return false;
  }

  /**
   * By the file name at the end: musl's loader and C library are one file, which distributions call
   * {@code ld-musl-MACHINE.so.1}, {@code libc.musl-MACHINE.so.1} or {@code libc.so}. glibc's have
   * none of these names.
   */
  private static boolean isOfMusl(String pathOrMapping) {
    String name = pathOrMapping.substring(pathOrMapping.lastIndexOf('/') + 1);
    return name.startsWith("ld-musl-") || name.startsWith("libc.musl-") || name.equals("libc.so");
  }
}
