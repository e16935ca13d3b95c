/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.OwnedFile;
import org.luo4j.cache.WarmCache;
import org.luo4j.cli.host.FileLocks;
import org.luo4j.cli.host.Host;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Where an existing cache is: a file, or a session that arrived. */
final class CachePlace {

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Parameters(arity = "0..1", paramLabel = "FILE", description = "The cache's file.")
  private Path file;

  @Option(
      names = "--session",
      paramLabel = "NAME",
      description = {
        "The session in which the cache arrived in this kernel, and which nobody has retrieved since;"
            + " needs --give-up."
      })
  private String session;

  @Option(
      names = "--give-up",
      description =
          "Agrees that the session's memory is lost when this command ends: a session can be retrieved"
              + " once.")
  private boolean giveUp;

  /** The file; null for a session. */
  Path file() {
    if ((file == null) == (session == null)) {
      throw new ParameterException(spec.commandLine(), "name a FILE or a --session, one of them");
    }
    if (session != null && !giveUp) {
      throw new ParameterException(
          spec.commandLine(),
          "--session takes the memory from the kernel, and it is lost when this command ends: if"
              + " that is meant, add --give-up");
    }
    return file;
  }

  /**
   * Becomes the owner of a file that is there, whoever it belongs to.
   *
   * @throws LuoException.OwnerAlive when a cache has it open, with the process where it is known
   */
  static OwnedFile own(Path file) throws IOException {
    try {
      return OwnedFile.openExisting(file, Duration.ZERO, true);
    } catch (LuoException.OwnerAlive e) {
      throw e.ownedBy(FileLocks.owner(Host.here(), file).orElse(0));
    }
  }

  /** Opens the cache, as its owner. */
  WarmCache<byte[], byte[]> open() throws IOException {
    return file() != null
        ? WarmCache.openAsFound(file)
        : WarmCache.openAsFound(LiveUpdate.open(), session);
  }
}
