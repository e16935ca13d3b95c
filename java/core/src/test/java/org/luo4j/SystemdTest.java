/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/** What systemd hands over and is told; a socket of the test's own stands in for it. */
class SystemdTest {

  private static final long PID = 4711;

  /** Native bridges only: the emulator's fds cannot be sent. */
  private LiveUpdate luo;

  private final Map<String, String> environment = new HashMap<>();
  private int listening = -1;

  @TempDir Path folder;

  @BeforeEach
  void open() {
    luo = LiveUpdate.builder().bridge(BridgeType.JNI).open();
  }

  @AfterEach
  void close() {
    if (listening >= 0) {
      luo.system().close(listening);
    }
  }

  private Systemd systemd() {
    return Systemd.of(luo, environment, PID);
  }

  private void listen(String name) {
    byte[] address = name.getBytes(StandardCharsets.UTF_8);
    if (address[0] == '@') {
      address[0] = 0;
    }
    listening = luo.system().bind(address);
    assertTrue(listening >= 0, "bind: " + listening);
    luo.system().setTimeout(listening, 10_000);
    environment.put("NOTIFY_SOCKET", name);
  }

  /** The next message; its fds, if it has any, go to {@code fds}. */
  private String received(int... fds) {
    byte[] buffer = new byte[4096];
    int length = luo.system().receive(listening, buffer, fds);
    assertTrue(length >= 0, "receive: " + length);
    return new String(buffer, 0, length, StandardCharsets.UTF_8);
  }

  @Test
  void withoutSystemdNothingIsSentAndStoringSaysWhatToDo() {
    Systemd none = systemd();
    none.ready();
    none.status("idle");
    none.remove("cache");
    none.stopping();
    assertFalse(none.isPresent());
    assertEquals(0, none.storeMax());
    assertEquals(List.of(), none.handed());
    assertTrue(none.whyNothing().orElseThrow().contains("LISTEN_FDS is not set"));
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      String message =
          assertThrows(IllegalStateException.class, () -> none.store("a", memfd)).getMessage();
      assertTrue(message.contains("Type=notify"), message);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void aStoredMemfdArrivesUnderItsName(BridgeType bridge) {
    luo = LiveUpdate.builder().bridge(bridge).open();
    listen(folder.resolve("notify").toString());
    environment.put("FDSTORE", "16");
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test").size(4096));
        MemoryRegion region = memfd.map()) {
      region.putLong(0, 42);
      systemd().store("cache", memfd);
    }
    int[] fds = new int[2];
    assertEquals("FDSTORE=1\nFDNAME=cache\nFDPOLL=0", received(fds));
    assertEquals(-1, fds[1]);
    try (MemFd arrived = luo.adoptMemFd(fds[0]);
        MemoryRegion region = arrived.map()) {
      assertEquals(42, region.getLong(0));
    }
  }

  @Test
  void messagesAreThoseOfSdNotify() {
    listen("@luo4j-" + ProcessHandle.current().pid() + "-" + System.nanoTime());
    Systemd systemd = systemd();
    assertEquals(-1, systemd.storeMax()); // before systemd 254
    systemd.ready();
    assertEquals("READY=1", received());
    systemd.status("warm: 7 entries");
    assertEquals("STATUS=warm: 7 entries", received());
    systemd.remove("cache");
    assertEquals("FDSTOREREMOVE=1\nFDNAME=cache", received());
    systemd.stopping();
    assertEquals("STOPPING=1", received());
  }

