/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A service in a JVM of its own, with a client of an agent: {@code AgentPeer BRIDGE SOCKET}. Reads
 * commands and answers each with a line.
 */
final class AgentPeer {

  private final LiveUpdate luo;
  private final Map<String, MemFd> memfds = new HashMap<>();
  private AgentClient client;

  private AgentPeer(LiveUpdate luo, AgentClient client) {
    this.luo = luo;
    this.client = client;
  }

  public static void main(String[] args) throws IOException {
    LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.valueOf(args[0])).open();
    AgentClient client = AgentClient.open(luo, Path.of(args[1]));
    AgentPeer peer = new AgentPeer(luo, client);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String answer;
      try {
        answer = peer.answer(line.split(" "));
      } catch (RuntimeException | IOException e) {
        answer = e.getClass().getSimpleName() + " " + e.getMessage();
      }
      System.out.println(answer.replace('\n', ' '));
    }
  }

  private String answer(String[] command) throws IOException {
    String name = command.length > 1 ? command[1] : "";
    return switch (command[0]) {
      case "take" -> take(name, Duration.ofMillis(Long.parseLong(command[2])));
      case "store" -> store(name, Long.parseLong(command[2]));
      case "put" -> put(name, Long.parseLong(command[2]));
      case "value" -> Long.toString(value(memfds.get(name)));
      case "drop" -> Boolean.toString(client.drop(name));
      case "list" -> Arrays.toString(client.list().stream().map(Agent.Held::name).toArray());
      case "connected" -> Boolean.toString(client.isConnected());
      case "update" -> {
        client.update(Agent.Update.to(Path.of(name)), progress -> {});
        yield "updated";
      }
      default -> throw new IllegalArgumentException(command[0]);
    };
  }

  private String take(String name, Duration wait) {
    Optional<MemFd> taken = client.takeMemFd(name, wait);
    taken.ifPresent(memfd -> memfds.put(name, memfd));
    return taken.map(memfd -> "held " + value(memfd)).orElse("nothing");
  }

  private String store(String name, long value) {
    MemFd memfd = luo.createMemFd(MemFdOptions.named(name).size(4096));
    memfds.put(name, memfd);
    put(name, value);
    AgentClient.Stored stored = client.store(name, memfd);
    return "stored " + stored.survivesKexec();
  }

  private String put(String name, long value) {
    try (MemoryRegion region = memfds.get(name).map()) {
      region.putLong(0, value);
    }
    return "put";
  }

  private static long value(MemFd memfd) {
    try (MemoryRegion region = memfd.mapReadOnly()) {
      return region.getLong(0);
    }
  }
}
