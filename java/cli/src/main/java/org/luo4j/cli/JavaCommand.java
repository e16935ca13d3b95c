/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command line of a JVM as this one, with this one's class path. */
final class JavaCommand {

  private JavaCommand() {}

  /**
   * Runs a class.
   *
   * @param main its name
   * @param properties as in "name=value"
   */
  static ProcessBuilder of(String main, List<String> properties, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    if (Runtime.version().feature() >= 22) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    properties.forEach(property -> command.add("-D" + property));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(arguments);
    return new ProcessBuilder(command);
  }
}
