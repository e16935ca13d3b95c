/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.host;

import java.util.Locale;
import java.util.OptionalLong;

/** Sizes in bytes, as people write them. */
public final class Sizes {

  private static final String UNITS = "kmgt";

  private Sizes() {}

  /** A size such as 8g, 512M, 1.5GiB or 4096; empty for anything else, and beyond 2^60. */
  public static OptionalLong parse(String text) {
    String lower = text.strip().toLowerCase(Locale.ROOT);
    if (!lower.matches("[0-9]{1,18}(\\.[0-9]{1,6})?([kmgt](i?b)?|b)?")) {
      return OptionalLong.empty();
    }
    String digits = lower.replaceFirst("[a-z]+$", "");
    int unit = digits.length() < lower.length() ? UNITS.indexOf(lower.charAt(digits.length())) : -1;
    double bytes = Double.parseDouble(digits) * Math.pow(1024, unit + 1);
    if (bytes > 1L << 60) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(
        unit < 0 && !digits.contains(".") ? Long.parseLong(digits) : (long) bytes);
  }

  /** As in "1.5 GiB". */
  public static String text(long bytes) {
    double value = bytes;
    String[] units = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " bytes" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}
