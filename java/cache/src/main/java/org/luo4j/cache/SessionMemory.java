/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import org.luo4j.LiveUpdate;
import org.luo4j.LuoException;
import org.luo4j.MemFd;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;
import org.luo4j.Session;

/**
 * A memfd that a session preserves from birth, so that a kexec carries it over. It is held by the
 * session, which one process at a time can have.
 */
final class SessionMemory implements CacheMemory {

  /** The memory's token in its session. */
  private static final long TOKEN = 1;

  private final LiveUpdate luo;
  private final String name;
  private final long size;
  private Held held;
  private Held aside;
  private MemoryRegion region;
  private Start origin;

  /** A memfd and the session that preserves it for the next kernel. */
  private record Held(Session session, MemFd memory) {

    /** Makes a session for a memfd that arrived, or for a new one of {@code size} bytes. */
    static Held preserve(LiveUpdate luo, String name, MemFd arrived, long size) {
      Session session = luo.createSession(name);
      try {
        if (arrived == null) {
          return new Held(
              session,
              session.preserveNew(MemFdOptions.named(name).size(size).hugeFolios(), TOKEN));
        }
        session.preserve(arrived, TOKEN);
        return new Held(session, arrived);
      } catch (RuntimeException e) {
        session.close();
        throw e;
      }
    }

    void close() {
      session.close();
      memory.close();
    }
  }

  /** Retrieves the session's memory, or makes it, and preserves it for the next kernel. */
  SessionMemory(LiveUpdate luo, String name, long size, OnRefusal onRefusal) throws IOException {
    this.luo = luo;
    this.name = name;
    this.size = size;
    MemFd arrived = null;
    try {
      arrived = retrieve(luo, name);
      origin = new Start(Start.Kind.WARM_AFTER_KEXEC, "from session '" + name + "'");
    } catch (LuoException e) {
      origin = new Start(Start.Kind.COLD, e.getMessage());
    }
    try {
      try {
        MemFd old = retrieve(luo, asideName());
        aside = Held.preserve(luo, asideName(), old, 0);
      } catch (LuoException.NoSuchSession e) {
        // Nothing was kept aside.
      }
      if (arrived != null && arrived.size() != size) {
        String reason =
            "what arrived in session '"
                + name
                + "' has "
                + arrived.size()
                + " bytes, a cache of this capacity "
                + size;
        if (onRefusal == OnRefusal.KEEP) {
          reason += "; " + keep(arrived);
        } else {
          arrived.close();
        }
        arrived = null;
        origin = new Start(Start.Kind.COLD, reason);
      }
      held = Held.preserve(luo, name, arrived, size);
      region = held.memory.map();
    } catch (IOException | RuntimeException e) {
      if (arrived != null) {
        arrived.close();
      }
      closeAll();
      throw e;
    }
  }

  private static MemFd retrieve(LiveUpdate luo, String name) {
    try (Session session = luo.retrieveSession(name)) {
      MemFd memory = session.retrieve(TOKEN);
      session.finish();
      return memory;
    }
  }

  private String asideName() {
    return name + ".refused";
  }

  private String keep(MemFd old) throws IOException {
    if (aside != null) {
      throw new IOException(
          "what arrived in session '"
              + name
              + "' cannot be used and session '"
              + asideName()
              + "' is there already from another time: open with onRefusal(REPLACE)");
    }
    aside = Held.preserve(luo, asideName(), old, 0);
    return "it is kept in session '" + asideName() + "'";
  }

  @Override
  public MemoryRegion region() {
    return region;
  }

  @Override
  public Start origin() {
    return origin;
  }

  @Override
  public String setAside() throws IOException {
    // A file in one session cannot be in another: the duplicate goes on when the first is closed.
    MemFd old = held.memory.duplicate();
    region.close();
    held.close();
    String where;
    try {
      where = keep(old);
    } catch (IOException | RuntimeException e) {
      old.close();
      throw e;
    }
    held = Held.preserve(luo, name, null, size);
    region = held.memory.map();
    return where;
  }

  @Override
  public boolean discardAside() {
    if (aside == null) {
      return false;
    }
    aside.close();
    aside = null;
    return true;
  }

  private void closeAll() {
    if (held != null) {
      held.close();
    }
    if (aside != null) {
      aside.close();
    }
  }

  @Override
  public void close() {
    region.close();
    closeAll();
  }
}
