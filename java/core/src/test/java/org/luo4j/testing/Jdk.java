/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A JDK on this machine.
 *
 * @param home its folder
 * @param feature its version's first number
 */
public record Jdk(Path home, int feature) {

  /** The first version that has --illegal-native-access, and warns of native access. */
  private static final int NATIVE_ACCESS = 24;

  /** The one that runs the tests. */
  public static Jdk current() {
    return new Jdk(Path.of(System.getProperty("java.home")), Runtime.version().feature());
  }

  /** The one that runs the tests, and those beside it which restrict native access. */
  public static Stream<Jdk> all() {
    List<Jdk> jdks = new ArrayList<>(List.of(current()));
    try (Stream<Path> homes = Files.list(current().home.getParent())) {
      for (Path home : homes.map(Jdk::real).distinct().sorted().toList()) {
        int feature = feature(home);
        if (feature >= NATIVE_ACCESS && !home.equals(real(current().home))) {
          jdks.add(new Jdk(home, feature));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return jdks.stream();
  }

  /** Those of {@link #all} which restrict native access; the test is skipped without any. */
  public static List<Jdk> restricting() {
    List<Jdk> jdks = all().filter(Jdk::restrictsNativeAccess).toList();
    assumeFalse(jdks.isEmpty(), "there is no JDK 24 or later in " + current().home.getParent());
    return jdks;
  }

  /** A Java of some modules only; the test is skipped where the one that runs it has no jlink. */
  public static Jdk image(Path home, String modules) throws IOException, InterruptedException {
    Path jlink = current().home.resolve("bin").resolve("jlink");
    assumeTrue(Files.isExecutable(jlink), "this Java has no jlink");
    Process process =
        new ProcessBuilder(jlink.toString(), "--add-modules", modules, "--output", home.toString())
            .inheritIO()
            .start();
    if (process.waitFor() != 0) {
      throw new IOException("jlink failed: see above");
    }
    return new Jdk(home, current().feature);
  }

  private boolean restrictsNativeAccess() {
    return feature >= NATIVE_ACCESS;
  }

  /** The flags with which native access is allowed to these modules, and denied to others. */
  public List<String> nativeAccess(String modules) {
    return restrictsNativeAccess()
        ? List.of("--illegal-native-access=deny", "--enable-native-access=" + modules)
        : List.of();
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException broken) {
      return path;
    }
  }

  /** 0 when there is no JDK in the folder. */
  private static int feature(Path home) {
    try (Stream<String> release = Files.lines(home.resolve("release"))) {
      if (!Files.isExecutable(home.resolve("bin").resolve("java"))) {
        return 0;
      }
      return release
          .filter(line -> line.startsWith("JAVA_VERSION="))
          .map(line -> line.replaceAll("[^0-9.]", "").split("\\.", -1)[0])
          .mapToInt(Integer::parseInt)
          .findFirst()
          .orElse(0);
    } catch (IOException | UncheckedIOException | NumberFormatException none) {
      return 0;
    }
  }

  @Override
  public String toString() {
    return "JDK " + feature;
  }
}
