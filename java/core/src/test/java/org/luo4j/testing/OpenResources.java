/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** What this process has open that matters to luo4j: fds of memfds, sockets and files, mappings. */
public final class OpenResources {

  private OpenResources() {}

  /**
   * Each fd and each mapping with a word in its name, or that is a socket; sorted.
   *
   * @param words parts of names, as of a test's folder
   */
  public static List<String> now(String... words) {
    List<String> found = new ArrayList<>();
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : fds) {
        String target = target(fd);
        if (isWanted(target, words)) {
          found.add("fd " + fd.getFileName() + " " + target);
        }
      }
      for (String mapping : Files.readAllLines(Path.of("/proc/self/maps"))) {
        if (mapping.contains("/memfd:") || isOneOf(mapping, words)) {
          found.add("mapping " + mapping);
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return List.copyOf(new TreeSet<>(found));
  }

  private static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (IOException e) {
      return ""; // closed since
    }
  }

  private static boolean isWanted(String target, String... words) {
    return target.startsWith("/memfd:") || target.startsWith("socket:") || isOneOf(target, words);
  }

  private static boolean isOneOf(String name, String... words) {
    for (String word : words) {
      if (name.contains(word)) {
        return true;
      }
    }
    return false;
  }
}
