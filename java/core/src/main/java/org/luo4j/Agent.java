/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.bridge.Uninterrupted;

/**
 * Holds the memfds and LUO sessions of services on a host without systemd: while a service is
 * restarted or has crashed, and, as it has the device, while the kernel is replaced.
 *
 * <pre>{@code
 * Agent agent = Agent.builder(LiveUpdate.requireKernel()).allow(1000).start();
 * }</pre>
 *
 * <p>Services talk to it by {@link AgentClient} over a Unix socket. A name is its user's: others
 * neither see nor get what is held under it. A memfd is preserved in a LUO session of its own as
 * soon as it is stored; so that this takes no time a service stores it before it fills it. After a
 * kexec the agent of the new kernel, which has the same socket, retrieves everything and preserves
 * it again; {@link #report} says what came and what did not. Without LUO it holds only.
 *
 * <p>A client that breaks the protocol or a limit loses its connection, and that is logged; what is
 * held stays. The end of the agent's process un-preserves everything, and closes its fds: clients
 * that run have their memory and store it again when an agent is there.
 *
 * <p>Needs a native bridge: the emulator has no sockets. Any thread may call any method.
 *
 * @since 0.1.0
 */
public final class Agent implements AutoCloseable {

  /** Where an agent listens unless told otherwise. */
  public static final Path DEFAULT_SOCKET = Path.of("/run/luo4j/agent.sock");

  private static final System.Logger LOG = System.getLogger(Agent.class.getName());

  private static final int BACKLOG = 1024;

  private static final int STACK_BYTES = 256 << 10;
  private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(20);
  private static final long ACCEPT_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  /**
   * What can be held.
   *
   * @since 0.1.0
   */
  public enum Kind {
    /** A name that is only taken. */
    NOTHING,
    /** A memfd. */
    MEMFD,
    /** A LUO session. */
    SESSION
  }

  /**
   * What is held under a name.
   *
   * @param uid whose name it is
   * @param name 1 to {@value Systemd#NAME_MAX} printable ASCII characters, no colon
   * @param kind what
   * @param survivesKexec whether the next kernel's agent will have it
   * @param bytes the size of a memfd, else 0
   * @param owner the process that has taken the name, 0 where none has
   * @param note why it does not survive a kexec, else empty
   * @since 0.1.0
   */
  public record Held(
      int uid, String name, Kind kind, boolean survivesKexec, long bytes, int owner, String note) {}

  /**
   * A kernel to jump into.
   *
   * @param kernel the image, an absolute path
   * @param initrd an absolute path, or none
   * @param commandLine the kernel's, or that of the running one
   * @param deadline how long to wait for clients to be ready, 1 ms to a day
   * @since 0.1.0
   */
  public record Update(
      Path kernel, Optional<Path> initrd, Optional<String> commandLine, Duration deadline) {

    /**
     * Checks what is given.
     *
     * @param kernel as the record's
     * @param initrd as the record's
     * @param commandLine as the record's
     * @param deadline as the record's
     * @throws IllegalArgumentException for a path that is not absolute, a text of more than 4096
     *     bytes or with a NUL, an empty command line, a time limit out of range
     */
    public Update {
      check(kernel.isAbsolute(), "kernel " + kernel + " must be an absolute path");
      initrd.ifPresent(
          path -> check(path.isAbsolute(), "initrd " + path + " must be an absolute path"));
      check(
          commandLine.isEmpty() || !commandLine.get().isBlank(),
          "an empty commandLine boots nothing: leave it out to use that of this kernel");
      check(isMillis(deadline), "deadline " + deadline + " must be 1 ms to a day");
      message(kernel, initrd, commandLine, deadline).bytes();
    }

    /**
     * A kernel without an initrd and with the command line of the running one, for which clients
     * get ready within a minute.
     *
     * @param kernel the image, an absolute path
     * @return the update
     */
    public static Update to(Path kernel) {
      return new Update(kernel, Optional.empty(), Optional.empty(), Duration.ofMinutes(1));
    }

    private static AgentMessage message(
        Path kernel, Optional<Path> initrd, Optional<String> commandLine, Duration deadline) {
      return AgentMessage.update(
          kernel.toString(),
          initrd.map(Path::toString).orElse(""),
          commandLine.orElse(""),
          deadline.toMillis());
    }

    AgentMessage message() {
      return message(kernel, initrd, commandLine, deadline);
    }

    static Update of(AgentMessage message) {
      return new Update(
          Path.of(message.text()),
          Optional.of(message.initrd()).filter(path -> !path.isEmpty()).map(Path::of),
          Optional.of(message.command()).filter(line -> !line.isEmpty()),
          Duration.ofMillis(message.number()));
    }

    private static void check(boolean holds, String message) {
      if (!holds) {
        throw new IllegalArgumentException(message);
      }
    }
  }

