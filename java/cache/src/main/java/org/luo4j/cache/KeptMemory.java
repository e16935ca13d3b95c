/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.luo4j.BootClock;
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
  private final long boot = boot();
  private final OpenUndo undo = new OpenUndo();
  private Kept kept;
  private @Nullable Kept aside;
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
      Optional<Kept> found = handover.find(name);
      if (size == AS_KEPT) {
        kept = found.orElseThrow(() -> new IOException(handover.whyNothing(name)));
      } else {
        Optional<Kept> swapped = heal(found.isPresent());
        kept = found.isPresent() ? found.get() : swapped.isPresent() ? swapped.get() : make();
      }
      if (kept.origin() == Kept.Origin.NEW) {
        undo.add(() -> kept.discard());
      }
      find();
    } catch (Throwable e) {
      abandon(e);
      throw e;
    }
  }

  /**
   * Finishes or undoes what a killed process was at while two memories changed places.
   *
   * @param isThere whether there is memory under the name
   * @return what belongs under the name, where there is none
   */
  private Optional<Kept> heal(boolean isThere) {
    aside = handover.find(asideName()).orElse(null);
    Kept swapped = handover.find(swapName()).orElse(null);
    if (swapped == null) {
      return Optional.empty();
    }
    if (aside == null) {
      aside = swapped.rename(asideName()); // the last of three renames was missing
    } else if (!isThere) {
      return Optional.of(swapped.rename(name)); // the first one was made
    } else {
      swapped.discard();
    }
    return Optional.empty();
  }

  private void find() {
    long found = kept.memory().size();
    if (kept.origin() != Kept.Origin.NEW && found == size - CacheFormat.TRAILER_BYTES) {
      grow();
      found = kept.memory().size();
    }
    refusal = null;
    if (size != AS_KEPT && found != size) {
      refusal =
          "what is kept under '"
              + name
              + "' has "
              + found
              + " bytes, a cache of this capacity "
              + size;
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, kept.how());
      return;
    }
    region = kept.memory().map();
    origin = found();
  }

  /** Memory of a version that had no trailer gets one, unless its size is frozen. */
  private void grow() {
    try {
      kept.memory().setSize(size);
      kept.memory().allocate(size - CacheFormat.TRAILER_BYTES, CacheFormat.TRAILER_BYTES);
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

  private Start found() {
    Start.Kind kind =
        switch (kept.origin()) {
          case NEW -> Start.Kind.COLD;
          case KEXEC -> Start.Kind.WARM_AFTER_KEXEC;
          case KEPT -> isOfThisBoot() ? Start.Kind.WARM_AFTER_RESTART : Start.Kind.WARM_AFTER_KEXEC;
        };
    return new Start(kind, kept.how());
  }

  /** Systemd and an agent hand the same memfd back after a restart and after a kexec. */
  private boolean isOfThisBoot() {
    MemoryRegion found = region();
    long last = found.size() < CacheFormat.HEADER_BYTES ? 0 : found.getLong(CacheFormat.BOOT_AT);
    return last == 0 || boot == 0 || last == boot;
  }

  @Override
  public void opened() {
    region().putLong(CacheFormat.BOOT_AT, boot);
  }

  private static long boot() {
    String clock = BootClock.id();
    return clock.isEmpty() ? 0 : Entry.hash(clock.split(" ", 2)[0].getBytes(), 0);
  }

  private String asideName() {
    return name + REFUSED;
  }

  private String swapName() {
    return name + SWAP;
  }

  @Override
  public boolean takeBack(Predicate<MemoryRegion> fits) {
    Kept other = aside;
    if (other == null || other.memory().size() != size) {
      return false;
    }
    MemoryRegion found = other.memory().map();
    boolean good = false;
    try {
      good = fits.test(found);
    } finally {
      if (!good) {
        found.free();
      }
    }
    if (!good) {
      return false;
    }
    boolean isNew = !origin.isWarm();
    closeRegion();
    region = found;
    aside = null;
    if (isNew) {
      kept.discard();
      undo.forget();
      kept = other.rename(name);
      undo.add(() -> kept.rename(asideName()).close());
    } else {
      Kept before = kept.rename(swapName());
      kept = before; // closed with this object, should the next call fail
      undo.add(() -> kept.rename(name).close());
      kept = other.rename(name);
      undo.forget();
      undo.add(() -> exchangeBack(before));
      aside = before.rename(asideName());
    }
    refusal = null;
    origin = found();
    origin =
        new Start(
            origin.kind(), origin.reason() + ", which had been set aside as '" + asideName() + "'");
    return true;
  }

  /** Undoes an exchange of the memory for what was set aside. */
  private void exchangeBack(Kept before) {
    Kept old = aside == null ? before : aside.rename(swapName());
    kept.rename(asideName()).close();
    old.rename(name).close();
  }

  @Override
  public GivenWay setAside() throws IOException {
    boolean dropped = discardAside();
    closeRegion();
    Kept old = kept.rename(asideName());
    aside = old;
    kept = old; // until there is other memory
    undo.add(() -> setBack(old));
    makeNew();
    boolean isKept = aside != null;
    return new GivenWay(
        isKept,
        (isKept
                ? "it is kept as '" + asideName() + "'"
                : "it was given up, as there was no room for both")
            + (dropped ? ", in place of what was set aside before" : ""));
  }

  /** Undoes {@link #setAside}, unless it has dropped the old memory to make room. */
  private void setBack(Kept old) {
    if (kept != old) {
      kept.discard();
    }
    if (aside == old) {
      old.rename(name).close();
    }
  }

  @Override
  public void replace() throws IOException {
    closeRegion();
    kept.discard();
    makeNew();
  }

  private void makeNew() throws IOException {
    kept = make();
    refusal = null;
    region = kept.memory().map();
  }

  /** New memory; what is set aside makes room where there is none. */
  private Kept make() throws IOException {
    try {
      MemFd.checkRoom("'" + name + "'", size);
    } catch (NoRoomException e) {
      if (aside == null || e.available() + aside.memory().allocated() < e.needed()) {
        throw e;
      }
      discardAside();
      LOG.log(
          System.Logger.Level.WARNING,
          "'"
              + asideName()
              + "', old memory that was refused, was given up to make room for '"
              + name
              + "'");
      MemFd.checkRoom("'" + name + "'", size);
    }
    return handover.make(name, options);
  }

  private void closeRegion() {
    if (region != null) {
      region.free();
      region = null;
    }
  }

  @Override
  public boolean discardAside() {
    if (aside == null) {
      return false;
    }
    aside.discard();
    aside = null;
    return true;
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
      if (owns) {
        handover.close();
      }
    }
  }
}
