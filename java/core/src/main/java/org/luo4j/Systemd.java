/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;

/**
 * The systemd that started this process: what it handed over, and what it shall keep (sd_notify(3),
 * sd_listen_fds(3), systemd.service(5)).
 *
 * <p>A unit with {@code Type=notify}, {@code FileDescriptorStoreMax=} and {@code
 * FileDescriptorStorePreserve=yes} has a store for file descriptors. What is in it is handed to the
 * service's next process: after a restart, a crash and a soft reboot, and from systemd 261 on after
 * {@code systemctl kexec} of a LUO kernel.
 *
 * <pre>{@code
 * Systemd systemd = Systemd.of(luo);
 * MemFd memory = systemd.takeMemFd("cache").orElseGet(() -> {
 *   MemFd made = luo.createMemFd(MemFdOptions.named("cache").size(1 << 30));
 *   systemd.store("cache", made);
 *   return made;
 * });
 * systemd.ready();
 * }</pre>
 *
 * <p>systemd answers none of these messages: a store that is full, or a unit without one, is
 * written to its journal only. Any thread may call any method.
 *
 * @since 0.1.0
 */
public final class Systemd {

  /** The longest name of a stored fd, in bytes. */
  public static final int NAME_MAX = 255;

  private static final int FIRST_FD = 3;

  /** More than any service has: a number beyond is a mistake in the environment. */
  private static final int FDS_MAX = 1 << 16;

  private static final int ADDRESS_MAX = 107;
  private static final long TIMEOUT_MILLIS = 10_000;

  /** Of an fd that is stored for a moment, to see whether anything is. */
  private static final String PROBE = "luo4j.probe";

  /** Time for systemd to close an fd that it does not keep, which it leaves to a child. */
  private static final long CLOSE_MILLIS = 500;

  /** Fds of this process that were taken: the environment goes on naming them. */
  private static final Set<Integer> TAKEN = ConcurrentHashMap.newKeySet();

  private final LiveUpdate luo;
  private final Set<Integer> taken;
  private final Bridge bridge;
  private final byte @Nullable [] address;
  private final int storeMax;
  private final List<Handed> handed;
  private final @Nullable String whyNothing;

  /** The names in the store, once for each fd, as far as this object knows; guarded by itself. */
  private final List<String> inStore = new ArrayList<>();

  /**
   * An fd that systemd handed over.
   *
   * @param name as it was stored, or of its socket unit
   * @param fd 3 or more
   * @since 0.1.0
   */
  public record Handed(String name, int fd) {}

  private Systemd(LiveUpdate luo, Map<String, String> environment, long pid, Set<Integer> taken) {
    this.luo = luo;
    this.taken = taken;
    this.bridge = luo.system();
    this.address = address(environment.get("NOTIFY_SOCKET"));
    this.storeMax = number(environment, "FDSTORE", address == null ? 0 : -1);
    String listenPid = environment.get("LISTEN_PID");
    int count = number(environment, "LISTEN_FDS", 0);
    if (count == 0) {
      whyNothing = "LISTEN_FDS is not set: systemd handed nothing over";
    } else if (!("" + pid).equals(listenPid)) {
      whyNothing =
          "LISTEN_PID is "
              + listenPid
              + ", this process is "
              + pid
              + ": start the JVM as the unit's main process, in a shell with exec";
    } else {
      whyNothing = null;
    }
    this.handed = whyNothing == null ? handed(count, environment.get("LISTEN_FDNAMES")) : List.of();
    handed.forEach(each -> inStore.add(each.name));
  }

  /**
   * What this process's environment says of systemd.
   *
   * @param luo makes memfds and sessions of the fds; on the emulator there is nothing to hand over
   * @return never null, also without systemd
   * @throws IllegalArgumentException when the environment is not as systemd sets it
   */
  public static Systemd of(LiveUpdate luo) {
    Objects.requireNonNull(luo, "luo");
    return new Systemd(luo, System.getenv(), ProcessHandle.current().pid(), TAKEN);
  }

  static Systemd of(LiveUpdate luo, Map<String, String> environment, long pid) {
    return of(luo, environment, pid, TAKEN);
  }

  static Systemd of(LiveUpdate luo, Map<String, String> environment, long pid, Set<Integer> taken) {
    return new Systemd(luo, environment, pid, taken);
  }

  /** The bytes of an address: a path, or after a NUL an abstract name; null for none. */
  private static byte @Nullable [] address(@Nullable String socket) {
    if (socket == null || socket.isEmpty()) {
      return null;
    }
    byte[] bytes = socket.getBytes(StandardCharsets.UTF_8);
    char kind = socket.charAt(0);
    if ((kind != '/' && kind != '@') || bytes.length < 2 || bytes.length > ADDRESS_MAX) {
      throw new IllegalArgumentException(
          "NOTIFY_SOCKET="
              + socket
              + " must be / or @ and a name, "
              + ADDRESS_MAX
              + " bytes at most");
    }
    if (kind == '@') {
      bytes[0] = 0;
    }
    return bytes;
  }