  private final LiveUpdate luo;
  private final Bridge bridge;
  private final Builder settings;
  private final Consumer<String> log;
  private final KexecCommand kexec;
  private final AgentLock lockFile;
  private final int ownUid;
  private final Set<Integer> allowed;
  private final AgentHoldings holdings;
  private final Descriptor listener;
  private final Thread acceptor;

  /** Guards what follows. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition changed = lock.newCondition();
  private final Set<Connection> connections = new LinkedHashSet<>();
  private boolean updating;
  private int updates;
  private volatile boolean closed;

  /** Connections that were accepted, and served or closed. Written by the acceptor. */
  private volatile long accepted;

  /**
   * Says what an agent shall be like.
   *
   * @param luo makes sessions, by the kernel; on one without LUO the agent holds only
   * @return a builder with the defaults
   */
  public static Builder builder(LiveUpdate luo) {
    return new Builder(luo);
  }

  /**
   * What an agent is like. Each setting can be made once: a second time is an {@link
   * IllegalStateException}; {@link #allow} adds users. Not for use by several threads.
   *
   * @since 0.1.0
   */
  public static final class Builder {
    private static final int MAX_CONNECTIONS = 256;
    private static final int MAX_CONNECTIONS_PER_UID = 64;
    private static final int MAX_NAMES_PER_UID = 64;
    private static final Duration HELLO_TIMEOUT = Duration.ofSeconds(5);

    private final LiveUpdate luo;
    private @Nullable Path socket;
    private final Set<Integer> allowed = new HashSet<>();
    private @Nullable Integer maxConnections;
    private @Nullable Integer maxConnectionsPerUid;
    private @Nullable Integer maxNamesPerUid;
    private @Nullable Long maxBytesPerUid;
    private @Nullable Integer maxMessageBytes;
    private @Nullable Duration helloTimeout;
    private @Nullable Path kexecProgram;
    private @Nullable KexecCommand kexec;
    private long sendMillis = 10_000;
    private Consumer<String> log = line -> LOG.log(System.Logger.Level.INFO, line);

    private Builder(LiveUpdate luo) {
      this.luo = Objects.requireNonNull(luo, "luo");
    }

    /**
     * Where it listens. Default {@link Agent#DEFAULT_SOCKET}. Beside it lies a file with {@code
     * .lock} added to its name, by which one agent at a time has it.
     *
     * @param path at most 107 bytes, in a folder that only the agent's user can write; the folder
     *     is made where it is missing
     * @return this
     */
    public Builder socket(Path path) {
      this.socket = Settings.once(this.socket, path.toAbsolutePath(), "socket");
      return this;
    }

    /**
     * Serves these users besides the agent's own and root. Any user can then reach the socket (mode
     * 0666); the others' connections are closed.
     *
     * @param uids user numbers
     * @return this
     */
    public Builder allow(int... uids) {
      for (int uid : uids) {
        if (uid == -1) {
          throw new IllegalArgumentException("uid -1 is no user");
        }
        allowed.add(uid);
      }
      return this;
    }

