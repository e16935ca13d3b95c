/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.luo4j.Agent;
import org.luo4j.AgentClient;
import org.luo4j.Handover;
import org.luo4j.Kept;
import org.luo4j.LiveUpdate;
import org.luo4j.OwnedFile;
import org.luo4j.cache.CacheHeader;
import org.luo4j.cache.CacheShape;
import org.luo4j.cli.host.Host;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** luo cache refused. */
@Command(
    name = "refused",
    mixinStandardHelpOptions = true,
    description = {
      "Shows the old memory that a cache refused and set aside, and deletes it with --drop.",
      "",
      "A cache sets its memory aside when it is opened with another capacity, average entry or codec,"
          + " or when the memory is damaged. One memory is set aside for each cache: FILE.refused beside"
          + " FILE, or NAME.refused at the holder. The cache takes it back when it is opened as before.",
      "",
      "Works while a service has the cache open. Memory that a process has open itself is not dropped.",
      "",
      "Of memory that is kept under a NAME it shows what the agent keeps, and which processes hold a"
          + " LUO session of it. It cannot show what systemd keeps for a unit (systemd-analyze fdstore"
          + " UNIT does), nor a session that arrived in this kernel and that nobody has retrieved."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:it is shown, or dropped; or nothing is set aside",
      "2:it cannot be shown or dropped"
    },
    footer = {
      "",
      "Examples:",
      "  luo cache refused /dev/shm/my-service.cache",
      "  luo cache refused --drop /dev/shm/my-service.cache",
      "  luo cache refused --kept my-service"
    })
final class CacheRefused implements Callable<Integer> {

  static final String REFUSED = ".refused";
  private static final String SWAP = ".swap";

  @Spec private CommandSpec spec;

  @Parameters(arity = "0..1", paramLabel = "FILE", description = "The cache's file.")
  private Path file;

