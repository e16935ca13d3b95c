/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Ways to break a state folder. */
final class Damage {

  private Damage() {}

  /** The one file of a name anywhere in a folder. */
  static Path only(Path folder, String name) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      List<Path> found = paths.filter(path -> path.getFileName().toString().equals(name)).toList();
      if (found.size() != 1) {
        throw new IOException(name + " found at " + found);
      }
      return found.get(0);
    }
  }

  static void flipAByte(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
  }
}
