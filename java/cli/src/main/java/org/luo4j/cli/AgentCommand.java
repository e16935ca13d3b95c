/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.luo4j.Agent;
import org.luo4j.AgentClient;
import org.luo4j.LiveUpdate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** luo agent. */
@Command(
    name = "agent",
    mixinStandardHelpOptions = true,
    description = {
      "Keeps services' memory on a host without systemd, until it is ended by a signal.",
      "",
      "Services find it at its socket and have it keep their memfds over their restarts and crashes;"
          + " as root on a LUO kernel it also preserves them, and has a new kernel started while it"
          + " holds them. Started again in the new kernel, it has what it held."
    },
    subcommands = {AgentCommand.ListCommand.class, AgentCommand.UpdateCommand.class},
    footer = {
      "",
      "Examples:",
      "  luo agent --allow 1000,1001",
      "  luo agent list",
      "  luo agent update --kernel /boot/vmlinuz-new --initrd /boot/initrd.img-new"
    })
final class AgentCommand implements Callable<Integer> {

  @Option(
      names = "--socket",
      scope = ScopeType.INHERIT,
      paramLabel = "PATH",
      description =
          "where the agent listens; its folder is the agent's (default: ${DEFAULT-VALUE})",
      defaultValue = "/run/luo4j/agent.sock")
  private Path socket;

  @Option(
      names = "--allow",
      split = ",",
      paramLabel = "UID",
      description = "users that are served besides root and the agent's own, by number")
  private int[] allow = {};

  @Option(
      names = "--max-memory",
      paramLabel = "SIZE",
      converter = Size.class,
      description = "most memory kept for one user (default: half of the machine's)")
  private Long maxMemory;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    Agent.Builder builder = Agent.builder(LiveUpdate.openNative()).socket(socket).allow(allow);
    if (maxMemory != null) {
      builder.maxBytesPerUid(maxMemory);
    }
    Agent agent = builder.start();
    Runtime.getRuntime().addShutdownHook(new Thread(agent::close));
    out.println(agent + " listens");
    agent.report().forEach(out::println);
    out.flush();
    new CountDownLatch(1).await();
    return 0;
  }

  private AgentClient client() {
    return AgentClient.open(LiveUpdate.openNative(), socket);
  }

  /** luo agent list. */
  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = {
        "Lists what the agent keeps: for root and the agent's user everything, for another user its"
            + " own."
      })
  static final class ListCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Override
    public Integer call() {
      PrintWriter out = spec.commandLine().getOut();
      List<Agent.Held> held;
      try (AgentClient client = parent(spec).client()) {
        held = client.list().stream().filter(each -> each.kind() != Agent.Kind.NOTHING).toList();
      }
      if (held.isEmpty()) {
        out.println("the agent keeps nothing");
      } else {
        out.printf("%6s %8s %14s %-6s %s%n", "UID", "OWNER", "BYTES", "KEXEC", "NAME");
      }
      for (Agent.Held each : held) {
        out.printf(
            "%6d %8s %14d %-6s %s%n",
            each.uid(),
            each.owner() == 0 ? "-" : "" + each.owner(),
            each.bytes(),
            each.survivesKexec() ? "yes" : "no",
            each.name() + (each.note().isEmpty() ? "" : "  (" + each.note() + ")"));
      }
      out.flush();
      return 0;
    }
  }

  /** luo agent update. */
  @Command(
      name = "update",
      mixinStandardHelpOptions = true,
      description = {
        "Has the agent start a new kernel by kexec, when all services have said that they are ready or"
            + " the deadline has passed.",
        "",
        "The kernel is loaded first: one that cannot be loaded changes nothing. For root and the"
            + " agent's own user."
      },
      footer = {
        "",
        "Example:",
        "  luo agent update --kernel /boot/vmlinuz-new --initrd /boot/initrd.img-new --deadline 30"
      })
  static final class UpdateCommand implements Callable<Integer> {
    @Option(
        names = "--kernel",
        required = true,
        paramLabel = "FILE",
        description = "the kernel image")
    private Path kernel;

    @Option(names = "--initrd", paramLabel = "FILE", description = "its initrd")
    private Path initrd;

    @Option(
        names = "--command-line",
        paramLabel = "TEXT",
        description = "the kernel's command line (default: that of the running kernel)")
    private String commandLine;

    @Option(
        names = "--deadline",
        paramLabel = "SECONDS",
        description = "how long to wait for the services (default: ${DEFAULT-VALUE})",
        defaultValue = "60")
    private long deadline;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
      PrintWriter out = spec.commandLine().getOut();
      Agent.Update update =
          new Agent.Update(
              kernel.toAbsolutePath(),
              Optional.ofNullable(initrd).map(Path::toAbsolutePath),
              Optional.ofNullable(commandLine),
              Duration.ofSeconds(deadline));
      try (AgentClient client = parent(spec).client()) {
        client.update(
            update,
            line -> {
              out.println(line);
              out.flush();
            });
      }
      return 0;
    }
  }

  private static AgentCommand parent(CommandSpec spec) {
    return (AgentCommand) spec.parent().userObject();
  }
}
