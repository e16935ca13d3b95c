/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.luo4j.LuoException;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.OwnedFile;

/**
 * A cache's memory in a file. All of it is allocated when it is made. What is set aside is the file
 * of the same name with {@code .refused}; while two files change places one has {@code .swap}.
 *
 * <p>A side file is moved, replaced or deleted only where it is known to be the cache's: an
 * ordinary file of this user that no process has open, with the mark of a cache in its first word.
 * Any other file of these names stays as it is, and the cache opens without it.
 *
 * <p>Not final, so that a test can have a step fail.
 */
class FileMemory implements CacheMemory {

  private static final System.Logger LOG = System.getLogger(WarmCache.class.getName());

  /** Of a file's name, in bytes: NAME_MAX (limits.h). */
  private static final int MAX_NAME = 255;

  private final long size;
  private final Path file;
  private final Path aside;
  private final Path swap;
  private final long boot = CacheMemory.boot();

  /** Whether close was called: it is called again where an error of lost memory ended it. */
  private boolean isClosed;

  private final OpenUndo undo = new OpenUndo();
  private OwnedFile owned;
  private @Nullable MemoryRegion region;
  private @Nullable String refusal;

  /** What stood in what is set aside, where {@link CacheFormat#DROPPED} stands now. */
  private long notDropped;

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
    OwnedFile first = own(file, ownerTimeout, foreign);
    this.owned = first;
    this.file = first.path();
    this.aside = named(this.file, REFUSED);
    this.swap = named(this.file, SWAP);
    undo.add(() -> unmake(first, isThere));
    try {
      heal();
      find();
    } catch (Throwable e) {
      abandon(e);
      throw e;
    }
  }

  /** Leaves of a file that had nothing in it what there was: no file, or an empty one. */
  private void unmake(OwnedFile first, boolean wasThere) throws IOException {
    boolean isNew = owned == first && (origin == null ? first.size() == 0 : !origin.isWarm());
    if (isNew && wasThere) {
      first.clear();
    } else if (isNew) {
      first.delete();
    }
  }

  static Path named(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  /** The file, owned, as soon as it has no other owner: who waits for one says so. */
  private static OwnedFile own(Path file, Duration timeout, boolean foreign) throws IOException {
    try {
      return ownWithin(file, Duration.ZERO, foreign);
    } catch (LuoException.OwnerAlive e) {
      if (timeout.isZero()) {
        throw e;
      }
      LOG.log(
          System.Logger.Level.INFO,
          "waiting for " + seconds(timeout) + " at most, as " + e.getMessage());
    }
    return ownWithin(file, timeout, foreign);
  }

  private static String seconds(Duration time) {
    return time.toSeconds() == 0 ? time.toMillis() + " ms" : time.toSeconds() + " s";
  }

  /** The file, owned; a cache that has it is named with its process. */
  private static OwnedFile ownWithin(Path file, Duration timeout, boolean foreign)
      throws IOException {
    try {
      return foreign ? OwnedFile.openExisting(file, timeout, true) : OwnedFile.open(file, timeout);
    } catch (LuoException.OwnerAlive e) {
      throw CacheHeader.named(e, file);
    }
  }

  /** Finishes or undoes what a killed process was at while files changed places. */
  private void heal() throws IOException {
    if (!isThere(swap)) {
      return;
    }
    OwnedFile swapped = null;
    try {
      swapped = ownMarked(swap);
      boolean isDropped = isDropped(swapped);
      if (!isThere(aside)) {
        if (isDropped) {
          setDropped(swapped, 0);
        }
        swapped.moveTo(aside); // the last of three renames was missing
      } else if (isDropped) {
        discard(swapped); // other memory has been set aside in its place
      } else if (owned.size() == 0) {
        undoSwap(swapped); // the first one was made, and the file is new
      } else {
        ownMarked(aside).close(); // nothing is given up for what is not the cache's
        discard(swapped);
      }
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "what a killed process may have left stays as it is, and "
              + file
              + " is opened without it: "
              + e.getMessage());
    } finally {
      if (swapped != null && swapped != owned) {
        swapped.close();
      }
    }
  }

  /** What a function finds, or changes, in the memory of a file. */
  private static <T> T in(OwnedFile file, Function<MemoryRegion, T> function) throws IOException {
    MemoryRegion region = file.map();
    try {
      return function.apply(region);
    } finally {
      region.free();
    }
  }

  /** Whether a file has the name {@code .swap} as it was set aside, and other memory is to be. */
  private static boolean isDropped(OwnedFile side) throws IOException {
    return in(side, memory -> memory.getLong(CacheFormat.DROPPED_AT) == CacheFormat.DROPPED);
  }

  /** Returns what was there before. */
  private static long setDropped(OwnedFile side, long dropped) throws IOException {
    return in(
        side,
        memory -> {
          long before = memory.getLong(CacheFormat.DROPPED_AT);
          memory.putLongVolatile(CacheFormat.DROPPED_AT, dropped);
          return before;
        });
  }

  private void undoSwap(OwnedFile swapped) throws IOException {
    swapped.moveTo(file);
    OwnedFile before = owned;
    owned = swapped;
    before.close();
  }

  private static boolean isThere(Path side) {
    return Files.exists(side, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * A side file of this user, owned.
   *
   * @throws Unnamed when it is not such a file, or another process has it: the reason says what it
   *     is and what to do
   * @throws IOException when that cannot be seen, as with too many open files
   */
  private static OwnedFile ownSide(Path side) throws IOException {
    String reason;
    if (Files.isRegularFile(side, LinkOption.NOFOLLOW_LINKS)) {
      try {
        return OwnedFile.openExisting(side, Duration.ZERO, false);
      } catch (LuoException.OwnerAlive e) {
        reason = e.remedy();
      } catch (FileSystemException e) {
        reason = e.getReason();
      }
    } else {
      reason = "it is a directory, or no ordinary file, which no cache makes";
    }
    throw inTheWay(side, "" + reason);
  }

  private static Unnamed inTheWay(Path side, String reason) {
    return new Unnamed(side, reason + "; if nobody needs it, remove " + side);
  }

  /** A file cannot have the name that it should: old memory cannot be set aside, or come back. */
  private static final class Unnamed extends FileSystemException {
    private static final long serialVersionUID = 1;

    private Unnamed(Path file, String reason) {
      super(file.toString(), null, reason);
    }
  }

  /** As {@link #ownSide}, of a file that a cache has made. */
  private static OwnedFile ownMarked(Path side) throws IOException {
    OwnedFile found = ownSide(side);
    boolean isMarked = false;
    try {
      isMarked = found.size() >= CacheFormat.HEADER_BYTES && in(found, CacheFormat::isMarked);
    } finally {
      if (!isMarked) {
        found.close();
      }
    }
    if (!isMarked) {
      throw inTheWay(side, "it holds no cache, so that it may be another program's");
    }
    return found;
  }

  private void find() throws IOException {
    long found = owned.size();
    if (inOther(found, CacheFormat::isUnmade, false)) {
      owned.clear(); // a killed process made it, of another size
      found = 0;
    }
    if (found == 0) {
      origin = new Start(Start.Kind.COLD, file + " is new");
      boolean mayBeTakenBack =
          Files.isRegularFile(aside, LinkOption.NOFOLLOW_LINKS) && Files.size(aside) == size;
      if (!mayBeTakenBack) { // takeBack allocates where it was tried in vain
        allocate();
      }
    } else if (found == size || found == size - CacheFormat.TRAILER_BYTES) {
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
      if (found < size) { // it was made by a version that had no trailer
        fill();
      }
      region = map(owned);
    } else {
      origin = new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file);
      refusal =
          file
              + " has "
              + found
              + " bytes, a cache of this capacity "
              + size
              + inOther(found, CacheFormat::madeWith, "");
    }
  }

  /** What a function finds in a file of another size; where it cannot be mapped, {@code none}. */
  private <T> T inOther(long found, Function<MemoryRegion, T> function, T none) {
    if (found == size || found < CacheFormat.HEADER_BYTES) {
      return none;
    }
    try {
      return in(owned, function);
    } catch (IOException e) {
      return none; // too large for this process, perhaps: it is refused by its size
    }
  }

  @Override
  public boolean oldIs(Predicate<MemoryRegion> test, boolean unknown) throws IOException {
    long found = owned.size();
    return region != null
        ? test.test(region)
        : found >= CacheFormat.HEADER_BYTES && inOther(found, test::test, unknown);
  }

  /** The mapping of a file, whole. */
  MemoryRegion map(OwnedFile of) throws IOException {
    return of.map();
  }

  @Override
  public @Nullable String refuse(MemoryRegion found) {
    return CacheMemory.isOfBoot(boot, found)
            || found.getLong(CacheFormat.STATE_AT) == CacheFormat.CLOSED
        ? null
        : "the old memory was open when its machine stopped: on a disk its pages may be of"
            + " different times";
  }

  @Override
  public void opened() {
    region().putLong(CacheFormat.BOOT_AT, boot);
  }

  @Override
  public void reserve() throws IOException {
    if (owned.isLockSafe() && !owned.isReserved()) { // copied without its holes, for one
      fill();
    }
  }

  /** Allocates what the file lacks; what is set aside makes room where there is none. */
  private void fill() throws IOException {
    try {
      owned.reserve(size);
    } catch (NoRoomException e) {
      makeRoom(owned.allocated());
      owned.reserve(size);
    }
  }

  /** Allocates the empty file's memory. */
  private void allocate() throws IOException {
    makeRoom(0);
    owned.reserve(size);
    region = map(owned);
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
      if (!isThere(aside)) {
        throw e;
      }
      try (OwnedFile other = ownMarked(aside)) {
        owned.checkRoom(size, freed + freedBy(other));
        discard(other);
      } catch (Unnamed notOurs) {
        e.addSuppressed(notOurs);
        throw e;
      }
      LOG.log(
          System.Logger.Level.WARNING,
          aside
              + ", old memory that was refused, was deleted to make room for "
              + file
              + ", as without that "
              + e.getMessage());
    }
  }

  /** What the deletion of a file gives back: nothing where it has another name. */
  private static long freedBy(OwnedFile file) throws IOException {
    return links(file.path()) == 1 ? file.allocated() : 0;
  }

  private static int links(Path path) throws IOException {
    boolean known = path.getFileSystem().supportedFileAttributeViews().contains("unix");
    return known ? (Integer) Files.getAttribute(path, "unix:nlink") : 1;
  }

  /**
   * Deletes a file. It is emptied first, unless it has another name: a mapping of this process
   * could hold its memory.
   */
  private static void discard(OwnedFile file) throws IOException {
    if (links(file.path()) == 1) {
      file.clear();
    }
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
    boolean done = isThere(aside) && takeAside(fits);
    if (!done && region == null && refusal == null) {
      allocate();
    }
    return done;
  }

  private boolean takeAside(Predicate<MemoryRegion> fits) throws IOException {
    OwnedFile other;
    try {
      other = ownSide(aside);
    } catch (Unnamed e) {
      LOG.log(System.Logger.Level.WARNING, "nothing is taken back: " + e.getMessage());
      return false;
    }
    MemoryRegion found = null;
    boolean done = false;
    try {
      if (other.size() == size) {
        found = map(other);
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
      undo.step(() -> changePlaces(before, other, isNew), () -> changeBack(before, other));
    } catch (Unnamed e) {
      checkNamed(e);
      LOG.log(
          System.Logger.Level.WARNING,
          aside + " fits, and cannot be taken back: " + e.getMessage());
      return false;
    }
    owned = other;
    try (before) {
      closeRegion();
      region = found;
      if (isNew) {
        before.clear(); // it has no name any more
      } else {
        before.moveTo(aside);
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, swap + " stays until the next open: " + e);
    }
    refusal = null;
    origin =
        new Start(
            Start.Kind.WARM_AFTER_RESTART, "in " + file + ", which had been set aside as " + aside);
    return true;
  }

  private void changePlaces(OwnedFile before, OwnedFile other, boolean isNew) throws IOException {
    if (!isNew) {
      if (isThere(swap)) {
        throw inTheWay(swap, "there is something of this name already");
      }
      rename(before, swap);
    }
    rename(other, file);
  }

  /** Gives both files the names that they had before {@link #exchange}. A new one had none. */
  private void changeBack(OwnedFile before, OwnedFile other) throws IOException {
    if (before.path().equals(aside)) {
      before.moveTo(swap);
    }
    if (other.path().equals(file)) {
      other.moveTo(aside);
    }
    if (before.path().equals(swap)) {
      before.moveTo(file);
    }
  }

  /** Ends the open where a step failed, and could not be changed back. */
  private void checkNamed(IOException failure) throws IOException {
    if (!owned.path().equals(file)) {
      throw failure;
    }
  }

  /** Renames a file; a failure says what to do. */
  private void rename(OwnedFile which, Path target) throws IOException {
    try {
      which.moveTo(target);
    } catch (FileSystemException e) {
      throw new Unnamed(which.path(), e + "; " + remedy());
    }
  }

  /** What to do where files cannot change their names. */
  private String remedy() {
    if (aside.getFileName().toString().getBytes(StandardCharsets.UTF_8).length > MAX_NAME) {
      return "give the cache's file a shorter name: that of what is set aside is too long";
    }
    return "give this process's user the right to rename files in "
        + aside.toAbsolutePath().getParent();
  }

  @Override
  public GivenWay setAside() throws IOException {
    IOException reason;
    try {
      return new GivenWay(true, keep());
    } catch (NoRoomException | Unnamed e) { // for any other reason the next open may do better
      checkNamed(e);
      reason = e;
    }
    replace();
    return new GivenWay(
        false,
        reason instanceof NoRoomException
            ? "it was deleted, as there was no room for both: " + reason.getMessage()
            : "it was written over, as it could not be set aside: " + reason.getMessage());
  }

  /** Sets the memory aside. Whatever fails, all is as before then, but for what was deleted. */
  private String keep() throws IOException {
    OwnedFile before = owned;
    OwnedFile other = isThere(aside) ? ownMarked(aside) : null;
    try (other) {
      undo.step(() -> makeBeside(before, other), () -> putBack(before, other));
      refusal = null;
      before.close();
      if (other != null) {
        endSwap(other);
      }
    }
    return "it is kept as "
        + aside
        + (other == null ? "" : ", in place of what was set aside before");
  }

  /** Gives the old file the name of what is set aside, and makes a new one. */
  private void makeBeside(OwnedFile before, @Nullable OwnedFile other) throws IOException {
    makeWay(other);
    closeRegion();
    rename(before, aside);
    try {
      owned = own(file, Duration.ZERO, false);
    } catch (FileSystemException e) { // such as ENOSPC: there is no room for one more name
      throw new Unnamed(file, e.getReason());
    }
    owned.reserve(size);
    region = map(owned);
  }

  /** Frees the name of what is set aside, and its memory where there is no room without that. */
  private void makeWay(@Nullable OwnedFile other) throws IOException {
    boolean isTight = false;
    try {
      owned.checkRoom(size, 0);
    } catch (NoRoomException e) {
      if (other == null) {
        throw e;
      }
      owned.checkRoom(size, freedBy(other));
      isTight = true;
    }
    if (other != null && (isTight || isThere(swap))) {
      discard(other);
    } else if (other != null) {
      if (links(aside) == 1) {
        notDropped = setDropped(other, CacheFormat.DROPPED);
      }
      rename(other, swap); // it is needed no more when all else has been done
    }
  }

  /** Undoes {@link #keep}, but for what has been deleted. */
  private void putBack(OwnedFile before, @Nullable OwnedFile other) throws IOException {
    OwnedFile made = owned;
    owned = before;
    try {
      if (before.path().equals(aside) && (made != before || !isThere(file))) {
        before.moveTo(file); // unless another process has made a file there meanwhile
      }
      if (other != null && other.path().equals(swap) && isThere(swap) && !isThere(aside)) {
        other.moveTo(aside);
      }
      if (other != null && other.path().equals(aside) && isThere(aside) && isDropped(other)) {
        setDropped(other, notDropped);
      }
    } finally {
      if (made != before) {
        made.close(); // only now: its name is not free in between
      }
    }
  }

  /** Deletes the last of what changed places; the next open does so where this cannot. */
  private void endSwap(OwnedFile last) {
    try {
      if (last.path().equals(swap)) {
        discard(last);
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, swap + " stays until the next open: " + e);
    }
  }

  @Override
  public void replace() throws IOException {
    makeRoom(owned.allocated());
    closeRegion();
    owned.clear();
    undo.add(owned::clear); // of what is half made
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
    if (!isThere(aside)) {
      return false;
    }
    try (OwnedFile other = ownSide(aside)) {
      discard(other);
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
    boolean isFirst = !isClosed;
    isClosed = true;
    try {
      closeRegion();
      if (isFirst) {
        tellOfLoss();
      }
    } finally {
      owned.close();
    }
  }

  /** Says that nothing is left for the next open, where that is so. */
  private void tellOfLoss() {
    try {
      if (!owned.isNamed()) {
        LOG.log(
            System.Logger.Level.WARNING,
            file
                + " was deleted, moved or replaced while its cache was open: what that held is lost."
                + " In /dev/shm systemd deletes files of a user who logs out (RemoveIPC= in"
                + " logind.conf) and of a unit with DynamicUser= or RemoveIPC= that stops");
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "whether " + file + " is there cannot be seen: " + e);
    }
  }
}
