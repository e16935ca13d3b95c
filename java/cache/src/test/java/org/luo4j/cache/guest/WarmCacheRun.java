/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.Provider;
import org.luo4j.cache.Codec;
import org.luo4j.cache.Start;
import org.luo4j.cache.Verification;
import org.luo4j.cache.WarmCache;
import org.luo4j.guest.Arguments;
import org.luo4j.guest.Holding;
import org.luo4j.guest.Report;

/**
 * A full cache over two kexecs, opened by the same call in three kernels:
 *
 * <pre>
 *   WarmCacheRun --kernel 1 --bridge jni|jna --mib N --ready FILE   cold: fills it, holds it
 *   WarmCacheRun --kernel 2 --bridge jni|jna --mib N --ready FILE   warm: checks it, puts, holds it
 *   WarmCacheRun --kernel 3 --bridge jni|jna --mib N                warm: checks it
 * </pre>
 *
 * <p>N is the capacity, in MiB. Which entries there are, and of which bytes, follows from it and
 * from the kernel's number alone.
 */
public final class WarmCacheRun {

  private static final String SESSION = "warm-cache.";
  private static final long MIB = 1 << 20;
  private static final int AVERAGE = 512;

  private final long capacity;
  private final Report report;
  private final WarmCache<Long, byte[]> cache;
  private final Values values = new Values();

