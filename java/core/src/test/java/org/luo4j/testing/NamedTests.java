/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The tests that a page names in backticks, such as {@code `PinsTest.aStripeIsHeldOnce`}. */
public final class NamedTests {

  private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");
  private static final Pattern TEST = Pattern.compile("([A-Z]\\w*Test)(?:\\.(\\w+))?");
  private static final Pattern FILE = Pattern.compile("(?:scripts|native)/[\\w./-]+\\.(?:sh|c)");

  private NamedTests() {}

  /** What a page names: tests with their methods, test classes, scripts and C sources. */
  public static List<String> in(String page) {
    List<String> names = new ArrayList<>();
    Matcher code = CODE.matcher(page);
    while (code.find()) {
      String name = code.group(1).split(" ", 2)[0];
      if (TEST.matcher(name).matches() || FILE.matcher(name).matches()) {
        names.add(name);
      }
    }
    return names;
  }

  /**
   * Those of the names that are not there.
   *
   * @param root the folder of the sources, which has java, native and scripts
   */
  public static List<String> missing(Path root, List<String> names) throws IOException {
    Map<String, String> sources = sources(root.resolve("java"));
    List<String> missing = new ArrayList<>();
    for (String name : names) {
      Matcher test = TEST.matcher(name);
      boolean isThere =
          test.matches()
              ? has(sources.get(test.group(1)), test.group(2))
              : Files.isRegularFile(root.resolve(name));
      if (!isThere) {
        missing.add(name);
      }
    }
    return missing;
  }

  private static boolean has(String source, String method) {
    return source != null && (method == null || source.contains(" void " + method + "("));
  }

  /** The test classes' sources, by their names. */
  private static Map<String, String> sources(Path modules) throws IOException {
    Map<String, String> sources = new TreeMap<>();
    for (String module : List.of("core", "cache", "cli")) {
      try (Stream<Path> files = Files.walk(modules.resolve(module).resolve("src/test/java"))) {
        for (Path file : files.filter(path -> path.toString().endsWith("Test.java")).toList()) {
          String name = file.getFileName().toString();
          sources.merge(
              name.substring(0, name.indexOf('.')), Files.readString(file), String::concat);
        }
      }
    }
    return sources;
  }
}
