/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;

/** Mapped memory, over each bridge. */
class MemoryRegionTest {

  private static final long GIB = 1L << 30;

  @TempDir Path folder;

  private MemoryRegion map(BridgeType bridge, long size) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("region").size(size))) {
      return memfd.map();
    }
  }

  /** Both sides of each 1 GiB boundary of 3 GiB, and across it, by each kind of access. */
  @ParameterizedTest
  @EnumSource
  void threeGibibytesAreWrittenAndReadAtEachBoundary(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    long size = 3 * GIB;
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("big").size(size));
        MemoryRegion region = memfd.map();
        MemoryRegion second = memfd.map()) {
      assertEquals(size, region.size());
      for (long boundary = 0; boundary <= size; boundary += GIB) {
        for (long offset = boundary - 9; offset <= boundary + 8; offset++) {
          if (offset < 0 || offset + 8 > size) {
            continue;
          }
          long value = 0x0102_0304_0506_0708L ^ offset;
          region.putLong(offset, value);
          assertEquals(value, second.getLong(offset), "long at " + offset);
          region.putInt(offset, (int) ~value);
          assertEquals((int) ~value, second.getInt(offset), "int at " + offset);
          region.putShort(offset, (short) value);
          assertEquals((short) value, second.getShort(offset), "short at " + offset);
          region.putByte(offset, (byte) ~value);
          assertEquals((byte) ~value, second.getByte(offset), "byte at " + offset);
        }
      }
      for (long gib = 0; gib < size; gib += GIB) {
        region.putLong(gib + 64, gib + 1);
      }
      for (long gib = 0; gib < size; gib += GIB) {
        assertEquals(gib + 1, second.getLong(gib + 64), "each has memory of its own");
      }
      for (long boundary = GIB; boundary < size; boundary += GIB) {
        assertEquals(0, region.address() % (2 << 20));
        region.putLongVolatile(boundary - 8, 5);
        region.putLongRelease(boundary, 6);
        assertEquals(5, second.getLongAcquire(boundary - 8));
        assertTrue(second.compareAndSetLong(boundary, 6, 7));
        assertEquals(7, region.getLongVolatile(boundary));

        byte[] across = "0123456789".repeat(1000).getBytes(StandardCharsets.US_ASCII);
        region.put(boundary - 5000, across);
        byte[] back = new byte[across.length];
        second.get(boundary - 5000, back);
        assertArrayEquals(across, back);
        ByteBuffer slice = second.slice(boundary - 5000, across.length);
        assertEquals(0, slice.compareTo(ByteBuffer.wrap(across)));
        assertEquals(
            region.crc32c(boundary - 5000, 10_000), second.crc32c(boundary - 5000, 10_000));
        region.copyTo(boundary - 5000, second, boundary - 4000, 10_000);
        second.get(boundary - 4000, back);
        assertArrayEquals(across, back);
      }
      assertThrows(IndexOutOfBoundsException.class, () -> region.getLong(size - 7));
      assertThrows(IndexOutOfBoundsException.class, () -> region.getByte(size));
    }
  }

  @ParameterizedTest
  @EnumSource
  void valuesAreLittleEndianAndUnalignedWherePlain(BridgeType bridge) {
    try (MemoryRegion region = map(bridge, 64)) {
      region.putLong(3, 0x0807_0605_0403_0201L);
      for (int i = 0; i < 8; i++) {
        assertEquals(i + 1, region.getByte(3 + i));
      }
      assertEquals(0x0201, region.getShort(3));
      assertEquals(0x0403_0201, region.getInt(3));
      assertEquals(ByteOrder.LITTLE_ENDIAN, region.slice(0, 8).order());
      assertEquals(0x0807_0605_0403_0201L, region.slice(3, 8).getLong(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void orderedAccessDoesWhatItsNameSays(BridgeType bridge) {
    try (MemoryRegion region = map(bridge, 64)) {
      region.putIntRelease(4, 1);
      assertEquals(1, region.getIntAcquire(4));
      region.putIntVolatile(4, -2);
      assertEquals(-2, region.getIntVolatile(4));
      assertFalse(region.compareAndSetInt(4, 0, 9));
      assertTrue(region.compareAndSetInt(4, -2, 9));
      assertEquals(9, region.getInt(4));
      assertFalse(region.compareAndSetLong(8, 1, 2));
      assertTrue(region.compareAndSetLong(8, 0, 2));
      assertEquals(2, region.getAndAddLong(8, 40));
      assertEquals(42, region.getLongVolatile(8));
    }
  }

  @ParameterizedTest
  @EnumSource
  void orderedAccessMustBeAligned(BridgeType bridge) {
    try (MemoryRegion region = map(bridge, 64)) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> region.getLongAcquire(4)).getMessage();
      assertTrue(message.contains("offset 4 is not a multiple of 8"), message);
      assertThrows(IllegalArgumentException.class, () -> region.putLongRelease(1, 0));
      assertThrows(IllegalArgumentException.class, () -> region.compareAndSetLong(12, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> region.getAndAddLong(63, 0));
      assertThrows(IllegalArgumentException.class, () -> region.putIntVolatile(2, 0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void boundsAreCheckedAndNothingIsWrittenOutside(BridgeType bridge) {
    try (MemoryRegion region = map(bridge, 100)) {
      String message =
          assertThrows(IndexOutOfBoundsException.class, () -> region.putLong(93, 1)).getMessage();
      assertTrue(message.contains("offset 93 with 8 bytes"), message);
      assertTrue(message.contains("100 bytes"), message);
      assertThrows(IndexOutOfBoundsException.class, () -> region.getByte(-1));
      assertThrows(IndexOutOfBoundsException.class, () -> region.getByte(100));
      assertThrows(IndexOutOfBoundsException.class, () -> region.getLong(Long.MAX_VALUE));
      assertThrows(IndexOutOfBoundsException.class, () -> region.getLong(Long.MIN_VALUE));
      byte[] ten = new byte[10];
      assertThrows(IndexOutOfBoundsException.class, () -> region.put(91, ten));
      assertThrows(IndexOutOfBoundsException.class, () -> region.get(-1, ten));
      assertThrows(IndexOutOfBoundsException.class, () -> region.get(0, ten, 5, 6));
      assertThrows(IndexOutOfBoundsException.class, () -> region.get(0, ten, -1, 1));
      assertThrows(IndexOutOfBoundsException.class, () -> region.put(0, ten, 0, -1));
      assertThrows(IndexOutOfBoundsException.class, () -> region.crc32c(1, 100));
      assertThrows(IndexOutOfBoundsException.class, () -> region.fill(0, 101, (byte) 1));
      assertThrows(IndexOutOfBoundsException.class, () -> region.slice(96, 5));
      assertThrows(IllegalArgumentException.class, () -> region.slice(0, -1));
      assertThrows(IndexOutOfBoundsException.class, () -> region.copyTo(0, region, 1, 100));
      assertThrows(IndexOutOfBoundsException.class, () -> region.advise(0, 101, Advice.WILL_NEED));
      assertEquals(0, region.crc32c(0, 0));
      assertEquals(0, region.slice(100, 0).remaining());
      for (int i = 0; i < 100; i++) {
        assertEquals(0, region.getByte(i));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void bulkCopiesAgreeWithArrays(BridgeType bridge) {
    SplittableRandom random = new SplittableRandom(20);
    int size = 200_000;
    byte[] model = new byte[size];
    try (MemoryRegion region = map(bridge, size);
        MemoryRegion other = map(bridge, size)) {
      for (int i = 0; i < 300; i++) {
        int length = random.nextInt(70_000);
        int from = random.nextInt(size - length);
        int to = random.nextInt(size - length);
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        switch (random.nextInt(5)) {
          case 0 -> {
            region.put(to, bytes);
            System.arraycopy(bytes, 0, model, to, length);
          }
          case 1 -> {
            ByteBuffer source = random.nextBoolean() ? ByteBuffer.wrap(bytes) : direct(bytes);
            region.put(to, source);
            assertEquals(0, source.remaining());
            System.arraycopy(bytes, 0, model, to, length);
          }
          case 2 -> {
            region.copyTo(from, region, to, length);
            System.arraycopy(model, from, model, to, length);
          }
          case 3 -> {
            region.copyTo(from, other, to, length);
            other.copyTo(to, region, to, length);
            System.arraycopy(model, from, model, to, length);
          }
          default -> {
            region.fill(to, length, (byte) i);
            java.util.Arrays.fill(model, to, to + length, (byte) i);
          }
        }
      }
      byte[] back = new byte[size];
      region.get(0, back);
      assertArrayEquals(model, back);
      ByteBuffer buffer = ByteBuffer.allocate(size);
      region.get(0, buffer);
      assertArrayEquals(model, buffer.array());
    }
  }

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(Math.max(1, bytes.length)).put(bytes).flip();
  }

  /** The check value of CRC-32C (RFC 3720 B.4 calls it iSCSI's): that of "123456789". */
  @ParameterizedTest
  @EnumSource
  void crc32cIsCastagnolis(BridgeType bridge) {
    try (MemoryRegion region = map(bridge, 9)) {
      region.put(0, "123456789".getBytes(StandardCharsets.US_ASCII));
      assertEquals(0xE306_9283L, region.crc32c(0, 9));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReadOnlyRegionCannotBeWritten(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("read-only").size(100));
        MemoryRegion region = memfd.mapReadOnly()) {
      assertFalse(region.isWritable());
      assertThrows(ReadOnlyBufferException.class, () -> region.putByte(0, (byte) 1));
      assertThrows(ReadOnlyBufferException.class, () -> region.putLong(0, 1));
      assertThrows(ReadOnlyBufferException.class, () -> region.put(0, new byte[1]));
      assertThrows(ReadOnlyBufferException.class, () -> region.slice(0, 1).put((byte) 1));
      assertThrows(UnsupportedOperationException.class, () -> region.compareAndSetLong(0, 0, 1));
      assertEquals(0, region.getLong(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aClosedRegionThrowsAndItsSlicesLiveOn(BridgeType bridge) {
    MemoryRegion region = map(bridge, 4096);
    ByteBuffer slice = region.slice(0, 8);
    region.putLong(0, 11);
    assertTrue(region.isOpen());
    assertEquals("region of memfd 'region', 4096 bytes", region.toString());
    region.close();
    region.close();
    assertFalse(region.isOpen());
    assertEquals("region of memfd 'region', 4096 bytes (closed)", region.toString());
    String message =
        assertThrows(IllegalStateException.class, () -> region.getLong(0)).getMessage();
    assertTrue(message.contains("'region' is closed"), message);
    assertThrows(IllegalStateException.class, () -> region.putByte(0, (byte) 1));
    assertThrows(IllegalStateException.class, () -> region.put(0, new byte[1]));
    assertThrows(IllegalStateException.class, () -> region.slice(0, 1));
    assertThrows(IllegalStateException.class, () -> region.crc32c(0, 1));
    assertThrows(IllegalStateException.class, () -> region.advise(Advice.WILL_NEED));
    System.gc();
    assertEquals(11, slice.getLong(0));
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void aClosedRegionHasNoMemoryUnlessASliceHas(BridgeType bridge) throws IOException {
    for (boolean sliced : new boolean[] {true, false}) {
      MemoryRegion region = map(bridge, 4096);
      region.putLong(0, 11);
      ByteBuffer slice = sliced ? region.slice(0, 8) : region.slice(0, 0);
      String start = Long.toHexString(region.address()) + "-";
      region.close();
      assertEquals(sliced, mapping(start).contains("memfd:"), mapping(start));
      assertEquals(sliced ? 11 : 0, slice.hasRemaining() ? slice.getLong(0) : 0);
      region.free();
      assertFalse(mapping(start).contains("memfd:"), mapping(start));
      Reference.reachabilityFence(region);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void aFreedRegionHasNoMemory(BridgeType bridge) throws IOException {
    MemoryRegion region = map(bridge, 4096);
    ByteBuffer slice = region.slice(0, 8);
    region.putLong(0, 11);
    String start = Long.toHexString(region.address()) + "-";
    assertTrue(mapping(start).contains("memfd:"), mapping(start));
    region.free();
    assertFalse(mapping(start).contains("memfd:"), mapping(start));
    assertEquals(0, slice.getLong(0));
    slice.putLong(0, 12);
    assertThrows(IllegalStateException.class, () -> region.getLong(0));
    region.free();
    region.close();
  }

  private static List<String> endOf(FailingBridge watched) {
    return watched.calls().stream()
        .filter(List.of("guard", "unguard", "revoke", "unmap")::contains)
        .toList();
  }

  /** What is still guarded would stand for whatever is mapped there next. */
  @Test
  void faultsAreAbsorbedUntilTheMemoryGoes() throws InterruptedException {
    JniLibrary.assumeBuilt();
    Bridge jni = LiveUpdate.builder().bridge(BridgeType.JNI).open().system();
    FailingBridge watched = new FailingBridge(jni);
    try (MemFd memfd = MemFd.create(watched.bridge(), MemFdOptions.named("guarded").size(4096))) {
      MemoryRegion plain = memfd.map();
      plain.close();
      assertEquals(List.of("revoke"), endOf(watched));
      Reference.reachabilityFence(plain);
    }
    FailingBridge closed = new FailingBridge(jni);
    try (MemFd memfd = MemFd.create(closed.bridge(), MemFdOptions.named("guarded").size(4096))) {
      MemoryRegion region = memfd.map();
      assertTrue(region.absorbFaults());
      assertTrue(region.absorbFaults());
      region.close();
      assertEquals(List.of("guard", "unguard", "revoke"), endOf(closed));
      Reference.reachabilityFence(region);
    }
    FailingBridge forgotten = new FailingBridge(jni);
    try (MemFd memfd = MemFd.create(forgotten.bridge(), MemFdOptions.named("guarded").size(4096))) {
      assertTrue(memfd.map().absorbFaults());
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
      while (!forgotten.calls().contains("unmap")) {
        assertTrue(System.nanoTime() < end, "what nobody has is not unmapped");
        System.gc();
        Thread.sleep(2);
      }
      assertEquals(List.of("guard", "unguard", "unmap"), endOf(forgotten));
    }
  }

  private static String mapping(String start) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.startsWith(start))
        .findAny()
        .orElseThrow();
  }

  /** Close, and the collector, against readers in a tight loop: an exception at worst. */
  @ParameterizedTest
  @EnumSource
  void closeNeverPullsMemoryFromUnderAReader(BridgeType bridge) throws Exception {
    for (int round = 0; round < 20; round++) {
      MemoryRegion region = map(bridge, 1 << 20);
      region.fill(0, 1 << 20, (byte) 7);
      AtomicReference<Throwable> wrong = new AtomicReference<>();
      Thread reader =
          new Thread(
              () -> {
                try {
                  while (true) {
                    for (int offset = 0; offset < 1 << 20; offset += 64) {
                      assertEquals(0x0707_0707_0707_0707L, region.getLong(offset));
                    }
                  }
                } catch (IllegalStateException closed) {
                  assertFalse(region.isOpen());
                } catch (Throwable e) {
                  wrong.set(e);
                }
              });
      reader.start();
      for (int i = 0; i < round % 4; i++) {
        Thread.onSpinWait();
      }
      region.close();
      System.gc();
      reader.join();
      assertEquals(null, wrong.get());
    }
  }

  @ParameterizedTest
  @EnumSource
  void adviceIsGivenOrRefused(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder);
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("advised").size(4 << 20));
        MemoryRegion region = memfd.map()) {
      region.advise(8192, 4096, Advice.POPULATE_WRITE);
      assertEquals(4096, memfd.allocated());
      region.advise(Advice.HUGE_PAGES);
      region.advise(Advice.POPULATE_WRITE);
      region.advise(0, 4096, Advice.DONT_DUMP);
      LuoException e =
          assertThrows(LuoException.class, () -> region.advise(1, 4096, Advice.WILL_NEED));
      assertEquals(Errno.EINVAL, e.errno());
      assertEquals(0, region.getLong(8));
    }
  }

  @Test
  void aRegionOfAFileIsTheFilesContents() throws IOException {
    Path file = folder.resolve("file");
    long size = GIB + 4096;
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      try (MemoryRegion region = MemoryRegion.ofFile(channel, 4096, size)) {
        assertEquals(size, region.size());
        assertEquals(4096 + size, channel.size());
        assertFalse(region.absorbFaults());
        region.putLong(GIB - 4, 0x1122_3344_5566_7788L);
        ByteBuffer back = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        channel.read(back, 4096 + GIB - 4);
        assertEquals(0x1122_3344_5566_7788L, back.getLong(0));
        region.putLong(GIB + 64, 0x0102_0304_0506_0708L);
        channel.read(back.clear(), 4096 + GIB + 64);
        assertEquals(0x0102_0304_0506_0708L, back.getLong(0));
        assertThrows(UnsupportedOperationException.class, () -> region.advise(Advice.WILL_NEED));
      }
      assertThrows(IllegalArgumentException.class, () -> MemoryRegion.ofFile(channel, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> MemoryRegion.ofFile(channel, -1, 1));
      assertThrows(
          IllegalArgumentException.class,
          () -> MemoryRegion.ofFile(channel, Long.MAX_VALUE - 4095, 4096));
    }
  }
}
