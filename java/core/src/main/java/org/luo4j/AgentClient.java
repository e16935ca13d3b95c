/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
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
 * A service's connection to the {@link Agent} of its host.
 *
 * <pre>{@code
 * AgentClient agent = AgentClient.open(luo, Agent.DEFAULT_SOCKET);
 * Duration wait = Duration.ofSeconds(10);
 * MemFd memory = agent.takeMemFd("cache", wait).orElseGet(() -> {
 *   MemFd made = luo.createMemFd(MemFdOptions.named("cache").size(1 << 30));
 *   agent.store("cache", made);
 *   return made;
 * });
 * }</pre>
 *
 * <p>A name that was taken or stored is this client's until it is dropped, the client is closed, or
 * its process ends; then another client of the same user gets what is held there. An agent that
 * ends takes nothing from the service: the client keeps a duplicate of each fd, connects again when
 * there is an agent, and stores again. Memory that is stored right after its creation costs least
 * to preserve.
 *
 * <p>Any thread may call any method; requests are made one after the other. What waits for a
 * request in vain says so after {@link #PATIENCE}.
 *
 * @since 0.1.0
 */
public final class AgentClient implements AutoCloseable {

  /** How long a call waits for an agent to be there and to answer. */
  public static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final System.Logger LOG = System.getLogger(AgentClient.class.getName());

  /** How long an update may take beside the clients' time to get ready. */
  private static final Duration UPDATE_PATIENCE = Duration.ofMinutes(10);

  private static final String NO_ROOM =
      "this process had no room for the fd that came: raise its limit of open files (ulimit -n)";

  private static final long SOCKET_MILLIS = 10_000;
  private static final long FIRST_PAUSE = TimeUnit.MILLISECONDS.toNanos(5);
  private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(500);
  private static final long BUSY_PAUSE = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long SETTLED = TimeUnit.SECONDS.toNanos(1);
  private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /**
   * What became of what was stored.
   *
   * @param survivesKexec whether the next kernel's agent will have it; restarts of the service it
   *     survives in any case
   * @param note why it does not survive a kexec, else empty
   * @since 0.1.0
   */
  public record Stored(boolean survivesKexec, String note) {}

  /** A message and the fd with it, -1 for none. */
  private record Reply(AgentMessage message, int fd) {}

  /** The end of the connection, known by its identity: it has no message of its own. */
  private static final Reply ENDED = new Reply(AgentMessage.hello(), -1);

  /**
   * What is stored again: one of the two, or for a name that is only taken neither. A duplicate,
   * this client's.
   */
  private record Kept(@Nullable MemFd memfd, @Nullable Session session) {

    Agent.Kind kind() {
      if (memfd != null) {
        return Agent.Kind.MEMFD;
      }
      return session != null ? Agent.Kind.SESSION : Agent.Kind.NOTHING;
    }

    @Nullable Descriptor descriptor() {
      if (memfd != null) {
        return memfd.descriptor();
      }
      return session != null ? session.descriptor() : null;
    }

    void close() {
      if (memfd != null) {
        memfd.close();
      }
      if (session != null) {
        session.close();
      }
    }
  }

  private final LiveUpdate luo;
  private final Bridge bridge;
  private final Path path;
  private final byte[] address;
  private final Duration patience;
  private final Thread reader;
  private final ExecutorService listeners;

  /** Held for the length of a request and its answers. */
  private final ReentrantLock requests = new ReentrantLock(true);

  /** Guards what follows. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition changed = lock.newCondition();
  private final Map<String, Kept> kept = new LinkedHashMap<>();
  private @Nullable Descriptor socket;

  /** The same, from the moment on that it is connected, when no request can use it yet. */
  private @Nullable Descriptor connecting;

  private @Nullable BlockingQueue<Reply> replies;
  private String whyNotConnected = "it has not connected yet";
  private int whyErrno = Errno.ECONNREFUSED;
  private boolean closed;

  private volatile Consumer<Duration> onPrepare = deadline -> {};
  private volatile Consumer<String> onAborted = reason -> {};

  private AgentClient(LiveUpdate luo, Path path, byte[] address, Duration patience) {
    this.luo = luo;
    this.bridge = luo.system();
    this.path = path;
    this.address = address;
    this.patience = patience;
    this.listeners =
        Executors.newSingleThreadExecutor(task -> daemon(task, "luo4j-agent-listener"));
    this.reader = daemon(this::run, "luo4j-agent-client");
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Begins to connect, and goes on trying until it is closed: no agent needs to be there.
   *
   * @param luo makes memfds and sessions of fds that come, by a native bridge
   * @param socket the agent's
   * @return the client, to be closed
   * @throws LuoException ENOSYS on the emulator, which has no sockets
   */
  public static AgentClient open(LiveUpdate luo, Path socket) {
    return open(luo, socket, PATIENCE);
  }

  /** As {@link #open(LiveUpdate, Path)}, with another time in place of {@link #PATIENCE}. */
  static AgentClient open(LiveUpdate luo, Path socket, Duration patience) {
    Path path = socket.toAbsolutePath();
    byte[] address = path.toString().getBytes(StandardCharsets.UTF_8);
    if (address.length > Abi.ADDRESS_MAX) {
      throw new IllegalArgumentException(
          "socket " + path + " has more than " + Abi.ADDRESS_MAX + " bytes: choose a shorter path");
    }
    if (luo.provider() == Provider.EMULATOR) {
      throw Refusal.CONNECT.exception(-Errno.ENOSYS, path.toString());
    }
    AgentClient client = new AgentClient(luo, path, address, patience);
    client.reader.start();
    return client;
  }

  /**
   * Has a method called when the kernel is about to be replaced, which happens when it has
   * returned, or at the deadline. Default: nothing is done.
   *
   * @param listener is given the time there is, on a thread of this client's; what it throws is
   *     logged, and counts as returning
   */
  public void onPrepare(Consumer<Duration> listener) {
    onPrepare = Objects.requireNonNull(listener, "listener");
  }

  /**
   * Has a method called when the kernel was not replaced after {@link #onPrepare}: the service goes
   * on. Default: nothing is done.
   *
   * @param listener is given the reason, on the thread of the other listener
   */
  public void onAborted(Consumer<String> listener) {
    onAborted = Objects.requireNonNull(listener, "listener");
  }

  // ---- requests ----

  /**
   * Takes a name, and the memfd that is held there.
   *
   * @param name 1 to {@value Systemd#NAME_MAX} printable ASCII characters, no colon
   * @param wait how long to wait for another client of this user to leave the name
   * @return the memfd, the caller's; empty when nothing is held under the name
   * @throws LuoException.NameBusy when another client still has the name
   * @throws LuoException.AgentAbsent when no agent answers
   * @throws LuoException.AgentRefused for a limit; EINVAL when a session is held there
   */
  public Optional<MemFd> takeMemFd(String name, Duration wait) {
    Reply reply = take(name, wait, Agent.Kind.MEMFD);
    return reply.fd < 0 ? Optional.empty() : Optional.of(adoptMemFd(name, reply.fd));
  }

  /**
   * Takes a name, and the session that is held there: after a kexec an incoming one, to retrieve
   * from and finish; before it the outgoing one that was stored.
   *
   * @param name as for a memfd
   * @param wait as for a memfd
   * @return the session, the caller's; empty when nothing is held under the name
   * @throws LuoException.NameBusy when another client still has the name
   * @throws LuoException.AgentAbsent when no agent answers
   * @throws LuoException.AgentRefused for a limit; EINVAL when a memfd is held there
   */
  public Optional<Session> takeSession(String name, Duration wait) {
    Reply reply = take(name, wait, Agent.Kind.SESSION);
    return reply.fd < 0 ? Optional.empty() : Optional.of(adoptSession(name, reply.fd));
  }

  private MemFd adoptMemFd(String name, int fd) {
    MemFd memfd = adopted(fd, luo::adoptMemFd);
    try {
      keep(name, new Kept(memfd.duplicate(), null));
      return memfd;
    } catch (Throwable e) {
      Undo.close(e, memfd);
      throw e;
    }
  }

  private Session adoptSession(String name, int fd) {
    Session session = adopted(fd, luo::adoptSession);
    try {
      // An incoming one cannot be stored: of it only the name is kept.
      boolean storable = session.kind() == Session.Kind.OUTGOING;
      keep(name, new Kept(null, storable ? session.duplicate() : null));
      return session;
    } catch (Throwable e) {
      Undo.close(e, session);
      throw e;
    }
  }

  private interface Adoption<T> {
    T of(int fd);
  }

  private <T> T adopted(int fd, Adoption<T> adoption) {
    try {
      return adoption.of(fd);
    } catch (Throwable e) {
      bridge.close(fd);
      throw e;
    }
  }

  private Reply take(String name, Duration wait, Agent.Kind wanted) {
    Systemd.checkName(name);
    String what = "take '" + name + "'";
    Reply reply = owned(what, AgentMessage.take(name), null, wait);
    Agent.Kind kind = reply.message.kind();
    if ((kind != Agent.Kind.NOTHING) != (reply.fd >= 0)) {
      throw broken(what, "a " + kind + (reply.fd < 0 ? " without an fd" : " with an fd"), reply);
    }
    if (kind == Agent.Kind.NOTHING) {
      keep(name, new Kept(null, null));
    } else if (kind != wanted) {
      bridge.close(reply.fd);
      keep(name, new Kept(null, null));
      throw new LuoException.AgentRefused(
          what, Errno.EINVAL, "", "a " + kind + " is held there: take it as what it is");
    }
    return reply;
  }

  /**
   * Has the agent hold a memfd, in place of what it holds under the name, and preserve it where it
   * can. It does this again whenever an agent is started.
   *
   * @param name as for taking; becomes this client's, when it is nobody's
   * @param memfd stays the caller's: the agent and this client have duplicates
   * @return whether it survives a kexec too
   * @throws LuoException.NameBusy when another client has the name
   * @throws LuoException.AgentAbsent when no agent answers; it is stored when one is there
   * @throws LuoException.AgentRefused for a limit
   */
  public Stored store(String name, MemFd memfd) {
    Systemd.checkName(name);
    return store(name, new Kept(memfd.duplicate(), null));
  }

  /**
   * Has the agent hold an outgoing session, over a kexec too, in place of what it holds under the
   * name.
   *
   * @param name as for a memfd
   * @param session stays the caller's: the agent and this client have duplicates
   * @return whether it survives a kexec too
   * @throws LuoException.NameBusy when another client has the name
   * @throws LuoException.AgentAbsent when no agent answers; it is stored when one is there
   * @throws LuoException.AgentRefused for a limit; EINVAL for an incoming session
   */
  public Stored store(String name, Session session) {
    Systemd.checkName(name);
    return store(name, new Kept(null, session.duplicate()));
  }

  private Stored store(String name, Kept thing) {
    String what = "store '" + name + "'";
    boolean keeps = false;
    try {
      Descriptor passed = thing.descriptor();
      Reply reply = owned(what, AgentMessage.store(name, thing.kind()), passed, patience);
      keeps = true;
      return new Stored(reply.message.kexec(), reply.message.text());
    } catch (LuoException.AgentAbsent e) {
      keeps = true;
      throw e;
    } finally {
      if (keeps) {
        keep(name, thing);
      } else {
        thing.close();
      }
    }
  }

  /**
   * Has the agent give up what it holds under a name, and gives up the name.
   *
   * @param name as it was stored
   * @return whether something was held
   * @throws LuoException.NameBusy when another client has the name
   * @throws LuoException.AgentAbsent when no agent answers; it is not stored again
   */
  public boolean drop(String name) {
    Systemd.checkName(name);
    keep(name, null);
    Reply reply = owned("drop '" + name + "'", AgentMessage.drop(name), null, Duration.ZERO);
    return reply.message.kind() != Agent.Kind.NOTHING;
  }

  /**
   * What is held of this process's user; of all users where that is root or the agent's own.
   *
   * @return a new list
   * @throws LuoException.AgentAbsent when no agent answers
   */
  public List<Agent.Held> list() {
    List<Agent.Held> list = new ArrayList<>();
    Reply last =
        ask(
            "list",
            AgentMessage.list(),
            null,
            deadline(patience),
            true,
            reply -> {
              if (reply.message.type() == AgentMessage.Type.ENTRY) {
                list.add(reply.message.toHeld());
                return false;
              }
              return true;
            });
    // Another connection than the first may have begun anew.
    int count = (int) Math.min(last.message.number(), list.size());
    return List.copyOf(list.subList(list.size() - count, list.size()));
  }

  /**
   * Has the agent replace the kernel; for root and the agent's own user. Returns, if at all,
   * without a kexec having happened. This client's other requests wait meanwhile: a service makes
   * them by another one.
   *
   * @param update the kernel
   * @param progress is told, a sentence at a time; what it throws is thrown, and the update goes on
   * @throws IOException when there was no kexec, with the reason
   * @throws LuoException.AgentRefused EPERM for another user
   * @throws LuoException.AgentAbsent when no agent answers
   */
  public void update(Agent.Update update, Consumer<String> progress) throws IOException {
    Reply last =
        ask(
            "update to " + update.kernel(),
            update.message(),
            null,
            deadline(update.deadline().plus(UPDATE_PATIENCE)),
            false,
            reply -> {
              if (reply.message.type() == AgentMessage.Type.PROGRESS) {
                progress.accept(reply.message.text());
                return false;
              }
              return true;
            });
    if (!last.message.kexec()) {
      throw new IOException(last.message.text());
    }
  }

  /**
   * Whether an agent is there at the moment.
   *
   * @return true while connected, with everything stored
   */
  public boolean isConnected() {
    lock.lock();
    try {
      return socket != null;
    } finally {
      lock.unlock();
    }
  }

  /** The duplicate becomes this object's; null for none. */
  private void keep(String name, @Nullable Kept thing) {
    Kept old;
    lock.lock();
    try {
      if (closed) {
        old = thing;
      } else {
        old = thing == null ? kept.remove(name) : kept.put(name, thing);
      }
    } finally {
      lock.unlock();
    }
    if (old != null) {
      old.close();
    }
  }

  /** Asks for a name until it is not another's. */
  private Reply owned(
      String what, AgentMessage message, @Nullable Descriptor passed, Duration wait) {
    OwnerWait busy = new OwnerWait(wait, BUSY_PAUSE);
    while (true) {
      Reply reply = ask(what, message, passed, deadline(patience), true, each -> true);
      if (reply.message.type() != AgentMessage.Type.BUSY) {
        return reply;
      }
      if (!busy.goesOn(message.name(), () -> "process " + reply.message.id())) {
        throw new LuoException.NameBusy(
            what,
            Errno.EBUSY,
            "(waited " + wait + ")",
            "process "
                + reply.message.id()
                + " of the same user has the name: end it, wait longer, or choose another name",
            reply.message.id());
      }
    }
  }

  private static long deadline(Duration wait) {
    return System.nanoTime() + LiveUpdate.nanos(wait);
  }

  /** Takes an answer; true for the last. */
  private interface Answers {
    boolean isLast(Reply reply);
  }

  /** Sends a message and waits for its last answer; over another connection if that ends. */
  private Reply ask(
      String what,
      AgentMessage message,
      @Nullable Descriptor passed,
      long end,
      boolean again,
      Answers answers) {
    byte[] bytes = message.bytes();
    if (!locked(end)) {
      throw absent(what, Errno.EAGAIN, "another request did not end");
    }
    try {
      while (true) {
        BlockingQueue<Reply> queue = new LinkedBlockingQueue<>();
        Descriptor to = connected(what, end, queue);
        Reply reply = null;
        try {
          reply = send(to, bytes, passed) < 0 ? ENDED : answered(queue, end, answers);
        } finally {
          // Also where a listener threw: the answers to come are not those of the next request.
          if (reply == null || reply == ENDED) {
            disconnect(to);
          }
          forget(queue);
        }
        if (reply != null && reply != ENDED) {
          return checked(what, message.type(), reply);
        }
        if (reply == null) {
          throw absent(what, Errno.EAGAIN, "the agent did not answer in time");
        }
        if (!again) {
          throw absent(what, Errno.ECONNRESET, "the agent ended the connection");
        }
      }
    } finally {
      requests.unlock();
    }
  }

  private boolean locked(long end) {
    return Uninterrupted.until(end, left -> requests.tryLock(left, TimeUnit.NANOSECONDS));
  }

  /** The socket, once connected; answers go to the queue from then on. */
  private Descriptor connected(String what, long end, BlockingQueue<Reply> queue) {
    lock.lock();
    try {
      while (true) {
        if (closed) {
          throw new IllegalStateException(this + " is closed");
        }
        if (socket != null) {
          replies = queue;
          return socket;
        }
        if (end - System.nanoTime() <= 0) {
          throw absent(what, whyErrno, whyNotConnected);
        }
        Uninterrupted.until(end, changed::awaitNanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The last answer; ENDED for the end of the connection, null when none comes in time. */
  private @Nullable Reply answered(BlockingQueue<Reply> queue, long end, Answers answers) {
    while (true) {
      Reply reply =
          Uninterrupted.<@Nullable Reply>until(end, left -> queue.poll(left, TimeUnit.NANOSECONDS));
      if (reply == null || reply == ENDED || answers.isLast(reply)) {
        return reply;
      }
      discard(reply);
    }
  }

  /** After a request that failed. */
  private void disconnect(Descriptor to) {
    lock.lock();
    try {
      if (socket == to) {
        socket = null;
      }
    } finally {
      lock.unlock();
    }
    shutdown(to);
  }

  /** After a request: more answers to it, should they come, are nobody's. */
  private void forget(BlockingQueue<Reply> queue) {
    lock.lock();
    try {
      if (replies == queue) {
        replies = null;
      }
    } finally {
      lock.unlock();
    }
    queue.forEach(this::discard);
  }

  private void discard(Reply reply) {
    if (reply.fd >= 0) {
      bridge.close(reply.fd);
    }
  }

  private void shutdown(Descriptor to) {
    try {
      to.result(bridge::shutdown);
    } catch (IllegalStateException e) {
      // Closed by the reader meanwhile.
    }
  }

  private Reply checked(String what, AgentMessage.Type asked, Reply reply) {
    AgentMessage answer = reply.message;
    if (answer.type() == AgentMessage.Type.REFUSED) {
      discard(reply);
      throw new LuoException.AgentRefused(
          what, Math.max(1, (int) answer.number()), "", answer.text());
    }
    boolean fits =
        switch (asked) {
          case TAKE -> answer.type() == AgentMessage.Type.HELD;
          case STORE -> answer.type() == AgentMessage.Type.STORED;
          case DROP -> answer.type() == AgentMessage.Type.DROPPED;
          case LIST -> answer.type() == AgentMessage.Type.LISTED;
          case UPDATE -> answer.type() == AgentMessage.Type.RESULT;
          default -> false;
        };
    boolean named =
        asked == AgentMessage.Type.TAKE
            || asked == AgentMessage.Type.STORE
            || asked == AgentMessage.Type.DROP;
    if (!fits && !(named && answer.type() == AgentMessage.Type.BUSY)) {
      throw broken(what, "a " + answer.type(), reply);
    }
    if (answer.type() != AgentMessage.Type.HELD) {
      discard(reply); // no other answer has an fd
    }
    return reply;
  }

  private LuoException broken(String what, String answer, Reply reply) {
    discard(reply);
    return new LuoException.AgentRefused(
        what, Errno.EPROTO, "", "the agent answered with " + answer + ": are both of one version?");
  }

  private LuoException absent(String what, int errno, String why) {
    return new LuoException.AgentAbsent(
        what,
        errno,
        "by the agent at " + path,
        why
            + "; start an agent there that allows this user (luo agent --allow UID), or name its"
            + " socket");
  }

  // ---- the connection ----

  /** Connects, stores what is kept, and reads, again and again. */
  private void run() {
    long pause = FIRST_PAUSE;
    while (true) {
      long began = System.nanoTime();
      Descriptor to = connect();
      if (to != null) {
        try {
          if (greet(to) && storeAgain(to)) {
            read(to);
          }
        } catch (RuntimeException | Error e) {
          LOG.log(System.Logger.Level.WARNING, "the connection to the agent at " + path, e);
        } finally {
          ended(to);
        }
      }
      pause = System.nanoTime() - began > SETTLED ? FIRST_PAUSE : pause;
      lock.lock();
      try {
        if (!closed) {
          Uninterrupted.until(System.nanoTime() + pause, changed::awaitNanos);
        }
        if (closed) {
          return;
        }
      } finally {
        lock.unlock();
      }
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  private @Nullable Descriptor connect() {
    int fd = bridge.connect(address, SOCKET_MILLIS);
    if (fd < 0) {
      notConnected(-fd, "connect: " + Errno.describe(-fd));
      return null;
    }
    Descriptor to = new Descriptor(bridge, fd, "connection to " + path);
    lock.lock();
    try {
      if (!closed) {
        connecting = to;
        return to;
      }
    } finally {
      lock.unlock();
    }
    to.close();
    return null;
  }

  private void notConnected(int errno, String why) {
    lock.lock();
    try {
      whyErrno = errno;
      whyNotConnected = why;
    } finally {
      lock.unlock();
    }
  }

  private boolean greet(Descriptor to) {
    Reply welcome = exchange(to, AgentMessage.hello(), null);
    if (welcome == null) {
      notConnected(
          Errno.ECONNRESET, "the agent ended the connection: it logs why, as a uid not allowed");
      return false;
    }
    discard(welcome);
    if (welcome.message.type() != AgentMessage.Type.WELCOME) {
      notConnected(Errno.EPROTO, "the agent answered: " + welcome.message.text());
      return false;
    }
    return true;
  }

  /** Stores what is kept, and lets requests be made from then on. */
  private boolean storeAgain(Descriptor to) {
    while (true) {
      Map<String, Kept> now;
      lock.lock();
      try {
        now = new LinkedHashMap<>(kept);
      } finally {
        lock.unlock();
      }
      for (Map.Entry<String, Kept> each : now.entrySet()) {
        if (!storeAgain(to, each.getKey(), each.getValue())) {
          return false;
        }
      }
      lock.lock();
      try {
        if (closed) {
          return false;
        }
        // What was kept meanwhile, by a call that had given up waiting, is stored as well.
        if (now.equals(kept)) {
          socket = to;
          changed.signalAll();
          return true;
        }
      } finally {
        lock.unlock();
      }
    }
  }

  private boolean storeAgain(Descriptor to, String name, Kept thing) {
    AgentMessage message =
        thing.kind() == Agent.Kind.NOTHING
            ? AgentMessage.take(name)
            : AgentMessage.store(name, thing.kind());
    long end = deadline(patience);
    while (true) {
      Reply reply;
      try {
        reply = exchange(to, message, thing.descriptor());
      } catch (IllegalStateException e) {
        // It was dropped or replaced meanwhile.
        return true;
      }
      if (reply == null) {
        return false;
      }
      discard(reply);
      if (reply.message.type() == AgentMessage.Type.REFUSED) {
        LOG.log(
            System.Logger.Level.WARNING,
            "the agent at " + path + " does not hold '" + name + "': " + reply.message.text());
      }
      if (reply.message.type() != AgentMessage.Type.BUSY) {
        return true;
      }
      lock.lock();
      try {
        if (closed) {
          return false;
        }
        if (end - System.nanoTime() <= 0) {
          LOG.log(
              System.Logger.Level.WARNING,
              "the agent at "
                  + path
                  + " does not hold '"
                  + name
                  + "': process "
                  + reply.message.id()
                  + " has the name");
          return true;
        }
        Uninterrupted.until(System.nanoTime() + BUSY_PAUSE, changed::awaitNanos);
      } finally {
        lock.unlock();
      }
    }
  }

  /** A request of the reader's own; null when the connection ends. */
  private @Nullable Reply exchange(
      Descriptor to, AgentMessage message, @Nullable Descriptor passed) {
    if (send(to, message.bytes(), passed) < 0) {
      return null;
    }
    long end = deadline(patience);
    while (end - System.nanoTime() > 0) {
      Reply reply = receive(to);
      if (reply == ENDED) {
        return null;
      }
      if (reply != null && !isEvent(to, reply)) {
        return reply;
      }
    }
    return null;
  }

  private int send(Descriptor to, byte[] bytes, @Nullable Descriptor passed) {
    if (passed == null) {
      return sendTo(to, bytes);
    }
    return (int) passed.result(fd -> sendTo(to, bytes, fd));
  }

  private int sendTo(Descriptor to, byte[] bytes, int... fds) {
    try {
      return (int) to.result(socket0 -> bridge.send(socket0, bytes, fds));
    } catch (IllegalStateException e) {
      return -Errno.EPIPE;
    }
  }

  /** ENDED at the end, null when nothing comes for a while. */
  private @Nullable Reply receive(Descriptor from) {
    byte[] buffer = new byte[AgentMessage.BYTES_MAX];
    int[] fds = new int[1];
    int length = (int) from.result(fd -> bridge.receive(fd, buffer, fds));
    if (length == -Errno.EAGAIN) {
      return null;
    }
    if (length == -Errno.EMSGSIZE) {
      return new Reply(AgentMessage.refused(Errno.EMFILE, NO_ROOM), -1);
    }
    if (length <= 0) {
      return ENDED;
    }
    try {
      return new Reply(AgentMessage.of(buffer, length), fds[0]);
    } catch (AgentMessage.Malformed e) {
      if (fds[0] >= 0) {
        bridge.close(fds[0]);
      }
      LOG.log(
          System.Logger.Level.WARNING,
          "the agent at " + path + " sent a malformed message: " + e.getMessage());
      return ENDED;
    }
  }

  private void read(Descriptor from) {
    while (true) {
      Reply reply = receive(from);
      if (reply == ENDED) {
        return;
      }
      if (reply == null || isEvent(from, reply)) {
        continue;
      }
      lock.lock();
      try {
        if (replies == null || socket != from) {
          discard(reply);
        } else {
          replies.add(reply);
        }
      } finally {
        lock.unlock();
      }
    }
  }

  private boolean isEvent(Descriptor from, Reply reply) {
    AgentMessage message = reply.message;
    if (message.type() == AgentMessage.Type.PREPARE) {
      discard(reply);
      listen(
          () -> {
            call("onPrepare", () -> onPrepare.accept(Duration.ofMillis(message.number())));
            sendTo(from, AgentMessage.ready(message.id()).bytes());
          });
      return true;
    }
    if (message.type() == AgentMessage.Type.ABORTED) {
      discard(reply);
      listen(() -> call("onAborted", () -> onAborted.accept(message.text())));
      return true;
    }
    return false;
  }

  private void listen(Runnable event) {
    if (!listeners.isShutdown()) {
      listeners.execute(event);
    }
  }

  private static void call(String name, Runnable listener) {
    try {
      listener.run();
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.WARNING, "what " + name + " called threw", e);
    }
  }

  private void ended(Descriptor to) {
    BlockingQueue<Reply> waiting;
    lock.lock();
    try {
      socket = null;
      connecting = null;
      waiting = replies;
      replies = null;
    } finally {
      lock.unlock();
    }
    if (waiting != null) {
      waiting.add(ENDED);
    }
    to.close();
  }

  /**
   * Gives up the names, and the duplicates of what was stored: the agent goes on holding it.
   * Idempotent.
   */
  @Override
  public void close() {
    List<Kept> closing;
    Descriptor to;
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      to = connecting;
      closing = List.copyOf(kept.values());
      kept.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (to != null) {
      shutdown(to);
    }
    if (Thread.currentThread() != reader) {
      Uninterrupted.join(reader, System.nanoTime() + CLOSE_NANOS);
    }
    listeners.shutdown();
    closing.forEach(Kept::close);
  }

  /** The agent's socket. */
  @Override
  public String toString() {
    return "AgentClient[" + path + "]";
  }
}
