/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.SystemProperties;

/** Regions whose memory is taken away: by close, or as their file was cut short. */
class LostMemoryTest {

  private static final int SIZE = 1 << 20;
  private static final int PAGE = 4096;

  @TempDir Path folder;

  private final SystemProperties properties = new SystemProperties();

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  // ---- files that are cut short ----

  /** CRC-32C of 8192 zeros. */
  private static final long ZEROS_CRC = crcOfZeros();

  /** Each way to touch memory: the value is the sum of what was read. */
  private static final List<Access> ACCESSES =
      List.of(
          new Access("getByte", (region, at) -> region.getByte(at)),
          new Access("getShort", (region, at) -> region.getShort(at)),
          new Access("getInt", (region, at) -> region.getInt(at)),
          new Access("getIntAcquire", (region, at) -> region.getIntAcquire(at)),
          new Access("getLong", (region, at) -> region.getLong(at)),
          new Access("getLongVolatile", (region, at) -> region.getLongVolatile(at)),
          new Access("get", (region, at) -> region.getLong(copied(region, at))),
          new Access("copyTo", LostMemoryTest::copyWithin),
          new Access("slice", (region, at) -> region.slice(at, 8).getLong(0)),
          new Access("getAndAddLong", (region, at) -> region.getAndAddLong(at, 0)),
          new Access(
              "compareAndSetLong", (region, at) -> region.compareAndSetLong(at, -1, -1) ? -1 : 0),
          new Access("putLong", (region, at) -> written(region, at, region::putLong)),
          new Access(
              "putByte",
              (region, at) -> written(region, at, (o, v) -> region.putByte(o, (byte) v))),
          new Access(
              "fill",
              (region, at) -> written(region, at, (o, v) -> region.fill(o, 9000, (byte) v))),
          new Access(
              "put", (region, at) -> written(region, at, (o, v) -> region.put(o, new byte[9000]))),
          new Access("crc32c", (region, at) -> region.crc32c(at, 8192) == ZEROS_CRC ? 0 : -1));

  private record Access(String name, Touch touch) {}

  private interface Touch {
    long on(MemoryRegion region, long at);
  }

  private interface Store {
    void at(long offset, long value);
  }

  private static long crcOfZeros() {
    CRC32C crc = new CRC32C();
    crc.update(new byte[8192]);
    return crc.getValue();
  }

  private static long copied(MemoryRegion region, long at) {
    byte[] bytes = new byte[9000];
    region.get(at, bytes);
    for (byte each : bytes) {
      if (each != 0) {
        return 0; // where the region has -1 as long as its memory is there
      }
    }
    return at;
  }

  private static long copyWithin(MemoryRegion region, long at) {
    region.copyTo(at, region, at + 2 * PAGE, PAGE);
    return region.getLong(at + 2 * PAGE);
  }

  private static long written(MemoryRegion region, long at, Store store) {
    store.at(at, 0);
    return region.getLong(at + SIZE / 4);
  }

  /** A child JVM: cuts files under regions, and says what is read then. */
  static final class Cutting {
    private Cutting() {}

    public static void main(String[] arguments) throws Exception {
      Path folder = Path.of(arguments[0]);
      List<String> wrong = new ArrayList<>();
      boolean absorbs = false;
      for (Access access : ACCESSES) {
        Path file = folder.resolve(access.name);
        try (OwnedFile owned = OwnedFile.open(file, Duration.ZERO);
            OwnedFile whole =
                OwnedFile.open(folder.resolve("whole " + access.name), Duration.ZERO)) {
          owned.reserve(SIZE);
          whole.reserve(SIZE);
          try (MemoryRegion region = owned.map();
              MemoryRegion other = whole.map()) {
            absorbs = region.absorbFaults();
            other.absorbFaults();
            region.fill(0, SIZE, (byte) -1);
            other.fill(0, SIZE, (byte) -1);
            if (absorbs) {
              try (RandomAccessFile cut = new RandomAccessFile(file.toFile(), "rw")) {
                cut.setLength(PAGE);
              }
              long read = access.touch.on(region, SIZE / 2);
              if (read != 0 || region.getLong(0) != 0 || region.getLong(SIZE - 8) != 0) {
                wrong.add(access.name + " read " + read + ", " + region.getLong(0));
              }
              region.putLong(0, 42);
              if (!region.isOpen() || region.getLong(0) != 42 || other.getLong(SIZE / 2) != -1) {
                wrong.add(access.name + " leaves the regions unusable");
              }
            }
          }
        }
        Files.delete(file);
        Files.delete(folder.resolve("whole " + access.name));
      }
      System.out.println("absorbs: " + absorbs);
      System.out.println("wrong: " + wrong);
      System.out.println("elsewhere: " + faultElsewhere(folder.resolve("elsewhere"), true));
      System.out.println("afterwards: " + faultElsewhere(folder.resolve("afterwards"), false));
    }

    /** What the JVM makes of a fault of a region that does not absorb, beside one that does. */
    private static String faultElsewhere(Path file, boolean beside) throws Exception {
      Path guarded = Path.of(file + " guarded");
      try (OwnedFile owned = OwnedFile.open(file, Duration.ZERO);
          OwnedFile other = OwnedFile.open(guarded, Duration.ZERO)) {
        owned.reserve(SIZE);
        other.reserve(SIZE);
        try (MemoryRegion region = owned.map();
            MemoryRegion second = other.map()) {
          if (beside) {
            second.absorbFaults();
          }
          second.putLong(0, 42);
          owned.clear();
          String fault = fault(() -> region.getLong(SIZE / 2));
          return fault + (second.getLong(0) == 42 ? "" : ", and the other region is lost");
        }
      } finally {
        Files.delete(file);
        Files.delete(guarded);
      }
    }

