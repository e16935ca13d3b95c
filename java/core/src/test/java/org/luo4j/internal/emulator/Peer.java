/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.luo4j.internal.bridge.Abi;

/** The main class of a child JVM that is one process of the machine and does as its input says. */
final class Peer {

  private Peer() {}

  /**
   * Runs until the input ends.
   *
   * @param arguments the machine's folder
   */
  public static void main(String[] arguments) throws IOException {
    Emulator emulator = Emulator.open(Path.of(arguments[0]));
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line;
    while ((line = in.readLine()) != null) {
      System.out.println(run(emulator, line.split(" ")));
    }
  }

  private static Object run(Emulator emulator, String[] words) {
    switch (words[0]) {
      case "boot":
        return emulator.bootNumber();
      case "device":
        return emulator.openDevice();
      case "close":
        return emulator.close(Integer.parseInt(words[1]));
      case "create":
        return Calls.create(emulator, words[1]);
      case "retrieve":
        return Calls.retrieve(emulator, words[1]);
      case "memfd":
        int memory = Calls.memfd(emulator, Abi.MAP_ALIGNMENT);
        Calls.write(emulator, memory, 4096, words[1].getBytes(StandardCharsets.UTF_8));
        return memory;
      case "preserve":
        return emulator.preserve(
            Integer.parseInt(words[1]), Integer.parseInt(words[2]), Long.parseLong(words[3]));
      case "file":
        return emulator.retrieve(Integer.parseInt(words[1]), Long.parseLong(words[2]));
      case "read":
        byte[] bytes =
            Calls.read(emulator, Integer.parseInt(words[1]), 4096, Integer.parseInt(words[2]));
        return new String(bytes, StandardCharsets.UTF_8);
      case "kexec":
        return emulator.kexec();
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }
}
