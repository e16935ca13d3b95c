/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.luo4j.BootClock;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;

/**
 * Where a cache's memory comes from, and what holds it. It has one owner, which the operating
 * system sees to: it drops the hold of a process that has ended.
 *
 * <p>Memory that was refused is kept aside, one such memory for a cache: when another one is set
 * aside, the one before is dropped.
 */
interface CacheMemory extends Closeable {

  /** What a cache appends to its name for memory that it has set aside. */
  String REFUSED = ".refused";

  /** What it appends while two memories change places. */
  String SWAP = ".swap";

  /**
   * The memory, to be read and written. Not to be called while there is a {@link #refusal}, nor
   * while {@link #origin} is cold and {@link #takeBack} was not tried.
   */
  MemoryRegion region();

  /** Cold with the reason, where the memory is new and all zero; else where it came from. */
  Start origin();

  /** Null, or why what is there cannot be this cache's, whatever it holds: it has another size. */
  @Nullable String refusal();

  /**
   * Whether what is there, of whatever size, is so; false of what is too short for a cache's
   * header.
   *
   * @param unknown the answer where it cannot be mapped
   */
  boolean oldIs(Predicate<MemoryRegion> test, boolean unknown) throws IOException;

  /** Null, or why memory of the right size that holds a cache cannot be used all the same. */
  default @Nullable String refuse(MemoryRegion found) {
    return null;
  }

  /** A hash of this boot's number; 0 where that is not known. */
  static long boot() {
    String clock = BootClock.id();
    return clock.isEmpty()
        ? 0
        : Entry.hash(clock.split(" ", 2)[0].getBytes(StandardCharsets.US_ASCII), 0);
  }

  /** Whether memory was opened last in a boot, as far as is known. */
  static boolean isOfBoot(long boot, MemoryRegion found) {
    long last = found.size() < CacheFormat.HEADER_BYTES ? 0 : found.getLong(CacheFormat.BOOT_AT);
    return last == 0 || boot == 0 || last == boot;
  }

  /**
   * Allocates what the memory lacks. Called when it is known which memory is the cache's, and
   * before it is written to.
   *
   * @throws NoRoomException when there is no room: nothing is changed
   */
  default void reserve() throws IOException {}

  /** The cache has accepted the memory, or made it, and writes to it. */
  default void opened() {}

  /**
   * Closes the memory after an open that failed, and leaves files, and what a holder keeps, as they
   * were before: what is new is deleted, and what has another name gets its own back. Only memory
   * that the open has dropped, as there was no room for it or no name, does not come back.
   *
   * @param failure why the open ended, any error included; what goes wrong is suppressed in it
   */
  void abandon(Throwable failure);

  /**
   * Takes what was kept aside, if it fits, and keeps aside what is there, unless that is new.
   * Afterwards {@link #origin} and {@link #region} are of the memory that was taken back.
   *
   * @param fits whether a region of the right size holds this cache
   * @return whether it was done
   */
  boolean takeBack(Predicate<MemoryRegion> fits) throws IOException;

  /**
   * What has become of old memory.
   *
   * @param isKept whether it is there still
   * @param where that, in words
   */
  record GivenWay(boolean isKept, String where) {}

  /**
   * Keeps what is there aside, if it can be, and takes new memory, all zero, in its place.
   *
   * @throws NoRoomException when there is no room even without old memory
   */
  GivenWay setAside() throws IOException;

  /**
   * Gives up what is there, and what was kept aside where that makes room, and takes new memory,
   * all zero, in its place.
   *
   * @throws NoRoomException when there is no room even without old memory
   */
  void replace() throws IOException;

  /** Gives up what was kept aside; whether there was anything. */
  boolean discardAside() throws IOException;
}
