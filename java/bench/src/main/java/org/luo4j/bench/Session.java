/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** One run of a measurement: where it writes to, and which of its peers work. */
final class Session implements AutoCloseable {

  final Path output;
  final PrintStream log;

  Session(Path output, String logName) throws IOException {
    this.output = Files.createDirectories(output);
    this.log =
        new PrintStream(
            new FileOutputStream(output.resolve(logName).toFile(), true),
            true,
            StandardCharsets.UTF_8);
  }

  /** Tells people how far it is. */
  void say(String format, Object... arguments) {
    String line = String.format(format, arguments);
    System.err.println("bench: " + line);
    log.println("# " + line);
  }

  /** Records why there is no result. */
  void failed(Peer peer, String where, String reason) throws IOException {
    say("%s, %s: FAILED: %s", peer.label(), where, reason);
    Tsv.append(output, Tsv.FAILURES, peer.label(), where, reason);
  }

  /** Prints each peer with its version and its flags. */
  List<Peer> named(List<Peer> peers) {
    for (Peer peer : peers) {
      String flags = peer.jvmFlags().isEmpty() ? "none" : String.join(" ", peer.jvmFlags());
      say("%s: %s, flags: %s", peer.label(), peer.version(), flags);
    }
    return peers;
  }

  /** Prints and tries each peer; those that fail are recorded and left out. */
  List<Peer> working(List<Peer> peers) throws IOException, InterruptedException {
    List<Peer> working = new ArrayList<>();
    for (Peer peer : named(peers)) {
      try {
        Child.run(peer.jvmFlags(), Probe.class, List.of(peer.label()), log);
        working.add(peer);
      } catch (Child.ChildException e) {
        failed(peer, "trial", e.getMessage());
      }
    }
    return working;
  }

  /** The peers in another order each round, so that none is always first. */
  static List<Peer> rotated(List<Peer> peers, int round) {
    List<Peer> rotated = new ArrayList<>(peers);
    Collections.rotate(rotated, -round);
    return rotated;
  }

  @Override
  public void close() {
    log.close();
  }
}
