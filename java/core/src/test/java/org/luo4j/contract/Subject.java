/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.io.FileUtils;
import org.junit.jupiter.api.Assumptions;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.internal.jni.JniBridge;
import org.luo4j.testing.JniLibrary;

/** The implementation that the contract suite runs on: the property luo4j.contract.bridge. */
final class Subject {

  /** What to run on: jni, jna or emulator. */
  static final String NAME = System.getProperty("luo4j.contract.bridge", "emulator");

  private Subject() {}

  static boolean isEmulator() {
    return NAME.equals("emulator");
  }

  /** The bridge, in a process of a machine that nothing was carried over to. */
  static Bridge open() {
    return isEmulator() ? open(newFolder()) : openNative();
  }

  /** As {@link #open}; skips the tests on the emulator, which has no sockets. */
  static Bridge openWithSockets() {
    Assumptions.assumeFalse(
        isEmulator(), "the emulator has no sockets: set -Dluo4j.contract.bridge to jni or jna");
    return open();
  }

  /**
   * The bridge, in a process that runs after a kexec at which the fixtures were held. On the kernel
   * that kexec has happened: a process of the previous kernel made them.
   */
  static Bridge openAfterKexec() {
    if (!isEmulator()) {
      return openNative();
    }
    Path folder = newFolder();
    Emulator before = open(folder);
    IncomingFixtures.prepare(before, NAME);
    int result = before.kexec();
    if (result != 0) {
      throw new IllegalStateException("kexec: " + result);
    }
    return open(folder);
  }

  /** Ends what was opened: the emulated process, and its machine. */
  static void close(Bridge bridge) {
    if (bridge instanceof Emulator emulator) {
      emulator.close();
      FileUtils.deleteQuietly(emulator.directory().toFile());
    }
  }

  private static Emulator open(Path folder) {
    try {
      return Emulator.open(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Bridge openNative() {
    if (NAME.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    try {
      return NAME.equals("jni") ? JniBridge.load() : JnaBridge.load();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path newFolder() {
    try {
      return Files.createTempDirectory("luo4j-contract-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
