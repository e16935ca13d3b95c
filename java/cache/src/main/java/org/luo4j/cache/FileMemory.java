/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
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

  /** Of a file's name, in bytes: NAME_MAX (limits.h). */
  private static final int MAX_NAME = 255;

  private final long size;
  private final Path file;
  private final Path aside;
  private final Path swap;
  private final OpenUndo undo = new OpenUndo();
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
    boolean isThere = Files.exists(file);
    this.owned = own(file, ownerTimeout, foreign);
    this.file = owned.path();
    this.aside = named(this.file, REFUSED);
    this.swap = named(this.file, SWAP);
    undo.add(() -> unmake(isThere));
    try {
      heal();
      find();
    } catch (Throwable e) {
      abandon(e);
      throw e;
    }
  }

  /** Leaves of a file that had nothing in it what there was: no file, or an empty one. */
  private void unmake(boolean wasThere) throws IOException {
    if (origin == null ? owned.size() != 0 : origin.isWarm()) {
      return; // there was something in it
    }
    if (wasThere) {
      owned.clear();
    } else {
      owned.delete();
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
      throw CacheHeader.named(e, file);
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
        allocate();
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

  /** Allocates the empty file's memory. */
  private void allocate() throws IOException {
    makeRoom(0);
    owned.reserve(size);
    region = owned.map();
  }

  /**
   * Deletes what is set aside where there is room with that and not without.
   *
   * @param freed what the caller gives back before it allocates
   * @throws NoRoomException when there is no room even so: nothing was deleted
   */
  private void makeRoom(long freed) throws IOException {
    try {
      owned.checkRoom(size, freed);
    } catch (NoRoomException e) {
      OwnedFile other = ownAside();
      if (other == null) {
        throw e;
      }
      try {
        owned.checkRoom(size, freed + other.allocated());
        discard(other);
      } finally {
        other.close();
      }
      LOG.log(
          System.Logger.Level.WARNING,
          aside + ", old memory that was refused, was deleted to make room for " + file);
    }
  }

  /** What is set aside; null where somebody looks at it, or it is not this user's. */
  private @Nullable OwnedFile openAside() {
    try {
      return OwnedFile.openExisting(aside, Duration.ZERO, false);
    } catch (LuoException.OwnerAlive | IOException e) {
      return null;
    }
  }

  /** As {@link #openAside}; null also where it has another name. */
  private @Nullable OwnedFile ownAside() throws IOException {
    OwnedFile other = Files.isRegularFile(aside, LinkOption.NOFOLLOW_LINKS) ? openAside() : null;
    if (other == null) {
      return null;
    }
    boolean isOnlyName = false;
    try {
      isOnlyName = other.path().equals(aside) && links(aside) == 1;
    } finally {
      if (!isOnlyName) {
        other.close();
      }
    }
    return isOnlyName ? other : null;
  }

  private static int links(Path path) throws IOException {
    boolean known = path.getFileSystem().supportedFileAttributeViews().contains("unix");
    return known ? (Integer) Files.getAttribute(path, "unix:nlink") : 1;
  }

  /** Deletes a file. It is emptied first: a mapping of this process could hold its memory. */
  private static void discard(OwnedFile file) throws IOException {
    file.clear();
    file.delete();
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
      allocate();
    }
    return done;
  }

  private boolean takeAside(Predicate<MemoryRegion> fits) throws IOException {
    OwnedFile other = openAside();
    if (other == null) {
      return false;
    }
    MemoryRegion found = null;
    boolean done = false;
    try {
      if (other.size() == size) {
        found = other.map();
        done = fits.test(found) && exchange(other, found);
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

  /** Whether the file system does it: else all is as before. */
  private boolean exchange(OwnedFile other, MemoryRegion found) throws IOException {
    OwnedFile before = owned;
    boolean isNew = !origin.isWarm();
    try {
      changePlaces(before, other, isNew);
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          aside + " fits, and cannot be taken back: " + e + "; " + remedy());
      return false;
    }
    closeRegion();
    region = found;
    owned = other;
    undo.forget(); // the new file has no name any more
    undo.add(() -> exchangeBack(isNew));
    try {
      if (isNew) {
        before.clear(); // it has no name any more
      } else {
        before.moveTo(aside);
      }
    } finally {
      before.close();
    }
    refusal = null;
    origin =
        new Start(
            Start.Kind.WARM_AFTER_RESTART, "in " + file + ", which had been set aside as " + aside);
    return true;
  }

  /** Undoes {@link #exchange}, also where its last rename was missing. */
  private void exchangeBack(boolean isNew) throws IOException {
    if (!isNew && !Files.exists(swap)) {
      Files.move(aside, swap, StandardCopyOption.ATOMIC_MOVE);
    }
    owned.moveTo(aside);
    if (!isNew) {
      Files.move(swap, file, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private void changePlaces(OwnedFile before, OwnedFile other, boolean isNew) throws IOException {
    if (!isNew) {
      before.moveTo(swap);
    }
    boolean done = false;
    try {
      other.moveTo(file);
      done = true;
    } finally {
      if (!done && !isNew) {
        before.moveTo(file);
      }
    }
  }

  /** What to do where files cannot change their names. */
  private String remedy() throws IOException {
    if (aside.getFileName().toString().getBytes(StandardCharsets.UTF_8).length > MAX_NAME) {
      return "give the cache's file a shorter name: that of what is set aside is too long";
    }
    boolean isThere = Files.exists(aside, LinkOption.NOFOLLOW_LINKS);
    if (isThere && !Files.isRegularFile(aside, LinkOption.NOFOLLOW_LINKS)) {
      return "remove " + aside;
    }
    return "give this process's user the right to rename files in "
        + aside.getParent()
        + (isThere ? ", and remove " + aside + " where it belongs to another user" : "");
  }

  @Override
  public GivenWay setAside() throws IOException {
    IOException reason;
    try {
      return new GivenWay(true, keep());
    } catch (IOException e) {
      reason = e;
    }
    replace();
    return new GivenWay(
        false,
        reason instanceof NoRoomException
            ? "it was deleted, as there was no room for both"
            : "it was written over, as it could not be set aside: " + reason + "; " + remedy());
  }

  /** Sets the memory aside. When that fails all is as before. */
  private String keep() throws IOException {
    boolean dropped = Files.exists(aside);
    OwnedFile other = ownAside();
    try {
      owned.checkRoom(size, other == null ? 0 : other.allocated());
      closeRegion();
      owned.moveTo(aside);
      undo.add(() -> Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE));
      if (other != null) {
        other.clear(); // it has no name any more, and a mapping of this process could hold it
      }
    } finally {
      if (other != null) {
        other.close();
      }
    }
    OwnedFile before = owned;
    OwnedFile made = null;
    try {
      made = own(file, Duration.ZERO, false);
      made.reserve(size);
      region = made.map();
      owned = made;
    } catch (IOException e) {
      before.moveTo(file);
      undo.forget();
      throw e;
    } finally {
      OwnedFile ended = made == owned ? before : made;
      if (ended != null) {
        ended.close();
      }
    }
    refusal = null;
    return "it is kept as " + aside + (dropped ? ", in place of what was set aside before" : "");
  }

  @Override
  public void replace() throws IOException {
    makeRoom(owned.allocated());
    closeRegion();
    owned.clear();
    refusal = null;
    allocate();
  }

  private void closeRegion() {
    if (region != null) {
      region.free();
      region = null;
    }
  }

  @Override
  public boolean discardAside() throws IOException {
    OwnedFile other = ownAside();
    if (other == null) {
      return Files.deleteIfExists(aside);
    }
    try {
      discard(other);
    } finally {
      other.close();
    }
    return true;
  }

  @Override
  public void abandon(Throwable failure) {
    OpenUndo.run(failure, this::closeRegion);
    undo.run(failure);
    OpenUndo.run(failure, owned::close);
  }

  @Override
  public void close() {
    try {
      closeRegion();
    } finally {
      owned.close();
    }
  }
}
