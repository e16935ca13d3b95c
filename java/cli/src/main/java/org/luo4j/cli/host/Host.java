/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.host;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/**
 * A host, as its files under a root folder, an environment and the answers of its commands say. The
 * root is / for this host; any folder with a proc, sys, dev, boot and etc is a host too.
 */
public final class Host {

  private final Path root;
  private final Map<String, String> environment;
  private final Commands commands;
  private final Spaces spaces;

  /** Runs commands. */
  @FunctionalInterface
  public interface Commands {

    /** What a command writes to stdout; empty when it is not there or fails. */
    Optional<String> run(String... command);
  }

  /** Asks file systems for their size. */
  @FunctionalInterface
  public interface Spaces {

    /** The size of the file system that a path lies on; 0 and 0 where it cannot be asked. */
    Space of(Path path);
  }

  /** The size of a file system, and what this user can use of it, in bytes. */
  public record Space(long total, long free) {}

  /** What a process has open. */
  public record OpenFile(long pid, String command, int fd, String target) {}

  /** What all processes have open, as far as it may be seen. */
  public record OpenFiles(List<OpenFile> seen, int hiddenProcesses) {}

  public Host(Path root, Map<String, String> environment, Commands commands) {
    this(
        root,
        environment,
        commands,
        path -> new Space(path.toFile().getTotalSpace(), path.toFile().getUsableSpace()));
  }

  public Host(Path root, Map<String, String> environment, Commands commands, Spaces spaces) {
    this.root = root;
    this.environment = Map.copyOf(environment);
    this.commands = commands;
    this.spaces = spaces;
  }

  /** This host. */
  public static Host here() {
    return new Host(Path.of("/"), System.getenv(), new ChildProcesses());
  }

  /** Where a path of the host's lies. */
  public Path path(String absolute) {
    return root.resolve(absolute.substring(1));
  }

  public boolean has(String absolute) {
    return Files.exists(path(absolute));
  }

  /** A file's text without white space around it; empty when it is absent or may not be read. */
  public Optional<String> text(String absolute) {
    try {
      return Optional.of(Files.readString(path(absolute), StandardCharsets.ISO_8859_1).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** As {@link #text}, of a file that is compressed with gzip. */
  public Optional<String> unzipped(String absolute) {
    try (InputStream file = Files.newInputStream(path(absolute));
        InputStream in = new GZIPInputStream(file)) {
      return Optional.of(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The value of a line "name: value", or "name value". */
  public Optional<String> field(String absolute, String name) {
    return text(absolute).stream()
        .flatMap(String::lines)
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()).replaceFirst("^:", "").strip())
        .findFirst();
  }

  /** The size of the file system that a path of the host's lies on. */
  public Space space(String absolute) {
    return spaces.of(path(absolute));
  }

  /** A variable of the environment. */
  public Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name));
  }

  /** Runs a command. */
  public Optional<String> run(String... command) {
    return commands.run(command);
  }

  /** The kernel's release, as uname -r says it. */
  public String kernelRelease() {
    return text("/proc/sys/kernel/osrelease").orElse("").replaceAll("[^\\w.+~-]", "");
  }

  /** Reads /proc/PID/fd of every process. */
  public OpenFiles openFiles() {
    List<OpenFile> seen = new ArrayList<>();
    int hidden = 0;
    for (Path process : list(path("/proc"))) {
      String pid = process.getFileName().toString();
      if (!pid.matches("[0-9]+")) {
        continue;
      }
      try (Stream<Path> fds = Files.list(process.resolve("fd"))) {
        String command = text("/proc/" + pid + "/comm").orElse("?");
        fds.sorted(Comparator.comparingInt(Host::number))
            .forEach(
                fd ->
                    target(fd)
                        .ifPresent(
                            target ->
                                seen.add(
                                    new OpenFile(
                                        Long.parseLong(pid), command, number(fd), target))));
      } catch (IOException | UncheckedIOException e) {
        // Of another user's, or it has just ended.
        hidden += Files.exists(process) ? 1 : 0;
      }
    }
    seen.sort(Comparator.comparingLong(OpenFile::pid));
    return new OpenFiles(List.copyOf(seen), hidden);
  }

  private static int number(Path fd) {
    try {
      return Integer.parseInt(fd.getFileName().toString());
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private static Optional<String> target(Path fd) {
    try {
      return Optional.of(Files.readSymbolicLink(fd).toString());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static List<Path> list(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
