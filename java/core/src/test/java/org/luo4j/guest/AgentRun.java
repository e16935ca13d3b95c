/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.luo4j.Agent;
import org.luo4j.AgentClient;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Session;

/**
 * An agent and its clients over several kernels, each in a JVM of its own:
 *
 * <pre>
 *   AgentRun agent         --bridge B --kernel N --arrives N --allow UID,... --ready FILE
 *   AgentRun store         --bridge B --kernel N --name NAME --mib N --ready FILE
 *   AgentRun verify        --bridge B --kernel N --name NAME --mib N [--ready FILE]
 *   AgentRun store-session --bridge B --kernel N --name NAME --ready FILE
 *   AgentRun verify-session --bridge B --kernel N --name NAME
 *   AgentRun nothing       --bridge B --kernel N --name NAME,...
 *   AgentRun outsider      --bridge B --kernel N
 *   AgentRun bad-update    --bridge B --kernel N --image FILE
 *   AgentRun update        --bridge B --kernel N --image FILE --initrd FILE --command LINE
 * </pre>
 *
 * <p>With {@code --ready} it goes on holding over the kexec. A client's memory has a sequence that
 * its name gives, but for its first long: that is written when the agent says that the kernel is
 * about to be replaced, and names the kernel that wrote it.
 */
public final class AgentRun {

  private static final Duration WAIT = Duration.ofMinutes(1);
  private static final int BLOCK = 1 << 16;
  private static final long TOKEN = 7;

  private final Arguments arguments;
  private final int kernel;
  private final LiveUpdate luo;
  private final Report report;

  private AgentRun(Arguments arguments, String command) {
    this.arguments = arguments;
    this.kernel = Integer.parseInt(arguments.get("--kernel"));
    String bridge = arguments.get("--bridge");
    this.luo =
        LiveUpdate.builder().bridge(BridgeType.valueOf(bridge.toUpperCase(Locale.ROOT))).open();
    String name = arguments.get("--name", "");
    this.report =
        new Report("agent.kernel-" + kernel + "." + command + (name.isEmpty() ? "" : "." + name));
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of());
    String command = arguments.word(0);
    AgentRun run = new AgentRun(arguments, command);
    switch (command) {
      case "agent" -> run.agent();
      case "store" -> run.store();
      case "verify" -> run.verify();
      case "store-session" -> run.storeSession();
      case "verify-session" -> run.verifySession();
      case "nothing" -> run.nothing();
      case "outsider" -> run.outsider();
      case "bad-update" -> run.badUpdate();
      case "update" -> run.update();
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
    if (arguments.has("--ready")) {
      Holding.forever(Path.of(arguments.get("--ready")));
    }
    System.exit(run.report.failed() == 0 ? 0 : 1);
  }

  private void agent() throws IOException {
    int[] uids =
        Arrays.stream(arguments.get("--allow").split(",")).mapToInt(Integer::parseInt).toArray();
    Agent agent = Agent.builder(luo).allow(uids).start();
    agent.report().forEach(Report::info);
    report.check(
        "what-arrived",
        () ->
            Report.equal(
                Long.parseLong(arguments.get("--arrives")),
                agent.report().stream().filter(line -> line.startsWith("arrived: ")).count(),
                "the number of names in " + agent.report()));
    report.check(
        "nothing-lost",
        () ->
            Report.equal(
                List.of(),
                agent.report().stream().filter(line -> line.contains("lost")).toList(),
                "what the agent has lost"));
  }

  private AgentClient client() {
    return AgentClient.open(luo, Agent.DEFAULT_SOCKET);
  }

  private String name() {
    return arguments.get("--name");
  }

  private long size() {
    return Long.parseLong(arguments.get("--mib")) << 20;
  }

  private void store() {
    report.check(
        "stored-at-birth",
        () -> {
          AgentClient client = client();
          Report.equal(Optional.empty(), client.takeMemFd(name(), WAIT), "what is held");
          MemFd memfd = luo.createMemFd(MemFdOptions.named(name()).size(size()));
          AgentClient.Stored stored = client.store(name(), memfd);
          Report.equal("", stored.note(), "why it does not survive");
          Report.equal(true, stored.survivesKexec(), "whether it survives");
          MemoryRegion region = memfd.map();
          fill(region);
          writeAtPrepare(client, region);
        });
  }

