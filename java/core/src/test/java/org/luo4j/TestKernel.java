/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.select.Selection;

/**
 * A bridge with the kernel's memfds and locks, with sessions and with a systemd. An fd of a session
 * is one of an empty memfd, so that it can be duplicated, kept and handed over as a session's can.
 * What is done, and in which order, is in {@link #calls}. Used by one thread.
 */
final class TestKernel implements AutoCloseable {

  /** What the process before left in systemd's store has these. */
  private static final long PID = 4711;

  /** A session. */
  private static final class State {
    final String name;
    final Map<Long, Integer> files = new HashMap<>();
    boolean isIncoming;

    State(String name) {
      this.name = name;
    }
  }

  private final Bridge real = LiveUpdate.builder().bridge(BridgeType.JNI).open().system();

  /** By the file of its fds. */
  private final Map<Object, State> sessions = new HashMap<>();

  /** What arrived, and nobody has retrieved. */
  private final Map<String, State> arrived = new HashMap<>();

  private final Map<String, Integer> failures = new HashMap<>();

  /** What systemd keeps, by name. */
  final Map<String, Integer> store = new LinkedHashMap<>();

  /** The calls on sessions, and the messages to systemd. */
  final List<String> calls = new ArrayList<>();

  /** How many fds the store takes beyond those that are handed over. */
  int room = 16;

  final LiveUpdate luo =
      new LiveUpdate(
          new Selection(
              (Bridge)
                  Proxy.newProxyInstance(
                      Bridge.class.getClassLoader(),
                      new Class<?>[] {Bridge.class},
                      (proxy, method, arguments) -> call(method, arguments)),
              null,
              List.of()),
          Duration.ZERO,
          "a test's");

  /** Has the next call fail that is written in {@link #calls} as this, or is of that name. */
  void fail(String call, int errno) {
    failures.put(call, errno);
  }

  /** The calls since this was called last. */
  List<String> takeCalls() {
    List<String> taken = List.copyOf(calls);
    calls.clear();
    return taken;
  }

  /** What systemd tells a process that it starts. */
  Systemd systemd(LiveUpdate by) {
    return Systemd.of(by, environment(), PID, new HashSet<>());
  }

  private Map<String, String> environment() {
    Map<String, String> environment = new HashMap<>();
    environment.put("NOTIFY_SOCKET", "/systemd");
    Map<Integer, String> handed = new HashMap<>();
    store.forEach((name, fd) -> handed.put(real.duplicate(fd), name));
    List<String> names = new ArrayList<>();
    if (!handed.isEmpty()) {
      int last = handed.keySet().stream().max(Integer::compare).orElseThrow();
      for (int fd = 3; fd <= last; fd++) {
        names.add(handed.getOrDefault(fd, "other")); // this JVM's
      }
      environment.put("LISTEN_PID", "" + PID);
      environment.put("LISTEN_FDS", "" + names.size());
      environment.put("LISTEN_FDNAMES", String.join(":", names));
    }
    environment.put("FDSTORE", "" + (names.size() + room));
    return environment;
  }

  /** A systemd that tells of no number of places in the store. */
  Systemd systemdThatDoesNotSay() {
    Map<String, String> environment = environment();
    environment.remove("FDSTORE");
    return Systemd.of(luo, environment, PID, new HashSet<>());
  }

  /** A kexec: what sessions that somebody has open preserve is there afterwards. */
  void kexec() {
    Set<Object> open = openFiles();
    sessions.forEach(
        (file, session) -> {
          if (open.contains(file)) {
            session.isIncoming = true;
          }
        });
    sessions.keySet().retainAll(open);
  }

  /** As {@link #kexec}, of sessions that no fd names any more: they can be retrieved by name. */
  void kexecWithoutStore() {
    kexec();
    sessions.values().forEach(session -> arrived.put(session.name, session));
    sessions.clear();
    store.values().forEach(real::close);
    store.clear();
  }

  /** Systemd no longer keeps what has a name. */
  void lose(String name) {
    Integer fd = store.remove(name);
    if (fd != null) {
      real.close(fd);
    }
  }

  @Override
  public void close() {
    store.values().forEach(real::close);
    for (Map<?, State> all : List.of(sessions, arrived)) {
      all.values().forEach(session -> session.files.values().forEach(real::close));
    }
  }

