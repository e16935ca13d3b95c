/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.util.HashMap;
import java.util.Map;

/** Sets system properties until closed. */
public final class SystemProperties implements AutoCloseable {

  private final Map<String, String> before = new HashMap<>();

  /** Sets one; null unsets it. */
  public SystemProperties set(String name, Object value) {
    if (!before.containsKey(name)) {
      before.put(name, System.getProperty(name));
    }
    put(name, value == null ? null : value.toString());
    return this;
  }

  @Override
  public void close() {
    before.forEach(SystemProperties::put);
  }

  private static void put(String name, String value) {
    if (value == null) {
      System.clearProperty(name);
    } else {
      System.setProperty(name, value);
    }
  }
}