  @Option(
      names = "--kept",
      paramLabel = "NAME",
      description = "The name under which a holder keeps the cache, instead of a FILE.")
  private String kept;

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "Where the agent listens (default: ${DEFAULT-VALUE}).",
      defaultValue = "/run/luo4j/agent.sock")
  private Path socket;

  @Option(names = "--drop", description = "Deletes what is set aside.")
  private boolean drop;

  @Override
  public Integer call() throws IOException {
    if ((file == null) == (kept == null)) {
      throw new ParameterException(spec.commandLine(), "name a FILE or --kept NAME, one of them");
    }
    PrintWriter out = spec.commandLine().getOut();
    int exit = file != null ? ofFile(out) : ofHolder(Host.here(), out);
    out.flush();
    return exit;
  }

  // ---- a file ----

  private int ofFile(PrintWriter out) throws IOException {
    Path cache = Files.exists(file) ? file.toRealPath() : file;
    Path aside = cache.resolveSibling(cache.getFileName() + REFUSED);
    Path swap = cache.resolveSibling(cache.getFileName() + SWAP);
    boolean isAside = Files.exists(aside, LinkOption.NOFOLLOW_LINKS);
    boolean isSwap = Files.exists(swap, LinkOption.NOFOLLOW_LINKS);
    if (!isAside && !isSwap && !Files.exists(cache)) {
      throw new NoSuchFileException(file.toString());
    }
    if (isAside) {
      print(aside, cache, out);
    }
    if (isSwap) {
      out.println(
          swap
              + ": a process that is killed while it exchanges "
              + cache.getFileName()
              + " for what was set aside leaves such a file, and the next open of the cache cleans"
              + " that up. A file that is no cache's, is another user's or is in use stays as it is:"
              + " the service logs why and goes on. If nobody needs that, remove it");
    }
    if (!isAside) {
      out.println("nothing is set aside for " + file);
    } else if (drop) {
      drop(aside);
      out.println("dropped");
    }
    return 0;
  }

  /** Deletes a file that nobody has open as a cache. A symbolic link is not followed. */
  private static void drop(Path aside) throws IOException {
    if (!Files.isRegularFile(aside, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(aside + " is not an ordinary file, so no cache made it: look at it");
    }
    OwnedFile owned = CachePlace.own(aside);
    try {
      Files.delete(aside);
    } finally {
      owned.close();
    }
  }

  private static void print(Path aside, Path cache, PrintWriter out) throws IOException {
    CacheStat.line(out, "file", aside.toString());
    CacheStat.line(out, "size", CacheStat.bytes(Files.size(aside)));
    CacheHeader header;
    try {
      header = CacheHeader.read(aside);
    } catch (IOException e) {
      CacheStat.line(out, "reason", String.valueOf(e.getMessage()));
      return;
    }
    CacheStat.print(header.shape(), header.entries(), header.liveBytes(), out);
    CacheStat.line(out, "reason", reason(header.shape(), cache));
  }

  /** Why the memory was refused, as far as it follows from the cache that is there now. */
  private static String reason(CacheShape old, Path cache) {
    CacheShape present;
    try {
      present = CacheHeader.read(cache).shape();
    } catch (IOException e) {
      return "not known: there is no whole cache in " + cache + " to compare it with";
    }
    List<String> differences = new ArrayList<>();
    differ(differences, "capacity", old.capacity(), present.capacity());
    differ(differences, "average entry", old.averageEntryBytes(), present.averageEntryBytes());
    differ(differences, "key codec", old.keyCodec(), present.keyCodec());
    differ(differences, "value codec", old.valueCodec(), present.valueCodec());
    return differences.isEmpty()
        ? "not known: it was made as the present cache, so its contents may be damaged"
        : "its " + String.join(", its ", differences);
  }

  private static void differ(List<String> differences, String what, Object old, Object present) {
    if (!old.equals(present)) {
      differences.add(what + " is " + old + ", that of the present cache " + present);
    }
  }

  // ---- a holder ----

  private int ofHolder(Host host, PrintWriter out) {
    String name = kept + REFUSED;
    List<Agent.Held> agents = ofAgent(name, out);
    List<Host.OpenFile> sessions = SessionsCommand.holders(host, name);
    for (Agent.Held each : agents) {
      out.printf(
          Locale.ROOT,
          "agent      '%s' of user %d, %s, %s%n",
          name,
          each.uid(),
          CacheStat.bytes(each.bytes()),
          each.owner() == 0 ? "not open" : "open in process " + each.owner());
    }
    for (Host.OpenFile each : sessions) {
      out.printf("session    '%s', held by process %d (%s)%n", name, each.pid(), each.command());
    }
    if (agents.isEmpty() && sessions.isEmpty()) {
      out.println("nothing is seen under '" + name + "'");
    }
    out.println(
        "not shown  what systemd keeps for a unit (systemd-analyze fdstore UNIT); sessions that nobody"
            + " has retrieved since the kexec; what other users' processes hold, unless you are root");
    if (!drop) {
      return 0;
    }
    if (!agents.isEmpty()) {
      dropAtAgent(name);
      out.println("dropped");
      return 0;
    }
    spec.commandLine()
        .getErr()
        .println(
            "luo: the agent keeps nothing under '"
                + name
                + "'. Memory in a session or in systemd's store is its service's: the service drops"
                + " it by WarmCache.discardRefused()");
    return Luo.FAILED;
  }

  private List<Agent.Held> ofAgent(String name, PrintWriter out) {
    if (!Files.exists(socket)) {
      out.println("agent      there is none at " + socket);
      return List.of();
    }
    try (AgentClient client = AgentClient.open(LiveUpdate.openNative(), socket)) {
      return client.list().stream()
          .filter(each -> each.name().equals(name) && each.kind() != Agent.Kind.NOTHING)
          .toList();
    }
  }

  /** Takes the memory as a service does, so that what has an owner is left to it, and drops it. */
  private void dropAtAgent(String name) {
    try (Handover handover =
        Handover.builder()
            .luo(LiveUpdate.openNative())
            .holder(Handover.Holder.AGENT)
            .agentSocket(socket)
            .timeout(Duration.ZERO)
            .open()) {
      Optional<Kept> found = handover.find(name);
      if (found.isEmpty()) {
        throw new IllegalStateException(
            "the agent keeps '" + name + "' for another user: run this command as that user");
      }
      found.get().discard();
    }
  }
}
