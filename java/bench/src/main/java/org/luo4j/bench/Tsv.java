/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The files that the measurements are written to: a row a line, cells between tabs. */
final class Tsv {

  static final String FAILURES = "failures.tsv";
  static final String THROUGHPUT = "throughput.tsv";
  static final String MEMORY = "memory.tsv";
  static final String RESTART = "restart.tsv";
  static final String HIT_RATIO = "hit-ratio.tsv";
  static final String LOADERS = "loaders.tsv";

  private Tsv() {}

  static void append(Path folder, String file, Object... cells) throws IOException {
    String line =
        Arrays.stream(cells)
            .map(cell -> String.valueOf(cell).replaceAll("\\s+", " "))
            .collect(Collectors.joining("\t", "", "\n"));
    Files.writeString(
        folder.resolve(file), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** The rows, none if there is no such file. */
  static List<String[]> read(Path folder, String file) throws IOException {
    Path path = folder.resolve(file);
    if (!Files.exists(path)) {
      return List.of();
    }
    return Files.readAllLines(path).stream().map(line -> line.split("\t", -1)).toList();
  }
}
