/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.demo;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;
import org.luo4j.LiveUpdate;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Provider;
import org.luo4j.Session;
import org.luo4j.guest.Arguments;
import org.luo4j.guest.Holding;

/**
 * The main job, in two JVMs with a new kernel between them; scripts/demo.sh runs it.
 *
 * <pre>
 *   Demo preserve --input FILE [--ready FILE]   copies the file into a preserved memfd; then plays
 *                                               the kexec, or holds the session over a real one
 *   Demo retrieve --input FILE                  gets the memfd back and checks every byte
 * </pre>
 */
public final class Demo {

  private static final String SESSION = "luo4j-demo";
  private static final long CONTENT = 1;
  private static final long DIGEST = 2;
  private static final int BLOCK = 1 << 20;

  private Demo() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of());
    Path input = Path.of(arguments.get("--input"));
    LiveUpdate luo = LiveUpdate.open();
    String command = arguments.word(0);
    say(
        (command.equals("preserve") ? "JVM 1" : "JVM 2")
            + ", pid "
            + ProcessHandle.current().pid());
    say("provider       " + luo.describe());
    if (command.equals("preserve")) {
      preserve(luo, input);
      if (luo.provider() == Provider.EMULATOR) {
        luo.emulateKexec();
        say("kexec          emulated");
      } else {
        say("kexec          next, while this JVM holds the session");
        Holding.forever(Path.of(arguments.get("--ready")));
      }
    } else {
      System.exit(retrieve(luo, input) ? 0 : 1);
    }
  }

  private static void preserve(LiveUpdate luo, Path input) throws IOException {
    try (FileChannel file = FileChannel.open(input)) {
      long size = file.size();
      if (size == 0) {
        throw new IOException(input + " is empty: give a file with content");
      }
      say("input          " + input + ", " + bytes(size));
      Session session = luo.createSession(SESSION);
      long start = System.nanoTime();
      MemFd content =
          session.preserveNew(MemFdOptions.named("demo").size(size).hugeFolios(), CONTENT);
      say("preserve       " + millis(start) + ", at birth: nothing is left to do at the update");
      start = System.nanoTime();
      byte[] digest;
      try (MemoryRegion region = content.map()) {
        load(file, region);
        say("fill           " + millis(start) + " from disk");
        digest = sha256(region);
      }
      say("SHA-256        " + HexFormat.of().formatHex(digest));
      MemFd recorded =
          session.preserveNew(MemFdOptions.named("digest").size(digest.length), DIGEST);
      try (MemoryRegion region = recorded.map()) {
        region.put(0, digest);
      }
    }
  }

  private static boolean retrieve(LiveUpdate luo, Path input) throws IOException {
    long start = System.nanoTime();
    Session session = luo.retrieveSession(SESSION);
    MemFd content = session.retrieve(CONTENT);
    try (MemoryRegion region = content.map()) {
      String retrieved = millis(start);
      say("retrieved      " + bytes(region.size()));
      byte[] recorded = new byte[32];
      try (MemFd memfd = session.retrieve(DIGEST);
          MemoryRegion digest = memfd.mapReadOnly()) {
        digest.get(0, recorded);
      }
      session.finish();
      byte[] actual = sha256(region);
      boolean same = MessageDigest.isEqual(recorded, actual);
      say(
          "SHA-256        "
              + HexFormat.of().formatHex(actual)
              + (same ? "  matches" : "  DIFFERS"));
      say("time to retrieve            " + retrieved);
      say("time to reload from disk    " + reload(luo, input));
      return same;
    }
  }

  /** What a service does that starts cold: the same bytes into fresh memory. */
  private static String reload(LiveUpdate luo, Path input) throws IOException {
    long start = System.nanoTime();
    try (FileChannel file = FileChannel.open(input);
        MemFd memfd = luo.createMemFd(MemFdOptions.named("reload").size(file.size()));
        MemoryRegion region = memfd.map()) {
      load(file, region);
      return millis(start);
    }
  }

  private static void load(FileChannel file, MemoryRegion region) throws IOException {
    for (long offset = 0; offset < region.size(); ) {
      ByteBuffer target = region.slice(offset, (int) Math.min(BLOCK, region.size() - offset));
      int n = file.read(target, offset);
      if (n < 0) {
        throw new IOException("the input became shorter while it was read");
      }
      offset += n;
    }
  }

  private static byte[] sha256(MemoryRegion region) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    for (long offset = 0; offset < region.size(); offset += BLOCK) {
      digest.update(region.slice(offset, (int) Math.min(BLOCK, region.size() - offset)));
    }
    return digest.digest();
  }

  private static String bytes(long size) {
    return String.format(Locale.ROOT, "%,d bytes", size);
  }

  private static String millis(long since) {
    return String.format(Locale.ROOT, "%.1f ms", (System.nanoTime() - since) / 1e6);
  }

  /** The mark is what the host of a guest looks for on the serial console. */
  private static void say(String text) {
    System.out.println("[luo4j] " + text);
  }
}
