/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import picocli.CommandLine.IVersionProvider;

/** The jar's version, and what runs it. */
final class Version implements IVersionProvider {

  static String text() {
    String version = Luo.class.getPackage().getImplementationVersion();
    return "luo " + (version == null ? "of a development tree" : version);
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      text(),
      "Java " + System.getProperty("java.runtime.version") + ", " + System.getProperty("java.home"),
      System.getProperty("os.name")
          + " "
          + System.getProperty("os.version")
          + " "
          + System.getProperty("os.arch")
    };
  }
}
