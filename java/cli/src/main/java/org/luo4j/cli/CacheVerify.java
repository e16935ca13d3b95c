/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.luo4j.cache.Verification;
import org.luo4j.cache.WarmCache;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** luo cache verify. */
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = {
      "Reads every entry of a cache and verifies its checksum.",
      "",
      "Opens the cache as its service does: the service must not have it open meanwhile. That finishes"
          + " the change at which a killed process was, and leaves the cache marked as closed. Entries stay"
          + " as they are, damaged ones too, unless --repair is given."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:all is whole", "1:something is damaged", "2:it could not be verified"},
    footer = {"", "Example:", "  luo cache verify /dev/shm/my-service.cache && echo whole"})
final class CacheVerify implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private CachePlace place;

  @Option(names = "--repair", description = "Removes what is damaged.")
  private boolean repair;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (WarmCache<byte[], byte[]> cache = place.open()) {
      out.println("start    " + cache.start().kind() + ", " + cache.start().reason());
      Verification.Progress progress = ProgressBar.onTerminal("verify");
      Verification found = repair ? cache.verify(progress) : cache.check(progress);
      out.printf(Locale.ROOT, "whole    %,d entries, %,d bytes%n", found.entries(), found.bytes());
      out.printf(
          Locale.ROOT,
          "damaged  %,d%s%n",
          found.damaged(),
          found.isClean()
              ? ""
              : repair ? ", removed" : ", left as they are; --repair removes them");
      out.flush();
      return found.isClean() ? 0 : 1;
    }
  }
}