    /**
     * In a thread of its own, as the JVM may throw later than at the read: in a call of its own.
     */
    private static String fault(LongSupplier read) throws InterruptedException {
      AtomicReference<String> fault = new AtomicReference<>("none");
      Thread reader =
          new Thread(
              () -> {
                read.getAsLong();
                for (int i = 0; i < 1000; i++) {
                  Thread.yield();
                }
              });
      reader.setUncaughtExceptionHandler(
          (thread, error) -> fault.set(error.getClass().getSimpleName()));
      reader.start();
      reader.join();
      return fault.get();
    }
  }

  /** Else -Xcheck:jni says at some time that the handler of SIGBUS is not the JVM's. */
  private static final String OWN_HANDLERS = "-XX:+AllowUserSignalHandlers";

  static Stream<Arguments> children() {
    return Jdk.all()
        .flatMap(
            jdk ->
                Stream.of("-Xint", "-XX:TieredStopAtLevel=4", "-Xcheck:jni")
                    .map(flag -> Arguments.of(jdk, flag)));
  }

  @ParameterizedTest
  @MethodSource("children")
  void aCutFileReadsZeroAndNoOtherIsLost(Jdk jdk, String flag) throws Exception {
    JniLibrary.assumeBuilt();
    assertCut(
        true,
        ChildJvm.of(Cutting.class)
            .java(jdk.home())
            .flags(jdk.nativeAccess("ALL-UNNAMED"))
            .flags(List.of(flag, OWN_HANDLERS))
            .property(LiveUpdate.BRIDGE_PROPERTY, "jni"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"jna", "emulator"})
  void withoutJniTheRegionSaysThatItDoesNotAbsorb(String bridge) throws Exception {
    assertCut(
        false,
        ChildJvm.of(Cutting.class)
            .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
            .property(LiveUpdate.BRIDGE_PROPERTY, bridge));
  }

  private void assertCut(boolean absorbs, ChildJvm.Command cutting) throws Exception {
    ChildJvm.Ended ended = cutting.run(folder.toString());
    assertEquals(
        List.of(
            "absorbs: " + absorbs,
            "wrong: []",
            "elsewhere: InternalError",
            "afterwards: InternalError"),
        ended.lines());
    assertEquals(0, ended.exit(), ended::toString);
  }

  @ParameterizedTest
  @EnumSource
  void aClosedRegionCannotBeToldToAbsorb(BridgeType bridge) {
    LiveUpdate luo = Emulated.by(bridge, folder.resolve("machine"));
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("lost").size(PAGE))) {
      MemoryRegion region = memfd.map();
      assertEquals(bridge == BridgeType.JNI, region.absorbFaults());
      assertEquals(bridge == BridgeType.JNI, region.absorbFaults());
      region.free();
      assertThrows(IllegalStateException.class, region::absorbFaults);
    }
  }

  // ---- free ----

  private static List<String> mappings(String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains(name))
        .toList();
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void freeGivesAMemfdsMemoryBackAtOnce(BridgeType bridge) throws IOException {
    LiveUpdate luo = Emulated.by(bridge, folder);
    String name = "luo4j-given-back-" + bridge;
    MemoryRegion region;
    MemoryRegion readOnly;
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named(name).size(SIZE))) {
      region = memfd.map();
      readOnly = memfd.mapReadOnly();
    }
    region.fill(0, SIZE, (byte) 7);
    ByteBuffer slice = region.slice(SIZE / 2, 16);
    ByteBuffer readOnlySlice = readOnly.slice(0, 16);
    assertEquals(2, mappings("/memfd:" + name).size());
    region.free();
    assertEquals(1, mappings("/memfd:" + name).size());
    assertEquals(0x0707_0707_0707_0707L, readOnly.getLong(0));
    readOnly.free();
    assertEquals(List.of(), mappings("/memfd:" + name));
    assertEquals(0, slice.getLong(0));
    assertEquals(0, readOnlySlice.getLong(0));
    slice.putLong(8, 42);
    assertEquals(42, slice.getLong(8));
    Reference.reachabilityFence(slice);
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna"})
  void freeGivesAFilesMemoryBackAtOnce(String bridge) throws IOException {
    if (bridge.equals("jni")) {
      JniLibrary.assumeBuilt();
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, bridge);
    Path file = folder.resolve("file");
    try (OwnedFile owned = OwnedFile.open(file, Duration.ZERO)) {
      owned.reserve(SIZE);
      MemoryRegion region = owned.map();
      ByteBuffer slice = region.slice(0, 16);
      slice.putLong(0, 42);
      assertEquals(1, mappings(file.toString()).size());
      region.free();
      assertEquals(List.of(), mappings(file.toString()));
      assertEquals(0, slice.getLong(0));
      slice.putLong(8, 43);
      try (MemoryRegion again = owned.map()) {
        assertEquals(42, again.getLong(0));
        assertEquals(0, again.getLong(8), "a slice of a freed region has written to the file");
      }
    }
  }

  /** As the class says of the JDK's mappings. */
  @Test
  void withoutNativeCodeASliceKeepsTheMemory() throws IOException {
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    Path file = folder.resolve("file");
    try (OwnedFile owned = OwnedFile.open(file, Duration.ZERO)) {
      owned.reserve(SIZE);
      MemoryRegion region = owned.map();
      ByteBuffer slice = region.slice(0, 16);
      slice.putLong(0, 42);
      region.free();
      assertEquals(42, slice.getLong(0));
      assertEquals(1, mappings(file.toString()).size());
      assertFalse(region.isOpen());
      Reference.reachabilityFence(slice);
    }
    assertTrue(Files.exists(file));
  }
}