  private Object call(Method method, Object[] arguments) throws Throwable {
    if (failures.containsKey(method.getName())) {
      return failure(method);
    }
    switch (method.getName()) {
      case "name":
        return "a test's";
      case "openDevice":
        return real.memfdCreate(new byte[] {'d', 0}, 1);
      case "describe":
        State described = session((int) arguments[0]);
        return described == null
            ? real.describe((int) arguments[0])
            : Abi.SESSION_LINK + described.name;
      case "createSession":
        return create(name((byte[]) arguments[1]));
      case "retrieveSession":
        return retrieve(name((byte[]) arguments[1]));
      case "seals":
        return session((int) arguments[0]) == null ? real.seals((int) arguments[0]) : -Errno.EINVAL;
      case "sessionName":
        return sessionName((int) arguments[0], (byte[]) arguments[1]);
      case "preserve":
        return preserve((int) arguments[0], (int) arguments[1], (long) arguments[2]);
      case "retrieve":
        return retrieve((int) arguments[0], (long) arguments[1]);
      case "finish":
        return finish((int) arguments[0]);
      case "sendTo":
        return send(
            new String((byte[]) arguments[1], StandardCharsets.UTF_8), (int[]) arguments[2]);
      default:
        try {
          return method.invoke(real, arguments);
        } catch (InvocationTargetException e) {
          throw e.getCause();
        }
    }
  }

  private Object failure(Method method) {
    int errno = failures.remove(method.getName());
    return method.getReturnType() == long.class ? (Object) (long) -errno : (Object) (-errno);
  }

  private interface Call {
    int run();
  }

  private int orFailure(String name, Call call) {
    calls.add(name);
    Integer errno = failures.remove(name);
    return errno == null ? call.run() : -errno;
  }

  private static String name(byte[] field) {
    return new String(field, StandardCharsets.UTF_8).replace("\0", "");
  }

  private static Object file(int fd) {
    try {
      Path path = Path.of("/proc/self/fd/" + fd);
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      return "none";
    }
  }

  private static Set<Object> openFiles() {
    Set<Object> files = new HashSet<>();
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      fds.forEach(fd -> files.add(file(Integer.parseInt(fd.getFileName().toString()))));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return files;
  }

  private State session(int fd) {
    return sessions.get(file(fd));
  }

  private int open(State session) {
    int fd = real.memfdCreate(new byte[] {'s', 0}, 1);
    sessions.put(file(fd), session);
    return fd;
  }

  private int create(String name) {
    return orFailure(
        "create " + name,
        () -> {
          Set<Object> open = openFiles();
          boolean exists =
              sessions.entrySet().stream()
                  .anyMatch(
                      each ->
                          open.contains(each.getKey())
                              && !each.getValue().isIncoming
                              && each.getValue().name.equals(name));
          return exists ? -Errno.EEXIST : open(new State(name));
        });
  }

  private int retrieve(String name) {
    return orFailure(
        "retrieve " + name,
        () -> {
          State session = arrived.remove(name);
          return session == null ? -Errno.ENOENT : open(session);
        });
  }

  private int sessionName(int fd, byte[] field) {
    State session = session(fd);
    if (session == null) {
      return -Errno.ENOTTY;
    }
    byte[] name = session.name.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(name, 0, field, 0, name.length);
    return 0;
  }

  private int preserve(int fd, int file, long token) {
    State session = session(fd);
    if (session.isIncoming) {
      return -Errno.EINVAL;
    }
    if (file < 0) {
      return -Errno.EBADF;
    }
    return orFailure(
        "preserve in " + session.name,
        () -> {
          session.files.put(token, real.duplicate(file));
          return 0;
        });
  }

  private int retrieve(int fd, long token) {
    State session = session(fd);
    return orFailure(
        "retrieve from " + session.name,
        () ->
            session.files.containsKey(token)
                ? real.duplicate(session.files.get(token))
                : -Errno.ENOENT);
  }

  private int finish(int fd) {
    State session = session(fd);
    return orFailure(
        "finish " + session.name,
        () -> {
          session.files.values().forEach(real::close);
          session.files.clear();
          return 0;
        });
  }

  private int send(String message, int[] fds) {
    String text = message.replace("\nFDNAME=", " ").replace("\nFDPOLL=0", "");
    return orFailure(
        text,
        () -> {
          String name = text.substring(text.indexOf(' ') + 1);
          if (text.equals("BARRIER=1") || text.startsWith("FDSTORE=1") && room == 0) {
            return 0; // systemd closes the fd
          }
          if (text.startsWith("FDSTORE=1") && store.put(name, real.duplicate(fds[0])) != null) {
            throw new AssertionError("stored twice: " + name);
          } else if (text.startsWith("FDSTOREREMOVE=1")) {
            lose(name);
          }
          return 0;
        });
  }
}
