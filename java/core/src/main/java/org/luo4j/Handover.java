/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Hands a service's memory over to its next process, by the best holder that the host has: systemd,
 * where it keeps fds for the unit; an {@link Agent}; or this process itself, until the kexec.
 *
 * <pre>{@code
 * try (Handover handover = Handover.open()) {
 *   Kept cache = handover.open("cache", MemFdOptions.named("cache").size(1 << 30));
 *   // cache.origin() says whether it is NEW; fill or read cache.memory().map()
 *   handover.ready();
 * }
 * }</pre>
 *
 * <p>What was chosen, why what comes before it was not, and what it protects from is logged once,
 * at INFO, or at WARNING where a restart of the service would lose the memory; at DEBUG where the
 * holder was asked for. Any thread may call any method.
 *
 * @since 0.1.0
 */
public final class Handover implements AutoCloseable {

  /**
   * Who keeps memory while no process of the service runs.
   *
   * @since 0.1.0
   */
  public enum Holder {
    /** The unit's file descriptor store. */
    SYSTEMD,
    /** An agent. */
    AGENT,
    /** Nobody: a LUO session of this process, which has to be alive at the kexec. */
    PROCESS
  }

  private static final System.Logger LOG = System.getLogger(Handover.class.getName());

  private final LiveUpdate luo;
  private final @Nullable Systemd systemd;
  private final Keeper keeper;
  private final String passedOver;

  private Handover(LiveUpdate luo, @Nullable Systemd systemd, Keeper keeper, String passedOver) {
    this.luo = luo;
    this.systemd = systemd;
    this.keeper = keeper;
    this.passedOver = passedOver;
  }

  /**
   * Chooses the best holder of this host.
   *
   * @return the handover, to be closed
   * @throws LuoException.BridgeUnavailable as {@link LiveUpdate#open}
   * @throws IllegalArgumentException when systemd's or luo4j's settings are not valid
   */
  public static Handover open() {
    return builder().open();
  }

  /**
   * Says what to open.
   *
   * @return a builder with nothing set
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What to open. Not for use by several threads.
   *
   * @since 0.1.0
   */
  public static final class Builder {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private @Nullable LiveUpdate luo;
    private @Nullable Holder holder;
    private @Nullable Path agentSocket;
    private @Nullable Duration timeout;
    private Function<LiveUpdate, Systemd> systemd = Systemd::of;

    private Builder() {}

    /**
     * Makes all calls through an orchestrator. Default: a native bridge where one works, else as
     * {@link LiveUpdate#open}.
     *
     * @param luo the orchestrator; on the emulator the only holder is the process
     * @return this
     * @throws IllegalStateException when it was set, or is on the emulator beside another {@link
     *     #holder} than the process
     */
    public Builder luo(LiveUpdate luo) {
      this.luo = Settings.once(this.luo, luo, "luo");
      return checked();
    }

    /**
     * Asks for a holder, and for no other.
     *
     * @param holder who shall keep the memory
     * @return this
     * @throws IllegalStateException when it was set, or {@link #agentSocket} was and this is not
     *     the agent, or {@link #luo} is on the emulator and this is not the process
     */
    public Builder holder(Holder holder) {
      this.holder = Settings.once(this.holder, holder, "holder");
      return checked();
    }

    /**
     * Says where the agent listens. Default: {@link Agent#DEFAULT_SOCKET}.
     *
     * @param socket the path of its socket
     * @return this
     * @throws IllegalStateException when it was set, or another {@link #holder} was
     */
    public Builder agentSocket(Path socket) {
      this.agentSocket = Settings.once(this.agentSocket, socket, "agentSocket");
      return checked();
    }

    /**
     * How long to wait while another process owns memory of the same name: one that is ending, when
     * its successor has started. Default 10 s.
     *
     * @param timeout 0 to try once, or more
     * @return this
     * @throws IllegalStateException when it was set
     */
    public Builder timeout(Duration timeout) {
      Objects.requireNonNull(timeout, "timeout");
      if (timeout.isNegative()) {
        throw new IllegalArgumentException("timeout " + timeout + " must not be negative");
      }
      this.timeout = Settings.once(this.timeout, timeout, "timeout");
      return this;
    }

