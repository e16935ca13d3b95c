/* SPDX-License-Identifier: Apache-2.0 */
package org.example.outside;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.Provider;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/** Says who answers, and opens a cache twice: in a file, and in a session over an emulated kexec. */
public final class Main {

  private static final String KEY = "key";
  private static final String VALUE = "a value of the first opening";

  private Main() {}

  /**
   * Runs it.
   *
   * @param arguments none
   * @throws IOException when a cache cannot be opened
   */
  public static void main(String[] arguments) throws IOException {
    Path folder = Files.createTempDirectory("outside");
    System.out.println("module: " + Main.class.getModule());
    System.out.println("luo4j: " + LiveUpdate.class.getModule());
    System.out.println("describe: " + LiveUpdate.open().describe());
    System.out.println("native: " + nativeBridge());

    try (WarmCache<String, String> cache = builder().file(folder.resolve("cache")).open()) {
      System.out.println("file 1: " + cache.start().kind());
      cache.put(KEY, VALUE);
    }
    openAgain("file", builder().file(folder.resolve("cache")));

    LiveUpdate before = emulator(folder);
    WarmCache<String, String> held = builder().session(before, "outside").open();
    System.out.println("session 1: " + held.start().kind());
    held.put(KEY, VALUE);
    before.emulateKexec();
    openAgain("session", builder().session(emulator(folder), "outside"));
  }

  private static LiveUpdate emulator(Path folder) {
    return LiveUpdate.builder()
        .provider(Provider.EMULATOR)
        .emulatorDirectory(folder.resolve("emulator"))
        .open();
  }

  private static String nativeBridge() {
    try {
      return LiveUpdate.openNative().bridge().name();
    } catch (LuoException.BridgeUnavailable e) {
      return "none";
    }
  }

  private static WarmCache.Builder<String, String> builder() {
    return WarmCache.builder(Codec.STRING, Codec.STRING).capacity(1 << 20);
  }

  private static void openAgain(String place, WarmCache.Builder<String, String> builder)
      throws IOException {
    try (WarmCache<String, String> cache = builder.open()) {
      String value = cache.getIfPresent(KEY);
      String found = VALUE.equals(value) ? "the value" : "another value: " + value;
      System.out.println(place + " 2: " + cache.start().kind() + ", " + found);
    }
  }
}
