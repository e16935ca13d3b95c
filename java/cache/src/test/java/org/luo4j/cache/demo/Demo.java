/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.demo;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.luo4j.LiveUpdate;
import org.luo4j.Provider;
import org.luo4j.cache.Codec;
import org.luo4j.cache.Start;
import org.luo4j.cache.WarmCache;
import org.luo4j.guest.Arguments;
import org.luo4j.guest.Holding;

/**
 * The main job, in two JVMs with a new kernel between them; scripts/demo.sh runs it.
 *
 * <pre>
 *   Demo fill [--terminal] [--ready FILE]   puts every class file of this JDK into a cache; then
 *                                           plays the kexec, or holds the cache over a real one
 *   Demo check [--terminal]                 opens the cache by the same call, and compares it with
 *                                           the class files of its own JDK
 * </pre>
 *
 * <p>{@code --terminal} redraws the progress in one line.
 */
public final class Demo {

  /** Bytes; the class files of a JDK are about half of it. */
  private static final long CAPACITY = 256 << 20;

  /** The class files, by names such as {@code java.base/java/lang/Object.class}. */
  private static final Path CLASSES =
      FileSystems.getFileSystem(URI.create("jrt:/")).getPath("/modules");

  private static final String FIRST = "java.base/java/lang/Object.class";

  /** One more entry: how long JVM 1 took to fill the cache, for JVM 2 to tell. */
  private static final String FILL_TIME = "fill-nanos";

  private static final String MARK = "[luo4j] ";

  private final boolean terminal;

  private Demo(boolean terminal) {
    this.terminal = terminal;
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of("--terminal"));
    Demo demo = new Demo(arguments.has("--terminal"));
    String command = arguments.word(0);
    LiveUpdate luo = LiveUpdate.open();
    switch (command) {
      case "fill" -> {
        hello(1, luo);
        demo.fill(luo);
        if (luo.provider() == Provider.EMULATOR) {
          luo.emulateKexec();
          say("kexec          emulated");
        } else {
          say("kexec          next, while this JVM holds the cache");
          Holding.forever(Path.of(arguments.get("--ready")));
        }
      }
      case "check" -> {
        hello(2, luo);
        System.exit(demo.check(luo) ? 0 : 1);
      }
      default ->
          throw new IllegalArgumentException("command '" + command + "' must be fill or check");
    }
  }

  private static void hello(int jvm, LiveUpdate luo) {
    say("JVM " + jvm + ", pid " + ProcessHandle.current().pid());
    say("provider       " + luo.describe());
  }

  /** The call that opens the cache: the same one whether anything is there or not. */
  private static WarmCache<String, byte[]> open(LiveUpdate luo) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.BYTES)
        .capacity(CAPACITY)
        .averageEntryBytes(1024)
        .session(luo, "luo4j-demo")
        .open();
  }

  /** Leaves the cache open: closing it would give it up before the kexec. */
  private void fill(LiveUpdate luo) throws IOException {
    long start = System.nanoTime();
    WarmCache<String, byte[]> cache = open(luo);
    say("open           " + millis(System.nanoTime() - start) + ", " + describe(cache.start()));
    start = System.nanoTime();
    List<Path> files = classFiles();
    ProgressBar bar = bar("fill          ", files.size());
    long bytes = 0;
    long done = 0;
    for (Path file : files) {
      byte[] content = Files.readAllBytes(file);
      cache.put(key(file), content);
      bytes += content.length;
      bar.at(++done);
    }
    long nanos = System.nanoTime() - start;
    cache.put(FILL_TIME, ByteBuffer.allocate(Long.BYTES).putLong(nanos).array());
    if (cache.size() != files.size() + 1) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%,d class files of %,d bytes do not fit a capacity of %,d bytes: raise CAPACITY",
              files.size(),
              bytes,
              CAPACITY));
    }
    say(
        String.format(
            Locale.ROOT,
            "filled         %s: %,d class files of this JDK, %,d bytes",
            millis(nanos),
            files.size(),
            bytes));
  }

  /** Whether the cache is warm and has each class file of this JDK, and nothing else. */
  private boolean check(LiveUpdate luo) throws IOException {
    long start = System.nanoTime();
    try (WarmCache<String, byte[]> cache = open(luo)) {
      long opened = System.nanoTime() - start;
      byte[] first = cache.getIfPresent(FIRST);
      long warm = System.nanoTime() - start;
      say("open           " + millis(opened) + ", " + describe(cache.start()));
      byte[] fillTime = cache.getIfPresent(FILL_TIME);
      if (cache.start().kind() != Start.Kind.WARM_AFTER_KEXEC
          || first == null
          || fillTime == null) {
        say("FAILED         the cache did not come back as JVM 1 left it");
        return false;
      }
      say(String.format(Locale.ROOT, "first value    %s, %,d bytes", FIRST, first.length));
      List<Path> files = classFiles();
      ProgressBar bar = bar("check         ", files.size());
      long mismatches = 0;
      long done = 0;
      for (Path file : files) {
        ByteBuffer expected = ByteBuffer.wrap(Files.readAllBytes(file));
        if (!Boolean.TRUE.equals(cache.read(key(file), expected::equals))) {
          mismatches++;
        }
        bar.at(++done);
      }
      long entries = cache.size() - 1;
      say(
          String.format(
              Locale.ROOT,
              "checked        %,d entries against %,d class files of this JDK: %,d mismatches",
              entries,
              files.size(),
              mismatches));
      String line = "%-15s%,12.1f ms%s";
      say(
          String.format(
              Locale.ROOT,
              line,
              "time to warm",
              warm / 1e6,
              ", from the call to the first value; opening took " + millis(opened)));
      say(
          String.format(
              Locale.ROOT, line, "time to fill", ByteBuffer.wrap(fillTime).getLong() / 1e6, ""));
      return mismatches == 0 && entries == files.size();
    }
  }

  private static List<Path> classFiles() throws IOException {
    try (Stream<Path> files = Files.walk(CLASSES)) {
      return files.filter(file -> file.toString().endsWith(".class")).toList();
    }
  }

  private static String key(Path file) {
    return CLASSES.relativize(file).toString();
  }

  private ProgressBar bar(String task, long total) {
    return new ProgressBar(System.out, terminal, MARK + task, total);
  }

  private static String describe(Start start) {
    return start.kind() + ": " + start.reason();
  }

  private static String millis(long nanos) {
    return String.format(Locale.ROOT, "%,.1f ms", nanos / 1e6);
  }

  /** The mark is what the host of a guest looks for on the serial console. */
  private static void say(String text) {
    System.out.println(MARK + text);
  }
}
