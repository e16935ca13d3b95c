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

  private Owners() {}

  /** The process that holds the lock of a memory, or empty. */
  static String ofLock(MemFd memory) {
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
        if (word.length > 5 && word[1].equals("FLOCK") && word[5].equals(wanted)) {
          return describe(word[4]);
        }
      }
    } catch (IOException | RuntimeException e) {
      // no /proc
    }
    return "";
  }

  /** A process that has a session open, or empty. */
  static String ofSession(String name) {
    return ofFile(Abi.SESSION_LINK + name);
  }

  /** A process that has a file open, or empty. {@code link} is what /proc says of its fd. */
  static String ofFile(String link) {
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : processes) {
        if (anyFd(process, link::equals)) {
          return describe(process.getFileName().toString());
        }
      }
    } catch (IOException | RuntimeException e) {
      // no /proc
    }
    return "";
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

  private static String describe(String pid) {
    if (pid.equals("" + ProcessHandle.current().pid())) {
      return "this process";
    }
    String command = "";
    try {
      command = " (" + Files.readString(PROC.resolve(pid).resolve("comm")).strip() + ")";
    } catch (IOException e) {
      // hidden
    }
    return "process " + pid + command;
  }
}
