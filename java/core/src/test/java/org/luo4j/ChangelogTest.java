/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.module.ModuleDescriptor.Version;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** CHANGELOG.md has the headings of Keep a Changelog 1.1.0. */
class ChangelogTest {

  private static final Pattern RELEASE =
      Pattern.compile("## \\[(\\d+\\.\\d+\\.\\d+)\\] - (\\S+)( \\[YANKED\\])?");

  private static final Set<String> KINDS =
      Set.of("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security");

  @Test
  void itsHeadingsAreAsTheyMustBe() throws Exception {
    Path root = Path.of(System.getProperty("luo4j.root.directory", "../.."));
    assertEquals(List.of(), wrong(Files.readAllLines(root.resolve("CHANGELOG.md"))));
  }

  @Test
  void wrongHeadingsAreFound() {
    List<String> good =
        List.of(
            "# Changelog",
            "## [Unreleased]",
            "### Added",
            "### Fixed",
            "## [0.10.0] - 2027-03-01 [YANKED]",
            "### Added",
            "## [0.9.0] - 2027-03-01");
    assertEquals(List.of(), wrong(good));
    List<String> bad =
        List.of(
            "# Changes",
            "## Unreleased",
            "### Improved",
            "### Added",
            "### Added",
            "## [0.1.0] - 2027-01-01",
            "## [0.2.0] - 2027-02-01",
            "## [0.0.1] - 01.02.2027",
            "#### Details");
    assertEquals(
        List.of(
            "# Changes",
            "## Unreleased",
            "### Improved",
            "### Added",
            "## [0.2.0] - 2027-02-01",
            "## [0.0.1] - 01.02.2027",
            "#### Details"),
        wrong(bad));
  }

  /** The headings that are not of the form, not the newest first, or there twice in a version. */
  private static List<String> wrong(List<String> lines) {
    List<String> headings = lines.stream().filter(line -> line.startsWith("#")).toList();
    List<String> wrong = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    Version newer = Version.parse("99999");
    LocalDate later = LocalDate.MAX.minusDays(1);
    for (int i = 0; i < headings.size(); i++) {
      String heading = headings.get(i);
      Matcher release = RELEASE.matcher(heading);
      boolean good;
      if (i == 0) {
        good = heading.equals("# Changelog");
      } else if (i == 1) {
        good = heading.equals("## [Unreleased]");
      } else if (release.matches()) {
        Version version = Version.parse(release.group(1));
        LocalDate date = date(release.group(2));
        good = version.compareTo(newer) < 0 && !date.isAfter(later);
        newer = version;
        later = date;
        seen.clear();
      } else {
        good =
            heading.startsWith("### ") && KINDS.contains(heading.substring(4)) && seen.add(heading);
      }
      if (!good) {
        wrong.add(heading);
      }
    }
    return wrong;
  }

  /** A date as ISO 8601 has it; one that is later than any where it is none. */
  private static LocalDate date(String text) {
    try {
      return LocalDate.parse(text);
    } catch (DateTimeParseException e) {
      return LocalDate.MAX;
    }
  }
}
