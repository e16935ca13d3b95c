/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.luo4j.cache.WarmCache;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * A thread that changes the keys that are its own, each change written to the journal before and
 * after, and looks at everybody's.
 */
final class Worker implements Callable<Void> {

  /** Versions of a process begin at its epoch, which no other process has. */
  static final int EPOCH_SHIFT = 24;

  /** One call of so many looks at many entries. */
  private static final int RARE = 500;

  private static final int MOST_AROUND = 100;

  private final WarmCache<Integer, byte[]> cache;
  private final Contest contest;
  private final Series series;
  private final Journal journal;
  private final int thread;
  private final SplittableRandom random;
  private final BooleanSupplier goOn;
  private final Predicate<Throwable> ends;
  private long version;
  private long live;
  private long calls;

  Worker(
      WarmCache<Integer, byte[]> cache,
      Contest contest,
      int thread,
      int epoch,
      long seed,
      BooleanSupplier goOn) {
    this(cache, contest, thread, epoch, seed, goOn, thrown -> false);
  }

  /**
   * As the other, of a cache that is taken away.
   *
   * @param ends what a call may throw then, which ends the work. The journal has it as begun
   */
  Worker(
      WarmCache<Integer, byte[]> cache,
      Contest contest,
      int thread,
      int epoch,
      long seed,
      BooleanSupplier goOn,
      Predicate<Throwable> ends) {
    this.cache = cache;
    this.contest = contest;
    this.series = contest.series();
    this.journal = contest.journal();
    this.thread = thread;
    this.version = (long) epoch << EPOCH_SHIFT;
    this.random = new SplittableRandom(seed * 31 + thread);
    this.goOn = goOn;
    this.ends = ends;
    for (int key = thread; key < series.keys(); key += series.threads()) {
      live += charge(contest.lengths()[key]);
    }
  }

  /** Works until it is told to stop, or something is found. */
  @Override
  public Void call() {
    try {
      while (goOn.getAsBoolean() && contest.findings().isEmpty()) {
        step();
        calls++;
      }
    } catch (Throwable e) {
      if (!ends.test(e)) {
        contest.findings().add(Kind.EXCEPTION, Texts.of(e));
      }
    }
    return null;
  }

  long calls() {
    return calls;
  }

  private long charge(int length) {
    return length == 0 ? 0 : series.charge(length);
  }

  private void step() {
    int key = thread + series.threads() * random.nextInt(ownKeys());
    int length = series.length(random);
    boolean fits =
        !series.within()
            || live - charge(contest.lengths()[key]) + charge(length) <= series.share();
    if (random.nextInt(RARE) == 0) {
      lookAround(random.nextBoolean());
      return;
    }
    int what = random.nextInt(100);
    if (what < 25) {
      lookUpOthers();
    } else if (what < 35) {
      lookUpOwn(key);
    } else if (what < 42) {
      remove(key);
    } else if (what < 45) {
      removeValue(key);
    } else if (!fits) {
      // Live bytes are at their limit: another one has to go.
      remove(key);
    } else if (what < 55) {
      putIfAbsent(key, length);
    } else if (what < 62) {
      replace(key, length);
    } else if (what < 69) {
      replaceValue(key, length);
    } else if (what < 73) {
      compute(key, length);
    } else if (what < 80 && series.expiring()) {
      putWithAge(key, length);
    } else {
      put(key, length);
    }
  }

  private int ownKeys() {
    return (series.keys() - thread + series.threads() - 1) / series.threads();
  }

  // ---- what the journal says, and what came of a call ----

  private long begin(int key, long op) {
    journal.intend(key, op);
    return op;
  }

  private void done(int key, long op, int length) {
    journal.acknowledge(key, op);
    int[] lengths = contest.lengths();
    live += charge(length) - charge(lengths[key]);
    lengths[key] = length;
  }

  /** The call changed nothing. */
  private void undone(int key) {
    journal.intend(key, journal.acknowledged(key));
  }

  /** A call of the key's owner found nothing, {@code op} is what was acknowledged. */
  private void absent(int key, long op, String where) {
    if (!Op.isVisible(op, contest.ticks().now()) || contest.damaged()) {
      undone(key);
    } else if (contest.mayMiss()) {
      // It was evicted, and must not come back.
      done(key, begin(key, Op.remove(++version)), 0);
    } else {
      contest.found(Kind.LOST, key, where + " found nothing");
    }
  }

  /** A call of the key's owner found this: it must be what {@code op} left. */
  private void present(int key, long op, byte[] value, int tickBefore, String where) {
    long seen = contest.version(key, value, where);
    if (seen >= 0 && (!Op.isVisible(op, tickBefore) || seen != Op.version(op))) {
      contest.foundVersion(key, seen, where);
    }
  }

  private byte[] oldValue(int key, long op) {
    return Values.of(key, Op.version(op), Math.max(Values.SMALLEST, contest.lengths()[key]));
  }

  // ---- the calls ----

  private void put(int key, int length) {
    long op = begin(key, Op.put(++version, 0));
    cache.put(key, Values.of(key, version, length));
    done(key, op, length);
  }

