/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.luo4j.cli.host.Host;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** luo sessions. */
@Command(
    name = "sessions",
    mixinStandardHelpOptions = true,
    description = {
      "Lists the LUO sessions that this host's processes hold open.",
      "",
      "A session that nobody holds at a kexec is lost. Read from /proc/*/fd: as root it sees all"
          + " processes. Sessions that arrived and that nobody has retrieved are not listed: the kernel"
          + " does not tell of them."
    },
    footer = {"", "Example:", "  luo sessions"})
final class SessionsCommand implements Callable<Integer> {

  private static final String MARK = "[luo_session]";

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    print(Host.here(), out);
    out.flush();
    return 0;
  }

  static void print(Host host, PrintWriter out) {
    Host.OpenFiles files = host.openFiles();
    List<Host.OpenFile> sessions =
        files.seen().stream().filter(file -> file.target().contains(MARK)).toList();
    if (!sessions.isEmpty()) {
      out.printf("%8s  %-16s %4s  %s%n", "PID", "COMMAND", "FD", "SESSION");
    }
    for (Host.OpenFile session : sessions) {
      out.printf(
          "%8d  %-16s %4d  %s%n", session.pid(), session.command(), session.fd(), name(session));
    }
    if (!host.has("/dev/liveupdate")) {
      out.println(
          "no /dev/liveupdate: this kernel has no LUO, and luo4j emulates it. An emulator's sessions"
              + " are of the JVMs that share its folder, and not listed; luo doctor says what is"
              + " missing");
    } else if (sessions.isEmpty()) {
      out.println("no process that may be seen holds a session");
    }
    if (files.hiddenProcesses() > 0) {
      out.println(files.hiddenProcesses() + " processes are hidden from this user: run as root");
    }
  }

  /** The processes that hold a session of a name. */
  static List<Host.OpenFile> holders(Host host, String name) {
    return host.openFiles().seen().stream()
        .filter(file -> file.target().contains(MARK) && name(file).equals(name))
        .toList();
  }

  /** What follows the mark, with what cannot be printed replaced. */
  private static String name(Host.OpenFile session) {
    String target = session.target();
    return target
        .substring(target.indexOf(MARK) + MARK.length())
        .strip()
        .replaceAll("[^\\p{Print}\\p{L}]", "?");
  }
}
