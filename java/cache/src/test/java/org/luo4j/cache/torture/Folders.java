/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Folders for caches: in memory where the machine has a tmpfs for it. */
final class Folders {

  private Folders() {}

  /** Its name has the pid of this process, so that others can tell whose it is. */
  static Path create() throws IOException {
    return Files.createTempDirectory(
        place(), "luo4j-torture-" + ProcessHandle.current().pid() + "-");
  }

  private static Path place() {
    Path shm = Path.of("/dev/shm");
    return Files.isWritable(shm) ? shm : Path.of(System.getProperty("java.io.tmpdir"));
  }

  /** Deletes what is in a folder that has no folders in it. */
  static void empty(Path folder) throws IOException {
    for (Path file : files(folder)) {
      Files.delete(file);
    }
  }

  static void delete(Path folder) throws IOException {
    empty(folder);
    Files.delete(folder);
  }

  /** Deletes a folder and those in it. */
  static void deleteAll(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    for (Path each : all) {
      Files.delete(each);
    }
  }

  /** Copies what is in a folder to a new one beside those of {@link #create}. */
  static Path keep(Path folder) throws IOException {
    Path kept = Files.createTempDirectory(place(), "luo4j-violation-");
    for (Path file : files(folder)) {
      Files.copy(file, kept.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
    }
    return kept;
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
