/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

/**
 * Open files that are not memfds, with the fd numbers that Java does not tell: found in /proc. A
 * regular file that is deleted while open would be another case: on a tmpfs the kernel preserves
 * it.
 */
public final class ForeignFiles implements Closeable {

  private final Closeable file;
  private final int fd;

  private ForeignFiles(Closeable file, int fd) {
    this.file = file;
    this.fd = fd;
  }

  public static ForeignFiles regularFile() throws IOException {
    Path path = Files.createTempFile("luo4j-foreign-", "").toRealPath();
    FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE);
    return new ForeignFiles(
        () -> {
          channel.close();
          Files.delete(path);
        },
        find(path.toString()));
  }

  public static ForeignFiles devNull() throws IOException {
    FileChannel channel = FileChannel.open(Path.of("/dev/null"), StandardOpenOption.WRITE);
    return new ForeignFiles(channel, find("/dev/null"));
  }

  public static ForeignFiles pipe() throws IOException {
    // By target, not by number: the listing of /proc uses fds of its own, whose numbers come again.
    Set<String> before = new HashSet<>();
    for (int fd : open()) {
      before.add(target(fd));
    }
    Pipe pipe = Pipe.open();
    for (int fd : open()) {
      if (target(fd).startsWith("pipe:") && !before.contains(target(fd))) {
        return new ForeignFiles(
            () -> {
              pipe.source().close();
              pipe.sink().close();
            },
            fd);
      }
    }
    throw new IOException("the pipe is not among the open fds");
  }

  public int fd() {
    return fd;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private static int find(String target) throws IOException {
    for (int fd : open()) {
      if (target(fd).equals(target)) {
        return fd;
      }
    }
    throw new IOException("no fd of " + target);
  }

  private static Set<Integer> open() throws IOException {
    Set<Integer> fds = new TreeSet<>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      entries.forEach(entry -> fds.add(Integer.valueOf(entry.getFileName().toString())));
    }
    return fds;
  }

  private static String target(int fd) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
    } catch (IOException closedMeanwhile) {
      return "";
    }
  }
}
