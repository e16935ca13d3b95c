/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.luo4j.LiveUpdate;
import org.luo4j.cache.CacheShape;
import org.luo4j.cache.OnRefusal;
import org.luo4j.cache.WarmCache;
import org.luo4j.cli.dump.DumpReader;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** luo cache load. */
@Command(
    name = "load",
    mixinStandardHelpOptions = true,
    description = {
      "Puts the entries of a dump into a cache, which is made where there is none.",
      "",
      "A new cache gets the dump's capacity, codecs and time of creation, and each entry the time that"
          + " it expires. Into an existing one, of the same codecs, expiry is rounded up by less than 64 ms;"
          + " keys that are there get the dump's values. Entries that have expired since are left out.",
      "",
      "A dump in a file is verified as a whole before anything is loaded; one on stdin as it comes: what"
          + " was read before the damage is kept in an existing cache, and a new one is removed."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:all is loaded", "1:the cache evicted entries", "2:it is not loaded"},
    footer = {
      "",
      "Examples:",
      "  luo cache load /dev/shm/my-service.cache --from my-service.dump",
      "  zstd -dc my-service.dump.zst | luo cache load /dev/shm/my-service.cache --from -",
      "  luo cache load --session my-service --from my-service.dump"
    })
final class CacheLoad implements Callable<Integer> {

  private static final int BUFFER = 1 << 16;

  @Spec private CommandSpec spec;

  @Parameters(arity = "0..1", paramLabel = "FILE", description = "The cache's file.")
  private Path file;

  @Option(
      names = "--session",
      paramLabel = "NAME",
      description =
          "Loads into the cache in a LUO session instead, and holds it until the kexec, or until this"
              + " command is ended, which gives it up.")
  private String session;

  @Option(
      names = "--from",
      required = true,
      paramLabel = "DUMP",
      description = "The file to read; - for stdin.")
  private String from;

  @Option(
      names = "--capacity",
      paramLabel = "SIZE",
      converter = Size.class,
      description = "The capacity of a new cache, instead of the dump's.")
  private Long capacity;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if ((file == null) == (session == null)) {
      throw new ParameterException(spec.commandLine(), "name a FILE or a --session, one of them");
    }
    if (from.equals("-")) {
      return load(System.in);
    }
    try (InputStream in = stream(Files.newInputStream(Path.of(from)))) {
      new DumpReader(in).read((key, value, expires) -> {}, ProgressBar.onTerminal("verify"));
    }
    try (InputStream in = Files.newInputStream(Path.of(from))) {
      return load(in);
    }
  }

  private static InputStream stream(InputStream in) {
    return new BufferedInputStream(in, BUFFER);
  }

  private int load(InputStream in) throws IOException, InterruptedException {
    DumpReader dump = new DumpReader(stream(in));
    boolean isNew = file != null && !Files.exists(file);
    boolean made = false;
    boolean done = false;
    int exit;
    try (WarmCache<byte[], byte[]> cache = open(dump.shape(), isNew)) {
      made = isNew;
      exit = load(dump, cache);
      done = true;
      if (session != null) {
        say("held in session '%s' until the kexec; ending this command gives it up", session);
        new CountDownLatch(1).await();
      }
    } finally {
      if (made && !done) {
        Files.deleteIfExists(file);
      }
    }
    return exit;
  }

  private WarmCache<byte[], byte[]> open(CacheShape dumped, boolean isNew) throws IOException {
    if (capacity != null && file != null && !isNew) {
      throw new ParameterException(
          spec.commandLine(), "--capacity is for a new cache: " + file + " is there");
    }
    CacheShape wanted =
        capacity == null
            ? dumped
            : new CacheShape(
                capacity,
                dumped.averageEntryBytes(),
                dumped.keyCodec(),
                dumped.valueCodec(),
                dumped.created());
    if (session != null) {
      WarmCache<byte[], byte[]> cache =
          WarmCache.builder(wanted).session(LiveUpdate.open(), session).open();
      say("%s: %s", cache.start().kind(), cache.start().reason());
      return cache;
    }
    if (isNew) {
      Path refused = file.resolveSibling(file.getFileName() + CacheRefused.REFUSED);
      if (Files.exists(refused)) { // which would be taken back, and is not the dump's
        throw new IOException(
            file
                + " is not there, but "
                + refused
                + " is, which was set aside: delete it with luo cache refused --drop, or name"
                + " another file");
      }
      return WarmCache.builder(wanted).file(file).onRefusal(OnRefusal.FAIL).open();
    }
    WarmCache<byte[], byte[]> cache = WarmCache.openAsFound(file);
    CacheShape found = cache.shape();
    if (!found.keyCodec().equals(dumped.keyCodec())
        || !found.valueCodec().equals(dumped.valueCodec())) {
      cache.close();
      throw new IOException(
          file
              + " has the codecs "
              + found.keyCodec()
              + " and "
              + found.valueCodec()
              + ", the dump "
              + dumped.keyCodec()
              + " and "
              + dumped.valueCodec()
              + ": load into a new file, or into a cache that was opened with these codecs");
    }
    return cache;
  }

  private int load(DumpReader dump, WarmCache<byte[], byte[]> cache) throws IOException {
    long[] loaded = new long[1];
    long records =
        dump.read(
            (key, value, expires) -> loaded[0] += cache.putUntil(key, value, expires) ? 1 : 0,
            ProgressBar.onTerminal("load"));
    long evicted = cache.stats().evictions();
    say("%,d entries loaded, %,d had expired", loaded[0], records - loaded[0]);
    if (evicted > 0) {
      say("%,d entries were evicted: the capacity is too small for all", evicted);
    }
    return evicted > 0 ? 1 : 0;
  }

  private void say(String format, Object... arguments) {
    PrintWriter err = spec.commandLine().getErr();
    err.println("luo: " + String.format(Locale.ROOT, format, arguments));
    err.flush();
  }
}
