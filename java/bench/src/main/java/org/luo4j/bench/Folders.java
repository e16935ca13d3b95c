/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** The folders that stores keep their files in. */
final class Folders {

  /** Names the folder that the others are made in. */
  static final String PROPERTY = "luo4j.bench.directory";

  private Folders() {}

  /** A new empty folder, in memory where the system has a place for that. */
  static Path temporary(String name) throws IOException {
    String base = System.getProperty(PROPERTY);
    Path memory = Path.of("/dev/shm");
    Path parent =
        base != null
            ? Path.of(base)
            : Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir"));
    return Files.createTempDirectory(parent, "luo4j-bench-" + name + "-");
  }

  /** Removes a folder and what it holds; one that is gone is fine. */
  static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(directory)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.deleteIfExists(path);
    }
  }

  /** Bytes that the files of a folder take, holes not counted. */
  static long bytes(Path directory) throws IOException, InterruptedException {
    Process du =
        new ProcessBuilder("du", "-s", "-k", directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String answer = new String(du.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (du.waitFor() != 0) {
      throw new IOException("du -s -k " + directory + " ended with " + du.exitValue());
    }
    return 1024 * Long.parseLong(answer.substring(0, answer.indexOf('\t')));
  }
}
