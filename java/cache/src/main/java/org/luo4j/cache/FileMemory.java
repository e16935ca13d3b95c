/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.luo4j.LuoException;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.OwnedFile;

/**
 * A cache's memory in a file. All of it is allocated when it is made. What is set aside is the file
 * of the same name with {@code .refused}; while two files change places one has {@code .swap}.
 */
final class FileMemory implements CacheMemory {

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  private final long size;
  private final Path file;
  private final Path aside;
  private final Path swap;
  private OwnedFile owned;
  private @Nullable MemoryRegion region;
  private @Nullable String refusal;

  /** Set by the constructor at the latest. */
  @SuppressWarnings("NullAway.Init")
  private Start origin;

  /**
   * Opens or makes the file.
   *
   * @param foreign whether a file of another user is opened too, and one that others may write
   * @throws LuoException.OwnerAlive when another cache has it still
   * @throws NoRoomException when its memory cannot be allocated
   * @throws IOException when it cannot be opened
   */
  FileMemory(Path file, long size, Duration ownerTimeout, boolean foreign) throws IOException {
    this.size = size;
    this.owned = own(file, ownerTimeout, foreign);
    this.file = owned.path();
    this.aside = named(this.file, ".refused");
    this.swap = named(this.file, ".swap");
    boolean done = false;
    try {
      heal();
      find();
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  static Path named(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  /** The file, owned; a cache that has it is named with its process. */
  private static OwnedFile own(Path file, Duration timeout, boolean foreign) throws IOException {
    try {
      return foreign ? OwnedFile.openExisting(file, timeout, true) : OwnedFile.open(file, timeout);
    } catch (LuoException.OwnerAlive e) {
      throw e.ownedBy(CacheHeader.owner(file));
    }
  }

  /** Finishes or undoes what a killed process was at while two files changed places. */
  private void heal() throws IOException {
    if (!Files.exists(swap)) {
      return;
    }
    if (!Files.exists(aside)) {
      Files.move(swap, aside); // the last of three renames was missing
    } else if (owned.size() == 0) {
      undoSwap(); // the first one was made, and the file is new
    } else {
      Files.delete(swap);
    }
  }

  private void undoSwap() throws IOException {
    OwnedFile before = owned;
    OwnedFile swapped = own(swap, Duration.ZERO, false);
    boolean done = false;
    try {
      swapped.moveTo(file);
      owned = swapped;
      done = true;
    } finally {
      (done ? before : swapped).close();
    }
  }

  private void find() throws IOException {
    long found = owned.size();
    if (found == 0) {
      origin = new Start(Start.Kind.COLD, file + " is new");
      boolean mayBeTakenBack = Files.exists(aside) && Files.size(aside) == size;
      if (!mayBeTakenBack) { // takeBack allocates where it was tried in vain
        allocate(false);
      }
    } else if (found == size || found == size - CacheFormat.TRAILER_BYTES) {
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
      if (found < size || (owned.isLockSafe() && !owned.isReserved())) {
        owned.reserve(size); // it was made by a version that did not, or copied without its holes
      }
      region = owned.map();
    } else {
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
      refusal = file + " has " + found + " bytes, a cache of this capacity " + size;
    }
  }

  /** Allocates the empty file's memory; what is set aside makes room where that is enough. */
  private void allocate(boolean hasSetAside) throws IOException {
    try {
      owned.reserve(size);
    } catch (NoRoomException e) {
      boolean done = false;
      try {
        if (!wouldHelp(e) || !discardAside()) {
          throw e;
        }
        LOG.log(
            System.Logger.Level.WARNING,
            aside + ", old memory that was refused, was deleted to make room for " + file);
        owned.reserve(size);
        done = true;
      } finally {
        if (!done) {
          undo(hasSetAside);
        }
      }
    }
    region = owned.map();
  }

  /** Whether there is room without what is set aside. */
  private boolean wouldHelp(NoRoomException e) throws IOException {
    return Files.exists(aside) && e.needed() <= e.available() + Files.size(aside);
  }

  /** Of an open that fails nothing is left, and what was there before it is there again. */
  private void undo(boolean hasSetAside) throws IOException {
    if (hasSetAside && Files.exists(aside)) {
      Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
    } else {
      owned.delete();
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
  public Start origin() {
    return origin;
  }

  @Override
  public @Nullable String refusal() {
    return refusal;
  }

  @Override
  public boolean takeBack(Predicate<MemoryRegion> fits) throws IOException {
    boolean done = Files.exists(aside) && takeAside(fits);
    if (!done && region == null && refusal == null) {
      allocate(false);
    }
    return done;
  }

  private boolean takeAside(Predicate<MemoryRegion> fits) throws IOException {
    OwnedFile other;
    try {
      other = OwnedFile.openExisting(aside, Duration.ZERO, false);
    } catch (LuoException.OwnerAlive | IOException e) {
      return false; // somebody looks at it, or it is not this user's
    }
    MemoryRegion found = null;
    boolean done = false;
    try {
      if (other.size() == size) {
        found = other.map();
        if (fits.test(found)) {
          exchange(other, found);
          done = true;
        }
      }
    } finally {
      if (!done) {
        if (found != null) {
          found.free();
        }
        other.close();
      }
    }
    return done;
  }

  private void exchange(OwnedFile other, MemoryRegion found) throws IOException {
    OwnedFile before = owned;
    boolean isNew = !origin.isWarm();
    if (region != null) {
      region.free();
    }
    region = found;
    owned = other;
    try {
      if (isNew) {
        before.delete();
        other.moveTo(file);
      } else {
        before.moveTo(swap);
        other.moveTo(file);
        before.moveTo(aside);
      }
    } finally {
      before.close();
    }
    refusal = null;
    origin =
        new Start(
            Start.Kind.WARM_AFTER_RESTART, "in " + file + ", which had been set aside as " + aside);
  }

  @Override
  public String setAside() throws IOException {
    boolean dropped = Files.exists(aside);
    OwnedFile before = owned;
    before.moveTo(aside);
    if (region != null) {
      region.free();
      region = null;
    }
    try {
      owned = own(file, Duration.ZERO, false);
    } finally {
      before.close();
    }
    refusal = null;
    allocate(true);
    return Files.exists(aside)
        ? "it is kept as " + aside + (dropped ? ", in place of what was set aside before" : "")
        : "it was deleted, as there was no room for both";
  }

  @Override
  public void replace() throws IOException {
    if (region != null) {
      region.free();
      region = null;
    }
    owned.clear();
    refusal = null;
    allocate(false);
  }

  @Override
  public boolean discardAside() throws IOException {
    return Files.deleteIfExists(aside);
  }

  @Override
  public void close() {
    try {
      if (region != null) {
        region.free();
      }
    } finally {
      owned.close();
    }
  }
}
