/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The LUO sessions that preserve one memory each, under token {@value #TOKEN}. */
final class Sessions {

  /** The memory's token in its session. */
  static final long TOKEN = 1;

  private static final long PAUSE = 20_000_000;

  private final LiveUpdate luo;
  private final Duration timeout;
  private final @Nullable String whyNot;

  Sessions(LiveUpdate luo, Duration timeout) {
    this.luo = luo;
    this.timeout = timeout;
    this.whyNot = luo.whyNoDevice();
  }

  /** Why no session can be made, in words; null where one can. */
  @Nullable String whyNot() {
    return whyNot;
  }

  /**
   * Makes a session that preserves a memory.
   *
   * @return null where no session can be made
   * @throws LuoException.OwnerAlive while another process has a session of this name
   */
  @Nullable Session preserve(String name, MemFd memory) {
    if (whyNot != null) {
      return null;
    }
    Session session = create(name);
    try {
      session.preserve(memory, TOKEN);
      return session;
    } catch (Throwable e) {
      Undo.close(e, session);
      throw e;
    }
  }

  private Session create(String name) {
    OwnerWait wait = new OwnerWait(timeout, PAUSE);
    while (true) {
      try {
        return luo.createSession(name);
      } catch (LuoException.SessionExists e) {
        if (!wait.goesOn(name, () -> OwnerLock.words(Owners.ofSession(name)))) {
          LuoException alive =
              OwnerLock.alive(
                  name, "waited " + timeout + " for its session", Owners.ofSession(name));
          alive.addSuppressed(e);
          throw alive;
        }
      }
    }
  }

  /**
   * Takes the memory out of the session that the previous kernel left.
   *
   * @throws LuoException when there is none, or no memory in it
   */
  MemFd retrieve(String name) {
    try (Session session = luo.retrieveSession(name)) {
      MemFd memory = session.retrieve(TOKEN);
      try {
        session.finish();
        return memory;
      } catch (Throwable e) {
        Undo.close(e, memory);
        throw e;
      }
    }
  }
}
