/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.host;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;

/** Who has a file locked, as /proc/locks says (proc_locks(5)). */
public final class FileLocks {

  private FileLocks() {}

  /** The process that has a file locked for writing; empty when none that may be seen does. */
  public static OptionalLong owner(Host host, Path file) throws IOException {
    Map<String, Object> attributes = Files.readAttributes(file, "unix:dev,ino");
    long device = (long) requireNonNull(attributes.get("dev"));
    long inode = (long) requireNonNull(attributes.get("ino"));
    String wanted =
        String.format(
            "%02x:%02x:%d", device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00, inode);
    return host.text("/proc/locks")
        .orElse("")
        .lines()
        .map(line -> line.trim().split("\\s+"))
        .filter(words -> words.length >= 6 && words[3].equals("WRITE") && words[5].equals(wanted))
        .mapToLong(words -> Long.parseLong(words[4]))
        .findFirst();
  }
}
