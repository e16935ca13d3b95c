/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Has an {@link Agent} keep memory. */
final class AgentKeeper implements Keeper {

  private static final Set<Loss> BY_THE_AGENT = EnumSet.of(Loss.RESTART, Loss.CRASH);

  private final AgentClient agent;
  private final Duration timeout;

  AgentKeeper(AgentClient agent, Duration timeout) {
    this.agent = agent;
    this.timeout = timeout;
  }

  AgentClient agent() {
    return agent;
  }

  @Override
  public Handover.Holder holder() {
    return Handover.Holder.AGENT;
  }

  @Override
  public Set<Loss> protectsFrom() {
    return Kept.losses(BY_THE_AGENT, true);
  }

  @Override
  public String describe() {
    return agent + ", over a kexec too where it may use the device";
  }

  @Override
  public @Nullable Kept find(String name) {
    MemFd memory = agent.takeMemFd(name, timeout).orElse(null);
    return memory == null ? null : keepOrClose(name, memory, Kept.Origin.KEPT, "from the agent");
  }

  @Override
  public String whyNothing(String name) {
    return "the agent has nothing under '" + name + "' of this user's";
  }

  @Override
  public Kept keep(String name, MemFd memory, Kept.Origin origin, String how) {
    OwnerLock lock = OwnerLock.of(memory, name, timeout);
    try {
      AgentClient.Stored stored = agent.store(name, memory);
      return new Kept(
          this,
          name,
          memory,
          origin,
          stored.survivesKexec() ? how : how + "; not for a kexec: " + stored.note(),
          Kept.losses(BY_THE_AGENT, stored.survivesKexec()),
          null,
          lock);
    } catch (Throwable e) {
      Undo.close(e, lock);
      throw e;
    }
  }

  @Override
  public void drop(Kept kept) {
    agent.drop(kept.name());
  }

  @Override
  public void close() {
    agent.close();
  }
}
