/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.BridgeType;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFdOptions;
import org.luo4j.Provider;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.Logged;
import org.luo4j.testing.SystemProperties;

/** Who may say which bridge is used, and what is said of the choice. */
class ForcingTest {

  private final SystemProperties properties = new SystemProperties();

  @TempDir Path temporary;

  @BeforeEach
  void placeTheEmulator() {
    properties.set(LiveUpdate.EMULATOR_DIR_PROPERTY, temporary.resolve("machine"));
    properties.set(LiveUpdate.BRIDGE_PROPERTY, null);
  }

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private static void assumeNoDevice() {
    assumeFalse(Files.exists(Path.of(Abi.DEVICE)), "this kernel has " + Abi.DEVICE);
  }

  private static void assumeBuilt(boolean jni) {
    if (jni) {
      JniLibrary.assumeBuilt();
    }
  }

  private static void assertContains(String text, String... words) {
    for (String word : words) {
      assertTrue(text.contains(word), word + " is not in: " + text);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "jna", "JNI", "Jna"})
  void thePropertyForcesANativeBridge(String value) {
    assumeBuilt(value.equalsIgnoreCase("jni"));
    properties.set(LiveUpdate.BRIDGE_PROPERTY, value);
    LiveUpdate luo = LiveUpdate.open();
    assertTrue(luo.bridge().name().equalsIgnoreCase(value));
    assertEquals(Provider.KERNEL, luo.provider());
    assertContains(luo.describe(), "the bridge " + luo.bridge(), "-Dluo4j.bridge=");
    assertTrue(luo.describe().toLowerCase().contains("-dluo4j.bridge=" + value.toLowerCase()));
    luo.createMemFd(MemFdOptions.named("forced")).close();
    assertFalse(Files.exists(temporary.resolve("machine")));
  }

