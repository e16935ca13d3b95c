/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * The lock by which one {@link Agent} at a time has a socket: flock(2) of an open file of its own.
 * It ends with {@link #close} or the process. No other open, copy or close of the file ends it, by
 * whichever class loader of this process.
 */
final class AgentLock implements AutoCloseable {

  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
  private static final int GROUP_OR_OTHERS_WRITE = 022;

  private final Descriptor file;

  private AgentLock(Descriptor file) {
    this.file = file;
  }

  /**
   * Takes the lock of a socket.
   *
   * @throws IllegalStateException when another agent has it
   * @throws IOException when the folder or the lock file cannot be used, or is not safe
   */
  static AgentLock of(Bridge bridge, Path socket) throws IOException {
    int self = ownUid();
    checkFolder(socket, self);
    Path path = socket.resolveSibling(socket.getFileName() + ".lock");
    try {
      Files.createFile(
          path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileAlreadyExistsException e) {
      checkFile(path, self);
    }
    // Opened here for its number, by which the bridge opens it anew.
    RandomAccessFile opened = new RandomAccessFile(path.toFile(), "rw");
    try {
      int own = bridge.lock(numberOf(path));
      if (own == -Errno.EAGAIN) {
        throw new IllegalStateException(
            "another agent has " + path + ": stop it, or choose another socket");
      }
      if (own < 0) {
        throw Refusal.LOCK.exception(own, path.toString());
      }
      return new AgentLock(new Descriptor(bridge, own, "lock " + path));
    } finally {
      opened.close();
    }
  }

  /** The user of this process. */
  private static int ownUid() throws IOException {
    try {
      return uid(Path.of("/proc/self"));
    } catch (NoSuchFileException e) {
      throw new IOException("an agent needs /proc: mount it (mount -t proc proc /proc)", e);
    }
  }

  private static int uid(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  private static int mode(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
  }

  private static void checkFolder(Path socket, int self) throws IOException {
    Path folder = socket.getParent();
    if (folder == null || socket.getFileName() == null) {
      throw new IllegalArgumentException("socket " + socket + " must be a file in a folder");
    }
    Files.createDirectories(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    String advice = ": use one of the agent's own, as " + Agent.DEFAULT_SOCKET.getParent();
    if (Files.isSymbolicLink(folder)) {
      throw new IOException(
          folder + " is a symbolic link: name the folder that it points to instead");
    }
    if (isOthers(uid(folder), self)) {
      throw new IOException(
          "the folder "
              + folder
              + " belongs to uid "
              + Integer.toUnsignedString(uid(folder))
              + ", who could put another socket there"
              + advice);
    }
    if ((mode(folder) & GROUP_OR_OTHERS_WRITE) != 0) {
      throw new IOException(
          "others can write the folder " + folder + ", and could put their socket there" + advice);
    }
  }

  private static void checkFile(Path path, int self) throws IOException {
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(path + " is there and is no file: delete it, or choose another socket");
    }
    if (isOthers(uid(path), self)) {
      throw new IOException(
          path
              + " belongs to uid "
              + Integer.toUnsignedString(uid(path))
              + ", who could keep it locked: delete it, or choose another socket");
    }
    if ((mode(path) & GROUP_OR_OTHERS_WRITE) != 0) {
      throw new IOException(
          "others can write " + path + ", and could keep it locked: run chmod 600 on it");
    }
  }

  private static boolean isOthers(int uid, int self) {
    return uid != self && uid != 0;
  }

  /** The number of an fd of a file that this process has open. */
  private static int numberOf(Path path) throws IOException {
    Object key = key(path);
    try (DirectoryStream<Path> numbers = Files.newDirectoryStream(DESCRIPTORS)) {
      for (Path number : numbers) {
        if (isSame(number, key)) {
          return Integer.parseInt(number.getFileName().toString());
        }
      }
    }
    throw new IOException(path + " was replaced while it was opened: start the agent again");
  }

  private static boolean isSame(Path number, Object key) throws IOException {
    try {
      return key.equals(key(number));
    } catch (NoSuchFileException e) {
      return false; // closed since
    }
  }

  private static Object key(Path path) throws IOException {
    return Objects.requireNonNull(
        Files.readAttributes(path, BasicFileAttributes.class).fileKey(), "fileKey");
  }

  @Override
  public void close() {
    file.close();
  }
}
