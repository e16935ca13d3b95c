/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import org.luo4j.Agent;
import org.luo4j.AgentClient;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFdOptions;
import org.luo4j.Session;

/**
 * A LUO session that an agent keeps over a kexec:
 *
 * <pre>
 *   AgentRun store-session --bridge B --kernel N --name NAME   makes it, and ends
 *   AgentRun take-session  --bridge B --kernel N --name NAME   verifies what is in it
 * </pre>
 */
public final class AgentRun {

  private static final Duration WAIT = Duration.ofMinutes(1);
  private static final int BLOCK = 1 << 16;
  private static final long TOKEN = 7;

  private final String name;
  private final LiveUpdate luo;
  private final Report report;

  private AgentRun(Arguments arguments, String command) {
    this.name = arguments.get("--name");
    String bridge = arguments.get("--bridge");
    this.luo =
        LiveUpdate.builder().bridge(BridgeType.valueOf(bridge.toUpperCase(Locale.ROOT))).open();
    this.report = new Report("agent.kernel-" + arguments.get("--kernel") + "." + command);
  }

  public static void main(String[] args) {
    Arguments arguments = new Arguments(args, Set.of());
    String command = arguments.word(0);
    AgentRun run = new AgentRun(arguments, command);
    switch (command) {
      case "store-session" -> run.report.check("stored", run::storeSession);
      case "take-session" -> run.report.check("contents", run::takeSession);
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
    System.exit(run.report.failed() == 0 ? 0 : 1);
  }

  private AgentClient client() {
    return AgentClient.open(luo, Agent.DEFAULT_SOCKET);
  }

  private void storeSession() {
    try (AgentClient client = client();
        Session session = luo.createSession("of-" + name)) {
      MemFdOptions options = MemFdOptions.named(name).size(BLOCK);
      session.preserveNew(options, TOKEN).map().put(0, pattern());
      AgentClient.Stored stored = client.store(name, session);
      Report.equal(true, stored.survivesKexec(), "whether it survives");
    }
  }

  private void takeSession() {
    try (AgentClient client = client();
        Session session = client.takeSession(name, WAIT).orElseThrow()) {
      Report.equal(Session.Kind.INCOMING, session.kind(), "kind");
      Report.equal("of-" + name, session.name(), "name");
      byte[] block = new byte[BLOCK];
      session.retrieve(TOKEN).map().get(0, block);
      session.finish();
      if (!Arrays.equals(pattern(), block)) {
        throw new AssertionError("wrong bytes");
      }
      Report.equal(true, client.drop(name), "whether something is dropped");
    }
  }

  private byte[] pattern() {
    byte[] bytes = new byte[BLOCK];
    new SplittableRandom(name.hashCode()).nextBytes(bytes);
    return bytes;
  }
}
