/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.MemoryRegion;
import org.luo4j.OwnedFile;

/** Memory of more than one slice: a file of holes. Native code guards it, where there is any. */
@ParameterizedClass
@ValueSource(booleans = {true, false})
class MemoryTest {

  private static final long SLICE = 512L << 20;
  private static final long SIZE = 2 * SLICE + CacheFormat.TRAILER_BYTES;

  /** Around the borders of slices, and at the ends. */
  private static final long[] OFFSETS = {
    0, 8, 4096, SLICE - 4096, SLICE - 8, SLICE, SLICE + 8, 2 * SLICE - 8, 2 * SLICE, SIZE - 16
  };

  @TempDir Path folder;

  @Parameter boolean wantsGuard;

  private MemoryRegion region;
  private Memory memory;

  @BeforeEach
  void map() throws IOException {
    Path file = folder.resolve("memory");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(SIZE);
    }
    if (wantsGuard) {
      try (OwnedFile owned = OwnedFile.openExisting(file, Duration.ZERO, false)) {
        region = owned.map();
      }
    } else {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        region = MemoryRegion.ofFile(channel, 0, SIZE);
      }
    }
    region.putLong(CacheFormat.markAt(SIZE), CacheFormat.MARK);
    memory = new Memory(region);
  }

  @AfterEach
  void unmap() {
    memory.close();
    region.free();
    memory = null; // JUnit keeps the last test's object, which would keep the mapping
    region = null;
  }

  @Test
  void aWordIsWhereTheRegionHasIt() {
    for (long at : OFFSETS) {
      memory.putLong(at, at ^ -1);
      assertEquals(at ^ -1, region.getLong(at));
      assertEquals(at ^ -1, memory.getLong(at));
      assertEquals(at ^ -1, memory.getLongAcquire(at));
      assertEquals(at ^ -1, memory.getLongVolatile(at));
      memory.putLongRelease(at, at + 5);
      assertEquals(at + 5, region.getLong(at));
      memory.putLongVolatile(at, at + 6);
      assertEquals(at + 6, region.getLong(at));
      assertFalse(memory.compareAndSetLong(at, at + 5, 1));
      assertEquals(at + 6, region.getLong(at));
      assertTrue(memory.compareAndSetLong(at, at + 6, 1));
      assertEquals(1, region.getLong(at));
      memory.putInt(at + 4, 77);
      assertEquals(77, region.getInt(at + 4));
      assertEquals(77, memory.getInt(at + 4));
      memory.putIntRelease(at + 4, 78);
      assertEquals(78, region.getInt(at + 4));
      memory.putByte(at + 3, (byte) 9);
      assertEquals(9, region.getByte(at + 3));
      assertEquals(9, memory.getByte(at + 3));
      assertEquals(78L << 32 | 9 << 24 | 1, region.getLong(at));
    }
  }

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new SplittableRandom(length).nextBytes(bytes);
    return bytes;
  }

  @Test
  void arraysAndCopiesAreWhole() {
    for (long at : new long[] {64, SLICE - 100, SLICE, 2 * SLICE - 100_000}) {
      for (int length : new int[] {0, 1, 7, 8, 9, 47, 48, 49, 50, 200, 70_000}) {
        byte[] bytes = random(length);
        region.putLong(at + length, 0);
        region.putLong(at - 8, 0);
        memory.put(at, bytes);
        byte[] got = new byte[length];
        region.get(at, got);
        assertArrayEquals(bytes, got);
        assertEquals(0, region.getLong(at + length), "behind it");
        assertEquals(0, region.getLong(at - 8), "before it");
        got = new byte[length];
        memory.get(at, got);
        assertArrayEquals(bytes, got);
        memory.copy(at, 1 << 20, length);
        memory.get(1 << 20, got);
        assertArrayEquals(bytes, got);
        ByteBuffer view = memory.view(at, length);
        assertEquals(ByteBuffer.wrap(bytes), view);
        assertEquals(ByteOrder.LITTLE_ENDIAN, view.order());
        assertThrows(ReadOnlyBufferException.class, () -> view.put(new byte[length]));
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        assertEquals((int) crc.getValue(), memory.crc32c(at, length));
      }
    }
  }

  /** A value may be larger than a slice. */
  @Test
  void aLongRangeHasAChecksum() {
    region.putLong(64, 1);
    region.putLong(SLICE + 72, 2);
    long length = SLICE + 100;
    assertEquals(region.crc32c(64, length), Integer.toUnsignedLong(memory.crc32c(64, length)));
  }

  /** The mark is in the last word, and becomes 0 with all of the memory. */
  @Test
  void memoryWithoutItsMarkIsLost() {
    assertTrue(memory.isSound());
    memory.checkSound();
    region.putLong(SIZE - 8, 0);
    assertFalse(memory.isSound());
    assertThrows(MemoryLostException.class, memory::checkSound);
    Throwable cause = new InternalError();
    assertSame(cause, memory.gone(cause).getCause());
    region.putLong(SIZE - 8, CacheFormat.MARK ^ 1);
    assertFalse(new Memory(region).isSound());
    region.putLong(SIZE - 8, CacheFormat.MARK);
    region.putLong(SIZE - 16, CacheFormat.MARK ^ 1);
    assertTrue(new Memory(region).isSound());
    // Without a guard each look at memory that is gone would be an error at some later time.
    assertEquals(memory.isGuarded(), memory.isSound());
  }

  @Test
  void afterCloseEveryAccessSaysSo() {
    memory.checkOpen();
    assertTrue(memory.isOpen());
    memory.close();
    assertFalse(memory.isOpen());
    String message =
        assertThrows(IllegalStateException.class, () -> memory.getLong(0)).getMessage();
    assertEquals("the cache is closed: open it again", message);
    assertThrows(IllegalStateException.class, memory::checkOpen);
    assertThrows(IllegalStateException.class, () -> memory.put(0, new byte[100]));
    assertFalse(memory.gone(null) instanceof MemoryLostException);
  }
}