  private static int number(Map<String, String> environment, String name, int unset) {
    String text = environment.get(name);
    if (text == null || text.isEmpty()) {
      return unset;
    }
    if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) > FDS_MAX) {
      throw new IllegalArgumentException(name + "=" + text + " must be 0 to " + FDS_MAX);
    }
    return Integer.parseInt(text);
  }

  private static List<Handed> handed(int count, @Nullable String names) {
    String[] each = names == null || names.isEmpty() ? new String[0] : names.split(":", -1);
    if (each.length != 0 && each.length != count) {
      throw new IllegalArgumentException(
          "LISTEN_FDNAMES has " + each.length + " names for LISTEN_FDS=" + count);
    }
    List<Handed> handed = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      handed.add(new Handed(each.length == 0 ? "unknown" : each[i], FIRST_FD + i));
    }
    return List.copyOf(handed);
  }

  /**
   * Whether systemd listens to this process.
   *
   * @return true where NOTIFY_SOCKET is set
   */
  public boolean isPresent() {
    return address != null;
  }

  /**
   * How many fds the unit's store takes: FileDescriptorStoreMax.
   *
   * @return 0 for no store; -1 where systemd does not say: before 254, and since where the unit has
   *     no store
   */
  public int storeMax() {
    return storeMax;
  }

  /**
   * Whether the unit has a store. Where systemd does not say, an fd is stored and taken back: one
   * that systemd does not keep it closes, which the fd's other end tells.
   *
   * @throws LuoException when systemd cannot be reached
   */
  boolean hasStore() {
    if (storeMax >= 0) {
      return storeMax > 0;
    }
    int[] probe = pair();
    int[] barrier = {-1, -1};
    try {
      barrier = pair();
      send("FDSTORE=1\nFDNAME=" + PROBE + "\nFDPOLL=0", new int[] {probe[0]});
      send("BARRIER=1", new int[] {barrier[0]});
      bridge.close(probe[0]);
      bridge.close(barrier[0]);
      probe[0] = barrier[0] = -1;
      isClosed(barrier[1], TIMEOUT_MILLIS); // systemd has read the message before
      if (isClosed(probe[1], CLOSE_MILLIS)) {
        return false;
      }
      send("FDSTOREREMOVE=1\nFDNAME=" + PROBE, new int[0]);
      return true;
    } finally {
      close(probe);
      close(barrier);
    }
  }

  /** Two ends of a connection. */
  private int[] pair() {
    byte[] address =
        ("\0luo4j-" + ProcessHandle.current().pid() + "-" + System.nanoTime())
            .getBytes(StandardCharsets.US_ASCII);
    int listener = bridge.listen(address, 1);
    int near = listener < 0 ? listener : bridge.connect(address, TIMEOUT_MILLIS);
    int far = near < 0 ? near : bridge.accept(listener);
    if (listener >= 0) {
      bridge.close(listener);
    }
    if (far < 0) {
      close(new int[] {near});
      throw Refusal.NOTIFY.exception(far, "a connection to see whether the unit has a store");
    }
    return new int[] {near, far};
  }

  private void close(int[] fds) {
    for (int fd : fds) {
      if (fd >= 0) {
        bridge.close(fd);
      }
    }
  }

  private boolean isClosed(int end, long timeoutMillis) {
    bridge.setTimeout(end, timeoutMillis);
    return bridge.receive(end, new byte[1], new int[0]) == 0;
  }

  /** Why the store takes no more fds, as far as this object knows, in words; null where it does. */
  @Nullable String whyFull(String name) {
    synchronized (inStore) {
      return storeMax < 0 || inStore.size() < storeMax
          ? null
          : "the unit's store is full, with "
              + inStore
              + ": raise FileDescriptorStoreMax="
              + storeMax
              + " to store '"
              + name
              + "'";
    }
  }

  /**
   * What systemd handed over, in its order, whether taken by now or not.
   *
   * @return perhaps nothing: {@link #whyNothing} says why
   */
  public List<Handed> handed() {
    return handed;
  }

  /**
   * Why nothing was handed over.
   *
   * @return a sentence, or empty where something was
   */
  public Optional<String> whyNothing() {
    return Optional.ofNullable(whyNothing);
  }

  /**
   * Takes the memfd over that was handed over under a name; once in a process.
   *
   * @param name as it was stored
   * @return the memfd, the caller's; empty when none of the name is left
   * @throws LuoException EINVAL when it is not a memfd; it can be taken as what it is then
   */
  public Optional<MemFd> takeMemFd(String name) {
    return take(name).map(fd -> adopted(fd, luo::adoptMemFd));
  }

  /**
   * Takes the LUO session over that was handed over under a name; once in a process. After a kexec
   * it is an incoming one, after a restart of the service the outgoing one that was stored.
   *
   * @param name as it was stored
   * @return the session, the caller's; empty when none of the name is left
   * @throws LuoException when it is not a session; it can be taken as what it is then
   */
  public Optional<Session> takeSession(String name) {
    return take(name).map(fd -> adopted(fd, luo::adoptSession));
  }

  private Optional<Integer> take(String name) {
    Objects.requireNonNull(name, "name");
    return handed.stream()
        .filter(each -> each.name.equals(name))
        .map(Handed::fd)
        .filter(taken::add)
        .findFirst();
  }

  private interface Adoption<T> {
    T of(int fd);
  }

  private <T> T adopted(int fd, Adoption<T> adoption) {
    try {
      return adoption.of(fd);
    } catch (RuntimeException e) {
      taken.remove(fd);
      throw e;
    }
  }

  /**
   * Has systemd keep a memfd for the service's next process (FDSTORE=1, FDPOLL=0).
   *
   * @param name 1 to {@value #NAME_MAX} printable ASCII characters, no colon; the same one is
   *     handed over again
   * @param memfd stays the caller's: systemd has a duplicate
   * @throws LuoException when systemd cannot be reached
   * @throws IllegalStateException without systemd, or where the unit has no store or it is full, as
   *     far as what was handed over, stored and removed by this object says
   */
  public void store(String name, MemFd memfd) {
    store(name, memfd.fd());
  }

  /**
   * Has systemd keep a LUO session: over a kexec, which makes it an incoming one, and for the
   * service's next process.
   *
   * @param name as for a memfd
   * @param session stays the caller's: systemd has a duplicate
   * @throws LuoException when systemd cannot be reached
   * @throws IllegalStateException without systemd, or where the unit has no store or it is full, as
   *     far as what was handed over, stored and removed by this object says
   */
  public void store(String name, Session session) {
    store(name, session.fd());
  }

  private void store(String name, int fd) {
    checkName(name);
    listener();
    if (storeMax == 0) {
      throw new IllegalStateException("the unit has no store: set FileDescriptorStoreMax=16 in it");
    }
    synchronized (inStore) {
      String full = whyFull(name);
      if (full != null) {
        throw new IllegalStateException(full);
      }
      send("FDSTORE=1\nFDNAME=" + name + "\nFDPOLL=0", new int[] {fd});
      inStore.add(name);
    }
  }

  /**
   * Has systemd close what it keeps under a name (FDSTOREREMOVE=1).
   *
   * @param name as it was stored
   * @throws LuoException when systemd cannot be reached
   */
  public void remove(String name) {
    checkName(name);
    synchronized (inStore) {
      tell("FDSTOREREMOVE=1\nFDNAME=" + name);
      inStore.removeIf(name::equals);
    }
  }

  static void checkName(String name) {
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "name '" + name + "' must be 1 to " + NAME_MAX + " printable ASCII characters, no colon");
    }
  }

  static boolean isName(String name) {
    boolean good = !name.isEmpty() && name.length() <= NAME_MAX;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      good &= c > ' ' && c < 127 && c != ':';
    }
    return good;
  }

  /** Tells systemd that the service has started (READY=1). Does nothing without systemd. */
  public void ready() {
    tell("READY=1");
  }

  /** Tells systemd that the service is ending (STOPPING=1). Does nothing without systemd. */
  public void stopping() {
    tell("STOPPING=1");
  }

  /**
   * Tells systemd what the service is at, for {@code systemctl status}. Does nothing without
   * systemd.
   *
   * @param text one line
   */
  public void status(String text) {
    if (text.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("status must be one line: a message has a field in each");
    }
    tell("STATUS=" + text);
  }

  private byte[] listener() {
    if (address == null) {
      throw new IllegalStateException(
          "no systemd listens: NOTIFY_SOCKET is not set; start the service from a unit with"
              + " Type=notify");
    }
    return address;
  }

  private void tell(String message) {
    if (isPresent()) {
      send(message, new int[0]);
    }
  }

  private void send(String message, int[] fds) {
    byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
    int result = bridge.sendTo(listener(), bytes, fds, TIMEOUT_MILLIS);
    if (result < 0) {
      throw Refusal.NOTIFY.exception(result, "'" + message.lines().findFirst().orElse("") + "'");
    }
  }
}