  private void putWithAge(int key, int length) {
    Lock standing = contest.ticks().standing();
    standing.lock();
    try {
      int age = 1 + random.nextInt(6);
      long op = begin(key, Op.put(++version, contest.ticks().now() + age));
      cache.put(key, Values.of(key, version, length), Series.age(age));
      done(key, op, length);
    } finally {
      standing.unlock();
    }
  }

  private void putIfAbsent(int key, int length) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    long op = begin(key, Op.put(++version, 0));
    byte[] present = cache.putIfAbsent(key, Values.of(key, version, length));
    if (present != null) {
      present(key, old, present, tick, "putIfAbsent");
      undone(key);
      return;
    }
    if (Op.isVisible(old, contest.ticks().now()) && !contest.mayMiss()) {
      contest.found(Kind.LOST, key, "putIfAbsent found nothing");
    }
    done(key, op, length);
  }

  private void replace(int key, int length) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    long op = begin(key, Op.put(++version, 0));
    byte[] present = cache.replace(key, Values.of(key, version, length));
    if (present == null) {
      absent(key, old, "replace");
    } else {
      present(key, old, present, tick, "replace");
      done(key, op, length);
    }
  }

  private void replaceValue(int key, int length) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    byte[] value = oldValue(key, old);
    long op = begin(key, Op.put(++version, 0));
    if (!cache.replace(key, value, Values.of(key, version, length))) {
      absent(key, old, "replace of a value");
    } else {
      present(key, old, value, tick, "replace of a value");
      done(key, op, length);
    }
  }

  private void compute(int key, int length) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    long op = begin(key, Op.put(++version, 0));
    byte[] value = Values.of(key, version, length);
    byte[][] given = new byte[1][];
    cache
        .asMap()
        .compute(
            key,
            (same, present) -> {
              given[0] = present;
              return value;
            });
    if (given[0] != null) {
      present(key, old, given[0], tick, "compute");
    } else if (mustBeThere(old)) {
      contest.found(Kind.LOST, key, "compute was given nothing");
    }
    done(key, op, length);
  }

  private void remove(int key) {
    long old = journal.acknowledged(key);
    long op = begin(key, Op.remove(++version));
    boolean removed = cache.remove(key);
    if (removed ? !Op.isPut(old) && !contest.damaged() : mustBeThere(old)) {
      contest.found(
          removed ? Kind.WRONG : Kind.LOST, key, "remove says that it was there: " + removed);
    }
    done(key, op, 0);
  }

  private void removeValue(int key) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    byte[] value = oldValue(key, old);
    long op = begin(key, Op.remove(++version));
    if (cache.remove(key, value)) {
      present(key, old, value, tick, "remove of a value");
      done(key, op, 0);
    } else {
      absent(key, old, "remove of a value");
    }
  }

  private boolean mustBeThere(long op) {
    return Op.isVisible(op, contest.ticks().now()) && !contest.mayMiss();
  }

  private Contest.Lookup lookup() {
    return random.nextBoolean() ? Contest.PLAIN : Contest.IN_PLACE;
  }

  private void lookUpOwn(int key) {
    long old = journal.acknowledged(key);
    int tick = contest.ticks().now();
    byte[] value = lookup().of(cache, key);
    if (value == null) {
      absent(key, old, "a lookup");
    } else {
      present(key, old, value, tick, "a lookup");
    }
  }

  /** Some of what an iteration or a visitor meets: whole, and nothing that was not put yet. */
  private void lookAround(boolean visit) {
    if (visit) {
      int[] left = {MOST_AROUND};
      try {
        cache.visit(
            (key, value, expires) -> {
              met(key, value, "a visitor");
              if (--left[0] == 0) {
                throw new Enough();
              }
            },
            (done, total) -> {});
      } catch (Enough e) {
        // the rest is as good
      }
      return;
    }
    int left = MOST_AROUND;
    for (var entry : cache.asMap().entrySet()) {
      met(entry.getKey(), entry.getValue(), "an iteration by a worker");
      if (--left == 0) {
        break;
      }
    }
  }

  private void met(int key, byte[] value, String where) {
    if (key < 0 || key >= series.keys()) {
      contest.findings().add(Kind.WRONG, where + " met key " + key + ", which was never put");
      return;
    }
    long seen = contest.version(key, value, where);
    if (seen > Op.version(journal.intended(key))) {
      contest.foundVersion(key, seen, where);
    }
  }

  /** Ends a visit. */
  private static final class Enough extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Enough() {
      super(null, null, false, false);
    }
  }

  /** A lookup while the key's owner changes it: not older than what was acknowledged before. */
  private void lookUpOthers() {
    int key = random.nextInt(series.keys());
    long before = journal.acknowledged(key);
    int tick = contest.ticks().now();
    byte[] value = lookup().of(cache, key);
    long after = journal.intended(key);
    if (value == null) {
      if (after == before && mustBeThere(before)) {
        contest.found(Kind.LOST, key, "a lookup by another thread found nothing");
      }
      return;
    }
    long seen = contest.version(key, value, "a lookup by another thread");
    if (seen < 0) {
      return;
    }
    boolean same = seen == Op.version(before);
    if (seen < Op.version(before)
        || same && !Op.isVisible(before, tick)
        || seen > Op.version(after)) {
      contest.foundVersion(
          key,
          seen,
          "a lookup by another thread, when the "
              + Op.text(before, tick)
              + " was acknowledged before it,");
    }
  }
}
