/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;

/**
 * The sessions that {@link IncomingContractTest} expects, made in the kernel before. Each test has
 * one of its own, named after it, so that tests neither depend on nor spoil each other.
 */
public final class IncomingFixtures {

  static final int PAGE = 4096;

  /** Fills a session: the contract, and the session's fd. */
  private static final Map<String, BiConsumer<Contract, Integer>> FIXTURES = new LinkedHashMap<>();

  static {
    // Sessions of one file, "content-", under token 1.
    for (String name :
        new String[] {
          "once",
          "closed",
          "cloexec",
          "name",
          "preserve",
          "unknown",
          "again",
          "resize",
          "finished",
          "finish-reserved",
          "dup",
          "reuse",
          "same-name",
          "flags",
          "nameless",
          "tail",
          "encoding"
        }) {
      FIXTURES.put(name, (c, s) -> file(c, s, 1, "content-" + name));
    }
    FIXTURES.put("empty", (c, s) -> {});
    FIXTURES.put("zero", (c, s) -> file(c, s, 1, ""));
    FIXTURES.put(
        "order",
        (c, s) -> {
          file(c, s, 1, "one");
          file(c, s, 2, "two");
          file(c, s, 3, "three");
        });
    FIXTURES.put(
        "tokens",
        (c, s) -> {
          file(c, s, 0, "token zero");
          file(c, s, -1, "token all ones");
        });
    FIXTURES.put(
        "unretrieved",
        (c, s) -> {
          file(c, s, 1, "retrieved");
          file(c, s, 2, "left");
        });
    FIXTURES.put(
        "close-finishes",
        (c, s) -> {
          file(c, s, 1, "retrieved");
          file(c, s, 2, "left");
        });
    FIXTURES.put(
        "position",
        (c, s) -> {
          int memfd = file(c, s, 1, "0123456789");
          assertEquals(4, c.bridge().seek(memfd, 4, Abi.SEEK_SET));
        });
    FIXTURES.put(
        "written-later",
        (c, s) -> {
          int memfd = c.memfd(2 * PAGE);
          assertEquals(6, c.write(memfd, "before", 0));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
          assertEquals(5, c.write(memfd, "after", 0));
          long address = c.bridge().map(memfd, 0, 2 * PAGE, true);
          c.bridge().view(address, 2 * PAGE).put(PAGE, (byte) 'm');
          c.bridge().unmap(address, 2 * PAGE);
        });
    FIXTURES.put(
        "seals",
        (c, s) -> {
          int memfd = file(c, 1);
          assertEquals(0, c.bridge().addSeals(memfd, Abi.F_SEAL_GROW | Abi.F_SEAL_SHRINK));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "seals-later",
        (c, s) -> {
          int memfd = file(c, 1);
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
          assertEquals(0, c.bridge().addSeals(memfd, Abi.F_SEAL_GROW));
        });
    FIXTURES.put(
        "write-sealed",
        (c, s) -> {
          int memfd = file(c, 1);
          assertEquals(0, c.bridge().addSeals(memfd, Abi.F_SEAL_WRITE));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "unsealable",
        (c, s) -> {
          int memfd = c.opened(c.bridge().memfdCreate(Contract.cString("plain"), 0));
          assertEquals(0, c.bridge().truncate(memfd, 1));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "noexec",
        (c, s) -> {
          int memfd =
              c.opened(c.bridge().memfdCreate(Contract.cString("noexec"), Abi.MFD_NOEXEC_SEAL));
          assertEquals(6, c.write(memfd, "noexec", 0));
          assertEquals(Abi.F_SEAL_EXEC, c.bridge().seals(memfd));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "holes",
        (c, s) -> {
          int memfd = c.memfd(100 * PAGE);
          assertEquals(4, c.write(memfd, "last", 100 * PAGE - 4));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "odd-size",
        (c, s) -> {
          int memfd = c.memfd(PAGE + 1);
          assertEquals(1, c.write(memfd, "z", PAGE));
          assertEquals(0, c.bridge().preserve(s, memfd, 1));
        });
    FIXTURES.put(
        "fd-closed",
        (c, s) -> {
          int memfd = file(c, s, 1, "its fd was closed");
          c.close(memfd);
        });
    FIXTURES.put(
        "by-duplicate",
        (c, s) -> {
          file(c, s, 1, "held by a duplicate");
          c.opened(c.bridge().duplicate(s));
          c.close(s);
        });
    FIXTURES.put(
        "closed-before",
        (c, s) -> {
          file(c, s, 1, "lost");
          c.close(s);
        });
  }

  private IncomingFixtures() {}

  /** Makes all of them with a bridge; they hold until the process ends. */
  public static void prepare(Bridge bridge, String bridgeName) {
    Contract contract = new Contract(bridge);
    FIXTURES.forEach(
        (name, fill) -> fill.accept(contract, contract.session(session(bridgeName, name))));
  }

  /** What a fixture's session is called: each bridge has a set of its own. */
  static String session(String bridgeName, String fixture) {
    return "contract." + bridgeName + "." + fixture;
  }

  private static int file(Contract contract, long size) {
    return contract.memfd(size);
  }

  private static int file(Contract contract, int session, long token, String content) {
    int memfd = contract.memfd(0);
    assertEquals(content.length(), contract.write(memfd, content, 0));
    assertEquals(0, contract.bridge().preserve(session, memfd, token));
    return memfd;
  }
}
