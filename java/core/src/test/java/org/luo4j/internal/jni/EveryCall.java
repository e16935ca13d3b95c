/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;

/**
 * A child JVM that makes each call of the JNI bridge, some that succeed and some that fail, and
 * then writes the names of those it has not made.
 */
final class EveryCall {

  private static final int PAGE = 4096;
  private static final int BAD_FD = -1;

  private EveryCall() {}

  public static void main(String[] none) throws Exception {
    Bridge real = JniBridge.load();
    Set<String> missing =
        Arrays.stream(Bridge.class.getMethods())
            .map(Method::getName)
            .collect(Collectors.toCollection(TreeSet::new));
    Bridge bridge =
        (Bridge)
            Proxy.newProxyInstance(
                Bridge.class.getClassLoader(),
                new Class<?>[] {Bridge.class},
                (proxy, method, arguments) -> {
                  missing.remove(method.getName());
                  try {
                    return method.invoke(real, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    bridge.name();
    callOnMemfd(bridge);
    for (int fd : new int[] {BAD_FD, memfd(bridge)}) {
      callWhatAMemfdRefuses(bridge, fd);
    }
    callWithBadArguments(bridge);
    callOnFiles(bridge);
    callOnGuardedMemory(bridge);
    callOnSockets(bridge);
    System.out.println("not called: " + missing);
  }

  private static int memfd(Bridge bridge) {
    int fd = bridge.memfdCreate(new byte[] {'e', 0}, Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING);
    if (fd < 0) {
      throw new AssertionError("errno " + -fd);
    }
    return fd;
  }

  private static void callOnMemfd(Bridge bridge) {
    int fd = memfd(bridge);
    ok(bridge.truncate(fd, 2 * PAGE));
    ok(bridge.allocate(fd, 0, 0, 2 * PAGE));
    ok(bridge.size(fd));
    ok(bridge.allocated(fd));
    ok(bridge.seek(fd, 0, Abi.SEEK_END));
    ByteBuffer buffer = ByteBuffer.allocateDirect(16);
    ok(bridge.write(fd, buffer, 0, 16, 0));
    ok(bridge.write(fd, buffer.slice(4, 8), 0, 8, -1));
    ok(bridge.read(fd, buffer, 8, 8, 0));
    long address = ok(bridge.map(fd, 0, 2 * PAGE, true));
    ok(bridge.advise(address, PAGE, Abi.MADV_WILLNEED));
    bridge.view(address, 2 * PAGE).putLong(PAGE, 1);
    ok(bridge.unmap(address, 2 * PAGE));
    ok(bridge.close((int) ok(bridge.lock(fd))));
    int copy = (int) ok(bridge.duplicate(fd));
    ok(bridge.setDescriptorFlags(copy, 0));
    ok(bridge.descriptorFlags(copy));
    ok(bridge.statusFlags(copy));
    ok(bridge.addSeals(copy, Abi.F_SEAL_GROW));
    ok(bridge.seals(copy));
    bridge.describe(copy);
    ok(bridge.close(copy));
    ok(bridge.close(fd));
  }

  private static void callWhatAMemfdRefuses(Bridge bridge, int fd) {
    byte[] name = Arrays.copyOf(new byte[] {'n'}, Abi.NAME_LENGTH);
    int device = bridge.openDevice();
    if (device >= 0) {
      ok(bridge.close(device));
    }
    refused(bridge.createSession(fd, name));
    refused(bridge.retrieveSession(fd, name));
    refused(bridge.preserve(fd, fd, 1));
    refused(bridge.retrieve(fd, 1));
    refused(bridge.finish(fd));
    refused(bridge.sessionName(fd, name));
    refused(bridge.ioctl(fd, Abi.SESSION_FINISH, new byte[] {8, 0, 0, 0, 0, 0, 0, 0}));
    refused(bridge.truncate(fd, -1));
    refused(bridge.allocate(fd, 0, -1, 1));
    refused(bridge.seek(fd, -1, Abi.SEEK_SET));
    refused(bridge.map(fd, 1, PAGE, true));
  }

  private static void callWithBadArguments(Bridge bridge) {
    for (byte[] name : List.of(new byte[0], new byte[63], new byte[65], new byte[100_000])) {
      refused(bridge.createSession(BAD_FD, name));
      refused(bridge.retrieveSession(BAD_FD, name));
      refused(bridge.sessionName(BAD_FD, name));
    }
    for (int length : new int[] {0, 3, 4, 4096, 4097}) {
      refused(bridge.ioctl(BAD_FD, Abi.SESSION_FINISH, new byte[length]));
    }
    refused(bridge.ioctl(BAD_FD, Abi.SESSION_FINISH, new byte[] {-1, -1, -1, -1}));
    refused(bridge.memfdCreate(new byte[256], -1));
    refused(bridge.memfdCreate(new byte[300], 0));
    for (ByteBuffer buffer : List.of(ByteBuffer.allocate(8), ByteBuffer.allocateDirect(4))) {
      refused(bridge.read(BAD_FD, buffer, 0, 8, 0));
      refused(bridge.write(BAD_FD, buffer, 0, 8, 0));
      refused(bridge.read(BAD_FD, buffer, -1, 1, 0));
      refused(bridge.write(BAD_FD, buffer, Integer.MAX_VALUE, Integer.MAX_VALUE, 0));
    }
    refused(bridge.close(BAD_FD));
    refused(bridge.duplicate(BAD_FD));
    refused(bridge.lock(BAD_FD));
    refused(bridge.unmap(1, PAGE));
    refused(bridge.advise(1, PAGE, Abi.MADV_NORMAL));
  }

  private static void callOnFiles(Bridge bridge) throws IOException {
    Path folder = Files.createTempDirectory("luo4j-every-call-");
    Path file = folder.resolve("file");
    byte[] path = file.toString().getBytes();
    int fd = (int) ok(bridge.openFile(path, true));
    refused(bridge.openFile(path, true));
    int other = (int) ok(bridge.openFile(path, false));
    Files.delete(file);
    Files.delete(folder);
    refused(bridge.openFile(path, false));
    for (int length : new int[] {0, 4095, 4096, 100_000}) {
      refused(bridge.openFile(new byte[length], false));
    }
    ok(bridge.lockFile(fd));
    refused(bridge.lockFile(other));
    ok(bridge.unlock(fd));
    ok(bridge.status(fd, new long[Bridge.STATUS_FIELDS]));
    for (int length : new int[] {0, Bridge.STATUS_FIELDS - 1, 100_000}) {
      refused(bridge.status(fd, new long[length]));
    }
    ok(bridge.close(fd));
    ok(bridge.close(other));
    refused(bridge.status(BAD_FD, new long[Bridge.STATUS_FIELDS]));
    refused(bridge.lockFile(BAD_FD));
    refused(bridge.unlock(BAD_FD));
    bridge.userId();
    ok(bridge.bootTime());
  }

  private static void callOnGuardedMemory(Bridge bridge) {
    int fd = memfd(bridge);
    ok(bridge.truncate(fd, 2 * PAGE));
    long address = ok(bridge.map(fd, 0, 2 * PAGE, true));
    ByteBuffer view = bridge.view(address, 2 * PAGE);
    view.putLong(PAGE, -1);
    refused(bridge.unguard(address));
    ok(bridge.guard(address, 2 * PAGE));
    ok(bridge.truncate(fd, 0));
    if (view.getLong(PAGE) != 0) {
      throw new AssertionError("the fault was not absorbed");
    }
    ok(bridge.unguard(address));
    ok(bridge.revoke(address, 2 * PAGE));
    ok(bridge.unmap(address, 2 * PAGE));
    ok(bridge.close(fd));
  }

  private static void callOnSockets(Bridge bridge) {
    byte[] address = ("\0luo4j-every-call-" + ProcessHandle.current().pid()).getBytes();
    byte[] message = new byte[100_000];
    int listener = (int) ok(bridge.listen(address, 1));
    int connected = (int) ok(bridge.connect(address, 1000));
    int accepted = (int) ok(bridge.accept(listener));
    ok(bridge.setTimeout(accepted, 1000));
    ok(bridge.peer(accepted, new int[3]));
    int[] fds = {listener, accepted};
    ok(bridge.send(connected, message, fds));
    ok(bridge.receive(accepted, message, fds));
    for (int fd : fds) {
      ok(bridge.close(fd));
    }
    ok(bridge.send(connected, message, new int[] {listener}));
    refused(bridge.receive(accepted, new byte[1], fds));
    ok(bridge.shutdown(connected));
    refused(bridge.send(connected, message, new int[0]));
    for (byte[] bad : List.of(new byte[0], new byte[108], message)) {
      refused(bridge.sendTo(bad, message, new int[0], 1));
      refused(bridge.bind(bad));
      refused(bridge.listen(bad, -1));
      refused(bridge.connect(bad, 1));
    }
    for (int length : new int[] {0, 1, 253, 254, 100_000}) {
      refused(bridge.send(BAD_FD, message, new int[length]));
      refused(bridge.receive(BAD_FD, message, new int[length]));
      refused(bridge.peer(BAD_FD, new int[length]));
    }
    refused(bridge.send(BAD_FD, new byte[0], new int[0]));
    refused(bridge.receive(BAD_FD, new byte[0], new int[0]));
    refused(bridge.accept(BAD_FD));
    refused(bridge.setTimeout(BAD_FD, 1));
    refused(bridge.shutdown(BAD_FD));
    ok(bridge.close(listener));
    int receiver = (int) ok(bridge.bind(address));
    ok(bridge.sendTo(address, message, new int[] {receiver}, 1000));
    refused(bridge.receive(receiver, message, new int[0]));
    for (int fd : new int[] {receiver, connected, accepted}) {
      ok(bridge.close(fd));
    }
  }

  private static long ok(long result) {
    if (result < 0) {
      throw new AssertionError("errno " + -result);
    }
    return result;
  }

  private static void refused(long result) {
    if (result >= 0) {
      throw new AssertionError("not refused: " + result);
    }
  }
}