    /**
     * Bounds the connections at a time; those of root and the agent's user are not counted. Default
     * 256.
     *
     * @param count 1 or more
     * @return this
     */
    public Builder maxConnections(int count) {
      this.maxConnections =
          Settings.once(this.maxConnections, positive(count, "maxConnections"), "maxConnections");
      return this;
    }

    /**
     * Bounds the connections of one user at a time. Default 64.
     *
     * @param count 1 or more
     * @return this
     */
    public Builder maxConnectionsPerUid(int count) {
      this.maxConnectionsPerUid =
          Settings.once(
              this.maxConnectionsPerUid,
              positive(count, "maxConnectionsPerUid"),
              "maxConnectionsPerUid");
      return this;
    }

    /**
     * Bounds the names of one user. Default 64.
     *
     * @param count 1 or more
     * @return this
     */
    public Builder maxNamesPerUid(int count) {
      this.maxNamesPerUid =
          Settings.once(this.maxNamesPerUid, positive(count, "maxNamesPerUid"), "maxNamesPerUid");
      return this;
    }

    /**
     * Bounds the sizes of one user's memfds, together, as they are at each store. What is preserved
     * is pinned: it is no longer reclaimed when memory is short. Default half of the machine's
     * memory.
     *
     * @param bytes 1 or more
     * @return this
     */
    public Builder maxBytesPerUid(long bytes) {
      if (bytes < 1) {
        throw new IllegalArgumentException("maxBytesPerUid " + bytes + " must be 1 or more");
      }
      this.maxBytesPerUid = Settings.once(this.maxBytesPerUid, bytes, "maxBytesPerUid");
      return this;
    }

    /**
     * Bounds a message. Default: the protocol's longest, some 12 KiB.
     *
     * @param bytes 512 or more
     * @return this
     */
    public Builder maxMessageBytes(int bytes) {
      if (bytes < 512) {
        throw new IllegalArgumentException("maxMessageBytes " + bytes + " must be 512 or more");
      }
      this.maxMessageBytes =
          Settings.once(
              this.maxMessageBytes, Math.min(bytes, AgentMessage.BYTES_MAX), "maxMessageBytes");
      return this;
    }

    /**
     * How long a new connection may say nothing. Default 5 s.
     *
     * @param timeout 1 ms to a day
     * @return this
     */
    public Builder helloTimeout(Duration timeout) {
      if (!isMillis(timeout)) {
        throw new IllegalArgumentException("helloTimeout " + timeout + " must be 1 ms to a day");
      }
      this.helloTimeout = Settings.once(this.helloTimeout, timeout, "helloTimeout");
      return this;
    }

    /**
     * The program kexec of kexec-tools. Default: the one on PATH.
     *
     * @param program its path
     * @return this
     */
    public Builder kexecProgram(Path program) {
      this.kexecProgram =
          Settings.once(this.kexecProgram, program.toAbsolutePath(), "kexecProgram");
      return this;
    }

    Builder kexec(KexecCommand command) {
      this.kexec = command;
      return this;
    }

    /** How long a client may take to make room for an answer. */
    Builder sendTimeout(Duration timeout) {
      this.sendMillis = timeout.toMillis();
      return this;
    }

    Builder log(Consumer<String> lines) {
      this.log = lines;
      return this;
    }

    private Path socket() {
      return Objects.requireNonNullElse(socket, DEFAULT_SOCKET);
    }

    private int maxConnections() {
      return Objects.requireNonNullElse(maxConnections, MAX_CONNECTIONS);
    }

    private int maxConnectionsPerUid() {
      return Objects.requireNonNullElse(maxConnectionsPerUid, MAX_CONNECTIONS_PER_UID);
    }

    private int maxNamesPerUid() {
      return Objects.requireNonNullElse(maxNamesPerUid, MAX_NAMES_PER_UID);
    }

    private int maxMessageBytes() {
      return Objects.requireNonNullElse(maxMessageBytes, AgentMessage.BYTES_MAX);
    }

    private Duration helloTimeout() {
      return Objects.requireNonNullElse(helloTimeout, HELLO_TIMEOUT);
    }

