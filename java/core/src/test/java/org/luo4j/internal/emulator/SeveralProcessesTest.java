/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.luo4j.internal.emulator.Calls.DEAD;
import static org.luo4j.internal.emulator.Calls.ok;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.testing.ChildJvm;

/** What processes of one machine share, when they are emulators of one JVM and of several. */
class SeveralProcessesTest {

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void nameTheFolder() {
    folder = temporary.resolve("machine");
  }

  private ChildJvm peer() throws Exception {
    return new ChildJvm(Peer.class, folder.toString());
  }

  private static int number(String answer) {
    return Integer.parseInt(answer);
  }

  @Test
  void theDeviceIsExclusiveBetweenJvms() throws Exception {
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = peer()) {
      int device = ok(here.openDevice());
      assertEquals(-Errno.EBUSY, number(there.ask("device")));
      ok(here.close(device));
      int theirs = ok(number(there.ask("device")));
      assertEquals(-Errno.EBUSY, here.openDevice());
      ok(number(there.ask("close " + theirs)));
      ok(here.openDevice());
    }
  }

  @Test
  void theDeviceIsExclusiveWithinOneJvmAndFreedByItsLastFd() throws Exception {
    try (Emulator one = Emulator.open(folder);
        Emulator two = Emulator.open(folder)) {
      int device = ok(one.openDevice());
      int duplicate = ok(one.duplicate(device));
      ok(one.close(device));
      assertEquals(-Errno.EBUSY, two.openDevice());
      assertEquals(-Errno.EBUSY, one.openDevice());
      ok(one.close(duplicate));
      ok(two.openDevice());
    }
  }

  @Test
  void aNameIsTakenByAnyJvmUntilItIsKilled() throws Exception {
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = peer()) {
      ok(number(there.ask("create cache")));
      assertEquals(-Errno.EEXIST, Calls.create(here, "cache"));
      there.kill();
      ok(Calls.create(here, "cache"));
    }
  }

  @Test
  void theDeviceOfAKilledJvmIsFree() throws Exception {
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = peer()) {
      ok(number(there.ask("device")));
      assertEquals(-Errno.EBUSY, here.openDevice());
      there.kill();
      ok(here.openDevice());
    }
  }

  @Test
  void anotherJvmIsTheNewKernel() throws Exception {
    Emulator old = Emulator.open(folder);
    int session = ok(Calls.create(old, "cache"));
    int memory = Calls.memfd(old, 3 * MemFile.PAGE);
    ok(old.preserve(session, memory, 7));
    Calls.write(old, memory, 4096, "warm".getBytes(StandardCharsets.UTF_8));
    assertEquals(0, old.kexec());
    try (ChildJvm there = peer()) {
      assertEquals("2", there.ask("boot"));
      int arrived = ok(number(there.ask("retrieve cache")));
      int file = ok(number(there.ask("file " + arrived + " 7")));
      assertEquals("warm", there.ask("read " + file + " 4"));
    }
    old.exit();
  }

  @Test
  void aRebootCarriesTheSessionsOfAllJvms() throws Exception {
    Emulator here = Emulator.open(folder);
    try (ChildJvm there = peer();
        ChildJvm killed = peer()) {
      for (ChildJvm jvm : new ChildJvm[] {there, killed}) {
        String name = jvm == there ? "theirs" : "lost";
        int session = ok(number(jvm.ask("create " + name)));
        int memory = ok(number(jvm.ask("memfd warm")));
        ok(number(jvm.ask("preserve " + session + " " + memory + " 1")));
      }
      killed.kill();
      ok(Calls.create(here, "mine"));
      assertEquals(0, here.kexec());
      assertEquals(DEAD, number(there.ask("device")));
    }
    try (Emulator next = Emulator.open(folder)) {
      int theirs = ok(Calls.retrieve(next, "theirs"));
      int file = ok(next.retrieve(theirs, 1));
      assertArrayEquals("warm".getBytes(StandardCharsets.UTF_8), Calls.read(next, file, 4096, 4));
      ok(Calls.retrieve(next, "mine"));
      assertEquals(-Errno.ENOENT, Calls.retrieve(next, "lost"));
    }
  }

  @Test
  void anIncomingSessionIsRetrievedByOneJvmAndFinishedByItsDeath() throws Exception {
    Emulator old = Emulator.open(folder);
    ok(Calls.create(old, "cache"));
    assertEquals(0, old.kexec());
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = peer()) {
      ok(number(there.ask("retrieve cache")));
      assertEquals(-Errno.EINVAL, Calls.retrieve(here, "cache"));
      there.kill();
      assertEquals(-Errno.ENOENT, Calls.retrieve(here, "cache"));
    }
  }

  /**
   * It is taken until its last fd is closed, finished or not, and by the process that has it too.
   */
  @Test
  void aSessionThatAnotherProcessHasRetrievedIsEINVALUntilItIsClosed() throws Exception {
    Emulator old = Emulator.open(folder);
    ok(old.preserve(ok(Calls.create(old, "cache")), Calls.memfd(old, 4096), 1));
    ok(Calls.create(old, "other"));
    assertEquals(0, old.kexec());
    try (Emulator one = Emulator.open(folder);
        Emulator two = Emulator.open(folder);
        ChildJvm there = peer()) {
      int incoming = ok(Calls.retrieve(one, "cache"));
      assertEquals(-Errno.EINVAL, Calls.retrieve(two, "cache"));
      assertEquals(-Errno.EINVAL, number(there.ask("retrieve cache")));
      assertEquals(-Errno.EINVAL, Calls.retrieve(one, "cache"));
      ok(Calls.retrieve(two, "other"));
      ok(one.retrieve(incoming, 1));
      ok(one.finish(incoming));
      assertEquals(-Errno.EINVAL, Calls.retrieve(two, "cache"));
      int duplicate = ok(one.duplicate(incoming));
      ok(one.close(incoming));
      assertEquals(-Errno.EINVAL, Calls.retrieve(two, "cache"));
      ok(one.close(duplicate));
      assertEquals(-Errno.ENOENT, Calls.retrieve(two, "cache"));
      assertEquals(-Errno.ENOENT, number(there.ask("retrieve cache")));
      assertEquals(-Errno.EINVAL, Calls.retrieve(one, "other"));
    }
  }

  @Test
  void aRebootByAnotherJvmKillsEveryCall() throws Exception {
    try (Emulator here = Emulator.open(folder);
        ChildJvm there = peer()) {
      int device = ok(here.openDevice());
      int session = ok(here.createSession(device, Calls.field("cache")));
      int memory = Calls.memfd(here, 8192);
      long address = ok(here.map(memory, 0, 8192, true));
      ByteBuffer view = here.view(address, 8192);
      assertEquals(0, number(there.ask("kexec")));
      ByteBuffer buffer = ByteBuffer.allocateDirect(8);
      byte[] name = Calls.field("other");
      assertEquals(DEAD, here.openDevice());
      assertEquals(DEAD, here.createSession(device, name));
      assertEquals(DEAD, here.retrieveSession(device, name));
      assertEquals(DEAD, here.preserve(session, memory, 1));
      assertEquals(DEAD, here.retrieve(session, 1));
      assertEquals(DEAD, here.finish(session));
      assertEquals(DEAD, here.sessionName(session, name));
      assertEquals(DEAD, here.ioctl(memory, 0, new byte[4]));
      assertEquals(DEAD, here.memfdCreate(new byte[1], 0));
      assertEquals(DEAD, here.close(memory));
      assertEquals(DEAD, here.duplicate(memory));
      assertEquals(DEAD, here.descriptorFlags(memory));
      assertEquals(DEAD, here.setDescriptorFlags(memory, 0));
      assertEquals(DEAD, here.statusFlags(memory));
      assertEquals(DEAD, here.seals(memory));
      assertEquals(DEAD, here.addSeals(memory, 0));
      assertEquals(DEAD, here.size(memory));
      assertEquals(DEAD, here.allocated(memory));
      assertEquals(DEAD, here.truncate(memory, -1));
      assertEquals(DEAD, here.allocate(memory, 0, 0, 1));
      assertEquals(DEAD, here.seek(memory, 0, Abi.SEEK_SET));
      assertEquals(DEAD, here.read(memory, buffer, 0, 8, 0));
      assertEquals(DEAD, here.write(memory, buffer, 0, 8, 0));
      assertEquals(DEAD, here.accept(memory));
      assertEquals(DEAD, here.map(memory, 1, 8192, true));
      assertEquals(DEAD, here.unmap(address, 8192));
      assertEquals(DEAD, here.advise(address, 8192, Abi.MADV_NORMAL));
      assertEquals(DEAD, here.kexec());
      assertNull(here.describe(memory));
      assertThrows(IllegalStateException.class, () -> here.view(address, 1));
      view.put(0, (byte) 1);
    }
  }

  /** Starts a call in a thread, and waits until it has ended or waits for something itself. */
  private static FutureTask<Number> begin(Callable<Number> call) {
    FutureTask<Number> task = new FutureTask<>(call);
    Thread caller = new Thread(task, "caller");
    caller.start();
    while (caller.getState() != Thread.State.WAITING && caller.isAlive()) {
      Thread.onSpinWait();
    }
    return task;
  }

  /** A call that waits for the folder's lock is of a process that is dead when it gets it. */
  @Test
  void aRebootKillsTheCallsThatWaitForItAndCallsOfMemoryDoNotWait() throws Exception {
    StateFolder machine = StateFolder.open(folder);
    try (Emulator one = Emulator.open(folder);
        Emulator two = Emulator.open(folder);
        Emulator three = Emulator.open(folder);
        Emulator four = Emulator.open(folder)) {
      int closed = ok(Calls.create(one, "closed"));
      int session = ok(Calls.create(two, "cache"));
      int preserved = Calls.memfd(two, 4096);
      int memory = Calls.memfd(four, 4096);
      ByteBuffer buffer = ByteBuffer.allocateDirect(8);
      List<Callable<Number>> shared =
          List.of(
              () -> one.close(closed),
              () -> two.preserve(session, preserved, 1),
              three::openDevice);
      List<Callable<Number>> own =
          List.of(
              () -> four.write(memory, buffer, 0, 8, 0),
              () -> four.read(memory, buffer, 0, 8, 0),
              () -> four.ioctl(memory, Abi.SESSION_FINISH, new byte[] {8, 0, 0, 0, 0, 0, 0, 0}),
              () -> four.close(memory));
      List<FutureTask<Number>> waiting = new ArrayList<>();
      List<Long> answers = new ArrayList<>();
      machine.locked(
          () -> {
            shared.forEach(call -> waiting.add(begin(call)));
            for (Callable<Number> call : own) {
              FutureTask<Number> task = begin(call);
              if (!task.isDone()) {
                break; // it waits, and the next would wait for it
              }
              answers.add(result(task));
            }
            Reboot.run(machine);
            return 0;
          });
      assertEquals(List.of(8L, 8L, (long) -Errno.ENOTTY, 0L), answers);
      for (FutureTask<Number> task : waiting) {
        assertEquals(DEAD, result(task));
      }
    }
    try (Emulator next = Emulator.open(folder)) {
      ok(Calls.retrieve(next, "closed"));
      assertEquals(-Errno.ENOENT, next.retrieve(ok(Calls.retrieve(next, "cache")), 1));
    }
  }

  private static long result(FutureTask<Number> task) {
    try {
      return task.get().longValue();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void anOldKernelsDeviceDoesNotKeepTheNewOnesBusy() throws Exception {
    Emulator old = Emulator.open(folder);
    ok(old.openDevice());
    try (ChildJvm there = peer()) {
      assertEquals(0, number(there.ask("kexec")));
    }
    try (Emulator next = Emulator.open(folder)) {
      ok(next.openDevice());
    }
    old.exit();
  }

  @Test
  void exitClosesSessionsAndLeavesNothing() throws Exception {
    try (Emulator stays = Emulator.open(folder)) {
      Emulator ends = Emulator.open(folder);
      int session = ok(Calls.create(ends, "cache"));
      ok(ends.preserve(session, Calls.memfd(ends, 4096), 1));
      ends.exit();
      ends.exit();
      assertEquals(DEAD, ends.openDevice());
      try (var processes = Files.newDirectoryStream(folder.resolve("boot-1"), "p-*")) {
        int count = 0;
        for (Path ignored : processes) {
          count++;
        }
        assertEquals(1, count);
      }
      ok(Calls.create(stays, "cache"));
      assertEquals(0, stays.kexec());
      try (Emulator next = Emulator.open(folder)) {
        int arrived = ok(Calls.retrieve(next, "cache"));
        assertEquals(-Errno.ENOENT, next.retrieve(arrived, 1));
      }
    }
  }
}
