/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.doctor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;

/**
 * A JVM.
 *
 * @param feature its feature version, as in 17
 * @param arguments its flags
 * @param properties system properties
 * @param attempts what it does when it is asked
 */
public record Jvm(
    int feature, List<String> arguments, Map<String, String> properties, Attempts attempts) {

  /** Calls of luo4j, which throw when they do not work. */
  public interface Attempts {

    /** Loads and self-tests a bridge, and describes it. */
    String bridge(BridgeType type);

    /** Opens the kernel's device, closes it, and describes who answers. */
    String kernel();
  }

  /** This JVM. */
  public static Jvm here() {
    Map<String, String> properties = new TreeMap<>();
    System.getProperties().stringPropertyNames().stream()
        .forEach(name -> properties.put(name, System.getProperty(name)));
    return new Jvm(
        Runtime.version().feature(),
        flags(),
        properties,
        new Attempts() {
          @Override
          public String bridge(BridgeType type) {
            return LiveUpdate.builder().bridge(type).open().describe();
          }

          @Override
          public String kernel() {
            return LiveUpdate.requireKernel().describe();
          }
        });
  }

  /** The flags, and as one of them what the manifest allows of a jar that was started. */
  private static List<String> flags() {
    List<String> arguments =
        new ArrayList<>(ManagementFactory.getRuntimeMXBean().getInputArguments());
    String jar = System.getProperty("java.class.path");
    boolean started = System.getProperty("sun.java.command", "").startsWith(jar);
    if (started && jar.endsWith(".jar")) {
      try (JarFile file = new JarFile(jar)) {
        String access = file.getManifest().getMainAttributes().getValue("Enable-Native-Access");
        if (access != null) {
          arguments.add("--enable-native-access=" + access);
        }
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + jar, e);
      }
    }
    return arguments;
  }
}
