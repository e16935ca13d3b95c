/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.util.Map;
import java.util.stream.Collectors;

/** Writes JSON (RFC 8259). */
final class Json {

  private Json() {}

  /** An object of members; values are numbers, or else written as strings. */
  static String object(Map<String, ?> members) {
    return members.entrySet().stream()
        .map(member -> string(member.getKey()) + ": " + value(member.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }

  private static String value(Object value) {
    return value instanceof Number ? value.toString() : string(value.toString());
  }

  private static String string(String text) {
    StringBuilder json = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        json.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString();
  }
}
