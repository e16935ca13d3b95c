/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What {@link Systemd} reads of the environment, and the messages it makes. Without a fuzzer the
 * seeds only; scripts/fuzz.sh fuzzes.
 */
class NotifyFuzzTest {

  private static final String[] NAMES = {
    "NOTIFY_SOCKET", "FDSTORE", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"
  };
  private static final long PID = 4711;

  private static LiveUpdate luo;
  private static Path folder;
  private static Path path;
  private static int listening;

  @BeforeAll
  static void listen() throws Exception {
    if (luo == null) {
      luo = LiveUpdate.builder().bridge(BridgeType.JNA).open();
      folder = Files.createTempDirectory("luo4j-notify-");
      path = folder.resolve("notify");
      listening = luo.system().bind(path.toString().getBytes(StandardCharsets.UTF_8));
      luo.system().setTimeout(listening, 10_000);
    }
  }

  @AfterAll
  static void close() throws Exception {
    luo.system().close(listening);
    Files.deleteIfExists(path);
    Files.delete(folder);
    luo = null;
  }

  /** The variables, a line each; an empty line is one that is not set. */
  @MethodSource("environmentSeeds")
  @FuzzTest
  void environment(byte[] input) {
    Map<String, String> environment = new HashMap<>();
    String[] lines = new String(input, StandardCharsets.UTF_8).split("\n", NAMES.length);
    for (int i = 0; i < lines.length; i++) {
      if (!lines[i].isEmpty()) {
        environment.put(NAMES[i], lines[i]);
      }
    }
    Systemd systemd;
    try {
      systemd = Systemd.of(luo, environment, PID);
    } catch (IllegalArgumentException e) {
      if (environment.keySet().stream().noneMatch(e.getMessage()::contains)) {
        throw new AssertionError("it names no variable: " + e.getMessage());
      }
      return;
    }
    check(systemd.storeMax() >= -1 && systemd.storeMax() <= 1 << 16, "the store's size");
    check(systemd.handed().size() <= 1 << 16, "how many were handed over");
    check(systemd.handed().isEmpty() == systemd.whyNothing().isPresent(), "why nothing");
    check(systemd.isPresent() == environment.containsKey("NOTIFY_SOCKET"), "presence");
    for (Systemd.Handed each : systemd.handed()) {
      check(each.fd() >= 3, "fd " + each.fd());
    }
  }

  static Stream<byte[]> environmentSeeds() {
    return Stream.of(
            "",
            "/run/systemd/notify\n16\n4711\n2\na:b",
            "@abstract\n\n4711\n1\n",
            "@\n0\n1\n1\na",
            "/n\n-1\n4711\n3\na::c",
            "\n\n4711\n65536\n",
            "vsock:2:1\n99999\n4711\nx\n\n")
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  /** A name or a status that is taken is one field of the one message that is sent. */
  @MethodSource("messageSeeds")
  @FuzzTest
  void message(byte[] input) {
    Systemd systemd = Systemd.of(luo, Map.of("NOTIFY_SOCKET", path.toString()), PID);
    String text = new String(input, StandardCharsets.UTF_8);
    try {
      systemd.remove(text);
      check(received().equals("FDSTOREREMOVE=1\nFDNAME=" + text), "the name sent");
    } catch (IllegalArgumentException e) {
      check(e.getMessage().contains("name"), e.getMessage());
    }
    if (text.length() > 4096) {
      return;
    }
    try {
      systemd.status(text);
      String sent = received();
      check(sent.equals("STATUS=" + text) && sent.indexOf('\n') < 0, "the status sent");
    } catch (IllegalArgumentException e) {
      check(text.contains("\n"), e.getMessage());
    }
  }

  static Stream<byte[]> messageSeeds() {
    return Stream.of("cache", "", "a\nREADY=1", "a:b", "x".repeat(256), "\u00fc 7 of 9", "\0")
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  private static String received() {
    byte[] buffer = new byte[1 << 16];
    int length = luo.system().receive(listening, buffer, new int[1]);
    check(length > 0, "nothing was received: " + length);
    return new String(buffer, 0, length, StandardCharsets.UTF_8);
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
