/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.luo4j.Handover;
import org.luo4j.Kept;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;

/**
 * A memfd that a handover's holder keeps for the service's next process. The handover sees to its
 * one owner.
 */
final class KeptMemory implements CacheMemory {

  /** For a size: that of the memory that is kept, of which there must be some. */
  static final long AS_KEPT = -1;

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  private final Handover handover;

  /** Whether the handover is closed with this. */
  private final boolean owns;

  private final String name;
  private final long size;
  private final MemFdOptions options;
  private final long boot = CacheMemory.boot();
  private final OpenUndo undo = new OpenUndo();

  /** Null where what is set aside may fit, and was not looked at: {@link #takeBack} does that. */
  private @Nullable Kept kept;

  private @Nullable Kept aside;

  /**
   * While two memories change places, and what a killed process left then, as long as others have
   * the place where it belongs.
   */
  private @Nullable Kept swapped;

  /**
   * By name, why memory beside the cache's cannot be had: others have it, or a limit is reached.
   */
  private final Map<String, String> whyNotMine = new HashMap<>();

  private @Nullable MemoryRegion region;
  private @Nullable String refusal;

  /** Set by the constructor at the latest. */
  @SuppressWarnings("NullAway.Init")
  private Start origin;

  /**
   * Takes over what is kept under the name, or makes it.
   *
   * @throws IOException when none is kept for {@link #AS_KEPT}, or there is no room
   */
  KeptMemory(Handover handover, boolean owns, String name, long size) throws IOException {
    this.handover = handover;
    this.owns = owns;
    this.name = name;
    this.size = size;
    this.options = MemFdOptions.named(name).size(Math.max(size, 0)).hugeFolios();
    try {
      kept = handover.find(name).orElse(null);
      if (size == AS_KEPT) {
        if (kept == null) {
          throw new IOException(handover.whyNothing(name));
        }
      } else {
        heal();
      }
      find();
    } catch (Throwable e) {
      abandon(e);
      throw e;
    }
  }

  /** Finishes or undoes what a killed process was at while two memories changed places. */
  private void heal() {
    aside = findSide(asideName());
    swapped = findSide(swapName());
    if (swapped == null) {
      return;
    }
    boolean isAsideFree = aside == null && !whyNotMine.containsKey(asideName());
    if (isAsideFree) {
      aside = swapped.rename(asideName()); // the last of three renames was missing
    } else if (kept == null) {
      kept = swapped.rename(name); // the first one was made
    } else if (aside != null) {
      swapped.discard();
    } else {
      return; // until its place is free
    }
    swapped = null;
  }

  /** Memory beside the cache's; null where there is none, or it cannot be had. */
  private @Nullable Kept findSide(String side) {
    try {
      return handover.find(side).orElse(null);
    } catch (LuoException.OwnerAlive | LuoException.AgentRefused e) {
      whyNotMine.put(side, "'" + side + "' cannot be had: " + e.getMessage());
      LOG.log(
          System.Logger.Level.WARNING,
          whyNotMine.get(side)
              + ". It stays as it is, and the cache '"
              + name
              + "' starts without it; until it can be had, old memory cannot be "
              + (side.equals(asideName()) ? "set aside, nor " : "")
              + "taken back");
      return null;
    }
  }

