/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** luo cache. */
@Command(
    name = "cache",
    mixinStandardHelpOptions = true,
    description = {
      "Looks at a WarmCache, verifies it, and copies its entries.",
      "",
      "The cache is a file, as in /dev/shm/my-service.cache, or what arrived in a LUO session. Keys"
          + " and values are taken as their bytes, so their codecs are not needed."
    },
    subcommands = {
      CacheStat.class,
      CacheVerify.class,
      CacheDump.class,
      CacheLoad.class,
      CacheRefused.class
    },
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  luo cache stat /dev/shm/my-service.cache",
      "  luo cache verify /dev/shm/my-service.cache",
      "  luo cache dump /dev/shm/my-service.cache --to my-service.dump",
      "  luo cache load /dev/shm/copy.cache --from my-service.dump",
      "  luo cache refused /dev/shm/my-service.cache"
    })
final class CacheCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name a COMMAND");
  }
}
