/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Predicate;
import org.luo4j.internal.bridge.Abi;

/**
 * Which process has a memory or its session, in words: as much as /proc shows to this process's
 * user, which is no more than its own processes.
 */
final class Owners {

  private static final Path PROC = Path.of("/proc");

  /**
   * An owner.
   *
   * @param pid the process, or 0 where it is not known
   * @param words the process in words, or empty
   */
  record Owner(long pid, String words) {
    static final Owner UNKNOWN = new Owner(0, "");
  }

  private Owners() {}

  /** The process that holds the lock of a memory, if it is known. */
  static Owner ofLock(MemFd memory) {
    Path file = PROC.resolve("self/fd/" + memory.fd());
    try {
      long dev = (Long) Files.getAttribute(file, "unix:dev");
      long ino = (Long) Files.getAttribute(file, "unix:ino");
      long major = dev >>> 8 & 0xfff;
      long minor = dev & 0xff | dev >>> 12 & 0xfff00;
      String wanted = String.format(Locale.ROOT, "%02x:%02x:%d", major, minor, ino);
      for (String line : Files.readAllLines(PROC.resolve("locks"))) {
        // 1: FLOCK  ADVISORY  WRITE 4711 00:01:1034 0 EOF
        String[] word = line.trim().split(" +");
        // A process of another PID namespace has the number 0 or -1.
        if (word.length > 5
            && word[1].equals("FLOCK")
            && word[5].equals(wanted)
            && Long.parseLong(word[4]) > 0) {
          return owner(word[4]);
        }
      }
    } catch (IOException | RuntimeException e) {
      // no /proc
    }
    return Owner.UNKNOWN;
  }

  /** A process that has a session open, if it is known. */
  static Owner ofSession(String name) {
    return ofFile(Abi.SESSION_LINK + name);
  }

  /** A process that has a file open, if it is known. {@code link} is what /proc says of its fd. */
  static Owner ofFile(String link) {
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : processes) {
        if (anyFd(process, link::equals)) {
          return owner(process.getFileName().toString());
        }
      }
    } catch (IOException | RuntimeException e) {
      // no /proc
    }
    return Owner.UNKNOWN;
  }

  private static boolean anyFd(Path process, Predicate<String> isWanted) {
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(process.resolve("fd"))) {
      for (Path fd : fds) {
        if (isWanted.test(target(fd))) {
          return true;
        }
      }
    } catch (IOException | RuntimeException e) {
      // another user's, or it has ended
    }
    return false;
  }

  private static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (IOException e) {
      return ""; // closed since
    }
  }

  private static Owner owner(String pid) {
    if (pid.equals("" + ProcessHandle.current().pid())) {
      return new Owner(ProcessHandle.current().pid(), "this process");
    }
    String command = "";
    try {
      command = " (" + Files.readString(PROC.resolve(pid).resolve("comm")).strip() + ")";
    } catch (IOException e) {
      // hidden
    }
    return new Owner(Long.parseLong(pid), "process " + pid + command);
  }
}