  private void find() throws IOException {
    String cutOff = null;
    if (kept != null && inOther(kept.memory(), KeptMemory::isBeingMade, false)) {
      kept.discard(); // a killed process made it, of another size
      kept = null;
      cutOff = CacheFormat.CUT_OFF;
    }
    if (kept == null) {
      origin = new Start(Start.Kind.COLD, cutOff == null ? handover.whyNothing(name) : cutOff);
      boolean mayBeTakenBack = aside != null && aside.memory().size() == size;
      if (!mayBeTakenBack) { // takeBack makes it where it was tried in vain
        makeRoom(0);
        makeNew();
      }
      return;
    }
    long found = kept.memory().size();
    if (found == size - CacheFormat.TRAILER_BYTES) {
      grow(kept.memory());
      found = kept.memory().size();
    }
    if (size != AS_KEPT && found != size) {
      refusal =
          "what is kept under '"
              + name
              + "' has "
              + found
              + " bytes, a cache of this capacity "
              + size
              + inOther(kept.memory(), CacheFormat::madeWith, "");
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, kept.how());
      return;
    }
    MemoryRegion mapped = kept.memory().map();
    region = mapped;
    origin = origin(kept, mapped);
  }

  /** Of zeros, too, a cache's file is unmade; at a holder they may be another program's. */
  private static boolean isBeingMade(MemoryRegion memory) {
    return memory.getLong(CacheFormat.MAGIC_AT) == CacheFormat.BEING_MADE;
  }

  /** What a function finds in memory of another size; where it cannot be mapped, {@code none}. */
  private <T> T inOther(MemFd memory, Function<MemoryRegion, T> function, T none) {
    long found = memory.size();
    if (size == AS_KEPT || found == size || found < CacheFormat.HEADER_BYTES) {
      return none;
    }
    MemoryRegion mapped;
    try {
      mapped = memory.map();
    } catch (LuoException e) {
      return none; // too large for this process, perhaps: it is refused by its size
    }
    try {
      return function.apply(mapped);
    } finally {
      mapped.free();
    }
  }

  @Override
  public boolean oldIs(Predicate<MemoryRegion> test, boolean unknown) {
    if (region != null || kept == null) {
      return region != null && test.test(region);
    }
    return kept.memory().size() >= CacheFormat.HEADER_BYTES
        && inOther(kept.memory(), test::test, unknown);
  }

  /** Memory of a version that had no trailer gets one, unless its size is frozen. */
  private void grow(MemFd memory) {
    try {
      memory.setSize(size);
      memory.allocate(size - CacheFormat.TRAILER_BYTES, CacheFormat.TRAILER_BYTES);
    } catch (LuoException.Frozen e) {
      LOG.log(System.Logger.Level.WARNING, "memory of an earlier version: " + e.getMessage());
    }
  }

  @Override
  public MemoryRegion region() {
    if (region == null) {
      throw new IllegalStateException(refusal);
    }
    return region;
  }

  @Override
  public @Nullable String refusal() {
    return refusal;
  }

  @Override
  public Start origin() {
    return origin;
  }

  private Start origin(Kept from, MemoryRegion found) {
    Start.Kind kind =
        switch (from.origin()) {
          case NEW -> Start.Kind.COLD;
          case KEXEC -> Start.Kind.WARM_AFTER_KEXEC;
          case KEPT -> // the same memfd after a restart and after a kexec
              CacheMemory.isOfBoot(boot, found)
                  ? Start.Kind.WARM_AFTER_RESTART
                  : Start.Kind.WARM_AFTER_KEXEC;
        };
    return new Start(kind, from.how());
  }

  @Override
  public void opened() {
    region().putLong(CacheFormat.BOOT_AT, boot);
  }

  private String asideName() {
    return name + REFUSED;
  }

  private String swapName() {
    return name + SWAP;
  }

  @Override
  public boolean takeBack(Predicate<MemoryRegion> fits) throws IOException {
    boolean done = aside != null && aside.memory().size() == size && takeAside(aside, fits);
    if (!done && kept == null) {
      makeRoom(0);
      makeNew();
    }
    return done;
  }

  private boolean takeAside(Kept other, Predicate<MemoryRegion> fits) throws IOException {
    MemoryRegion found = other.memory().map();
    boolean done = false;
    try {
      if (fits.test(found) && mayExchange()) {
        exchange(other, found);
        done = true;
      }
    } finally {
      if (!done) {
        found.free();
      }
    }
    return done;
  }

  private boolean hasOld() {
    return kept != null && origin.isWarm();
  }

  private boolean mayExchange() {
    boolean may = !hasOld() || !whyNotMine.containsKey(swapName());
    if (!may) {
      LOG.log(
          System.Logger.Level.WARNING,
          "'" + asideName() + "' fits, and cannot be taken back: " + whyNotMine.get(swapName()));
    }
    return may;
  }

  /** When that fails all is as before. */
  private void exchange(Kept other, MemoryRegion found) throws IOException {
    Kept before = kept;
    undo.step(() -> changePlaces(before, other), () -> changeBack(before));
    closeRegion();
    region = found;
    refusal = null;
    Start back = origin(Objects.requireNonNull(kept, "kept"), found);
    origin =
        new Start(
            back.kind(), back.reason() + ", which had been set aside as '" + asideName() + "'");
  }

  private void changePlaces(@Nullable Kept before, Kept other) {
    if (before != null && hasOld()) {
      swapped = before.rename(swapName());
    } else if (before != null) {
      giveUp(before); // it is new
    }
    kept = null;
    kept = other.rename(name);
    aside = null;
    if (swapped != null) {
      aside = swapped.rename(asideName());
      swapped = null;
    }
  }

  /** Undoes an exchange. New memory that was given up does not come back. */
  private void changeBack(@Nullable Kept before) {
    if (kept == before) {
      return; // nothing was changed
    }
    if (kept != null && aside != null) {
      swapped = aside.rename(swapName());
      aside = null;
    }
    if (kept != null) {
      aside = kept.rename(asideName());
      kept = null;
    }
    if (swapped != null) {
      kept = swapped.rename(name);
      swapped = null;
    }
  }

  @Override
  public GivenWay setAside() throws IOException {
    String reason = whyNotMine.get(asideName());
    if (reason == null) {
      try {
        return new GivenWay(true, keep());
      } catch (NoRoomException e) {
        if (kept == null) {
          throw e; // it could not be put back
        }
        reason = "there was no room for both: " + e.getMessage();
      }
    }
    replace();
    return new GivenWay(false, "it was given up, as " + reason);
  }

  /** Sets the memory aside. When that fails it is under its name as before. */
  private String keep() throws IOException {
    boolean dropped = aside != null;
    MemFd.checkRoom(what(), size, aside == null ? 0 : aside.memory().allocated());
    giveUpAside(); // only now: nothing is given up for memory that has no room
    closeRegion();
    Kept before = Objects.requireNonNull(kept, "kept");
    undo.step(() -> makeBeside(before), this::putBack);
    refusal = null;
    return "it is kept as '"
        + asideName()
        + "'"
        + (dropped ? ", in place of what was set aside before" : "");
  }

  private void makeBeside(Kept before) throws IOException {
    aside = before.rename(asideName());
    kept = null;
    makeNew();
  }

  /** Undoes {@link #keep}, when the new memory is gone. */
  private void putBack() {
    if (kept == null && aside != null) {
      kept = aside.rename(name);
      aside = null;
    }
  }

  @Override
  public void replace() throws IOException {
    Kept before = Objects.requireNonNull(kept, "kept");
    makeRoom(before.memory().allocated());
    closeRegion();
    giveUp(before);
    kept = null;
    makeNew();
    refusal = null;
  }

  /**
   * Gives up what is set aside where there is room with that and not without.
   *
   * @param freed what the caller gives up before it makes new memory
   * @throws NoRoomException when there is no room even so: nothing was given up
   */
  private void makeRoom(long freed) throws NoRoomException {
    try {
      MemFd.checkRoom(what(), size, freed);
    } catch (NoRoomException e) {
      if (aside == null) {
        throw e;
      }
      MemFd.checkRoom(what(), size, freed + aside.memory().allocated());
      giveUpAside();
      LOG.log(
          System.Logger.Level.WARNING,
          "'"
              + asideName()
              + "', old memory that was refused, was given up to make room for "
              + what()
              + ", as without that "
              + e.getMessage());
    }
  }

  private String what() {
    return "'" + name + "'";
  }

  /** Makes new memory, where nothing is kept under the name. */
  private void makeNew() throws IOException {
    MemFd.checkRoom(what(), size); // a holder may take its time to free what was given up
    undo.step(
        () -> {
          Kept made = handover.make(name, options);
          kept = made;
          region = made.memory().map();
        },
        this::unmake);
  }

  private void unmake() {
    if (kept != null && kept.origin() == Kept.Origin.NEW) {
      kept.discard();
      kept = null;
    }
  }

  /** Gives memory up, and frees it at once: a holder, or another fd of it, may take its time. */
  private static void giveUp(Kept old) {
    try (MemFd same = old.memory().duplicate()) {
      old.discard();
      same.setSize(0);
    } catch (LuoException.Frozen e) {
      LOG.log(
          System.Logger.Level.DEBUG,
          "what is given up is free when its session has ended: " + e.getMessage());
    }
  }

  private void closeRegion() {
    if (region != null) {
      region.free();
      region = null;
    }
  }

  private boolean giveUpAside() {
    if (aside == null) {
      return false;
    }
    giveUp(aside);
    aside = null;
    return true;
  }

  @Override
  public boolean discardAside() throws IOException {
    String reason = whyNotMine.get(asideName());
    if (reason != null) {
      throw new IOException(reason + ". Open the cache again when it can be had");
    }
    return giveUpAside();
  }

  @Override
  public void abandon(Throwable failure) {
    OpenUndo.run(failure, this::closeRegion);
    undo.run(failure);
    OpenUndo.run(failure, this::close);
  }

  @Override
  public void close() {
    // Of a constructor that fails some are null.
    try {
      closeRegion();
    } finally {
      if (kept != null) {
        kept.close();
      }
      if (aside != null) {
        aside.close();
      }
      if (swapped != null) {
        swapped.close();
      }
      if (owns) {
        handover.close();
      }
    }
  }
}
