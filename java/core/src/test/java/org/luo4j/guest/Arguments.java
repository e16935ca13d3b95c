/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A command line of words, flags and options with a value: {@code word --flag --option value}. */
public final class Arguments {

  private final List<String> words = new ArrayList<>();
  private final Map<String, String> options = new HashMap<>();

  /**
   * Takes a command line apart.
   *
   * @param flags the options that have no value
   */
  public Arguments(String[] args, Set<String> flags) {
    for (int i = 0; i < args.length; i++) {
      if (!args[i].startsWith("--")) {
        words.add(args[i]);
      } else if (flags.contains(args[i])) {
        options.put(args[i], "");
      } else if (i + 1 < args.length) {
        options.put(args[i], args[++i]);
      } else {
        throw new IllegalArgumentException(args[i] + " needs a value");
      }
    }
  }

  public String word(int index) {
    if (index >= words.size()) {
      throw new IllegalArgumentException("word " + (index + 1) + " of the command line is missing");
    }
    return words.get(index);
  }

  public boolean has(String option) {
    return options.containsKey(option);
  }

  public String get(String option) {
    String value = options.get(option);
    if (value == null) {
      throw new IllegalArgumentException(option + " is missing");
    }
    return value;
  }

  public String get(String option, String otherwise) {
    return options.getOrDefault(option, otherwise);
  }
}
