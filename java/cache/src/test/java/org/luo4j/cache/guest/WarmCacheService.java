/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import org.luo4j.Handover;
import org.luo4j.Loss;
import org.luo4j.cache.Codec;
import org.luo4j.cache.Start;
import org.luo4j.cache.WarmCache;
import org.luo4j.guest.Arguments;

/**
 * A service with a cache that the host's best holder keeps:
 *
 * <pre>
 *   WarmCacheService --name NAME --mib N [--agent SOCKET]
 * </pre>
 *
 * <p>N is the capacity, in MiB. It fills the cache when it is cold and else compares every entry,
 * tells the holder in one line what it found, and runs until it is ended. Which entries there are
 * follows from N alone, but for two: the generation, and how often an agent said that the kernel is
 * about to be replaced.
 */
public final class WarmCacheService {

  private static final long MIB = 1 << 20;
  private static final int VALUE = 1024;
  private static final String GENERATION = "generation";
  private static final String PREPARED = "prepared";

  private WarmCacheService() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    Arguments arguments = new Arguments(args, Set.of());
    long capacity = Long.parseLong(arguments.get("--mib")) * MIB;
    Handover.Builder builder = Handover.builder();
    if (arguments.has("--agent")) {
      builder.agentSocket(Path.of(arguments.get("--agent")));
    }
    Handover handover = builder.open();
    WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(capacity)
            .averageEntryBytes(VALUE)
            .handover(handover, arguments.get("--name"))
            .open();
    byte[] generation = cache.getIfPresent(GENERATION);
    long warm = System.nanoTime();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> end(handover, cache)));
    int number = generation == null ? 0 : generation[0];
    int entries = (int) (capacity / 100 * 85 / (VALUE + 24));
    long wrong = 0;
    if (cache.start().isWarm()) {
      wrong = wrong(cache, entries);
    } else {
      for (int i = 0; i < entries; i++) {
        cache.put("key-" + i, value(i));
      }
    }
    cache.put(GENERATION, new byte[] {(byte) (number + 1)});
    System.out.println("prepared: " + prepared(cache));
    handover.onUpdate(left -> cache.put(PREPARED, new byte[] {(byte) (prepared(cache) + 1)}));
    System.out.println("start: " + cache.start());
    // NAME: how it came up, what was verified, by whom it is kept and against what
    String status =
        String.format(
            Locale.ROOT,
            "%s generation %d, %d entries, %d wrong, %.1f ms to the first value, by %s%s",
            name(cache.start()),
            number,
            cache.start().isWarm() ? entries : 0,
            wrong,
            (warm - begin) / 1e6,
            handover.holder(),
            handover.protectsFrom().contains(Loss.KEXEC) ? " with a session" : "");
    System.out.println("status: " + status);
    handover.status(status);
    handover.ready();
    Thread.currentThread().join();
  }

  private static String name(Start start) {
    return start.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private static void end(Handover handover, WarmCache<?, ?> cache) {
    handover.stopping();
    cache.close();
    handover.close();
  }

  private static int prepared(WarmCache<String, byte[]> cache) {
    byte[] times = cache.getIfPresent(PREPARED);
    return times == null ? 0 : times[0];
  }

  private static long wrong(WarmCache<String, byte[]> cache, int entries) {
    long wrong = cache.verify().damaged();
    for (int i = 0; i < entries; i++) {
      if (!Arrays.equals(value(i), cache.getIfPresent("key-" + i))) {
        wrong++;
      }
    }
    return wrong;
  }

  private static byte[] value(int i) {
    byte[] value = new byte[VALUE];
    new SplittableRandom(i).nextBytes(value);
    return value;
  }
}
