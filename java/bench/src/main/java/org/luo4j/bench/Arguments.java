/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** A command line of {@code --name value} pairs. */
final class Arguments {

  private final Map<String, String> values = new HashMap<>();

  /** Parses; fails on a name that is not in the set. */
  Arguments(String[] args, Set<String> names) {
    for (int i = 0; i < args.length; i += 2) {
      String name = args[i].startsWith("--") ? args[i].substring(2) : "";
      if (!names.contains(name) || i + 1 == args.length) {
        throw new IllegalArgumentException(
            "'" + args[i] + "' is unknown or has no value; there are " + names);
      }
      values.put(name, args[i + 1]);
    }
  }

  String get(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  String get(String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException("--" + name + " is needed");
    }
    return value;
  }

  long number(String name, long otherwise) {
    return values.containsKey(name) ? Long.parseLong(values.get(name)) : otherwise;
  }

  List<String> list(String name, String otherwise) {
    return List.of(get(name, otherwise).split(","));
  }

  /** The peers named by {@code --peers} that take part, all that do if it is not given. */
  List<Peer> peers(Predicate<Peer> takesPart) {
    List<Peer> named =
        values.containsKey("peers")
            ? list("peers", "").stream().map(Peer::named).toList()
            : Arrays.asList(Peer.values());
    return named.stream().filter(takesPart).toList();
  }
}
