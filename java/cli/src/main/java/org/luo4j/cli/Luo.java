/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.luo4j.LuoException;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The luo command. Ends with 2 where it could not do what it was asked. */
@Command(
    name = "luo",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Carries memory over a kexec: looks at this host, at sessions and at caches.",
    subcommands = {
      DoctorCommand.class,
      SessionsCommand.class,
      CacheCommand.class,
      AgentCommand.class,
      DemoCommand.class,
      SelfTestCommand.class,
      GenerateCompletion.class
    },
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  luo doctor --cache-size 8g --unit my-service",
      "  luo cache verify /dev/shm/my-service.cache",
      "  source <(luo generate-completion)",
      "",
      "luo COMMAND --help says more of each."
    })
public final class Luo implements Runnable {

  static final int FAILED = 2;

  @Spec private CommandSpec spec;

  Luo() {}

  /**
   * Runs the command that the arguments name, and ends the JVM with its exit status.
   *
   * @param args as on the command line, without {@code luo}
   */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Luo());
    line.setExecutionExceptionHandler(Luo::failed);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    return line;
  }

  /** Answers a command line that names no command: a ParameterException. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name a COMMAND");
  }

  private static int failed(Exception e, CommandLine line, CommandLine.ParseResult parsed) {
    if (e instanceof IOException
        || e instanceof UncheckedIOException
        || e instanceof LuoException
        || e instanceof IllegalArgumentException
        || e instanceof IllegalStateException) {
      line.getErr().println("luo: " + message(e));
    } else {
      e.printStackTrace(line.getErr());
    }
    return FAILED;
  }

  /** A file's exception often has no more than its name for a message. */
  private static String message(Exception e) {
    Throwable cause = e instanceof UncheckedIOException io ? requireNonNull(io.getCause()) : e;
    if (cause instanceof NoSuchFileException file) {
      return file.getFile() + ": no such file or folder";
    }
    if (cause instanceof AccessDeniedException file) {
      return file.getFile() + ": this user may not open it";
    }
    return String.valueOf(cause.getMessage());
  }
}
