/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps memory in the unit's file descriptor store: the memfd, for the service's next process, and
 * where the process may use the device the LUO session that preserves it, for the next kernel. An
 * outgoing session gives nothing back, so that it alone would not do.
 *
 * <pre>
 *   in the store          the next process gets
 *   NAME                  the memfd, after a restart, a crash, a soft reboot
 *   NAME.session          after a kexec: the session, incoming, with the memfd in it
 * </pre>
 */
final class SystemdKeeper implements Keeper {

  private static final System.Logger LOG = System.getLogger(SystemdKeeper.class.getName());

  private static final Set<Loss> BY_THE_STORE =
      EnumSet.of(Loss.RESTART, Loss.CRASH, Loss.SOFT_REBOOT);

  private static final String SUFFIX = ".session";

  private final Systemd systemd;
  private final Sessions sessions;
  private final Duration timeout;

  /** By name, what was to be had and is gone. */
  private final Map<String, String> lost = new ConcurrentHashMap<>();

  SystemdKeeper(LiveUpdate luo, Systemd systemd, Duration timeout) {
    this.systemd = systemd;
    this.sessions = new Sessions(luo, timeout);
    this.timeout = timeout;
  }

  @Override
  public Handover.Holder holder() {
    return Handover.Holder.SYSTEMD;
  }

  @Override
  public Set<Loss> protectsFrom() {
    return Kept.losses(BY_THE_STORE, sessions.whyNot() == null);
  }

  @Override
  public String describe() {
    return "systemd's store for "
        + (systemd.storeMax() < 0 ? "an unknown number of" : "" + systemd.storeMax())
        + " fds"
        + (sessions.whyNot() == null
            ? ", with a LUO session in it"
            : "; over a kexec systemd 261 or later carries it itself, which takes time at shutdown,"
                + " as this process cannot: "
                + sessions.whyNot());
  }

  @Override
  public @Nullable Kept find(String name) {
    MemFd memory = systemd.takeMemFd(name).orElse(null);
    Session session = null;
    try {
      session = systemd.takeSession(name + SUFFIX).orElse(null);
      if (session != null && session.kind() == Session.Kind.INCOMING) {
        return arrived(name, session, memory);
      }
      if (memory == null) {
        if (session != null) {
          lost.put(name, "; its session was handed over, but not the memory");
          session.close();
          systemd.remove(name + SUFFIX);
          return null;
        }
        return leftInTheKernel(name);
      }
      return own(name, memory, Kept.Origin.KEPT, "from systemd's store", session);
    } catch (Throwable e) {
      Undo.close(e, session, memory);
      throw e;
    }
  }

  /**
   * A session that systemd did not hand over, as when its shutdown found the device held by another
   * process: then no store is carried over, but what is in the kernel is.
   */
  private @Nullable Kept leftInTheKernel(String name) {
    if (sessions.whyNot() != null) {
      return null;
    }
    MemFd memory;
    try {
      memory = sessions.retrieve(name);
    } catch (LuoException.NoSuchSession e) {
      return null;
    } catch (LuoException e) {
      lost.put(name, "; " + e.getMessage());
      return null;
    }
    return keepOrClose(name, memory, Kept.Origin.KEXEC, "from session '" + name + "'");
  }

  /** Takes the memory out of the session that the previous kernel left. */
  private @Nullable Kept arrived(String name, Session session, @Nullable MemFd stored) {
    MemFd memory = stored;
    try {
      memory = session.retrieve(Sessions.TOKEN);
      if (stored != null) {
        stored.close();
        systemd.remove(name); // of two memories of the name the next process would get either
      }
      systemd.store(name, memory); // before the kernel gives it up
      session.finish();
    } catch (LuoException e) {
      // Without the memory in the store, a process of this kernel took it out of the session.
      lost.put(name, "; " + e.getMessage());
    } catch (Throwable e) {
      Undo.close(e, memory); // systemd has the session still
      throw e;
    }
    try {
      session.close();
      systemd.remove(name + SUFFIX);
      if (memory == null) {
        return null;
      }
      String how = "from session '" + session.name() + "', which systemd kept";
      return own(name, memory, Kept.Origin.KEXEC, how, null);
    } catch (Throwable e) {
      Undo.close(e, memory);
      throw e;
    }
  }

  /** A session that preserves the memory, in the store; null where none can be had. */
  private @Nullable Session preserved(String name, MemFd memory) {
    String full = sessions.whyNot() != null ? null : systemd.whyFull(name + SUFFIX);
    if (full != null) {
      LOG.log(
          System.Logger.Level.WARNING,
          "luo4j: '" + name + "' is not preserved at birth, but by systemd at shutdown: " + full);
      return null;
    }
    Session session;
    try {
      session = sessions.preserve(name, memory);
    } catch (LuoException.OwnerAlive e) {
      throw e;
    } catch (LuoException e) {
      LOG.log(System.Logger.Level.WARNING, "luo4j: '" + name + "' is not preserved at birth", e);
      return null;
    }
    if (session != null) {
      try {
        systemd.store(name + SUFFIX, session);
      } catch (Throwable e) {
        Undo.close(e, session);
        throw e;
      }
    }
    return session;
  }

  /** Takes the lock, and makes the session where there is none yet. */
  private Kept own(
      String name, MemFd memory, Kept.Origin origin, String how, @Nullable Session outgoing) {
    OwnerLock lock = OwnerLock.of(memory, name, timeout);
    try {
      return locked(name, memory, origin, how, outgoing, lock);
    } catch (Throwable e) {
      Undo.close(e, lock);
      throw e;
    }
  }

  private Kept locked(
      String name,
      MemFd memory,
      Kept.Origin origin,
      String how,
      @Nullable Session outgoing,
      OwnerLock lock) {
    Session session = outgoing != null ? outgoing : preserved(name, memory);
    Set<Loss> losses = Kept.losses(BY_THE_STORE, session != null);
    return new Kept(this, name, memory, origin, how, losses, session, lock);
  }

  @Override
  public String whyNothing(String name) {
    return systemd
            .whyNothing()
            .orElse(
                "none of the " + systemd.handed().size() + " fds from systemd is '" + name + "'")
        + lost.getOrDefault(name, "");
  }

  @Override
  public Kept keep(String name, MemFd memory, Kept.Origin origin, String how) {
    OwnerLock lock = OwnerLock.of(memory, name, timeout);
    try {
      systemd.store(name, memory); // before its session, which alone gives nothing back
      try {
        return locked(name, memory, origin, how, null, lock);
      } catch (Throwable e) {
        Undo.close(e, () -> systemd.remove(name));
        throw e;
      }
    } catch (Throwable e) {
      Undo.close(e, lock);
      throw e;
    }
  }

  @Override
  public void drop(Kept kept) {
    systemd.remove(kept.name());
    if (kept.session() != null) {
      systemd.remove(kept.name() + SUFFIX);
    }
  }

  @Override
  public void close() {
    // systemd keeps what it has.
  }
}
