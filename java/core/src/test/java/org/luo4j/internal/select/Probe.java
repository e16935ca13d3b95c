/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.OwnedFile;
import org.luo4j.Provider;

/**
 * A child JVM that makes the choices named by its arguments, and writes what came of each in lines
 * that start with the choice's name.
 */
final class Probe {

  private Probe() {}

  public static void main(String[] choices) throws IOException {
    for (String choice : choices) {
      switch (choice) {
        case "native" -> say(choice, Selection.nativeBridge());
        case "jni" -> say(choice, Selection.jni());
        case "jna" -> say(choice, Selection.jna());
        case "open" -> say(choice, LiveUpdate.builder());
        case "kernel" -> say(choice, LiveUpdate.builder().provider(Provider.KERNEL));
        case "memfd-jni" -> say(choice, LiveUpdate.builder().bridge(BridgeType.JNI));
        case "memfd-jna" -> say(choice, LiveUpdate.builder().bridge(BridgeType.JNA));
        case "files" -> openFiles(choice);
        default -> throw new IllegalArgumentException(choice);
      }
    }
  }

  private static void say(String choice, Selection selection) {
    String name = selection.bridge() == null ? "nothing" : selection.bridge().name();
    say(choice + ": " + name);
    suppressed(choice, selection.refused());
  }

  private static void say(String choice, LiveUpdate.Builder builder) {
    try {
      LiveUpdate luo = builder.open();
      say(choice + ": " + luo.describe());
      say(choice + " memfd: " + roundTrip(luo));
    } catch (LuoException e) {
      say(choice + ": " + e.getClass().getSimpleName() + " " + e.getMessage());
      suppressed(choice, List.of(e.getSuppressed()));
    }
  }

  /** Two files, one after the other. */
  private static void openFiles(String choice) throws IOException {
    List<Boolean> safe = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Path path = Files.createTempFile("probe-", "");
      try (OwnedFile file = OwnedFile.open(path, Duration.ZERO)) {
        safe.add(file.isLockSafe());
      }
      Files.delete(path);
    }
    say(choice + " locks are safe: " + safe);
  }

  private static void suppressed(String choice, List<? extends Throwable> reasons) {
    reasons.forEach(reason -> say(choice + " refused: " + reason.getMessage()));
  }

  /** "ok" when what is put into a mapping is read by its other mapping. */
  private static String roundTrip(LiveUpdate luo) {
    try (MemFd memory = luo.createMemFd(MemFdOptions.named("probe").size(8192));
        MemoryRegion one = memory.map();
        MemoryRegion other = memory.mapReadOnly()) {
      one.putLong(4096, 42);
      return other.getLong(4096) == 42 ? "ok" : "another value";
    }
  }

  private static void say(String line) {
    System.out.println(line.replace('\n', ' '));
  }
}
