/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.luo4j.internal.bridge.Bridge;

/**
 * Waits on sockets in a process that is stopped and continued, which interrupts each wait with a
 * time limit (signal(7)). Needs no LUO, and a shell.
 */
class SocketSignalTest {

  private static final int ROUNDS = 10;

  /** Messages, more than any queue holds. */
  private static final int MANY = 100_000;

  private static final long MINUTE = 60_000;

  private static Bridge bridge;

  private final Contract contract = new Contract(bridge);
  private final ExecutorService executor = Executors.newSingleThreadExecutor();
  private final byte[] address =
      ("\0luo4j-signal-" + ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII);

  @BeforeAll
  static void open() {
    bridge = Subject.openWithSockets();
  }

  @AfterEach
  void close() {
    executor.shutdown();
    contract.close();
  }

  /** A call's result in another thread, which has begun it or is about to. */
  private CompletableFuture<Integer> begin(IntSupplier call) throws InterruptedException {
    CountDownLatch begins = new CountDownLatch(1);
    CompletableFuture<Integer> result =
        CompletableFuture.supplyAsync(
            () -> {
              begins.countDown();
              return call.getAsInt();
            },
            executor);
    begins.await();
    return result;
  }

  private static void stopAndContinue() throws Exception {
    String pid = Long.toString(ProcessHandle.current().pid());
    String commands = "kill -STOP $0; kill -CONT $0";
    assertEquals(0, new ProcessBuilder("sh", "-c", commands, pid).start().waitFor());
  }

  @Test
  void acceptAndReceiveGoOnWaiting() throws Exception {
    int listener = contract.opened(bridge.listen(address, 1));
    assertEquals(0, bridge.setTimeout(listener, MINUTE));
    for (int round = 0; round < ROUNDS; round++) {
      CompletableFuture<Integer> accepts = begin(() -> bridge.accept(listener));
      stopAndContinue();
      int connected = contract.opened(bridge.connect(address, MINUTE));
      int accepted = contract.opened(accepts.get());
      byte[] buffer = new byte[1];
      CompletableFuture<Integer> receives =
          begin(() -> bridge.receive(connected, buffer, new int[0]));
      stopAndContinue();
      assertEquals(0, bridge.send(accepted, new byte[] {1}, new int[0]));
      assertEquals(1, receives.get());
    }
  }

  @Test
  void sendAndConnectGoOnWaiting() throws Exception {
    int listener = contract.opened(bridge.listen(address, 0));
    int sender = contract.opened(bridge.connect(address, MINUTE));
    CompletableFuture<Integer> connects = begin(() -> bridge.connect(address, MINUTE));
    stopAndContinue();
    int receiver = contract.opened(bridge.accept(listener));
    contract.opened(connects.get());
    byte[] message = {1};
    int sent = 0;
    assertEquals(0, bridge.setTimeout(sender, 1));
    while (sent < MANY && bridge.send(sender, message, new int[0]) == 0) {
      sent++;
    }
    assertEquals(0, bridge.setTimeout(sender, MINUTE));
    CompletableFuture<Integer> sends = begin(() -> bridge.send(sender, message, new int[0]));
    stopAndContinue();
    assertEquals(0, bridge.setTimeout(receiver, MINUTE));
    for (int i = 0; i <= sent; i++) {
      assertEquals(1, bridge.receive(receiver, new byte[1], new int[0]));
    }
    assertEquals(0, sends.get());
  }
}