    private static int positive(int count, String name) {
      if (count < 1) {
        throw new IllegalArgumentException(name + " " + count + " must be 1 or more");
      }
      return count;
    }

    /**
     * Retrieves what the previous kernel left, then listens.
     *
     * @return the agent, to be closed
     * @throws IOException when the folder, or the lock file in it, cannot be used
     * @throws LuoException when the socket cannot be made: ENOSYS on the emulator
     * @throws IllegalStateException when another agent has the socket
     */
    public Agent start() throws IOException {
      return new Agent(this);
    }
  }

  /** Whether a time is one that a message and a socket can have: 1 ms to a day. */
  private static boolean isMillis(Duration time) {
    return time.compareTo(Duration.ofMillis(1)) >= 0
        && time.compareTo(Duration.ofMillis(AgentMessage.MILLIS_MAX)) <= 0;
  }

  private Agent(Builder settings) throws IOException {
    this.settings = settings;
    this.luo = settings.luo;
    this.bridge = luo.system();
    this.log = new LogLimit(settings.log);
    this.kexec = settings.kexec != null ? settings.kexec : new KexecTools(settings.kexecProgram);
    this.allowed = Set.copyOf(settings.allowed);
    byte[] address = address(settings.socket());
    if (luo.provider() == Provider.EMULATOR) {
      throw Refusal.LISTEN.exception(-Errno.ENOSYS, settings.socket().toString());
    }
    this.lockFile = AgentLock.of(bridge, settings.socket());
    AgentHoldings held = null;
    Descriptor socket = null;
    boolean started = false;
    try {
      long bytes = settings.maxBytesPerUid != null ? settings.maxBytesPerUid : halfOfMemory();
      held =
          new AgentHoldings(
              luo, new AgentHoldings.Limits(settings.maxNamesPerUid(), bytes), settings.log);
      socket = listen(address);
      this.ownUid = (Integer) Files.getAttribute(settings.socket(), "unix:uid");
      if (!allowed.isEmpty()) {
        Files.setPosixFilePermissions(
            settings.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
      }
      this.holdings = held;
      this.listener = socket;
      this.acceptor = daemon(this::accept, "luo4j-agent-accept");
      acceptor.start();
      started = true;
    } finally {
      if (!started) {
        giveUp(socket, held);
      }
    }
  }

  /** Closes what an agent that does not start has, the lock last. */
  private void giveUp(@Nullable Descriptor socket, @Nullable AgentHoldings held)
      throws IOException {
    try (lockFile) {
      try (held) {
        if (socket != null) {
          socket.close();
          Files.deleteIfExists(settings.socket());
        }
      }
    }
  }

  private static byte[] address(Path socket) {
    byte[] address = socket.toString().getBytes(StandardCharsets.UTF_8);
    if (address.length > Abi.ADDRESS_MAX) {
      throw new IllegalArgumentException(
          "socket "
              + socket
              + " has "
              + address.length
              + " bytes, more than "
              + Abi.ADDRESS_MAX
              + ": choose a shorter path");
    }
    return address;
  }

  private static long halfOfMemory() throws IOException {
    List<String> lines;
    try {
      lines = Files.readAllLines(Path.of("/proc/meminfo"));
    } catch (IOException e) {
      throw new IOException(
          "the default of maxBytesPerUid, half of the machine's memory, is not known, as"
              + " /proc/meminfo cannot be read: mount /proc, or set maxBytesPerUid",
          e);
    }
    for (String line : lines) {
      if (line.startsWith("MemTotal:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024 / 2;
      }
    }
    return Long.MAX_VALUE;
  }

  private Descriptor listen(byte[] address) throws IOException {
    Path path = settings.socket();
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      int mode = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
      if ((mode & 0170000) != 0140000) {
        throw new IOException(path + " is there and is no socket: choose another path");
      }
      // The lock is this agent's: nobody listens there.
      Files.delete(path);
    }
    int socket = bridge.listen(address, BACKLOG);
    if (socket < 0) {
      throw Refusal.LISTEN.exception(socket, path.toString());
    }
    return new Descriptor(bridge, socket, "socket " + path);
  }

  private static Thread daemon(Runnable runnable, String name) {
    Thread thread = new Thread(null, runnable, name, STACK_BYTES);
    thread.setDaemon(true);
    return thread;
  }

  // ---- connections ----

  private void accept() {
    while (true) {
      int socket = (int) listener.result(bridge::accept);
      if (isClosed()) {
        if (socket >= 0) {
          bridge.close(socket);
        }
        return;
      }
      if (socket >= 0) {
        welcome(socket);
        accepted++;
      } else if (socket != -Errno.EAGAIN && socket != -Errno.ECONNABORTED) {
        // EMFILE and the like go by when connections end; the backlog waits.
        log.accept("cannot accept a connection: " + Errno.describe(-socket));
        pause();
      }
    }
  }

  private void pause() {
    lock.lock();
    try {
      if (!closed) {
        Uninterrupted.until(System.nanoTime() + ACCEPT_PAUSE_NANOS, changed::awaitNanos);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  private void welcome(int socket) {
    int[] peer = new int[3];
    int known = bridge.peer(socket, peer);
    Connection connection = new Connection(socket, peer[0], peer[1]);
    String refusal =
        known < 0 ? "its user is not known: " + Errno.describe(-known) : admit(connection);
    if (refusal == null) {
      try {
        connection.thread.start();
        return;
      } catch (OutOfMemoryError e) {
        refusal = "no thread could be started: " + e.getMessage();
      }
    }
    connection.end(refusal);
    connection.finish();
  }

  /** Why not; null when it is one of the connections from now on. */
  private @Nullable String admit(Connection connection) {
    int uid = connection.uid;
    boolean control = isControl(uid);
    if (!control && !allowed.contains(uid)) {
      return "this uid is not one of those that the agent allows (luo agent --allow UID)";
    }
    lock.lock();
    try {
      int others = 0;
      int same = 0;
      for (Connection each : connections) {
        others += isControl(each.uid) ? 0 : 1;
        same += each.uid == uid ? 1 : 0;
      }
      if (same >= settings.maxConnectionsPerUid()) {
        return "its uid has " + same + " connections, as many as it may (maxConnectionsPerUid)";
      }
      if (!control && others >= settings.maxConnections()) {
        return "there are " + others + " connections, as many as may be (maxConnections)";
      }
      if (closed) {
        return "the agent is closing";
      }
      connections.add(connection);
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a user may see all names, and replace the kernel. */
  private boolean isControl(int uid) {
    return uid == 0 || uid == ownUid;
  }

  /** A client. Its thread reads and answers; others send to it. */
  private final class Connection implements AgentHoldings.Owner {

    private final Descriptor socket;
    private final int pid;
    private final int uid;
    private final Thread thread;

    /** The update that it is ready for. Guarded by the lock. */
    private int ready;

    private volatile boolean ending;

    Connection(int socket, int pid, int uid) {
      this.pid = pid;
      this.uid = uid;
      this.socket = new Descriptor(bridge, socket, this + "'s socket");
      this.thread = daemon(this::run, "luo4j-agent-" + pid);
    }

    @Override
    public int pid() {
      return pid;
    }

    @Override
    public String toString() {
      return "connection of process " + pid + ", uid " + Integer.toUnsignedString(uid);
    }

    private void run() {
      try {
        serve();
      } catch (RuntimeException | Error e) {
        end(e.toString());
      } finally {
        finish();
      }
    }

    /** Gives up the names and then the socket: who sees its end finds the names free. */
    void finish() {
      holdings.leave(this);
      lock.lock();
      try {
        connections.remove(this);
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      socket.close();
    }

    /** Ends it, and says why. */
    void end(String reason) {
      if (!ending) {
        ending = true;
        log.accept(this + " is closed: " + reason);
      }
      shutdown();
    }

    void shutdown() {
      ending = true;
      try {
        socket.result(bridge::shutdown);
      } catch (IllegalStateException e) {
        // It is closed.
      }
    }

    private void serve() {
      byte[] buffer = new byte[settings.maxMessageBytes()];
      int[] fds = new int[1];
      boolean greeted = false;
      setTimeout(settings.helloTimeout().toMillis());
      while (!ending) {
        int length = (int) socket.result(fd -> bridge.receive(fd, buffer, fds));
        if (length == -Errno.EAGAIN && greeted) {
          continue;
        }
        if (length == 0 || length == -Errno.ECONNRESET) {
          return;
        }
        if (length < 0) {
          end(
              length == -Errno.EMSGSIZE
                  ? "a message has more than "
                      + buffer.length
                      + " bytes, more than an fd, or one for which the agent's limit of open files"
                      + " (ulimit -n) left no room"
                  : length == -Errno.EAGAIN
                      ? "it said nothing for " + settings.helloTimeout()
                      : "receive: " + Errno.describe(-length));
          return;
        }
        int fd = fds[0];
        try {
          AgentMessage message = AgentMessage.of(buffer, length);
          boolean store = message.type() == AgentMessage.Type.STORE;
          boolean hello = message.type() == AgentMessage.Type.HELLO;
          if (store != (fd >= 0)) {
            end("a " + message.type() + (store ? " without an fd" : " with an fd"));
          } else if (hello == greeted) {
            end(hello ? "a second HELLO" : "a " + message.type() + " before HELLO");
          } else if (hello) {
            greeted = true;
            setTimeout(settings.sendMillis);
            greet(message);
          } else {
            int stored = fd;
            fd = -1;
            answer(message, stored);
          }
        } catch (AgentMessage.Malformed e) {
          end("a malformed message: " + e.getMessage());
        } finally {
          if (fd >= 0) {
            bridge.close(fd);
          }
        }
      }
    }

    private void setTimeout(long millis) {
      socket.result(fd -> bridge.setTimeout(fd, millis));
    }

    private void greet(AgentMessage hello) {
      if (hello.number() != AgentMessage.VERSION) {
        send(
            AgentMessage.refused(
                Errno.EPROTO, "the agent speaks version " + AgentMessage.VERSION + " only"));
        end("it speaks version " + hello.number());
        return;
      }
      send(AgentMessage.welcome(holdings.whyNoKexec()));
    }

    /** The fd is this call's: -1, or that of a STORE. */
    private void answer(AgentMessage message, int fd) {
      String name = message.name();
      try {
        switch (message.type()) {
          case TAKE -> take(name);
          case STORE -> send(AgentMessage.stored(name, store(name, message.kind(), fd)));
          case DROP -> send(AgentMessage.dropped(name, holdings.drop(uid, name, this)));
          case LIST -> list();
          case READY -> ready(message.id());
          case UPDATE -> update(message);
          default -> end("a " + message.type() + ", which is the agent's to send");
        }
      } catch (AgentHoldings.Busy e) {
        send(AgentMessage.busy(name, e.pid()));
      } catch (AgentHoldings.Refused e) {
        send(AgentMessage.refused(e.errno(), String.valueOf(e.getMessage())));
      } catch (LuoException e) {
        send(AgentMessage.refused(e.errno(), String.valueOf(e.getMessage())));
      }
    }

    private void take(String name) throws AgentHoldings.Busy, AgentHoldings.Refused {
      holdings.take(
          uid, name, this, (kind, kexec, held) -> send(AgentMessage.held(name, kind, kexec), held));
    }

    private String store(String name, Kind kind, int fd)
        throws AgentHoldings.Busy, AgentHoldings.Refused {
      boolean stored = false;
      AutoCloseable adopted = null;
      int open = fd;
      try {
        String why;
        if (kind == Kind.MEMFD) {
          MemFd memfd = luo.adoptMemFd(fd);
          open = -1;
          adopted = memfd::close;
          why = holdings.store(uid, name, memfd, this);
        } else {
          Session session = luo.adoptSession(fd);
          open = -1;
          adopted = session::close;
          why = holdings.store(uid, name, session, this);
        }
        stored = true;
        return why;
      } finally {
        if (open >= 0) {
          bridge.close(open);
        }
        if (!stored && adopted != null) {
          close(adopted);
        }
      }
    }

    private void close(AutoCloseable adopted) {
      try {
        adopted.close();
      } catch (Exception e) {
        log.accept(this + ": what it offered cannot be closed: " + e);
      }
    }

    private void list() {
      List<Held> list = holdings.list(uid, isControl(uid));
      for (Held held : list) {
        if (ending) {
          return;
        }
        send(AgentMessage.entry(held));
      }
      send(AgentMessage.listed(list.size()));
    }

    private void ready(int update) {
      lock.lock();
      try {
        ready = Math.max(ready, update);
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    private void update(AgentMessage message) throws AgentHoldings.Refused {
      if (!isControl(uid)) {
        throw new AgentHoldings.Refused(
            Errno.EPERM, "only root and the agent's own user replace the kernel");
      }
      try {
        Agent.this.update(Update.of(message), text -> send(AgentMessage.progress(text)));
        send(AgentMessage.result(true, ""));
      } catch (IOException | IllegalArgumentException | IllegalStateException e) {
        send(AgentMessage.result(false, String.valueOf(e.getMessage())));
      }
    }

    private int send(AgentMessage message) {
      return send(message, null);
    }

    /** Sends, or ends the connection. Any thread. */
    private int send(AgentMessage message, @Nullable Descriptor passed) {
      byte[] bytes = message.bytes();
      int sent;
      try {
        sent = passed == null ? send(bytes) : (int) passed.result(fd -> send(bytes, fd));
      } catch (IllegalStateException e) {
        // It ended meanwhile.
        return -Errno.EPIPE;
      }
      if (sent == -Errno.EPIPE || sent == -Errno.ECONNRESET) {
        shutdown();
      } else if (sent < 0) {
        end("it cannot be sent a " + message.type() + ": " + Errno.describe(-sent));
      }
      return sent;
    }

    private int send(byte[] bytes, int... fds) {
      return (int) socket.result(to -> bridge.send(to, bytes, fds));
    }
  }

  // ---- the kexec ----

  /**
   * Replaces the kernel: loads the next one; tells each client that has a name, and waits until all
   * of them are ready, or the deadline; jumps, while everything is held. Where that fails, clients
   * are told so and everything stays as it was.
   *
   * <p>Does not return when it succeeds. One update at a time.
   *
   * @param update the kernel
   * @param progress is told, a sentence at a time, by this thread
   * @throws IOException when there was no kexec, with the reason
   * @throws IllegalStateException when an update is going on, or the agent is closed
   */
  public void update(Update update, Consumer<String> progress) throws IOException {
    lock.lock();
    try {
      checkOpen();
      if (updating) {
        throw new IllegalStateException("an update is going on: wait for its end");
      }
      updating = true;
    } finally {
      lock.unlock();
    }
    try {
      progress.accept("loading " + update.kernel());
      kexec.load(update);
      holdings.preserveAll().forEach(progress);
      Set<Connection> told = new LinkedHashSet<>();
      int number = prepare(update.deadline(), told);
      try {
        awaitReady(update.deadline(), number, told, progress);
        sync(progress);
        progress.accept("jumping");
        holdings.still(
            () -> {
              checkNotClosed(); // else nothing is held any more
              kexec.execute();
              return null;
            });
      } catch (Exception e) {
        String reason = String.valueOf(e.getMessage());
        inParallel(told, client -> client.send(AgentMessage.aborted(number, reason)));
        throw e instanceof IOException io ? io : new IOException(reason, e);
      }
    } finally {
      lock.lock();
      try {
        updating = false;
      } finally {
        lock.unlock();
      }
    }
  }

  private void checkNotClosed() throws IOException {
    if (closed) {
      throw new IOException("the agent is closed");
    }
  }

  private void sync(Consumer<String> progress) {
    try {
      kexec.sync();
    } catch (IOException e) {
      progress.accept("file systems may lack what was written last: " + e.getMessage());
    }
  }

  /** Tells all owners, who they are, and the update's number. */
  private int prepare(Duration deadline, Set<Connection> told) {
    int number;
    lock.lock();
    try {
      number = ++updates;
      for (AgentHoldings.Owner owner : holdings.owners()) {
        Connection connection = (Connection) owner;
        if (connections.contains(connection)) {
          told.add(connection);
        }
      }
    } finally {
      lock.unlock();
    }
    AgentMessage message = AgentMessage.prepare(number, deadline.toMillis());
    inParallel(told, client -> client.send(message));
    return number;
  }

  /** Waits until all are ready or have ended, or the deadline. */
  private void awaitReady(
      Duration deadline, int number, Set<Connection> told, Consumer<String> progress)
      throws IOException {
    long end = System.nanoTime() + deadline.toNanos();
    progress.accept("waiting for " + told.size() + " clients to be ready");
    List<Connection> late = new ArrayList<>();
    lock.lock();
    try {
      while (true) {
        checkNotClosed(); // close ends the connections, too
        late.clear();
        for (Connection each : told) {
          if (connections.contains(each) && each.ready < number) {
            late.add(each);
          }
        }
        long left = end - System.nanoTime();
        if (late.isEmpty() || left <= 0) {
          break;
        }
        Uninterrupted.until(end, changed::awaitNanos);
      }
    } finally {
      lock.unlock();
    }
    for (Connection each : late) {
      progress.accept("not ready: " + each);
    }
  }

  /** So that a client that does not read keeps no other one waiting. */
  private static void inParallel(Set<Connection> clients, Consumer<Connection> action) {
    List<Thread> threads = new ArrayList<>();
    for (Connection client : clients) {
      Thread thread = daemon(() -> action.accept(client), "luo4j-agent-tell-" + client.pid);
      thread.start();
      threads.add(thread);
    }
  }

  // ---- the rest ----

  /**
   * What came from the previous kernel, what did not and why, and why nothing can.
   *
   * @return a sentence each
   */
  public List<String> report() {
    return holdings.report();
  }

  /**
   * What is held, and which names are taken.
   *
   * @return of all users
   */
  public List<Held> list() {
    return holdings.list(0, true);
  }

  /** How many connections there were, those included that were closed at once. */
  long accepted() {
    return accepted;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  /**
   * Ends all connections, gives up all that is held, and un-preserves it. Waits for requests that
   * are being answered. Idempotent.
   */
  @Override
  public void close() {
    List<Connection> ending;
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      ending = List.copyOf(connections);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    listener.result(bridge::shutdown);
    ending.forEach(Connection::shutdown);
    long end = System.nanoTime() + CLOSE_NANOS;
    Uninterrupted.join(acceptor, end);
    ending.forEach(connection -> Uninterrupted.join(connection.thread, end));
    try (lockFile) {
      try (holdings) {
        listener.close();
        Files.deleteIfExists(settings.socket());
      } catch (IOException e) {
        log.accept("cannot remove " + settings.socket() + ": " + e);
      }
    }
  }

  /** Where it listens. */
  @Override
  public String toString() {
    return "Agent[" + settings.socket() + "]";
  }

  /** At most so many lines a second; of the others, how many they were. */
  private static final class LogLimit implements Consumer<String> {

    private static final int LINES = 20;
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final Consumer<String> log;
    private long since = System.nanoTime();
    private int lines;

    LogLimit(Consumer<String> log) {
      this.log = log;
    }

    @Override
    public synchronized void accept(String line) {
      long now = System.nanoTime();
      if (now - since >= SECOND) {
        if (lines > LINES) {
          log.accept((lines - LINES) + " more lines were left out");
        }
        since = now;
        lines = 0;
      }
      if (++lines <= LINES) {
        log.accept(line);
      }
    }
  }
}
