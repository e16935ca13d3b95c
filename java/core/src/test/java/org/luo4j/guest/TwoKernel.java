/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Provider;
import org.luo4j.Seal;
import org.luo4j.Session;
import org.luo4j.contract.IncomingFixtures;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.internal.jni.JniBridge;

/**
 * The suite over several kernels, through the public API:
 *
 * <pre>
 *   TwoKernel preserve     --bridge B --set S [--label L] --ready FILE      in kernel 1
 *   TwoKernel verify       --bridge B --set S.same|S.crossed [--label L]
 *                          [--again --ready FILE]                           in kernel 2
 *   TwoKernel verify-again --bridge B --set S.same|S.crossed                in kernel 3
 * </pre>
 *
 * <p>{@code preserve} makes two equal sets of sessions, one for a verifier with the same bridge and
 * one for a verifier with the other. {@code --again} preserves what was retrieved for kernel 3.
 * Without a label the fixtures of the contract suite are made too.
 */
public final class TwoKernel {

  private static final int PAGE = 4096;
  private static final long BIG = 64L << 20;
  private static final long HUGE = 16L << 20;
  private static final long SPARSE = 32L << 20;

  /** Sessions by what they are for; each has the set's name before it. */
  private static final String SIZES = "sizes";

  private static final String STATE = "state";
  private static final String LATER = "later";
  private static final String CLOSED = "closed";

  /** Tokens of the session SIZES. */
  private static final long ZERO = 0;

  private static final long ONE = 1;
  private static final long PAGE_AND_ONE = -1;
  private static final long LARGE = 64;
  private static final long SPARSE_FILE = 0x8000_0000_0000_0000L;
  private static final long HUGE_FOLIOS = 2;

  /** Tokens of the session STATE. */
  private static final long SEALED = 1;

  private static final long POSITION = 2;
  private static final long NEVER_RETRIEVED = 3;

  private final LiveUpdate luo;
  private final Report report;
  private final String set;
  private final List<AutoCloseable> held = new ArrayList<>();

  private TwoKernel(BridgeType bridge, String suite, String set) {
    this.luo = LiveUpdate.builder().provider(Provider.KERNEL).bridge(bridge).open();
    this.report = new Report(suite);
    this.set = set;
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    Arguments arguments = new Arguments(args, Set.of("--again"));
    String command = arguments.word(0);
    String bridge = arguments.get("--bridge");
    String set = arguments.get("--set");
    String label = arguments.get("--label", "");
    BridgeType type = BridgeType.valueOf(bridge.toUpperCase(Locale.ROOT));
    String suite = (label.isEmpty() ? "" : label + ".") + "two-kernel." + set + ".by-" + bridge;
    boolean hold = false;
    int failed;
    if (command.equals("preserve")) {
      failed = 0;
      for (String each : List.of(set + ".same", set + ".crossed")) {
        TwoKernel kernel = new TwoKernel(type, suite, each);
        kernel.preserve();
        failed += kernel.report.failed();
      }
      if (label.isEmpty()) {
        IncomingFixtures.prepare(
            type == BridgeType.JNI ? JniBridge.load() : JnaBridge.load(), bridge);
      }
      hold = true;
    } else {
      TwoKernel kernel = new TwoKernel(type, suite, set);
      if (command.equals("verify")) {
        hold = arguments.has("--again");
        kernel.verify(hold);
      } else if (command.equals("verify-again")) {
        kernel.verifyAgain();
      } else {
        throw new IllegalArgumentException("unknown command " + command);
      }
      failed = kernel.report.failed();
    }
    if (hold) {
      Holding.forever(Path.of(arguments.get("--ready")));
    }
    System.exit(failed == 0 ? 0 : 1);
  }

  private String name(String session) {
    return set + "." + session;
  }

  // ---- kernel 1 ----

