/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * Opens a cache in its memory: decides whether what is there can be used, sets it aside if not,
 * takes back what was set aside if that fits, makes an empty cache, or finishes what a killed
 * process was at.
 */
final class Opening {

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  private final CacheFormat.Layout layout;
  private final CodecNames codecs;
  private final @Nullable Long created;
  private final @Nullable OpeningClock clock;
  private final Function<MemoryRegion, Memory> memories;

  /** Made of the region that {@link #refuse} looked at last. */
  private @Nullable Writer looked;

  /** A cache's inside, and how it came up. */
  record Opened(Writer writer, Start start) {}

  /**
   * @param created when a cache that is made was made, in ms since 1970; null for now
   * @param clock the cache's own, or null
   * @param memories how the cache gets at its region
   */
  Opening(
      CacheFormat.Layout layout,
      CodecNames codecs,
      @Nullable Long created,
      @Nullable LongSupplier clock,
      Function<MemoryRegion, Memory> memories) {
    this.layout = layout;
    this.codecs = codecs;
    this.created = created;
    this.clock = clock == null ? null : new OpeningClock(clock);
    this.memories = memories;
  }

  /**
   * Opens the cache.
   *
   * @throws IOException for {@link OnRefusal#FAIL}, when what is there cannot be used; when there
   *     is no room
   */
  Opened open(CacheMemory memory, OnRefusal onRefusal) throws IOException {
    long now = clock == null ? System.currentTimeMillis() : clock.read();
    Start found = memory.origin();
    String refused = memory.refusal();
    boolean isZero = !found.isWarm();
    Writer writer;
    if (found.isWarm() && refused == null) {
      if (CacheFormat.isUnmade(memory.region())) {
        found = new Start(Start.Kind.COLD, CacheFormat.CUT_OFF);
      } else {
        refused = refuse(memory, memory.region());
      }
    }
    boolean isOther = refused != null && memory.oldIs(this::isOther, true);
    if (memory.refusal() != null
        && memory.oldIs(
            region -> isOther(region) && !CacheFormat.madeWith(region).isEmpty(), false)) {
      refused += "; now they are " + layout.capacity() + " and " + layout.averageEntry();
    }
    if (refused != null && onRefusal == OnRefusal.FAIL) {
      throw new IOException(
          refused
              + ". Open it "
              + (isOther ? "as it was made, or " : "")
              + "with onRefusal(KEEP), which sets it aside, or onRefusal(REPLACE), which writes"
              + " over it");
    }
    if ((refused != null || !found.isWarm())
        && memory.takeBack(region -> refuse(memory, region) == null)) {
      found = memory.origin();
      if (refused != null) {
        found = new Start(found.kind(), found.reason() + ", as " + refused);
      }
      LOG.log(
          System.Logger.Level.WARNING,
          "a cache was taken back: "
              + found.reason()
              + ". Its values are those of when it was set aside: where they are too old call"
              + " invalidateAll");
    } else if (refused != null) {
      boolean isCache = memory.oldIs(CacheFormat::isMarked, true);
      CacheMemory.GivenWay old = giveWay(memory, onRefusal);
      found = new Start(Start.Kind.COLD, refused + "; " + old.where());
      isZero = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "a cache starts cold: "
              + found.reason()
              + (old.isKept()
                  ? ". "
                      + nextTime(isOther, isCache)
                      + "; to free what is set aside call discardRefused, or use luo cache refused"
                      + " --drop"
                  : ""));
    }
    memory.reserve();
    boolean closed = false;
    if (found.isWarm()) {
      writer = Objects.requireNonNull(looked, "looked at");
      closed = memory.region().getLong(CacheFormat.STATE_AT) == CacheFormat.CLOSED;
    } else {
      long seed = new SecureRandom().nextLong();
      CacheFormat.create(
          memory.region(), layout, isZero, seed, created == null ? now : created, codecs);
      writer = writer(memory.region(), false);
    }
    begin(writer, memory.region(), found.isWarm());
    memory.opened();
    writer.reader().memory.checkSound();
    if (clock != null) {
      clock.goOn();
    }
    return new Opened(
        writer,
        !closed && found.kind() == Start.Kind.WARM_AFTER_RESTART
            ? new Start(Start.Kind.WARM_AFTER_CRASH, found.reason())
            : found);
  }

  private static CacheMemory.GivenWay giveWay(CacheMemory memory, OnRefusal onRefusal)
      throws IOException {
    boolean isEmpty = memory.oldIs(CacheFormat::isEmpty, false);
    if (onRefusal == OnRefusal.KEEP && !isEmpty) {
      return memory.setAside();
    }
    memory.replace(); // what is set aside stays: an empty cache must not take its place
    return new CacheMemory.GivenWay(
        false, isEmpty ? "it had no entry, and was written over" : "it was written over");
  }

  private static String nextTime(boolean isOther, boolean isCache) {
    if (isOther) {
      return "To be warm next time open it as before";
    }
    return isCache
        ? "It is of no more use"
        : "It is no cache: if anybody needs it, give the cache another name, and it its own back";
  }

  /** Whether the memory is a whole cache, which other settings or versions can open. */
  private boolean isOther(MemoryRegion region) {
    return CacheFormat.refuse(region, layout, codecs) != null && CacheFormat.isWhole(region);
  }

  /** Null, or why a region of the right size does not hold this cache. Writes nothing. */
  private @Nullable String refuse(CacheMemory memory, MemoryRegion region) {
    String refused = CacheFormat.refuse(region, layout, codecs);
    if (refused == null) {
      refused = memory.refuse(region);
    }
    if (refused == null) {
      looked = writer(region, true);
      refused = looked.damage();
    }
    return refused;
  }

  /**
   * A cache's own clock, which stands still while the cache is opened: it is asked before the
   * memory is changed, and what it throws leaves that as it was.
   */
  private static final class OpeningClock implements LongSupplier {
    private final LongSupplier clock;
    private volatile boolean stands = true;
    private long time;

    OpeningClock(LongSupplier clock) {
      this.clock = clock;
    }

    long read() {
      time = clock.getAsLong();
      return time;
    }

    void goOn() {
      stands = false;
    }

    @Override
    public long getAsLong() {
      return stands ? time : clock.getAsLong();
    }
  }

  private Writer writer(MemoryRegion region, boolean isOld) {
    Memory memory = memories.apply(region);
    return new Writer(new Reader(memory, layout, new CacheClock(memory, clock), isOld), layout);
  }

  private void begin(Writer writer, MemoryRegion region, boolean warm) {
    Reader reader = writer.reader();
    reader.countOpening();
    region.putLongVolatile(CacheFormat.STATE_AT, CacheFormat.OPEN);
    region.putLong(CacheFormat.OWNER_AT, ProcessHandle.current().pid());
    region.putLong(CacheFormat.OWNER_NAMESPACE_AT, PidNamespace.id());
    region.putLong(CacheFormat.markAt(region.size()), CacheFormat.MARK);
    if (warm) {
      codecs.complete(region);
      writer.recover(); // what was closed in order may have found damage, and wants to be counted
    }
    CacheClock clock = reader.clock;
    if (warm && (clock.hasJumped() || clock.wantsNewBase())) {
      if (writer.dropExpired(clock.hasJumped())) {
        clock.newBase();
      }
    } else if (!warm) {
      clock.newBase();
    }
    clock.store();
  }
}