  private WarmCacheRun(long capacity, Report report, WarmCache<Long, byte[]> cache) {
    this.capacity = capacity;
    this.report = report;
    this.cache = cache;
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of());
    int kernel = Integer.parseInt(arguments.get("--kernel"));
    String bridge = arguments.get("--bridge");
    long capacity = Long.parseLong(arguments.get("--mib")) * MIB;
    BridgeType type = BridgeType.valueOf(bridge.toUpperCase(Locale.ROOT));
    LiveUpdate luo = LiveUpdate.builder().provider(Provider.KERNEL).bridge(type).open();
    Report report = new Report("warm-cache.by-" + bridge + ".kernel-" + kernel);
    long start = System.nanoTime();
    WarmCache<Long, byte[]> cache =
        WarmCache.builder(Codec.LONG, Codec.BYTES)
            .capacity(capacity)
            .averageEntryBytes(AVERAGE)
            .session(luo, SESSION + bridge)
            .open();
    time("open", start);
    WarmCacheRun run = new WarmCacheRun(capacity, report, cache);
    if (kernel == 1) {
      run.cameUp(Start.Kind.COLD);
      run.put(1);
    } else {
      run.cameUp(Start.Kind.WARM_AFTER_KEXEC);
      run.verify(kernel - 1);
      run.compare(kernel - 1);
      if (kernel == 2) {
        run.put(2);
      }
    }
    if (kernel < 3) {
      // Open, so that it is held: closing gives the memory up.
      Holding.forever(Path.of(arguments.get("--ready")));
    }
    System.exit(report.failed() == 0 ? 0 : 1);
  }

  private void cameUp(Start.Kind expected) {
    report.check(
        "start-is-" + expected.name().toLowerCase(Locale.ROOT).replace('_', '-'),
        () -> Report.equal(expected, cache.start().kind(), cache.start() + ": the kind"));
  }

  // ---- which entries there are ----

  /** How many keys, from 0 on, there are after the puts of kernel 1 or 2. */
  private long keys(int kernel) {
    // Nine tenths of the capacity may be live, headers included.
    long wanted = capacity / 100 * (kernel == 1 ? 85 : 86);
    long key = 0;
    for (long bytes = 0; bytes < wanted; key++) {
      bytes += Values.length(key, 1);
    }
    return key;
  }

  /** Kernel 2 adds the keys from {@code before} on, and puts new values for some older ones. */
  private static int version(long key, int kernel, long before) {
    return kernel == 2 && (key >= before || key % 16 == 3) ? 2 : 1;
  }

  private void put(int kernel) {
    report.check(
        "put",
        () -> {
          long start = System.nanoTime();
          long before = keys(1);
          long keys = keys(kernel);
          long bytes = 0;
          long puts = 0;
          for (long key = 0; key < keys; key++) {
            int version = version(key, kernel, before);
            if (version == kernel) {
              byte[] value = values.make(key, version);
              cache.put(key, value);
              bytes += value.length;
              puts++;
            }
          }
          time("put " + puts + " entries of " + bytes / MIB + " MiB", start);
          Report.equal(keys, cache.size(), "the number of entries");
          Report.equal(0L, cache.stats().evictions(), "the number of evictions");
        });
  }

  private void verify(int kernel) {
    report.check(
        "verify-is-clean",
        () -> {
          long start = System.nanoTime();
          long[] progress = new long[2];
          Verification found =
              cache.verify(
                  (done, total) -> {
                    progress[0] = done;
                    progress[1] = total;
                  });
          time("verify", start);
          Report.equal(true, found.isClean(), found + ": whether it is clean");
          Report.equal(keys(kernel), found.entries(), "the number of verified entries");
          Report.equal(keys(kernel), cache.size(), "the number of entries");
          Report.equal(progress[1], progress[0], "the progress at the end");
        });
  }

  private void compare(int kernel) {
    report.check(
        "every-entry-is-what-its-key-says",
        () -> {
          long start = System.nanoTime();
          long before = keys(1);
          long keys = keys(kernel);
          for (long key = 0; key < keys; key++) {
            int version = version(key, kernel, before);
            // Half of them copied, half of them in place.
            Boolean same;
            if (key % 2 == 0) {
              byte[] actual = cache.getIfPresent(key);
              same = actual == null ? null : values.same(key, version, ByteBuffer.wrap(actual));
            } else {
              long each = key;
              same = cache.read(key, actual -> values.same(each, version, actual));
            }
            if (same == null || !same) {
              throw new AssertionError(
                  "key " + key + (same == null ? " is absent" : " has another value"));
            }
          }
          time("compare", start);
          Report.equal(null, cache.getIfPresent(keys), "the value of a key never put");
        });
  }

  private static void time(String what, long since) {
    double millis = (System.nanoTime() - since) / 1e6;
    Report.info(String.format(Locale.ROOT, "warm-cache %s: %.1f ms", what, millis));
  }

  /**
   * What a key's value is: a piece of fixed bytes, with the key and the version in its first and
   * last 8 bytes where it is long enough. Made and compared with no step per byte, as the guest's
   * processor is emulated.
   */
  private static final class Values {

    private static final int LARGEST = 1 << 21;
    private static final int ENDS = 2 * Long.BYTES;

    /** Twice the largest, so that any piece is in it. */
    private final byte[] source = new byte[2 * LARGEST];

    Values() {
      new SplittableRandom(1).nextBytes(source);
    }

    byte[] make(long key, int version) {
      int from = from(key, version);
      byte[] value = Arrays.copyOfRange(source, from, from + length(key, version));
      if (value.length >= ENDS) {
        ByteBuffer.wrap(value)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(0, stamp(key, version))
            .putLong(value.length - Long.BYTES, ~stamp(key, version));
      }
      return value;
    }

    /** Whether a value is what {@link #make} makes. */
    boolean same(long key, int version, ByteBuffer actual) {
      ByteBuffer value = actual.slice().order(ByteOrder.LITTLE_ENDIAN);
      int length = length(key, version);
      int from = from(key, version);
      if (value.limit() != length) {
        return false;
      }
      if (length < ENDS) {
        return value.equals(ByteBuffer.wrap(source, from, length));
      }
      int inner = length - ENDS;
      return value.getLong(0) == stamp(key, version)
          && value.getLong(length - Long.BYTES) == ~stamp(key, version)
          && value
              .slice(Long.BYTES, inner)
              .equals(ByteBuffer.wrap(source, from + Long.BYTES, inner));
    }

    private static long stamp(long key, int version) {
      return key << 8 | version;
    }

    private static int from(long key, int version) {
      return (int) (mix(key, version) >>> 43);
    }

    /**
     * 1 to 2 MiB for one in 2048, up to 64 KiB for one in 16, up to 64 bytes for another, up to 16
     * KiB for the rest.
     */
    static int length(long key, int version) {
      int random = (int) mix(key, version) & LARGEST - 1;
      if (key % 2048 == 0) {
        return LARGEST / 2 + random / 2;
      }
      return switch ((int) (key % 16)) {
        case 0 -> random % (1 << 16);
        case 1 -> random % (1 << 6);
        default -> random % (1 << 14);
      };
    }

    private static long mix(long key, int version) {
      long x = (key << 8 | version) * 0x9E37_79B9_7F4A_7C15L;
      return (x ^ x >>> 32) * 0xD6E8_FEB8_6659_FD93L;
    }
  }
}
