/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The PID namespace of this process (pid_namespaces(7)): the number of a process is one in it. */
final class PidNamespace {

  private static final Path LINK = Path.of("/proc/self/ns/pid");

  private PidNamespace() {}

  /** The namespace's inode, as in "pid:[4026531836]"; 0 where /proc does not tell it. */
  static long id() {
    try {
      return id(Files.readSymbolicLink(LINK).toString());
    } catch (IOException e) {
      return 0; // no /proc
    }
  }

  static long id(String link) {
    String digits = link.replaceAll("^pid:\\[(\\d{1,18})\\]$", "$1");
    return digits.equals(link) ? 0 : Long.parseLong(digits);
  }
}
