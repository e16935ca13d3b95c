/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.luo4j.Advice;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Session;

/**
 * Where the time of an update goes, for 1 GiB in ordinary pages and in huge folios: {@code
 * WindowBench preserve --ready FILE} in the old kernel, {@code WindowBench retrieve} in the new.
 *
 * <p>"At birth" is what is spent when the service starts, "at update" what is spent in the window
 * between the decision to update and the kexec.
 */
public final class WindowBench {

  private static final long SIZE = 1L << 30;
  private static final int PAGE = 4096;

  private WindowBench() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of());
    LiveUpdate luo = LiveUpdate.requireKernel();
    if (arguments.word(0).equals("preserve")) {
      Report.info("BENCH " + luo.describe());
      Report.info("BENCH " + memory("MemTotal", "MemFree", "CmaTotal", "CmaFree"));
      Session warm = luo.createSession("warm");
      warm.preserveNew(MemFdOptions.named("warm").size(PAGE), 1);
      for (boolean huge : List.of(false, true)) {
        preserve(luo, huge);
      }
      Holding.forever(Path.of(arguments.get("--ready")));
    } else {
      // The classes that are timed below are loaded here.
      Session warm = luo.retrieveSession("warm");
      warm.retrieve(1).map().close();
      warm.finish();
      for (boolean huge : List.of(false, true)) {
        retrieve(luo, huge);
      }
    }
  }

  private static String pages(boolean huge) {
    return huge ? "2M" : "4K";
  }

  private static MemFdOptions options(boolean huge) {
    MemFdOptions options = MemFdOptions.named("window").size(SIZE);
    return huge ? options.hugeFolios() : options;
  }

  private static void preserve(LiveUpdate luo, boolean huge) throws IOException {
    // Filled first, preserved at the update; then given up, so that one region is held at a time.
    Session late = luo.createSession("late." + pages(huge));
    MemFd filled = luo.createMemFd(options(huge));
    fill(filled);
    line(
        "preserve at update, filled and not yet preserved",
        huge,
        time(() -> late.preserve(filled, 1)));
    late.close();
    Session placed = luo.createSession("placed." + pages(huge));
    line(
        "preserve at update, pages placed by an earlier one",
        huge,
        time(() -> placed.preserve(filled, 1)));
    placed.close();
    filled.close();

    Session session = luo.createSession("window." + pages(huge));
    MemFd[] memfd = new MemFd[1];
    line(
        "create and preserve at birth",
        huge,
        time(() -> memfd[0] = session.preserveNew(options(huge), 1)));
    if (huge) {
      Report.info("BENCH " + memory("ShmemHugePages", "MemFree", "CmaFree"));
    }
    line("fill after birth", huge, time(() -> fill(memfd[0])));
    // Nothing is called here: the session is held, and what was written goes along.
    line("preserve at update, preserved at birth (0 calls)", huge, 0);
  }

  private static void retrieve(LiveUpdate luo, boolean huge) {
    Session[] session = new Session[1];
    line(
        "retrieve session",
        huge,
        time(() -> session[0] = luo.retrieveSession("window." + pages(huge))));
    MemFd[] memfd = new MemFd[1];
    line("retrieve", huge, time(() -> memfd[0] = session[0].retrieve(1)));
    MemoryRegion[] region = new MemoryRegion[1];
    line(
        "map and first touch of every page",
        huge,
        time(
            () -> {
              region[0] = memfd[0].map();
              region[0].advise(huge ? Advice.HUGE_PAGES : Advice.NO_HUGE_PAGES);
              for (long offset = 0; offset < SIZE; offset += PAGE) {
                if (region[0].getLong(offset) != offset) {
                  throw new AssertionError("wrong value at " + offset);
                }
              }
            }));
    line("finish", huge, time(() -> session[0].finish()));
  }

  private static void fill(MemFd memfd) {
    try (MemoryRegion region = memfd.map()) {
      for (long offset = 0; offset < SIZE; offset += PAGE) {
        region.putLong(offset, offset);
      }
    }
  }

  /** Lines of /proc/meminfo; KHO's scratch area is in the Cma ones. */
  private static String memory(String... names) throws IOException {
    List<String> wanted = List.of(names);
    StringBuilder text = new StringBuilder();
    for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
      if (wanted.contains(line.substring(0, line.indexOf(':')))) {
        text.append(text.length() == 0 ? "" : ", ").append(line.replaceAll("\\s+", " "));
      }
    }
    return text.toString();
  }

  private static long time(Runnable step) {
    long start = System.nanoTime();
    step.run();
    return System.nanoTime() - start;
  }

  private static void line(String step, boolean huge, long nanos) {
    Report.info(
        String.format(
            Locale.ROOT, "BENCH %-52s %3s pages %12.3f ms", step, pages(huge), nanos / 1e6));
  }
}
