/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.luo4j.internal.bridge.Machine;

/** The library of the class path, in a file of its own. */
final class LibraryCopy {

  private LibraryCopy() {}

  static Path to(Path file) throws IOException {
    String resource = "/org/luo4j/native/" + Machine.platform() + "/libluo4j.so";
    try (InputStream in = JniBridge.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IOException("this build has no " + resource);
      }
      Files.copy(in, file);
    }
    return file;
  }
}