  private void preserve() {
    report.check(
        set + ".preserve-sizes",
        () -> {
          Session session = hold(luo.createSession(name(SIZES)));
          hold(session.preserveNew(MemFdOptions.named("zero"), ZERO));
          filled(session, ONE, 1);
          filled(session, PAGE_AND_ONE, PAGE + 1);
          filled(session, LARGE, BIG);
          MemFd sparse = hold(luo.createMemFd(MemFdOptions.named("sparse").size(SPARSE)));
          try (MemoryRegion region = sparse.map()) {
            region.putLong(SPARSE / 2, 0x5AA5_5AA5L);
          }
          session.preserve(sparse, SPARSE_FILE);
          MemFdOptions huge = MemFdOptions.named("huge").size(HUGE).hugeFolios();
          MemFd folios = hold(session.preserveNew(huge, HUGE_FOLIOS));
          try (MemoryRegion region = folios.map()) {
            fill(region);
          }
        });
    report.check(
        set + ".preserve-state",
        () -> {
          Session session = hold(luo.createSession(name(STATE)));
          MemFd sealed = hold(luo.createMemFd(MemFdOptions.named("sealed").size(PAGE)));
          sealed.addSeals(Set.of(Seal.SHRINK, Seal.GROW, Seal.SEAL));
          session.preserve(sealed, SEALED);
          MemFd position = hold(luo.createMemFd(MemFdOptions.named("position").size(PAGE)));
          session.preserve(position, POSITION);
          position.position(1234);
          hold(session.preserveNew(MemFdOptions.named("never").size(PAGE), NEVER_RETRIEVED));
        });
    report.check(
        set + ".preserve-later",
        () -> {
          Session session = hold(luo.createSession(name(LATER)));
          MemFd memfd = hold(session.preserveNew(MemFdOptions.named("later").size(BIG), 1));
          MemoryRegion region = memfd.map();
          held.add(region);
          fill(region);
          region.putLongVolatile(0, 4711);
        });
    report.check(
        set + ".close-before-kexec",
        () -> {
          Session session = luo.createSession(name(CLOSED));
          filled(session, 1, PAGE);
          session.close();
        });
  }

  private <T extends AutoCloseable> T hold(T resource) {
    held.add(resource);
    return resource;
  }

  private void filled(Session session, long token, long size) {
    MemFd memfd = hold(luo.createMemFd(MemFdOptions.named("filled").size(size)));
    try (MemoryRegion region = memfd.map()) {
      fill(region);
    }
    session.preserve(memfd, token);
  }

  // ---- kernel 2 ----

  private void verify(boolean again) {
    report.check(
        "provider-is-the-kernel", () -> Report.equal(Provider.KERNEL, luo.provider(), "provider"));
    report.check(
        "session-closed-before-kexec-is-gone",
        () -> {
          try {
            luo.retrieveSession(name(CLOSED));
          } catch (LuoException.NoSuchSession expected) {
            return;
          }
          throw new AssertionError("it arrived");
        });
    verifySizes(again);
    verifyState();
    verifyLater(again);
  }

  private void verifySizes(boolean again) {
    Session session = arrived(SIZES);
    if (session == null) {
      return;
    }
    report.check("zero-bytes", () -> Report.equal(0L, session.retrieve(ZERO).size(), "size"));
    report.check("one-byte", () -> checkFilled(session.retrieve(ONE), 1));
    report.check(
        "a-page-and-one-byte", () -> checkFilled(session.retrieve(PAGE_AND_ONE), PAGE + 1));
    MemFd large = session.retrieve(LARGE);
    report.check("64-MiB", () -> checkFilled(large, BIG));
    report.check(
        "sparse",
        () -> {
          MemFd sparse = session.retrieve(SPARSE_FILE);
          Report.equal(SPARSE, sparse.size(), "size");
          try (MemoryRegion region = sparse.map()) {
            Report.equal(0x5AA5_5AA5L, region.getLong(SPARSE / 2), "the value");
            region.putLong(SPARSE / 2, 0);
            byte[] block = new byte[1 << 16];
            for (long offset = 0; offset < SPARSE; offset += block.length) {
              region.get(offset, block);
              for (byte each : block) {
                if (each != 0) {
                  throw new AssertionError("not zero near " + offset);
                }
              }
            }
          }
        });
    report.check("huge-folios", () -> checkFilled(session.retrieve(HUGE_FOLIOS), HUGE));
    report.check(
        "retrieve-again-is-the-same-file",
        () -> {
          MemFd second = session.retrieve(LARGE);
          second.position(99);
          Report.equal(99L, large.position(), "position");
        });
    if (again) {
      report.check(
          "preserve-again",
          () -> {
            session.finish();
            Session next = hold(luo.createSession(name("again")));
            next.preserve(hold(large), LARGE);
            try (MemoryRegion region = large.map()) {
              region.putLong(8, 0xA6A1_4L);
            }
          });
    } else {
      report.check("finish", session::finish);
    }
  }

