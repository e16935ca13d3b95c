/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import org.luo4j.LuoException;
import org.luo4j.OwnedFile;

/**
 * What the header of a cache's memory says. It is read without opening the cache: that needs no
 * ownership, changes nothing, and sees the numbers of a cache that is in use as they are at that
 * moment.
 *
 * @param shape what the cache was made as
 * @param entries how many it has, expired ones that nobody has met included
 * @param liveBytes what they count as
 * @param isClosed whether it was closed; else it is open, or its process ended without closing it
 * @since 0.1.0
 */
public record CacheHeader(CacheShape shape, long entries, long liveBytes, boolean isClosed) {

  /**
   * Reads the header of a cache's file.
   *
   * @param file a cache's
   * @return what it says
   * @throws IOException when the file cannot be read, is not a whole cache of this version, or is
   *     open in a cache of this JVM that has no native code: reading it would cost that cache its
   *     lock
   * @throws IllegalArgumentException when the path is not of Java's default file system
   */
  public static CacheHeader read(Path file) throws IOException {
    checkFileSystem(Objects.requireNonNull(file, "file"));
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException(file + " is no ordinary file: that is no cache");
    }
    byte[] page = page(file);
    long size = Files.size(file);
    if (page.length < CacheFormat.HEADER_BYTES) {
      throw new IOException(file + " has " + size + " bytes: that is no cache");
    }
    CacheHeader header = of(ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN), file.toString());
    long wanted = header.shape.memoryBytes();
    if (size != wanted && size != wanted - CacheFormat.TRAILER_BYTES) {
      throw new IOException(file + " has " + size + " bytes, its cache " + wanted);
    }
    return header;
  }

  /** Refuses a path that the operating system does not know, such as one in a zip file. */
  static void checkFileSystem(Path file) {
    if (file.getFileSystem() != FileSystems.getDefault()) {
      throw new IllegalArgumentException(
          "file '"
              + file
              + "' is a path of "
              + file.getFileSystem().provider().getScheme()
              + ": it must be of the default file system, as Path.of(name) gives it");
    }
  }

  /** The first page of a file, or what there is of it. */
  private static byte[] page(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString());
    }
    if (!OwnedFile.mayBeRead(file)) {
      throw new IOException(
          file
              + " is open in a cache of this JVM without native code: to read it would cost that"
              + " cache its lock");
    }
    try (InputStream in = new FileInputStream(file.toFile())) { // an interrupt does not end it
      return in.readNBytes(CacheFormat.HEADER_BYTES);
    }
  }

  /**
   * Names the process that has the cache of a file open, by what it says itself, if that is known.
   */
  static LuoException.OwnerAlive named(LuoException.OwnerAlive e, Path file) {
    try {
      if (!OwnedFile.mayBeRead(file)) {
        return e.ownedBy(ProcessHandle.current().pid()); // a cache of this JVM has it
      }
      byte[] page = page(file);
      ByteBuffer header = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
      boolean isCache =
          page.length == CacheFormat.HEADER_BYTES && CacheFormat.refuseHeader(header) == null;
      if (!isCache || header.getLong(CacheFormat.STATE_AT) != CacheFormat.OPEN) {
        return e;
      }
      long owner = header.getLong(CacheFormat.OWNER_AT);
      long here = PidNamespace.id();
      if (here == 0 || here != header.getLong(CacheFormat.OWNER_NAMESPACE_AT)) {
        return e.ownedElsewhere(owner);
      }
      boolean lives = ProcessHandle.of(owner).isPresent(); // else another has the file since
      return lives ? e.ownedBy(owner) : e;
    } catch (IOException unread) {
      return e; // it is gone, or cannot be read: it is busy
    }
  }

  /** Takes a page apart that may hold anything. */
  static CacheHeader of(ByteBuffer page, String where) throws IOException {
    String refused = CacheFormat.refuseHeader(page);
    if (refused != null) {
      throw new IOException(where + ": " + refused);
    }
    try {
      return new CacheHeader(
          CacheShape.of(page),
          page.getLong(CacheFormat.ENTRIES_AT),
          page.getLong(CacheFormat.LIVE_AT),
          page.getLong(CacheFormat.STATE_AT) == CacheFormat.CLOSED);
    } catch (IllegalArgumentException e) {
      throw new IOException(where + ": the old memory's header: " + e.getMessage(), e);
    }
  }
}
