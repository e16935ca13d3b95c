/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import org.luo4j.cache.RemovalCause;
import org.luo4j.cache.RemovalListener;
import org.luo4j.cache.Verification;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A cache, what is known of it, and what is found against it.
 *
 * @param series how the cache is used
 * @param journal what became of each key
 * @param ticks the cache's clock
 * @param damage what was done to the cache's bytes from outside
 * @param findings where violations go
 * @param lengths of each key's value, for its owner; 0 for none
 */
record Contest(
    Series series, Journal journal, Ticks ticks, Outside damage, Findings findings, int[] lengths) {

  /** What was done to the cache's bytes from outside. */
  enum Outside {
    NOTHING,
    /** Anything may be missing, and counts may be off; what is found is what was put last. */
    DAMAGED,
    /** The header says something else under a checksum that holds: old values may be found. */
    FORGED
  }

  /** A lookup as a call: the plain one, or the one in place. */
  interface Lookup {
    byte[] of(WarmCache<Integer, byte[]> cache, int key);
  }

  static final Lookup PLAIN = (cache, key) -> cache.getIfPresent(key);

  static final Lookup IN_PLACE =
      (cache, key) ->
          cache.read(
              key,
              buffer -> {
                byte[] bytes = new byte[buffer.remaining()];
                buffer.get(bytes);
                return bytes;
              });

  static Contest of(Series series, Journal journal, Ticks ticks, Outside damage) {
    return new Contest(series, journal, ticks, damage, new Findings(), new int[series.keys()]);
  }

  boolean damaged() {
    return damage != Outside.NOTHING;
  }

  boolean mayMiss() {
    return damaged() || !series.within();
  }

  void found(Kind kind, int key, String what) {
    findings.add(
        kind,
        "key "
            + key
            + ": "
            + what
            + "; acknowledged is the "
            + Op.text(journal.acknowledged(key), ticks.now())
            + ", begun the "
            + Op.text(journal.intended(key), ticks.now()));
  }

  /** A whole value of the key, but another version than may be. */
  void foundVersion(int key, long version, String where) {
    if (damage != Outside.FORGED) {
      found(Kind.WRONG, key, where + " gave version " + Long.toHexString(version));
    }
  }

  /** The version of a value that must be whole and the key's; -1 where it is not, which is told. */
  long version(int key, byte[] value, String where) {
    Values.Seen seen = Values.seen(value);
    if (seen == null) {
      found(Kind.TORN, key, where + " gave a torn value of " + value.length + " bytes");
      return -1;
    }
    if (seen.key() != key) {
      found(Kind.WRONG, key, where + " gave a value of key " + seen.key());
      return -1;
    }
    return seen.version();
  }

  RemovalListener<Integer, byte[]> listener() {
    return (key, value, cause) -> {
      version(key, value, "the removal listener");
      if (cause == RemovalCause.SIZE && !mayMiss()) {
        found(Kind.LOST, key, "was evicted although live bytes are below nine tenths");
      }
    };
  }

  // ---- after an attach, while nobody changes the cache ----

  /** Checks everything against the journal, in which open questions are settled; counts entries. */
  long check(WarmCache<Integer, byte[]> cache, int epoch) {
    verify(cache);
    lookUpAll(cache, epoch);
    return iterate(cache);
  }

  void verify(WarmCache<Integer, byte[]> cache) {
    Verification verification = cache.verify();
    if (!damaged() && (!verification.isClean() || cache.stats().corruptions() != 0)) {
      findings.add(
          Kind.VERIFY,
          verification + ", " + cache.stats() + " although nothing was damaged from outside");
    }
  }

  void lookUpAll(WarmCache<Integer, byte[]> cache, int epoch) {
    for (int key = 0; key < series.keys(); key++) {
      settle(cache, key, epoch);
    }
  }

  /** A killed process leaves one change of a key undecided: what is found decides it. */
  private void settle(WarmCache<Integer, byte[]> cache, int key, int epoch) {
    byte[] value = PLAIN.of(cache, key);
    long acknowledged = journal.acknowledged(key);
    long intended = journal.intended(key);
    boolean open = intended != acknowledged;
    int now = ticks.now();
    lengths[key] = 0;
    if (value == null) {
      if (Op.isPut(acknowledged) || Op.isPut(intended)) {
        cache.remove(key); // one that has expired counts as live until then
      }
      if (!Op.isVisible(acknowledged, now)) {
        journal.intend(key, acknowledged);
      } else if (open && !Op.isVisible(intended, now)) {
        journal.acknowledge(key, intended);
      } else if (damaged() && !open) {
        // Only this way to it may be damaged: an iteration may find it.
        return;
      } else if (mayMiss()) {
        // It was evicted, and must not come back.
        if (damaged()) {
          cache.remove(key);
        }
        long gone = Op.remove((long) epoch << Worker.EPOCH_SHIFT);
        journal.intend(key, gone);
        journal.acknowledge(key, gone);
      } else {
        found(Kind.LOST, key, "is missing");
      }
      return;
    }
    long version = version(key, value, "a lookup");
    if (version < 0) {
      return;
    }
    if (Op.isVisible(acknowledged, now) && version == Op.version(acknowledged)) {
      journal.intend(key, acknowledged);
    } else if (open && Op.isVisible(intended, now) && version == Op.version(intended)) {
      journal.acknowledge(key, intended);
    } else {
      foundVersion(key, version, "a lookup");
      return;
    }
    lengths[key] = value.length;
  }

  /** Iterates, after {@link #lookUpAll}: the same entries, and as many as the size says. */
  long iterate(WarmCache<Integer, byte[]> cache) {
    boolean[] met = new boolean[series.keys()];
    long entries = 0;
    for (var entry : cache.asMap().entrySet()) {
      int key = entry.getKey();
      entries++;
      if (key < 0 || key >= series.keys()) {
        findings.add(Kind.WRONG, "the iteration met key " + key + ", which was never put");
        continue;
      }
      long version = version(key, entry.getValue(), "the iteration");
      long expected = journal.acknowledged(key);
      if (version >= 0
          && (!Op.isVisible(expected, ticks.now()) || version != Op.version(expected))) {
        foundVersion(key, version, "the iteration");
      }
      if (met[key] && !damaged()) {
        found(Kind.WRONG, key, "the iteration met it twice");
      }
      met[key] = true;
    }
    if (!damaged()) {
      long expired = 0;
      for (int key = 0; key < series.keys(); key++) {
        long op = journal.acknowledged(key);
        expired += Op.isPut(op) && !Op.isVisible(op, ticks.now()) ? 1 : 0;
        if (lengths[key] != 0 && !met[key]) {
          found(Kind.LOST, key, "a lookup found it, the iteration did not meet it");
        }
      }
      long size = cache.size();
      if (size < entries || size > entries + expired) {
        findings.add(
            Kind.SIZE,
            "size() is "
                + size
                + ", the iteration met "
                + entries
                + "; at most "
                + expired
                + " more may have expired");
      }
    }
    return entries;
  }
}
