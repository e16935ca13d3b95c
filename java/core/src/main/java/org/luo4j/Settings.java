/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What all builders require of their settings. */
final class Settings {

  private Settings() {}

  /**
   * The new value of a setting.
   *
   * @param old null where it was not set
   * @throws IllegalStateException when it was set
   */
  static <T> T once(@Nullable T old, T value, String name) {
    Objects.requireNonNull(value, name);
    if (old != null) {
      throw new IllegalStateException(name + " was set to " + old + " already: set it once");
    }
    return value;
  }

  /**
   * Checks that two settings go together.
   *
   * @throws IllegalStateException when they do not
   */
  static void exclude(boolean conflict, String one, @Nullable Object value, String other) {
    if (conflict) {
      throw new IllegalStateException(
          one + "(" + value + ") and " + other + " exclude each other: leave one out");
    }
  }
}
