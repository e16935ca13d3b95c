/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.util.Locale;

/**
 * What a check found.
 *
 * @param check its name
 * @param state how bad it is
 * @param found what is there
 * @param fix a command or a setting; empty where nothing is to be done
 */
public record Finding(String check, State state, String found, String fix) {

  /** How bad it is. */
  public enum State {
    OK,
    /** LUO works, with less than it could do. */
    WARNING,
    /** LUO does not work, or not for what was asked. */
    PROBLEM;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  static Finding ok(String check, String found) {
    return new Finding(check, State.OK, found, "");
  }

  static Finding warning(String check, String found, String fix) {
    return new Finding(check, State.WARNING, found, fix);
  }

  static Finding problem(String check, String found, String fix) {
    return new Finding(check, State.PROBLEM, found, fix);
  }
}
