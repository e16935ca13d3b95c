/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.internal.jni.JniBridge;

/**
 * The choice of a bridge: JNI before JNA, each self-tested before it is used, every refusal kept.
 *
 * @param bridge the one chosen, null when none passed
 * @param emulator the same, if it is the emulator, else null
 * @param refused why those before it were not, in the order of trying
 */
public record Selection(
    @Nullable Bridge bridge, @Nullable Emulator emulator, List<Exception> refused) {

  /** Those that have passed their self-test, by name: each is loaded and tested once. */
  private static final Map<String, Bridge> PASSED = new HashMap<>();

  /** A way to get a bridge. */
  @FunctionalInterface
  private interface Candidate {
    Bridge load() throws IOException;
  }

  /**
   * Loads and tests the native bridges, JNI first, until one passes. Asking again gives the same
   * bridge; one that was refused is tried again.
   *
   * @return the selection; its bridge is null when none did
   */
  public static Selection nativeBridge() {
    List<Exception> refused = new ArrayList<>();
    Bridge bridge = attempt("JNI", JniBridge::load, refused);
    if (bridge == null) {
      bridge = attempt("JNA", JnaBridge::load, refused);
    }
    return new Selection(bridge, null, List.copyOf(refused));
  }

  /** JNI or nothing: its bridge is null when it did not pass. */
  public static Selection jni() {
    List<Exception> refused = new ArrayList<>();
    return new Selection(attempt("JNI", JniBridge::load, refused), null, refused);
  }

  /** JNA or nothing: its bridge is null when it did not pass. */
  public static Selection jna() {
    List<Exception> refused = new ArrayList<>();
    return new Selection(attempt("JNA", JnaBridge::load, refused), null, refused);
  }

  /**
   * The emulator with its state in {@code directory}: one a folder in this JVM, as processes share
   * one machine.
   *
   * @throws IOException when the folder cannot be used, saying why
   */
  public static Selection emulator(Path directory, List<Exception> refused) throws IOException {
    Emulator emulator = EmulatorProcesses.open(directory);
    return new Selection(emulator, emulator, List.copyOf(refused));
  }

  private static synchronized @Nullable Bridge attempt(
      String name, Candidate candidate, List<Exception> refused) {
    Bridge passed = PASSED.get(name);
    if (passed != null) {
      return passed;
    }
    try {
      Bridge bridge = candidate.load();
      SelfTest.run(bridge);
      PASSED.put(name, bridge);
      return bridge;
    } catch (IOException | RuntimeException | LinkageError e) {
      refused.add(new IOException(name + ": " + e.getMessage(), e));
      return null;
    }
  }
}
