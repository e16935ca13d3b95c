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

  /** For a process: one that this user may not see. */
  public static final long HIDDEN = 0;

  /** How /proc/locks writes the owner of a lock that belongs to an open file. */
  private static final long OPEN_FILE = -1;

  private FileLocks() {}

  /**
   * The process that has a file locked for writing; {@link #HIDDEN} when it is not to be seen;
   * empty when there is no lock.
   */
  public static OptionalLong owner(Host host, Path file) throws IOException {
    Map<String, Object> attributes = Files.readAttributes(file, "unix:dev,ino");
    long device = (long) requireNonNull(attributes.get("dev"));
    long inode = (long) requireNonNull(attributes.get("ino"));
    String wanted =
        String.format(
            "%02x:%02x:%d", device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00, inode);
    OptionalLong owner =
        host.text("/proc/locks")
            .orElse("")
            .lines()
            .map(line -> line.trim().split("\\s+"))
            .filter(
                words -> words.length >= 6 && words[3].equals("WRITE") && words[5].equals(wanted))
            .mapToLong(words -> Long.parseLong(words[4]))
            .findFirst();
    return owner.isPresent() && owner.getAsLong() == OPEN_FILE
        ? OptionalLong.of(holder(host, wanted))
        : owner;
  }

  /** The process one of whose open files has the lock, as its fdinfo says. */
  private static long holder(Host host, String wanted) {
    String file = " " + wanted + " ";
    for (Host.OpenFile open : host.openFiles().seen()) {
      String info = host.text("/proc/" + open.pid() + "/fdinfo/" + open.fd()).orElse("");
      if (info.lines().anyMatch(line -> line.startsWith("lock:") && line.contains(file))) {
        return open.pid();
      }
    }
    return HIDDEN;
  }
}
