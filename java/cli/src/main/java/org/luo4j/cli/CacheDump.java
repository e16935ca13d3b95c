/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.luo4j.cache.CacheHeader;
import org.luo4j.cache.Verification;
import org.luo4j.cache.WarmCache;
import org.luo4j.cli.dump.DumpWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** luo cache dump. */
@Command(
    name = "dump",
    mixinStandardHelpOptions = true,
    description = {
      "Writes a cache's entries to a file that luo cache load reads, on any machine.",
      "",
      "Entries that have expired are left out, and damaged ones, which are counted. Opens the cache as"
          + " luo cache verify does. The file appears whole, or not at all, and is its owner's only."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all entries are in the dump",
      "1:damaged ones are left out",
      "2:there is no dump"
    },
    footer = {
      "",
      "Examples:",
      "  luo cache dump /dev/shm/my-service.cache --to my-service.dump",
      "  luo cache dump /dev/shm/my-service.cache --to - | zstd > my-service.dump.zst",
      "  luo cache dump --session my-service --give-up --to my-service.dump"
    })
final class CacheDump implements Callable<Integer> {

  private static final int BUFFER = 1 << 16;

  @Spec private CommandSpec spec;

  @Mixin private CachePlace place;

  @Option(
      names = "--to",
      required = true,
      paramLabel = "DUMP",
      description = "The file to write; - for stdout.")
  private String to;

  /** What was written. */
  record Written(long records, long expired, long damaged) {}

  /** Writes a dump. */
  interface Body {
    Written write(OutputStream out) throws IOException;
  }

  @Override
  public Integer call() throws IOException {
    Written written;
    Path target = to.equals("-") ? null : target(to);
    try (WarmCache<byte[], byte[]> cache = place.open()) {
      if (target == null) {
        // Closing it would close stdout: it is flushed.
        written = write(cache, new FileOutputStream(FileDescriptor.out));
      } else {
        written = writeFile(target, out -> write(cache, out));
      }
    }
    spec.commandLine()
        .getErr()
        .printf(
            Locale.ROOT,
            "luo: %,d entries dumped%s%s%n",
            written.records,
            leftOut(written.expired, "expired"),
            leftOut(written.damaged, "damaged"));
    return written.damaged == 0 ? 0 : 1;
  }

  private static String leftOut(long entries, String why) {
    return entries == 0 ? "" : String.format(Locale.ROOT, ", %,d %s ones left out", entries, why);
  }

  /** The file to write, links followed. A cache's is refused: it would be lost. */
  private static Path target(String to) throws IOException {
    Path file = Path.of(to).toAbsolutePath();
    if (Files.exists(file)) {
      file = file.toRealPath();
    }
    if (Files.isDirectory(file)) {
      throw new IOException("--to '" + to + "' is a folder: name a file");
    }
    Path parent = file.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      throw new IOException("--to '" + to + "': there is no folder " + parent + ": make it");
    }
    if (Files.isRegularFile(file) && isCache(file)) {
      throw new IOException("--to '" + to + "' is a cache, which would be lost: name another file");
    }
    return file;
  }

  private static boolean isCache(Path file) {
    try {
      CacheHeader.read(file);
      return true;
    } catch (IOException none) {
      return false;
    }
  }

  /**
   * Writes to another name in the same folder, which becomes the file's when all is on disk; to
   * what is no ordinary file, as it goes. Whatever the body throws, no other name is left.
   */
  static Written writeFile(Path file, Body body) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE)) {
        return body.write(out);
      }
    }
    Path part = Files.createTempFile(file.getParent(), "." + file.getFileName() + ".", ".part");
    try {
      Written written;
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
        written = body.write(Channels.newOutputStream(channel));
        channel.force(true);
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return written;
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static Written write(WarmCache<byte[], byte[]> cache, OutputStream to)
      throws IOException {
    OutputStream out = new BufferedOutputStream(to, BUFFER);
    long live = cache.size();
    DumpWriter dump = new DumpWriter(out, cache.shape(), live);
    Verification found;
    try {
      found =
          cache.visit(
              (key, value, expires) -> {
                try {
                  dump.write(key, value, expires);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              },
              ProgressBar.onTerminal("dump"));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    long records = dump.end();
    out.flush();
    long expired = found.damaged() == 0 ? live - records : 0; // damage leaves the counts wrong
    return new Written(records, expired, found.damaged());
  }
}