  private void verifyState() {
    Session session = arrived(STATE);
    if (session == null) {
      return;
    }
    report.check(
        "seals",
        () -> {
          MemFd sealed = session.retrieve(SEALED);
          Report.equal(Set.of(Seal.SHRINK, Seal.GROW, Seal.SEAL), sealed.seals(), "seals");
          try {
            sealed.setSize(0);
          } catch (LuoException.Frozen expected) {
            return;
          }
          throw new AssertionError("a sealed memfd was resized");
        });
    report.check(
        "position", () -> Report.equal(1234L, session.retrieve(POSITION).position(), "position"));
    report.check(
        "token-never-retrieved-is-dropped-by-finish",
        () -> {
          session.finish();
          try {
            session.retrieve(NEVER_RETRIEVED);
          } catch (LuoException.NoSuchToken expected) {
            return;
          }
          throw new AssertionError("it was retrieved after finish");
        });
  }

  private void verifyLater(boolean again) {
    Session session = arrived(LATER);
    if (session == null) {
      return;
    }
    report.check(
        "writes-after-preserve",
        () -> {
          MemFd memfd = session.retrieve(1);
          Report.equal("", memfd.size() == BIG ? "" : "size " + memfd.size(), "size");
          try (MemoryRegion region = memfd.map()) {
            Report.equal(4711L, region.getLong(0), "the last write");
            region.putLong(0, firstLong());
          }
          checkFilled(memfd, BIG);
          session.close();
          if (again) {
            // Not preserved again: it must not arrive in the next kernel.
            memfd.close();
          }
        });
  }

  private Session arrived(String session) {
    try {
      Session arrived = luo.retrieveSession(name(session));
      report.pass("session-" + session + "-arrived");
      return arrived;
    } catch (LuoException e) {
      report.fail("session-" + session + "-arrived", e);
      return null;
    }
  }

  // ---- kernel 3 ----

  private void verifyAgain() {
    report.check(
        "what-was-not-preserved-again-is-gone",
        () -> {
          for (String session : List.of(SIZES, STATE, LATER)) {
            try {
              luo.retrieveSession(name(session));
            } catch (LuoException.NoSuchSession expected) {
              continue;
            }
            throw new AssertionError(session + " arrived in the third kernel");
          }
        });
    Session session = arrived("again");
    if (session == null) {
      return;
    }
    report.check(
        "second-kexec-64-MiB",
        () -> {
          MemFd memfd = session.retrieve(LARGE);
          try (MemoryRegion region = memfd.map()) {
            Report.equal(0xA6A1_4L, region.getLong(8), "what kernel 2 wrote");
            byte[] first = pattern(0, 16);
            region.put(0, first);
          }
          checkFilled(memfd, BIG);
          session.finish();
        });
  }

  // ---- contents: a fixed sequence, so that no state but the size is needed to know them ----

  private static final int BLOCK = 1 << 16;

  private static void fill(MemoryRegion region) {
    for (long offset = 0; offset < region.size(); offset += BLOCK) {
      region.put(offset, pattern(offset / BLOCK, (int) Math.min(BLOCK, region.size() - offset)));
    }
  }

  private static void checkFilled(MemFd memfd, long size) {
    Report.equal(size, memfd.size(), "size");
    try (MemoryRegion region = memfd.mapReadOnly()) {
      ByteBuffer block = ByteBuffer.allocate(BLOCK);
      for (long offset = 0; offset < size; offset += BLOCK) {
        block.clear().limit((int) Math.min(BLOCK, size - offset));
        region.get(offset, block);
        ByteBuffer expected = ByteBuffer.wrap(pattern(offset / BLOCK, block.position()));
        if (expected.mismatch(block.flip()) >= 0) {
          throw new AssertionError(
              "wrong byte at " + (offset + expected.mismatch(block)) + " of " + size);
        }
      }
    }
  }

  private static byte[] pattern(long block, int length) {
    byte[] bytes = new byte[length];
    new SplittableRandom(block).nextBytes(bytes);
    return bytes;
  }

  private static long firstLong() {
    return ByteBuffer.wrap(pattern(0, 8)).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong();
  }
}
