/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How much memory may be taken before the kernel ends a process for it: what the machine has left,
 * and what the limits of the process's cgroups leave (cgroups(7); versions 1 and 2). What cannot be
 * read does not limit. Tmpfs files and memfds are memory, charged to the cgroup of who allocates.
 */
final class Room {

  private static final String CGROUP_REMEDY =
      "make the memory smaller, or raise the limit (memory.max of the cgroup, MemoryMax= of the"
          + " unit, --memory of the container)";

  /** Types of file systems whose files lie in memory. */
  static final Set<String> MEMORY_FILE_SYSTEMS = Set.of("tmpfs", "ramfs", "devtmpfs");

  /** How the line of /proc/self/limits begins that has the soft limit next. */
  private static final String FILE_SIZE = "Max file size ";

  /** What memory leaves of a cgroup's limit, so that the JVM is not killed as soon as it grows. */
  private static final long SPARE = 32 << 20;

  private final Path proc;
  private final Path cgroups;
  private final long spare;

  Room() {
    this(Path.of("/proc"), Path.of("/sys/fs/cgroup"), SPARE);
  }

  /**
   * Sees a machine by its files.
   *
   * @param spare bytes of a cgroup's limit that are not given
   */
  Room(Path proc, Path cgroups, long spare) {
    this.proc = proc;
    this.cgroups = cgroups;
    this.spare = spare;
  }

  /**
   * Checks that so much memory can be taken.
   *
   * @throws NoRoomException when the machine or a cgroup does not have it
   */
  void checkMemory(String what, long bytes) throws NoRoomException {
    checkMemory(what, bytes, 0);
  }

  /**
   * Checks that so much memory can be taken after so much of this process's cgroups was given back.
   *
   * @throws NoRoomException when the machine or a cgroup does not have it
   */
  void checkMemory(String what, long bytes, long freed) throws NoRoomException {
    OptionalLong machine = machineBytes();
    if (machine.isPresent() && machine.getAsLong() < bytes - freed) {
      throw new NoRoomException(
          what,
          bytes,
          machine.getAsLong(),
          "this machine's memory",
          "make the memory smaller, or end what else takes memory");
    }
    OptionalLong cgroup = cgroupBytes();
    long available = Math.max(0, cgroup.orElse(Long.MAX_VALUE) - spare);
    if (cgroup.isPresent() && available < bytes - freed) {
      throw new NoRoomException(
          what,
          bytes,
          available,
          "this process's cgroup",
          CGROUP_REMEDY + "; " + (spare >> 20) + " MiB of it are left to the JVM");
    }
  }

  /**
   * Checks that this process may make a file so large: RLIMIT_FSIZE (getrlimit(2)).
   *
   * @param present its size now
   * @throws NoRoomException when it may not
   */
  void checkFileSize(String what, long bytes, long present) throws NoRoomException {
    for (String line : lines(proc.resolve("self/limits"))) {
      if (line.startsWith(FILE_SIZE)) {
        Long limit = number(line.substring(FILE_SIZE.length()).strip().split(" ", 2)[0]);
        if (limit != null && limit < bytes && present < bytes) {
          throw new NoRoomException(
              what,
              bytes - present,
              Math.max(0, limit - present),
              "this process's limit of the size of a file (ulimit -f, RLIMIT_FSIZE)",
              "make the memory smaller, or raise the limit (ulimit -f unlimited, LimitFSIZE= of"
                  + " the unit, --ulimit fsize= of the container)");
        }
      }
    }
  }

  /** Whether the files of a device lie in memory, as far as /proc/self/mountinfo knows. */
  boolean isMemory(long major, long minor) {
    String device = " " + major + ":" + minor + " ";
    for (String line : lines(proc.resolve("self/mountinfo"))) {
      int type = line.indexOf(" - ");
      if (type > 0 && line.contains(device)) {
        return MEMORY_FILE_SYSTEMS.contains(line.substring(type + 3).split(" ", 2)[0]);
      }
    }
    return false;
  }

  /** What can be had without swapping, and swap. */
  private OptionalLong machineBytes() {
    Long available = null;
    long swap = 0;
    for (String line : lines(proc.resolve("meminfo"))) {
      if (line.startsWith("MemAvailable:")) {
        available = kibibytes(line);
      } else if (line.startsWith("SwapFree:")) {
        Long free = kibibytes(line);
        swap = free == null ? 0 : free;
      }
    }
    return available == null ? OptionalLong.empty() : OptionalLong.of(available + swap);
  }

  private static @Nullable Long kibibytes(String line) {
    Long number = number(line.replaceAll("[^0-9]", ""));
    return number == null ? null : number << 10;
  }

  /** What the tightest limit leaves of this process's cgroup and those above it. */
  OptionalLong cgroupBytes() {
    long least = Long.MAX_VALUE;
    for (String line : lines(proc.resolve("self/cgroup"))) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      if (parts[1].isEmpty()) {
        least =
            Math.min(
                least, least(cgroups, parts[2], "memory.max", "memory.current", "inactive_file"));
      } else if (List.of(parts[1].split(",")).contains("memory")) {
        least =
            Math.min(
                least,
                least(
                    cgroups.resolve("memory"),
                    parts[2],
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_inactive_file"));
      }
    }
    return least == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(least);
  }

  /**
   * What the limits on the way from a cgroup up to the root leave. A container may see its own
   * cgroup as the root, whatever the path says.
   */
  private static long least(
      Path root, String path, String limit, String usage, String reclaimable) {
    long least = Long.MAX_VALUE;
    Path leaf = root.resolve(path.substring(Math.min(1, path.length()))).normalize();
    for (Path folder = leaf;
        folder != null && folder.startsWith(root);
        folder = folder.getParent()) {
      Long most = number(folder.resolve(limit));
      Long used = number(folder.resolve(usage));
      if (most != null && used != null) {
        long cached = 0;
        for (String line : lines(folder.resolve("memory.stat"))) {
          if (line.startsWith(reclaimable + " ")) {
            Long reclaimed = number(line.substring(reclaimable.length() + 1).strip());
            cached = reclaimed == null ? 0 : reclaimed;
          }
        }
        least = Math.min(least, Math.max(0, most - used + cached));
      }
    }
    return least;
  }

  /** The number in a file; null for a file that is not there, and for "max". */
  private static @Nullable Long number(Path file) {
    List<String> lines = lines(file);
    return lines.isEmpty() ? null : number(lines.get(0));
  }

  /** Null for what is no number, and for one that is larger than any memory. */
  private static @Nullable Long number(String text) {
    return text.matches("[0-9]{1,15}") ? Long.valueOf(text) : null;
  }

  /** None for a file that cannot be read. */
  private static List<String> lines(Path file) {
    // Not by a channel, which an interrupt would close.
    try (InputStream in = new FileInputStream(file.toFile());
        BufferedReader reader =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.ISO_8859_1))) {
      return reader.lines().toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }
}
