/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LuoException;
import org.luo4j.MemoryRegion;
import org.luo4j.NoRoomException;
import org.luo4j.OwnedFile;
import org.luo4j.testing.Logged;

/** A cache's file, and the one that is set aside, without a cache in them. */
class FileMemoryTest {

  private static final int SIZE = 4 * 4096;

  /** More than any machine has. */
  private static final long TOO_MUCH = 1L << 43;

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("cache");
  }

  private Path aside() {
    return folder.resolve("cache.refused");
  }

  private Path swap() {
    return folder.resolve("cache.swap");
  }

  private FileMemory open(long size) throws IOException {
    return new FileMemory(file(), size, Duration.ZERO, false);
  }

  /** Memory that a cache has made, as far as its first word says. */
  private static byte[] filled(int size, int with) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) with);
    if (size >= 8) {
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, CacheFormat.MAGIC);
    }
    return bytes;
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /** Nobody has the file: it can be owned. */
  private static void assertFree(Path file) throws IOException {
    OwnedFile.openExisting(file, Duration.ZERO, false).close();
  }

  private static void assertOwned(Path file) {
    assertThrows(
        LuoException.OwnerAlive.class, () -> OwnedFile.openExisting(file, Duration.ZERO, false));
  }

  @Test
  void aNewFileIsAllocatedAndZero() throws IOException {
    try (FileMemory memory = open(SIZE)) {
      assertEquals(new Start(Start.Kind.COLD, file() + " is new"), memory.origin());
      assertNull(memory.refusal());
      assertEquals(SIZE, memory.region().size());
      assertEquals(0, memory.region().getLong(SIZE - 8));
      assertTrue((Integer) Files.getAttribute(file(), "unix:nlink") == 1);
      assertOwned(file());
      assertFalse(memory.takeBack(region -> true));
      assertFalse(memory.discardAside());
      memory.region().putLong(0, 5);
    }
    assertFree(file());
    try (FileMemory memory = open(SIZE)) {
      assertEquals(
          new Start(Start.Kind.WARM_AFTER_RESTART, "in " + file()), memory.origin(), "it is there");
      assertNull(memory.refusal());
      assertEquals(5, memory.region().getLong(0));
    }
  }

  /** A version before had no trailer. */
  @Test
  void aFileWithoutATrailerGetsOne() throws IOException {
    Files.write(file(), filled(SIZE - CacheFormat.TRAILER_BYTES, 3));
    try (FileMemory memory = open(SIZE)) {
      assertTrue(memory.origin().isWarm());
      assertNull(memory.refusal());
      assertEquals(SIZE, memory.region().size());
      assertEquals(3, memory.region().getByte(SIZE - CacheFormat.TRAILER_BYTES - 1));
      assertEquals(0, memory.region().getByte(SIZE - CacheFormat.TRAILER_BYTES));
    }
    assertEquals(SIZE, Files.size(file()));
  }

  /** A copy without its holes' blocks would have a write fail when the file system is full. */
  @Test
  void aFileWithHolesIsAllocated() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file().toFile(), "rw")) {
      sparse.setLength(SIZE);
    }
    try (FileMemory memory = open(SIZE)) {
      assertTrue(memory.origin().isWarm());
      memory.reserve();
    }
    try (OwnedFile owned = OwnedFile.openExisting(file(), Duration.ZERO, false)) {
      assertTrue(owned.isReserved() || !owned.isLockSafe());
    }
  }

  /** It is not known before that it is not refused: nothing gives way for it. */
  @Test
  void aFileWithHolesIsAllocatedWhenItIsKnownToBeUsed() throws IOException {
    for (Path each : List.of(file(), aside())) {
      try (RandomAccessFile sparse = new RandomAccessFile(each.toFile(), "rw")) {
        sparse.setLength(TOO_MUCH);
      }
    }
    try (FileMemory memory = open(TOO_MUCH);
        Logged log = new Logged(WarmCache.class)) {
      assertTrue(memory.origin().isWarm());
      assertThrows(NoRoomException.class, memory::reserve);
      assertEquals(List.of(), log.lines());
    }
    assertEquals(List.of("cache", "cache.refused"), names());
    assertEquals(TOO_MUCH, Files.size(file()));
  }

  @Test
  void aFileOfAnotherSizeHasNoRegion() throws IOException {
    for (int size : new int[] {1, SIZE - 1, SIZE + 1, SIZE + CacheFormat.TRAILER_BYTES}) {
      Files.write(file(), filled(size, 3));
      try (FileMemory memory = open(SIZE)) {
        String refusal = memory.refusal();
        assertEquals(file() + " has " + size + " bytes, a cache of this capacity " + SIZE, refusal);
        assertTrue(memory.origin().isWarm());
        assertEquals(
            refusal, assertThrows(IllegalStateException.class, memory::region).getMessage());
      }
      assertArrayEquals(filled(size, 3), Files.readAllBytes(file()));
    }
  }

  @Test
  void whatIsReplacedIsZero() throws IOException {
    for (int size : new int[] {SIZE, SIZE / 2, 2 * SIZE}) {
      Files.write(file(), filled(size, 3));
      try (FileMemory memory = open(SIZE)) {
        memory.replace();
        assertNull(memory.refusal());
        assertEquals(SIZE, memory.region().size());
        assertEquals(0, memory.region().getLong(0));
        assertEquals(0, memory.region().getLong(SIZE - 8));
        assertOwned(file());
      }
      assertEquals(List.of("cache"), names());
    }
  }

  @Test
  void whatIsSetAsideIsNobodysAndTheNewFileIsOwned() throws IOException {
    for (int size : new int[] {SIZE, SIZE / 2}) {
      Files.write(file(), filled(size, 3));
      try (FileMemory memory = open(SIZE)) {
        assertEquals(
            new CacheMemory.GivenWay(
                true,
                "it is kept as "
                    + aside()
                    + (size == SIZE ? "" : ", in place of what was set aside before")),
            memory.setAside());
        assertNull(memory.refusal());
        assertEquals(SIZE, memory.region().size());
        assertEquals(0, memory.region().getLong(0));
        assertArrayEquals(filled(size, 3), Files.readAllBytes(aside()));
        assertFree(aside());
        assertOwned(file());
      }
    }
  }

  @Test
  void whatWasSetAsideReplacesANewFile() throws IOException {
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE)) {
      assertTrue(memory.takeBack(region -> region.getByte(8) == 4));
      assertEquals(List.of("cache"), names());
      assertEquals(Start.Kind.WARM_AFTER_RESTART, memory.origin().kind());
      assertTrue(memory.origin().reason().contains("set aside as " + aside()));
      assertEquals(4, memory.region().getByte(SIZE - 1));
      assertOwned(file());
      assertFalse(memory.takeBack(region -> true));
    }
    assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(file()));
    assertFree(file());
  }

  @Test
  void whatWasSetAsideChangesPlacesWithWhatIsThere() throws IOException {
    for (int size : new int[] {SIZE, SIZE / 2}) {
      Files.write(file(), filled(size, 3));
      Files.write(aside(), filled(SIZE, 4));
      try (FileMemory memory = open(SIZE)) {
        assertTrue(memory.takeBack(region -> true));
        assertNull(memory.refusal());
        assertEquals(4, memory.region().getByte(SIZE - 1));
        assertOwned(file());
        assertFree(aside());
      }
      assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(file()));
      assertArrayEquals(filled(size, 3), Files.readAllBytes(aside()));
      assertEquals(List.of("cache", "cache.refused"), names());
    }
  }

  /** It is left as it was, and nobody's. */
  @Test
  void whatWasSetAsideAndDoesNotFitIsLeft() throws IOException {
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE)) {
      assertFalse(memory.takeBack(region -> false));
      assertFree(aside());
      assertThrows(
          IllegalArgumentException.class,
          () ->
              memory.takeBack(
                  region -> {
                    throw new IllegalArgumentException();
                  }));
      assertFree(aside());
      try (OwnedFile other = OwnedFile.openExisting(aside(), Duration.ZERO, false)) {
        assertFalse(memory.takeBack(region -> true), "another has it");
        assertEquals(SIZE, other.size());
      }
      Files.write(aside(), filled(SIZE + 8, 4));
      assertFalse(memory.takeBack(region -> true), "of another size");
      assertFree(aside());
      assertFalse(memory.origin().isWarm());
      assertEquals(0, memory.region().getByte(0));
      assertTrue(memory.discardAside());
      assertFalse(memory.discardAside());
    }
    assertEquals(List.of("cache"), names());
  }

  @Test
  void theLastOfThreeRenamesIsMade() throws IOException {
    Files.write(file(), filled(SIZE, 4));
    Files.write(swap(), filled(SIZE, 3));
    open(SIZE).close();
    assertEquals(List.of("cache", "cache.refused"), names());
    assertArrayEquals(filled(SIZE, 3), Files.readAllBytes(aside()));
    Files.write(swap(), filled(SIZE, 5)); // of an earlier version, which gave way to what is aside
    open(SIZE).close();
    assertEquals(List.of("cache", "cache.refused"), names());
    assertArrayEquals(filled(SIZE, 3), Files.readAllBytes(aside()));
  }

  @Test
  void anOpenThatFailsGivesTheFileUp() throws IOException {
    Files.write(file(), filled(SIZE, 4));
    IOException failure = new IOException();
    assertSame(failure, assertThrows(IOException.class, () -> failing(failure, true)));
    assertFree(file());
    Files.write(file(), new byte[0]);
    assertSame(failure, assertThrows(IOException.class, () -> failing(failure, true)));
    assertEquals(0, Files.size(file()), "it is as it was");
    Files.delete(file());
    assertSame(failure, assertThrows(IOException.class, () -> failing(failure, true)));
    assertFalse(Files.exists(file()));
    assertThrows(
        NoSuchFileException.class,
        () -> new FileMemory(folder.resolve("none"), SIZE, Duration.ZERO, true));
  }

  /** As {@link #open}, with memory whose mapping of another file than the first one fails. */
  private FileMemory failing(Throwable failure, boolean atOnce) throws IOException {
    return new FileMemory(file(), SIZE, Duration.ZERO, false) {
      @Override
      MemoryRegion map(OwnedFile of) throws IOException {
        if (atOnce || of.path().equals(file()) && of.size() == SIZE) {
          throw FileMemoryTest.<RuntimeException>as(failure);
        }
        return super.map(of);
      }
    };
  }

  /** Throws anything. */
  @SuppressWarnings("unchecked")
  private static <T extends Throwable> T as(Throwable failure) throws T {
    throw (T) failure;
  }

  /** Also what no method says that it throws: old memory and what was set aside are as before. */
  @Test
  void whateverFailsWhileMemoryIsSetAsideAllIsAsBefore() throws IOException {
    for (boolean isAside : new boolean[] {true, false}) {
      for (Throwable failure :
          List.of(new OutOfMemoryError(), new IllegalStateException(), new IOException("mmap"))) {
        Files.write(file(), filled(SIZE / 2, 4));
        if (isAside) {
          Files.write(aside(), filled(SIZE, 3));
        }
        try (FileMemory memory = failing(failure, false)) {
          assertSame(failure, assertThrows(failure.getClass(), memory::setAside));
          assertOwned(file());
          assertArrayEquals(filled(SIZE / 2, 4), Files.readAllBytes(file()));
          if (isAside) {
            assertFree(aside());
            assertArrayEquals(filled(SIZE, 3), Files.readAllBytes(aside()));
          }
          assertEquals(isAside ? List.of("cache", "cache.refused") : List.of("cache"), names());
        }
        assertFree(file());
        Files.deleteIfExists(aside());
      }
    }
  }

  /** Its name must be free, and no other name is free for it meanwhile. */
  @Test
  void whatHadToBeDeletedFirstDoesNotComeBack() throws IOException {
    Files.write(file(), filled(SIZE / 2, 4));
    Files.write(aside(), filled(SIZE, 3));
    Files.createDirectory(swap());
    try (FileMemory memory = failing(new IllegalStateException(), false)) {
      assertThrows(IllegalStateException.class, memory::setAside);
    }
    assertEquals(List.of("cache", "cache.swap"), names());
    assertArrayEquals(filled(SIZE / 2, 4), Files.readAllBytes(file()));
    assertFree(file());
  }

  /** As where somebody deletes files meanwhile: no cache is opened under another name. */
  @Test
  void whatCannotBePutBackEndsTheOpen() throws IOException {
    Files.write(file(), filled(SIZE / 2, 4));
    IOException failure = new IOException();
    FileMemory memory =
        new FileMemory(file(), SIZE, Duration.ZERO, false) {
          @Override
          MemoryRegion map(OwnedFile of) throws IOException {
            Files.delete(aside());
            throw failure;
          }
        };
    try (memory) {
      assertSame(failure, assertThrows(IOException.class, memory::setAside));
      assertEquals(1, failure.getSuppressed().length);
    }
    assertEquals(List.of("cache"), names());
    assertFree(file());
  }

  /** What is no cache's file, as a name and the making of it. */
  private interface Stranger {
    void make(Path side) throws IOException;
  }

  private static final Map<String, Stranger> STRANGERS =
      Map.of(
          "directory",
          side -> Files.createDirectory(side),
          "no ordinary file",
          side -> Files.createSymbolicLink(side, side.resolveSibling("target")),
          "others may write it",
          side ->
              Files.setPosixFilePermissions(
                  Files.write(side, filled(SIZE, 6)), PosixFilePermissions.fromString("rw-rw-rw-")),
          "holds no cache",
          side -> Files.writeString(side, "a text"),
          "may be another program's",
          side -> Files.write(side, new byte[SIZE]));

  private static Object seen(Path side) throws IOException {
    return List.of(
        Files.readAttributes(side, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey(),
        Files.isDirectory(side) ? "" : Arrays.hashCode(Files.readAllBytes(side)));
  }

  private void assertTold(Logged log, Path side, String reason) {
    String all = String.join("\n", log.lines());
    assertTrue(all.contains("WARNING "), all);
    assertTrue(all.contains(reason), all);
    assertTrue(all.contains("remove " + side), all);
  }

  @Test
  void aStrangersFileNamedSwapStaysAndStopsNoService() throws IOException {
    Files.write(folder.resolve("target"), filled(SIZE, 5));
    for (Map.Entry<String, Stranger> each : STRANGERS.entrySet()) {
      for (int i = 0; i < 4; i++) {
        boolean isHere = (i & 1) != 0;
        boolean isAside = (i & 2) != 0;
        each.getValue().make(swap());
        Object before = seen(swap());
        if (isHere) {
          Files.write(file(), filled(SIZE, 4));
        }
        if (isAside) {
          Files.write(aside(), filled(SIZE, 3));
        }
        try (Logged log = new Logged(WarmCache.class);
            FileMemory memory = open(SIZE)) {
          assertTold(log, swap(), each.getKey());
          assertEquals(isHere, memory.origin().isWarm());
          assertEquals(isAside && !isHere, memory.takeBack(region -> true));
          assertEquals(isHere ? 4 : isAside ? 3 : 0, memory.region().getByte(8));
          assertTrue(memory.setAside().isKept());
        }
        assertEquals(before, seen(swap()));
        for (Path file : List.of(swap(), file(), aside())) {
          Files.deleteIfExists(file);
        }
      }
    }
    assertEquals(List.of("target"), names());
  }

  @Test
  void aStrangersFileNamedRefusedStaysAndStopsNoService() throws IOException {
    Files.write(folder.resolve("target"), filled(SIZE, 5));
    for (Map.Entry<String, Stranger> each : STRANGERS.entrySet()) {
      each.getValue().make(aside());
      Object before = seen(aside());
      Files.write(file(), filled(SIZE / 2, 4));
      try (FileMemory memory = open(SIZE)) {
        assertFalse(memory.takeBack(region -> CacheFormat.isMarked(region)));
        CacheMemory.GivenWay given = memory.setAside();
        assertFalse(given.isKept());
        assertTrue(given.where().contains("it was written over"), given.where());
        assertTrue(given.where().contains(each.getKey().split(" ")[0]), given.where());
        assertTrue(given.where().contains("remove " + aside()), given.where());
        assertEquals(0, memory.region().getByte(8));
      }
      assertEquals(before, seen(aside()));
      Files.delete(aside());
      Files.delete(file());
    }
    assertEquals(List.of("target"), names());
  }

  @Test
  void whatAnotherHasOpenStaysAndStopsNoService() throws IOException {
    Files.write(swap(), filled(SIZE, 5));
    Files.write(aside(), filled(SIZE, 3));
    Files.write(file(), filled(SIZE / 2, 4));
    try (OwnedFile first = OwnedFile.openExisting(swap(), Duration.ZERO, false);
        OwnedFile second = OwnedFile.openExisting(aside(), Duration.ZERO, false);
        Logged log = new Logged(WarmCache.class);
        FileMemory memory = open(SIZE)) {
      assertTold(log, swap(), "close");
      assertFalse(memory.takeBack(region -> true));
      assertTold(log, aside(), "nothing is taken back");
      CacheMemory.GivenWay given = memory.setAside();
      assertFalse(given.isKept());
      assertTrue(given.where().contains("close"), given.where());
      String reason = assertThrows(IOException.class, memory::discardAside).getMessage();
      assertTrue(reason.contains("close"), reason);
      assertEquals(SIZE, first.size());
      assertEquals(SIZE, second.size());
    }
    assertArrayEquals(filled(SIZE, 5), Files.readAllBytes(swap()));
    assertArrayEquals(filled(SIZE, 3), Files.readAllBytes(aside()));
    open(SIZE).close(); // they have ended: what a killed process left is finished
    assertEquals(List.of("cache", "cache.refused"), names());
  }

  @Test
  void withoutRoomNothingIsMadeAndNothingIsLost() throws IOException {
    Files.write(aside(), filled(SIZE, 3));
    NoRoomException refused = assertThrows(NoRoomException.class, () -> open(TOO_MUCH));
    assertEquals(TOO_MUCH, refused.needed());
    assertEquals(0, refused.getSuppressed().length);
    assertEquals(List.of("cache.refused"), names());
    Files.write(file(), filled(SIZE, 4));
    try (FileMemory memory = open(TOO_MUCH)) {
      assertThrows(NoRoomException.class, memory::setAside);
      assertThrows(NoRoomException.class, memory::replace);
    }
    assertEquals(List.of("cache", "cache.refused"), names());
    assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(file()), "the next open finds it");
    assertArrayEquals(filled(SIZE, 3), Files.readAllBytes(aside()));
  }

  /** Its blocks count, not its size. */
  @Test
  void whatIsSetAsideIsNotDeletedInVain() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(aside().toFile(), "rw")) {
      sparse.setLength(TOO_MUCH + 4096);
    }
    try (Logged log = new Logged(WarmCache.class)) {
      assertThrows(NoRoomException.class, () -> open(TOO_MUCH));
      assertEquals(List.of(), log.lines());
    }
    assertEquals(List.of("cache.refused"), names());
  }

  private void assertWrittenOver(Path file, String reason, String remedy) throws IOException {
    byte[] old = filled(SIZE / 2, 4);
    Files.write(file, old);
    try (FileMemory memory = new FileMemory(file, SIZE, Duration.ZERO, false)) {
      CacheMemory.GivenWay given = memory.setAside();
      assertFalse(given.isKept());
      assertTrue(given.where().contains("it was written over"), given.where());
      assertTrue(given.where().contains(reason), given.where());
      assertTrue(given.where().contains(remedy), given.where());
      assertNull(memory.refusal());
      assertEquals(SIZE, memory.region().size());
      assertEquals(0, memory.region().getByte(8));
      assertOwned(file);
    }
    assertArrayEquals(new byte[SIZE], Files.readAllBytes(file));
    Files.write(file, old);
    try (FileMemory memory = new FileMemory(file, SIZE, Duration.ZERO, false)) {
      memory.replace();
      assertEquals(0, memory.region().getByte(8));
    }
  }

  /** The service starts, whatever is in the way. */
  @Test
  void whatCannotBeSetAsideIsWrittenOver() throws IOException {
    Files.createDirectories(aside().resolve("not empty"));
    assertWrittenOver(file(), "directory", "remove " + aside());
    assertTrue(Files.exists(aside().resolve("not empty")));
    assertWrittenOver(folder.resolve("n".repeat(250)), "too long", "shorter name");
  }

  /** And what fits is left where it is, as long as it cannot take its place. */
  @Test
  void whatCannotBeTakenBackIsLeft() throws IOException {
    Files.write(file(), filled(SIZE / 2, 3));
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE);
        Logged log = new Logged(WarmCache.class)) {
      Files.createDirectories(swap().resolve("not empty"));
      assertFalse(memory.takeBack(region -> true));
      assertEquals(1, log.lines().size());
      assertTrue(log.lines().get(0).contains("cannot be taken back"), "" + log.lines());
      assertFree(aside());
      assertOwned(file());
      assertFalse(memory.refusal() == null);
    }
    assertArrayEquals(filled(SIZE / 2, 3), Files.readAllBytes(file()));
    assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(aside()));
  }

  /** Of a file with another name, which somebody made to have it still, only the name goes. */
  @Test
  void aHardLinkKeepsWhatWasSetAside() throws IOException {
    Path link = folder.resolve("link");
    for (boolean discarded : new boolean[] {true, false}) {
      Files.write(aside(), filled(SIZE, 4));
      Files.createLink(link, aside());
      Files.write(file(), filled(SIZE / 2, 3));
      try (FileMemory memory = open(SIZE)) {
        assertTrue(discarded ? memory.discardAside() : memory.setAside().isKept());
      }
      assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(link));
      Files.delete(link);
      Files.deleteIfExists(aside());
    }
  }

  /** So that it is not deleted to make room for memory that is not needed. */
  @Test
  void whatIsSetAsideAndMayFitIsLookedAtBeforeMemoryIsMade() throws IOException {
    for (boolean fits : new boolean[] {true, false}) {
      Files.write(aside(), filled(SIZE, 3));
      try (FileMemory memory = open(SIZE)) {
        assertEquals(0, Files.size(file()));
        assertEquals(fits, memory.takeBack(region -> fits));
        assertEquals(SIZE, Files.size(file()));
        assertEquals(fits ? 3 : 0, memory.region().getByte(8));
      }
      Files.delete(file());
    }
  }

  @Test
  void whatStaysInTheWayOfRoomIsToldWithTheReason() throws IOException {
    NoRoomException refused = assertThrows(NoRoomException.class, () -> open(TOO_MUCH));
    assertEquals(0, refused.getSuppressed().length);
    Files.createDirectory(aside());
    refused = assertThrows(NoRoomException.class, () -> open(TOO_MUCH));
    String reason = refused.getSuppressed()[0].getMessage();
    assertTrue(reason.contains("remove " + aside()), reason);
  }

  /** Somebody has deleted it meanwhile. */
  @Test
  void whereTheSecondOfThreeRenamesFailsTheFirstIsUndone() throws IOException {
    Files.write(file(), filled(SIZE / 2, 3));
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE);
        Logged log = new Logged(WarmCache.class)) {
      assertFalse(
          memory.takeBack(
              region -> {
                try {
                  Files.delete(aside());
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
                return true;
              }));
      String told = String.join("\n", log.lines());
      assertTrue(told.contains("cannot be taken back"), told);
      assertTrue(told.contains("the right to rename files in " + folder), told);
      assertOwned(file());
    }
    assertEquals(List.of("cache"), names());
    assertArrayEquals(filled(SIZE / 2, 3), Files.readAllBytes(file()));
  }

  /** The codec of an open may throw when all has been done to the files. */
  @Test
  void anOpenThatIsAbandonedLeavesTheFilesWithTheirNames() throws IOException {
    for (boolean isThere : new boolean[] {true, false}) {
      for (boolean takesBack : new boolean[] {true, false}) {
        if (isThere) {
          Files.write(file(), filled(SIZE / 2, 3));
        }
        Files.write(aside(), filled(SIZE, 4));
        FileMemory memory = open(SIZE);
        assertEquals(takesBack, memory.takeBack(region -> takesBack));
        if (isThere && !takesBack) {
          assertTrue(memory.setAside().isKept());
        }
        MemoryRegion region = memory.region();
        IOException failure = new IOException();
        memory.abandon(failure);
        assertEquals(List.of(), List.of(failure.getSuppressed()));
        assertThrows(IllegalStateException.class, () -> region.getLong(0));
        assertEquals(isThere, Files.exists(file()));
        if (isThere) {
          assertFree(file());
          assertArrayEquals(filled(SIZE / 2, 3), Files.readAllBytes(file()));
          Files.delete(file());
        }
        if (takesBack || !isThere) { // else it has given way
          assertArrayEquals(filled(SIZE, 4), Files.readAllBytes(aside()));
        }
        Files.deleteIfExists(aside());
        assertEquals(List.of(), names());
      }
    }
  }

  /** Though this process, or another, may still have them open or mapped. */
  @Test
  void theMemoryOfDeletedFilesIsFreeAtOnce() throws IOException {
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE);
        FileChannel old = FileChannel.open(aside())) {
      assertTrue(memory.discardAside());
      assertEquals(0, old.size());
    }
    Files.delete(file());
    Files.write(aside(), filled(SIZE, 4));
    try (FileMemory memory = open(SIZE)) {
      assertFalse(memory.takeBack(region -> false), "so that new memory is made");
      try (FileChannel made = FileChannel.open(file())) {
        assertEquals(SIZE, made.size());
        assertTrue(memory.takeBack(region -> true));
        assertEquals(0, made.size());
      }
    }
    assertEquals(List.of("cache"), names());
  }

  /** A header is enough to be known as a cache's. */
  @Test
  void whatIsAsideAndHasNoMoreThanAHeaderGivesWay() throws IOException {
    Files.write(aside(), filled(CacheFormat.HEADER_BYTES, 4));
    Files.write(file(), filled(SIZE / 2, 3));
    try (FileMemory memory = open(SIZE)) {
      assertTrue(memory.setAside().isKept());
    }
    assertArrayEquals(filled(SIZE / 2, 3), Files.readAllBytes(aside()));
  }
}