    private Builder checked() {
      Settings.exclude(
          agentSocket != null && holder != null && holder != Holder.AGENT,
          "holder",
          holder,
          "agentSocket");
      Settings.exclude(
          luo != null
              && luo.provider() == Provider.EMULATOR
              && holder != null
              && holder != Holder.PROCESS,
          "holder",
          holder,
          "luo on the emulator, whose only holder is PROCESS,");
      return this;
    }

    /** Reads systemd's settings in another way than from this process's environment. */
    Builder systemd(Function<LiveUpdate, Systemd> systemd) {
      this.systemd = systemd;
      return this;
    }

    /**
     * Chooses the holder.
     *
     * @return the handover, to be closed
     * @throws LuoException.BridgeUnavailable as {@link LiveUpdate#open}
     * @throws IllegalStateException when the holder that was asked for is not there
     * @throws IllegalArgumentException when systemd's settings are not valid
     */
    public Handover open() {
      Duration wait = timeout == null ? TIMEOUT : timeout;
      LiveUpdate calls = luo != null ? luo : LiveUpdate.nativeBridge(wait);
      List<String> passedOver = new ArrayList<>();
      Systemd service = null;
      Keeper keeper = null;
      if (calls == null || calls.provider() == Provider.EMULATOR) {
        passedOver.add("systemd and the agent: no native bridge, which passes fds, is used");
      } else {
        service = systemd.apply(calls);
        keeper = systemd(calls, service, wait, passedOver);
        if (keeper == null) {
          keeper = agent(calls, wait, passedOver);
        }
      }
      if (keeper == null && (holder == null || holder == Holder.PROCESS)) {
        calls = luo != null ? luo : LiveUpdate.open();
        keeper = new ProcessKeeper(calls, wait);
      }
      if (keeper == null || calls == null) {
        throw new IllegalStateException(
            "holder " + holder + " cannot be had: " + String.join("; ", passedOver));
      }
      Handover handover = new Handover(calls, service, keeper, String.join("; ", passedOver));
      LOG.log(level(keeper), () -> "luo4j: " + handover.describe());
      return handover;
    }

    private System.Logger.Level level(Keeper keeper) {
      if (holder != null) {
        return System.Logger.Level.DEBUG;
      }
      return keeper.protectsFrom().contains(Loss.RESTART)
          ? System.Logger.Level.INFO
          : System.Logger.Level.WARNING;
    }

    private @Nullable Keeper systemd(
        LiveUpdate calls, Systemd service, Duration wait, List<String> passedOver) {
      if (holder != null && holder != Holder.SYSTEMD) {
        passedOver.add("systemd: " + holder + " was asked for");
      } else if (!service.isPresent()) {
        passedOver.add("systemd: NOTIFY_SOCKET is not set");
      } else {
        try {
          if (service.hasStore()) {
            return new SystemdKeeper(calls, service, wait);
          }
          passedOver.add(
              "systemd: the unit has no store: set FileDescriptorStoreMax=16 and"
                  + " FileDescriptorStorePreserve=yes in it");
        } catch (LuoException e) {
          passedOver.add("systemd: " + e.getMessage());
        }
      }
      return null;
    }

    private @Nullable Keeper agent(LiveUpdate calls, Duration wait, List<String> passedOver) {
      Path socket = agentSocket != null ? agentSocket : Agent.DEFAULT_SOCKET;
      if (holder != null && holder != Holder.AGENT) {
        passedOver.add("the agent: " + holder + " was asked for");
      } else if (!Files.exists(socket)) {
        passedOver.add("the agent: there is no " + socket);
      } else {
        try {
          return new AgentKeeper(AgentClient.open(calls, socket), wait);
        } catch (LuoException e) {
          passedOver.add("the agent: " + e.getMessage());
        }
      }
      return null;
    }
  }

  /**
   * Who keeps the memory.
   *
   * @return the holder
   */
  public Holder holder() {
    return keeper.holder();
  }

  /**
   * What memory is there after, where nothing goes wrong; {@link Kept#protectsFrom} says it of one.
   *
   * @return unmodifiable; empty where nobody keeps it
   */
  public Set<Loss> protectsFrom() {
    return Set.copyOf(keeper.protectsFrom());
  }