  @Test
  void thePropertyForcesTheEmulator() {
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    LiveUpdate luo = LiveUpdate.open();
    assertEquals(BridgeType.EMULATOR, luo.bridge());
    assertEquals(Provider.EMULATOR, luo.provider());
    assertContains(
        luo.describe(), temporary.resolve("machine").toString(), "-Dluo4j.bridge=EMULATOR");
    assertEquals("LiveUpdate[" + luo.describe() + "]", luo.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"nonsense", "", " jni", "jni,jna"})
  void anotherValueIsAMistake(String value) {
    properties.set(LiveUpdate.BRIDGE_PROPERTY, value);
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, LiveUpdate::open);
    assertContains(refused.getMessage(), "-Dluo4j.bridge=" + value + " ", "jni", "jna", "emulator");
  }

  @Test
  void whatCodeAsksForComesBeforeTheProperty() {
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "nonsense");
    assertEquals(BridgeType.JNA, LiveUpdate.builder().bridge(BridgeType.JNA).open().bridge());
    assertEquals(
        Provider.EMULATOR, LiveUpdate.builder().provider(Provider.EMULATOR).open().provider());
  }

  @ParameterizedTest
  @EnumSource(BridgeType.class)
  void aBridgeAskedForIsTheOneUsed(BridgeType bridge) {
    assumeBuilt(bridge == BridgeType.JNI);
    LiveUpdate luo = LiveUpdate.builder().bridge(bridge).open();
    assertEquals(bridge, luo.bridge());
    assertContains(luo.describe(), "bridge(" + bridge + ") was asked for");
  }

  @Test
  void theEmulatorIsDescribedAsAskedFor() {
    LiveUpdate luo = LiveUpdate.builder().provider(Provider.EMULATOR).open();
    assertContains(luo.describe(), "EMULATOR", "provider(EMULATOR) was asked for");
  }

  @Test
  void providerAndBridgeThatExcludeEachOtherAreAMistake() {
    assertExclusive(Provider.KERNEL, BridgeType.EMULATOR);
    assertExclusive(Provider.EMULATOR, BridgeType.JNI);
    assertExclusive(Provider.EMULATOR, BridgeType.JNA);
    assertEquals(
        BridgeType.EMULATOR,
        LiveUpdate.builder()
            .provider(Provider.EMULATOR)
            .bridge(BridgeType.EMULATOR)
            .open()
            .bridge());
  }

  private static void assertExclusive(Provider provider, BridgeType bridge) {
    IllegalStateException refused =
        assertThrows(
            IllegalStateException.class,
            () -> LiveUpdate.builder().provider(provider).bridge(bridge).open());
    assertContains(
        refused.getMessage(), "provider(" + provider + ")", "bridge(" + bridge + ")", "exclude");
  }

  @Test
  void nothingIsSetTwice() {
    LiveUpdate.Builder builder =
        LiveUpdate.builder().provider(Provider.EMULATOR).bridge(BridgeType.EMULATOR);
    assertThrows(IllegalStateException.class, () -> builder.provider(Provider.EMULATOR));
    assertThrows(IllegalStateException.class, () -> builder.bridge(BridgeType.JNI));
    assertThrows(NullPointerException.class, () -> LiveUpdate.builder().provider(null));
    assertThrows(NullPointerException.class, () -> LiveUpdate.builder().bridge(null));
  }

  @Test
  void withoutTheDeviceTheKernelIsRefusedAndTheEmulatorIsNot() {
    assumeNoDevice();
    LuoException.DeviceAbsent absent =
        assertThrows(LuoException.DeviceAbsent.class, LiveUpdate::requireKernel);
    assertEquals(Errno.ENOENT, absent.errno());
    assertContains(absent.getMessage(), Abi.DEVICE, "CONFIG_LIVEUPDATE");
    LiveUpdate luo = LiveUpdate.open();
    assertEquals(Provider.EMULATOR, luo.provider());
    assertContains(
        luo.describe(), temporary.resolve("machine").toString(), "ENOENT", "CONFIG_LIVEUPDATE");
    assertContains(luo.describe(), "as the kernel cannot be used (");
  }

  @ParameterizedTest
  @ValueSource(strings = {"jni", "emulator", "nonsense"})
  void thePropertyDoesNotTurnTheKernelIntoAnythingElse(String value) {
    assumeNoDevice();
    properties.set(LiveUpdate.BRIDGE_PROPERTY, value);
    assertThrows(LuoException.DeviceAbsent.class, LiveUpdate::requireKernel);
    assertFalse(Files.exists(temporary.resolve("machine")));
  }

  @ParameterizedTest
  @EnumSource(
      value = BridgeType.class,
      names = {"JNI", "JNA"})
  void theKernelThroughABridgeNeedsTheDeviceToo(BridgeType bridge) {
    assumeNoDevice();
    assumeBuilt(bridge == BridgeType.JNI);
    LiveUpdate.Builder builder = LiveUpdate.builder().provider(Provider.KERNEL).bridge(bridge);
    assertThrows(LuoException.DeviceAbsent.class, builder::open);
  }

  @Test
  void aFolderThatTheEmulatorCannotUseIsSaidToBeSo() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    LiveUpdate.Builder builder =
        LiveUpdate.builder().provider(Provider.EMULATOR).emulatorDirectory(file);
    LuoException.BridgeUnavailable refused =
        assertThrows(LuoException.BridgeUnavailable.class, builder::open);
    assertContains(refused.getMessage(), "the emulator cannot use " + file);
    assertEquals(1, refused.getSuppressed().length);
  }

  @Test
  void aFolderIsForTheEmulatorOnly() {
    Path folder = temporary.resolve("other");
    assertFolderExcluded(
        () -> LiveUpdate.builder().emulatorDirectory(folder).provider(Provider.KERNEL));
    assertFolderExcluded(
        () -> LiveUpdate.builder().provider(Provider.KERNEL).emulatorDirectory(folder));
    assertFolderExcluded(
        () -> LiveUpdate.builder().emulatorDirectory(folder).bridge(BridgeType.JNI));
    assertFolderExcluded(
        () -> LiveUpdate.builder().bridge(BridgeType.JNA).emulatorDirectory(folder));
    LiveUpdate.Builder emulator =
        LiveUpdate.builder()
            .emulatorDirectory(folder)
            .provider(Provider.EMULATOR)
            .bridge(BridgeType.EMULATOR);
    assertContains(emulator.open().describe(), folder.toString());
    assertThrows(IllegalStateException.class, () -> emulator.emulatorDirectory(folder));
  }

  private static void assertFolderExcluded(Executable call) {
    IllegalStateException refused = assertThrows(IllegalStateException.class, call);
    assertContains(refused.getMessage(), "emulatorDirectory", "exclude each other");
  }

  @Test
  void withoutAFolderTheUsersOneIsMadeWhereTemporaryFilesAre() {
    properties.set(LiveUpdate.EMULATOR_DIR_PROPERTY, null);
    properties.set("java.io.tmpdir", temporary.toString());
    Path folder = temporary.resolve("luo4j-emulator-" + System.getProperty("user.name"));
    LiveUpdate luo = LiveUpdate.builder().provider(Provider.EMULATOR).open();
    assertContains(luo.describe(), folder.toString());
    assertTrue(Files.isDirectory(folder));
  }

  /** Who thinks that memory survives a kexec must not find out at the kexec. */
  @Test
  void theEmulatorIsWarnedOfWhereNobodyAskedForIt() {
    assumeNoDevice();
    try (Logged logged = new Logged(LiveUpdate.class)) {
      LiveUpdate.builder().provider(Provider.EMULATOR).open();
      LiveUpdate.builder().bridge(BridgeType.JNA).open();
      assertEquals(1, logged.lines().size(), "" + logged.lines());
      assertContains(logged.lines().get(0), "FINE luo4j uses the bridge JNA");
      LiveUpdate.open();
      assertEquals(2, logged.lines().size(), "" + logged.lines());
      assertContains(
          logged.lines().get(1), "WARNING ", "nothing will survive a real kexec", Abi.DEVICE);
    }
  }

  @Test
  void aNativeBridgeNeedsNoDevice() {
    LiveUpdate luo = LiveUpdate.openNative();
    assertEquals(Provider.KERNEL, luo.provider());
    luo.createMemFd(MemFdOptions.named("native")).close();
    assertThrows(UnsupportedOperationException.class, luo::emulateKexec);
    for (IntConsumer adoption : List.<IntConsumer>of(luo::adoptMemFd, luo::adoptSession)) {
      assertThrows(LuoException.class, () -> adoption.accept(0), "an fd, but a pipe or the like");
      assertThrows(IllegalArgumentException.class, () -> adoption.accept(-1));
    }
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    LuoException.BridgeUnavailable refused =
        assertThrows(LuoException.BridgeUnavailable.class, LiveUpdate::openNative);
    assertContains(refused.getMessage(), "no native bridge works");
    properties.set(LiveUpdate.BRIDGE_PROPERTY, "jna");
    assertEquals(BridgeType.JNA, LiveUpdate.openNative().bridge());
  }
}
