/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.luo4j.internal.bridge.Abi;

/**
 * The main class of a child JVM that makes calls without end, a line of output for each, until it
 * is killed. Memfds hold their token, so that what arrives can be checked by anyone.
 */
final class CrashLoop {

  static final int SIZE = 20000;

  private final Path folder;
  private final Random random;

  private CrashLoop(Path folder, long seed) {
    this.folder = folder;
    this.random = new Random(seed);
  }

  /**
   * Runs until it is killed.
   *
   * @param arguments the machine's folder and a seed
   */
  public static void main(String[] arguments) throws IOException {
    CrashLoop loop = new CrashLoop(Path.of(arguments[0]), Long.parseLong(arguments[1]));
    try {
      while (true) {
        loop.live();
      }
    } catch (IOException | RuntimeException | Error e) {
      System.out.println("broken: " + e);
      throw e;
    }
  }

  /** One process, from its start to its end. */
  private void live() throws IOException {
    Emulator emulator = Emulator.open(folder);
    step("open");
    for (int i = random.nextInt(4); i > 0; i--) {
      checkArrival(emulator, "s" + random.nextInt(4));
    }
    int sessions = random.nextInt(4);
    int[] held = new int[sessions];
    for (int s = 0; s < sessions; s++) {
      held[s] = Calls.create(emulator, "s" + s);
      require(held[s] >= 0, "create", held[s]);
      step("create");
      for (int token = random.nextInt(3); token >= 0; token--) {
        preserve(emulator, held[s], token + 10L * s);
      }
    }
    if (sessions > 0 && random.nextBoolean()) {
      emulator.close(held[0]);
      step("close");
    }
    if (random.nextInt(3) > 0) {
      int result = emulator.kexec();
      require(result == 0, "kexec", result);
      step("kexec");
    }
    emulator.exit();
    step("exit");
  }

  private void preserve(Emulator emulator, int session, long token) {
    int memory = Calls.memfd(emulator, SIZE);
    step("memfd");
    long address = emulator.map(memory, 0, SIZE, true);
    ByteBuffer view = emulator.view(address, SIZE);
    int result = emulator.preserve(session, memory, token);
    require(result == 0, "preserve", result);
    step("preserve");
    view.putLong(0, token);
    view.putLong(SIZE - 8, token);
    emulator.seek(memory, token, Abi.SEEK_SET);
    emulator.unmap(address, SIZE);
    emulator.close(memory);
    step("fill");
  }

  private void checkArrival(Emulator emulator, String name) {
    int session = Calls.retrieve(emulator, name);
    step("retrieve");
    if (session >= 0) {
      checkArrived(emulator, session);
      step("check");
      if (random.nextBoolean()) {
        emulator.finish(session);
        step("finish");
      }
      emulator.close(session);
      step("close");
    }
  }

  /** Retrieves what there is in a session and checks it; says how many tokens there were. */
  static int checkArrived(Emulator emulator, int session) {
    byte[] field = new byte[Abi.NAME_LENGTH];
    emulator.sessionName(session, field);
    String name = new String(field, 0, 2, StandardCharsets.US_ASCII);
    require(Arrays.equals(field, Calls.field(name)), "name " + name, 0);
    int count = 0;
    for (int i = 0; i < 3; i++) {
      long token = 10L * (name.charAt(1) - '0') + i;
      int file = emulator.retrieve(session, token);
      if (file >= 0) {
        count++;
        require(emulator.size(file) == SIZE, "size", emulator.size(file));
        ByteBuffer first = ByteBuffer.wrap(Calls.read(emulator, file, 0, 8));
        ByteBuffer last = ByteBuffer.wrap(Calls.read(emulator, file, SIZE - 8, 8));
        first.order(ByteOrder.nativeOrder());
        last.order(ByteOrder.nativeOrder());
        require(first.getLong(0) == token, "first of " + token, first.getLong(0));
        require(last.getLong(0) == token, "last of " + token, last.getLong(0));
        require(emulator.seek(file, 0, Abi.SEEK_CUR) == token, "position", token);
        emulator.close(file);
      }
    }
    return count;
  }

  private static void require(boolean condition, String what, long result) {
    if (!condition) {
      throw new IllegalStateException(what + ": " + result);
    }
  }

  private static void step(String what) {
    System.out.println(what);
  }
}