  /**
   * The holder, what it protects from, and why those before it were not chosen.
   *
   * @return one line
   */
  public String describe() {
    return "memory is kept by "
        + keeper.describe()
        + "; protects from "
        + (keeper.protectsFrom().isEmpty() ? "nothing" : keeper.protectsFrom())
        + (passedOver.isEmpty() ? "" : " (" + passedOver + ")");
  }

  /**
   * Who makes the calls.
   *
   * @return the orchestrator
   */
  public LiveUpdate luo() {
    return luo;
  }

  /**
   * Takes over the memory that is kept under a name, or makes it.
   *
   * @param name 1 to 55 printable ASCII characters, no colon; also a LUO session's, and as such
   *     unique on the machine
   * @param options of the memfd where it is made; its size must be final
   * @return the memory, this process's until it is closed
   * @throws LuoException.OwnerAlive when it has another owner still, at the deadline
   * @throws LuoException when the holder cannot be reached, or memory cannot be had
   * @throws IllegalStateException when the holder is full
   */
  public Kept open(String name, MemFdOptions options) {
    Objects.requireNonNull(options, "options");
    Optional<Kept> found = find(name);
    return found.isPresent() ? found.get() : make(name, options);
  }

  /**
   * Takes over the memory that is kept under a name; once in a process, unless it is closed or
   * renamed.
   *
   * @param name as it was made
   * @return the memory, this process's until it is closed; empty when there is none
   * @throws LuoException.OwnerAlive when it has another owner still, at the deadline
   * @throws LuoException when the holder cannot be reached
   */
  public Optional<Kept> find(String name) {
    checkName(name);
    return Optional.ofNullable(keeper.find(name));
  }

  /**
   * Why {@link #find} found nothing.
   *
   * @param name what was looked for
   * @return a sentence
   */
  public String whyNothing(String name) {
    return keeper.whyNothing(Objects.requireNonNull(name, "name"));
  }

  /**
   * Makes memory that is kept under a name, and preserves it at birth where LUO can.
   *
   * @param name 1 to 55 printable ASCII characters, no colon; also a LUO session's, and as such
   *     unique on the machine
   * @param options of the memfd; its size must be final
   * @return the memory, all zero, this process's until it is closed
   * @throws LuoException.OwnerAlive when the name has an owner still, at the deadline
   * @throws LuoException when the holder cannot be reached, or memory cannot be had
   * @throws IllegalStateException when the holder is full
   */
  public Kept make(String name, MemFdOptions options) {
    checkName(name);
    MemFd memory = luo.createMemFd(options);
    return keeper.keepOrClose(name, memory, Kept.Origin.NEW, keeper.whyNothing(name));
  }

  private static void checkName(String name) {
    Objects.requireNonNull(name, "name");
    boolean good = !name.isEmpty() && name.length() <= 55;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      good &= c > ' ' && c < 127 && c != ':';
    }
    if (!good) {
      throw new IllegalArgumentException(
          "name '" + name + "' must be 1 to 55 printable ASCII characters, no colon");
    }
  }

  /** Tells systemd that the service has started. Does nothing without systemd. */
  public void ready() {
    if (systemd != null) {
      systemd.ready();
    }
  }

  /**
   * Tells systemd what the service is at, for {@code systemctl status}. Does nothing without
   * systemd.
   *
   * @param text one line
   */
  public void status(String text) {
    Objects.requireNonNull(text, "text");
    if (systemd != null) {
      systemd.status(text);
    }
  }

  /** Tells systemd that the service is ending. Does nothing without systemd. */
  public void stopping() {
    if (systemd != null) {
      systemd.stopping();
    }
  }

  /**
   * Sets what the service does when an agent is about to start a new kernel: stop changing its
   * memory. The kexec waits until it returns, up to the time that it is given. systemd stops the
   * service instead, by a signal.
   *
   * @param prepare is called by a thread of this object's, with the time that is left
   */
  public void onUpdate(Consumer<Duration> prepare) {
    Objects.requireNonNull(prepare, "prepare");
    if (keeper instanceof AgentKeeper) {
      ((AgentKeeper) keeper).agent().onPrepare(prepare);
    }
  }

  /**
   * Lets go of the holder. What it keeps, it keeps; a Kept that is open stays so, but of an agent
   * another process may take it from then on.
   */
  @Override
  public void close() {
    keeper.close();
  }

  /** As {@link #describe}. */
  @Override
  public String toString() {
    return "Handover[" + describe() + "]";
  }
}
