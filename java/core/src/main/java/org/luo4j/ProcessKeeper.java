/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Keeps memory in LUO sessions of this process, which must be alive when the kexec happens. */
final class ProcessKeeper implements Keeper {

  private final LiveUpdate luo;
  private final Sessions sessions;
  private final Duration timeout;
  private final Map<String, String> why = new HashMap<>();

  ProcessKeeper(LiveUpdate luo, Duration timeout) {
    this.luo = luo;
    this.sessions = new Sessions(luo, timeout);
    this.timeout = timeout;
  }

  @Override
  public Handover.Holder holder() {
    return Handover.Holder.PROCESS;
  }

  @Override
  public Set<Loss> protectsFrom() {
    return sessions.whyNot() == null ? EnumSet.of(Loss.KEXEC) : EnumSet.noneOf(Loss.class);
  }

  @Override
  public String describe() {
    return sessions.whyNot() == null
        ? "LUO sessions of this process, which must not end before the kexec"
        : "nobody: " + sessions.whyNot();
  }

  @Override
  public synchronized @Nullable Kept find(String name) {
    if (sessions.whyNot() != null) {
      why.put(name, sessions.whyNot());
      return null;
    }
    MemFd memory;
    try {
      memory = sessions.retrieve(name);
    } catch (LuoException e) {
      why.put(name, e.getMessage());
      return null;
    }
    return keepOrClose(name, memory, Kept.Origin.KEXEC, "from session '" + name + "'");
  }

  @Override
  public synchronized String whyNothing(String name) {
    return why.getOrDefault(name, "nothing was looked for under '" + name + "'");
  }

  @Override
  public Kept keep(String name, MemFd memory, Kept.Origin origin, String how) {
    OwnerLock lock = luo.provider() == Provider.KERNEL ? OwnerLock.of(memory, name, timeout) : null;
    try {
      Session session = sessions.preserve(name, memory);
      return new Kept(this, name, memory, origin, how, protectsFrom(), session, lock);
    } catch (Throwable e) {
      Undo.close(e, lock);
      throw e;
    }
  }

  @Override
  public void drop(Kept kept) {
    // It is given up with its session.
  }

  @Override
  public void close() {
    // Each Kept has its own session.
  }
}
