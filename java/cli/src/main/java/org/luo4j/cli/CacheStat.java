/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.luo4j.cache.CacheHeader;
import org.luo4j.cache.CacheShape;
import org.luo4j.cache.WarmCache;
import org.luo4j.cli.host.FileLocks;
import org.luo4j.cli.host.Host;
import org.luo4j.cli.host.Sizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** luo cache stat. */
@Command(
    name = "stat",
    mixinStandardHelpOptions = true,
    description = {
      "Says what a cache was made as, how full it is, and how it will start.",
      "",
      "Reads the header of a file and nothing else: works while a service has the cache open, and"
          + " changes nothing. A session's memory is taken from the kernel."
    },
    footer = {"", "Example:", "  luo cache stat /dev/shm/my-service.cache"})
final class CacheStat implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private CachePlace place;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Path file = place.file();
    if (file != null) {
      CacheHeader header = CacheHeader.read(file);
      print(header.shape(), header.entries(), header.liveBytes(), start(file, header), out);
    } else {
      try (WarmCache<byte[], byte[]> cache = place.open()) {
        String start = cache.start().kind() + ", " + cache.start().reason();
        print(cache.shape(), cache.size(), cache.liveBytes(), start, out);
      }
    }
    out.flush();
    return 0;
  }

  private static String start(Path file, CacheHeader header) throws IOException {
    OptionalLong owner = FileLocks.owner(Host.here(), file);
    if (owner.isPresent()) {
      return owner.getAsLong() == FileLocks.HIDDEN
          ? "open in a process that this user may not see"
          : "open in process " + owner.getAsLong();
    }
    return header.isClosed()
        ? "WARM_AFTER_RESTART when it is opened next"
        : "WARM_AFTER_CRASH when it is opened next: its process ended without closing it";
  }

  private static void print(
      CacheShape shape, long entries, long live, String start, PrintWriter out) {
    print(shape, entries, live, out);
    line(out, "start", start);
  }

  /** What a cache was made as, and how full it is. */
  static void print(CacheShape shape, long entries, long live, PrintWriter out) {
    line(out, "capacity", bytes(shape.capacity()));
    line(out, "memory", bytes(shape.memoryBytes()));
    line(out, "average entry", shape.averageEntryBytes() + " bytes");
    line(out, "key codec", shape.keyCodec());
    line(out, "value codec", shape.valueCodec());
    line(out, "created", Instant.ofEpochMilli(shape.created()).toString());
    line(out, "entries", String.format(Locale.ROOT, "%,d", entries));
    line(
        out,
        "live bytes",
        String.format(Locale.ROOT, "%,d, %.1f %%", live, 100.0 * live / shape.capacity()));
  }

  static String bytes(long bytes) {
    return String.format(Locale.ROOT, "%,d bytes, %s", bytes, Sizes.text(bytes));
  }

  static void line(PrintWriter out, String name, String value) {
    out.printf("%-14s %s%n", name, value);
  }
}