  @Test
  void aUnitWithoutAStoreSaysWhatToSet() {
    listen(folder.resolve("notify").toString());
    environment.put("FDSTORE", "0");
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      String message =
          assertThrows(IllegalStateException.class, () -> systemd().store("a", memfd)).getMessage();
      assertTrue(message.contains("FileDescriptorStoreMax"), message);
    }
  }

  @Test
  void aStoreWithoutASocketSaysWhatToSet() {
    environment.put("FDSTORE", "16");
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      String message =
          assertThrows(IllegalStateException.class, () -> systemd().store("a", memfd)).getMessage();
      assertTrue(message.contains("NOTIFY_SOCKET"), message);
    }
  }

  @Test
  void nobodyAtTheSocketIsARefusalWithTheErrno() {
    environment.put("NOTIFY_SOCKET", folder.resolve("nobody").toString());
    LuoException refused = assertThrows(LuoException.class, () -> systemd().ready());
    assertEquals(Errno.ENOENT, refused.errno());
    assertTrue(refused.remedy().contains("NotifyAccess"), refused.remedy());
  }

  @Test
  void whatIsHandedOverIsTakenOnce() {
    Bridge system = luo.system();
    // As the third fd of a process: the numbers from 3 on are taken in a JVM, so name many.
    int fd = system.memfdCreate("handed\0".getBytes(StandardCharsets.UTF_8), 1);
    assertTrue(fd > 2, "" + fd);
    environment.put("LISTEN_PID", "" + PID);
    environment.put("LISTEN_FDS", "" + (fd - 2));
    environment.put("LISTEN_FDNAMES", "other:".repeat(fd - 3) + "cache");
    Systemd systemd = systemd();
    assertEquals(Optional.empty(), systemd.whyNothing());
    assertEquals(new Systemd.Handed("cache", fd), systemd.handed().get(fd - 3));
    assertThrows(LuoException.class, () -> systemd.takeSession("cache")); // still there
    MemFd taken = systemd.takeMemFd("cache").orElseThrow();
    assertEquals(fd, taken.fd());
    assertEquals(1, system.descriptorFlags(fd), "close-on-exec");
    assertEquals(Optional.empty(), systemd.takeMemFd("cache"));
    assertEquals(Optional.empty(), systemd().takeMemFd("cache"));
    taken.close();
  }

  @Test
  void anotherProcessesFdsAreLeftAloneAndItIsSaidWhy() {
    environment.put("LISTEN_PID", "1");
    environment.put("LISTEN_FDS", "2");
    Systemd systemd = systemd();
    assertEquals(List.of(), systemd.handed());
    assertEquals(Optional.empty(), systemd.takeMemFd("unknown"));
    String why = systemd.whyNothing().orElseThrow();
    assertTrue(why.contains("LISTEN_PID is 1") && why.contains("exec"), why);
  }

  @ParameterizedTest
  @CsvSource({
    "LISTEN_FDS, -1",
    "LISTEN_FDS, x",
    "LISTEN_FDS, 99999",
    "FDSTORE, 70000",
    "NOTIFY_SOCKET, vsock:2:1234",
    "NOTIFY_SOCKET, relative",
    "NOTIFY_SOCKET, @"
  })
  void anEnvironmentThatIsNotSystemdsIsRefused(String name, String value) {
    environment.put(name, value);
    String message = assertThrows(IllegalArgumentException.class, this::systemd).getMessage();
    assertTrue(message.contains(name), message);
  }

  @Test
  void anAddressMayHave107Bytes() {
    environment.put("NOTIFY_SOCKET", "/" + "x".repeat(106));
    assertTrue(systemd().isPresent());
    environment.put("NOTIFY_SOCKET", "/" + "x".repeat(107));
    assertThrows(IllegalArgumentException.class, this::systemd);
  }

  @Test
  void asManyNamesAsFds() {
    environment.put("LISTEN_PID", "" + PID);
    environment.put("LISTEN_FDS", "2");
    environment.put("LISTEN_FDNAMES", "one");
    assertThrows(IllegalArgumentException.class, this::systemd);
    environment.remove("LISTEN_FDNAMES");
    assertEquals("unknown", systemd().handed().get(1).name());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a:b", "a b", "a\nREADY=1", "\u00e9", "\u007f"})
  void aNameThatWouldChangeTheMessageIsRefused(String name) {
    listen(folder.resolve("notify").toString());
    assertThrows(IllegalArgumentException.class, () -> systemd().remove(name));
    assertThrows(IllegalArgumentException.class, () -> systemd().status("a\nb" + name));
  }

  @Test
  void theLongestNameHas255Characters() {
    listen(folder.resolve("notify").toString());
    systemd().remove("x".repeat(255));
    assertEquals("FDSTOREREMOVE=1\nFDNAME=" + "x".repeat(255), received());
    systemd().remove("!~");
    assertEquals("FDSTOREREMOVE=1\nFDNAME=!~", received());
    assertThrows(IllegalArgumentException.class, () -> systemd().remove("x".repeat(256)));
  }

  @Test
  void numbersAndAddressesAtTheirLimits() {
    environment.put("FDSTORE", "65536");
    environment.put("NOTIFY_SOCKET", "@a");
    assertEquals(65_536, systemd().storeMax());
    environment.put("FDSTORE", "");
    assertEquals(-1, systemd().storeMax());
    environment.put("FDSTORE", "65537");
    assertThrows(IllegalArgumentException.class, this::systemd);
    environment.put("FDSTORE", "1");
    environment.put("NOTIFY_SOCKET", "/");
    assertThrows(IllegalArgumentException.class, this::systemd);
    environment.put("NOTIFY_SOCKET", "");
    assertFalse(systemd().isPresent());
  }

  /** A place is taken by what is stored, and free again when it is removed. */
  @Test
  void theStoreHasAsManyPlacesAsItSays() {
    try (TestKernel kernel = new TestKernel();
        MemFd memfd = kernel.luo.createMemFd(MemFdOptions.named("test"))) {
      kernel.room = 2;
      Systemd systemd = kernel.systemd(kernel.luo);
      kernel.fail("FDSTORE=1 a", Errno.EAGAIN);
      assertThrows(LuoException.class, () -> systemd.store("a", memfd));
      systemd.store("b", memfd);
      systemd.store("c", memfd);
      String message =
          assertThrows(IllegalStateException.class, () -> systemd.store("d", memfd)).getMessage();
      assertTrue(message.contains("[b, c]") && message.contains("store 'd'"), message);
      systemd.remove("b");
      systemd.store("d", memfd);
      assertThrows(IllegalStateException.class, () -> systemd.store("e", memfd));
      assertThrows(IllegalArgumentException.class, () -> systemd.store("a:b", memfd));
      assertThrows(IllegalArgumentException.class, () -> systemd.status("\nREADY=1"));
    }
  }

  /** A name may have several fds, which systemd gives up together. */
  @Test
  void allFdsOfANameAreRemovedAtOnce() {
    listen(folder.resolve("notify").toString());
    environment.put("FDSTORE", "2");
    Systemd systemd = systemd();
    try (MemFd memfd = luo.createMemFd(MemFdOptions.named("test"))) {
      systemd.store("a", memfd);
      systemd.store("a", memfd);
      assertThrows(IllegalStateException.class, () -> systemd.store("b", memfd));
      systemd.remove("a");
      systemd.store("b", memfd);
      systemd.store("c", memfd);
      assertThrows(IllegalStateException.class, () -> systemd.store("d", memfd));
    }
  }

  // ---- whether there is a store, where systemd does not say ----

  @Test
  void aStoreThatKeepsAnFdIsOne() {
    try (TestKernel kernel = new TestKernel()) {
      assertTrue(kernel.systemdThatDoesNotSay().hasStore());
      assertEquals(
          List.of("FDSTORE=1 luo4j.probe", "BARRIER=1", "FDSTOREREMOVE=1 luo4j.probe"),
          kernel.takeCalls(),
          "the fd is removed again");
      kernel.room = 0;
      assertFalse(kernel.systemdThatDoesNotSay().hasStore());
      assertEquals(List.of("FDSTORE=1 luo4j.probe", "BARRIER=1"), kernel.takeCalls());
      assertFalse(kernel.systemd(kernel.luo).hasStore());
      kernel.room = 1;
      assertTrue(kernel.systemd(kernel.luo).hasStore());
      assertEquals(List.of(), kernel.takeCalls(), "it is known");
    }
  }

  /** Nothing stays open. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "listen",
        "connect",
        "accept",
        "FDSTORE=1 luo4j.probe",
        "BARRIER=1",
        "FDSTOREREMOVE=1 luo4j.probe"
      })
  void aProbeThatFailsSaysWhy(String call) {
    try (TestKernel kernel = new TestKernel()) {
      kernel.fail(call, Errno.EMFILE);
      LuoException refused =
          assertThrows(LuoException.class, () -> kernel.systemdThatDoesNotSay().hasStore());
      assertEquals(Errno.EMFILE, refused.errno());
    }
  }
}