  /** What is written last, while the agent waits. */
  private void writeAtPrepare(AgentClient client, MemoryRegion region) {
    client.onPrepare(
        deadline -> {
          region.putLongVolatile(0, kernel);
          Report.info("prepared: " + name());
        });
    client.onAborted(reason -> Report.info("aborted for " + name()));
  }

  private void verify() {
    report.check(
        "contents",
        () -> {
          AgentClient client = client();
          MemFd memfd = client.takeMemFd(name(), WAIT).orElseThrow();
          MemoryRegion region = memfd.map();
          Report.equal(size(), region.size(), "size");
          Report.equal((long) kernel - 1, region.getLong(0), "what was written at the prepare");
          byte[] block = new byte[BLOCK];
          for (long offset = 0; offset < region.size(); offset += BLOCK) {
            region.get(offset, block);
            byte[] expected = pattern(offset);
            if (offset == 0) {
              System.arraycopy(block, 0, expected, 0, Long.BYTES);
            }
            if (!Arrays.equals(expected, block)) {
              throw new AssertionError("wrong bytes from " + offset + " on");
            }
          }
          Report.equal(true, client.list().get(0).survivesKexec(), "whether it survives again");
          writeAtPrepare(client, region);
        });
  }

  private void fill(MemoryRegion region) {
    for (long offset = 0; offset < region.size(); offset += BLOCK) {
      region.put(offset, pattern(offset));
    }
  }

  private byte[] pattern(long offset) {
    byte[] bytes = new byte[BLOCK];
    new SplittableRandom(name().hashCode() + offset).nextBytes(bytes);
    return bytes;
  }

  private void storeSession() {
    report.check(
        "stored",
        () -> {
          AgentClient client = client();
          Session session = luo.createSession("of-" + name());
          MemFd memfd = session.preserveNew(MemFdOptions.named(name()).size(BLOCK), TOKEN);
          fill(memfd.map());
          AgentClient.Stored stored = client.store(name(), session);
          Report.equal(true, stored.survivesKexec(), "whether it survives");
          // The agent holds it from now on.
          session.close();
          client.close();
        });
  }

  private void verifySession() {
    report.check(
        "contents",
        () -> {
          Session session = client().takeSession(name(), WAIT).orElseThrow();
          Report.equal(Session.Kind.INCOMING, session.kind(), "kind");
          Report.equal("of-" + name(), session.name(), "name");
          byte[] block = new byte[BLOCK];
          session.retrieve(TOKEN).map().get(0, block);
          session.finish();
          if (!Arrays.equals(pattern(0), block)) {
            throw new AssertionError("wrong bytes");
          }
        });
  }

  private void nothing() {
    for (String each : name().split(",")) {
      report.check(
          "another-user-gets-nothing-of-" + each,
          () -> {
            try (AgentClient client = client()) {
              Report.equal(Optional.empty(), client.takeMemFd(each, WAIT), "what is held");
              for (Agent.Held seen : client.list()) {
                Report.equal(Agent.Kind.NOTHING, seen.kind(), "what is seen of " + seen);
              }
            }
          });
    }
  }

  private void outsider() {
    report.check(
        "a-user-that-is-not-allowed-gets-no-answer",
        () -> {
          try {
            client().takeMemFd("any", WAIT);
          } catch (LuoException.AgentAbsent expected) {
            return;
          }
          throw new AssertionError("it was answered");
        });
  }

  private void badUpdate() {
    report.check(
        "a-bad-kernel-is-refused-and-everything-stays",
        () -> {
          AgentClient client = client();
          int held = client.list().size();
          try {
            client.update(Agent.Update.to(Path.of(arguments.get("--image"))), Report::info);
          } catch (IOException expected) {
            Report.info("refused: " + expected.getMessage());
            Report.equal(held, client.list().size(), "the names held");
            return;
          }
          throw new AssertionError("it was loaded");
        });
  }

  private void update() {
    report.check(
        "update",
        () -> {
          Agent.Update update =
              new Agent.Update(
                  Path.of(arguments.get("--image")),
                  Optional.of(Path.of(arguments.get("--initrd"))),
                  Optional.of(arguments.get("--command")),
                  WAIT);
          client().update(update, Report::info);
          throw new AssertionError("there was no kexec");
        });
  }
}
