/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Memory that the holder of a {@link Handover} keeps under a name for the service's next process.
 * This process is its one owner until {@link #close}. Any thread may call any method.
 *
 * @since 0.1.0
 */
public final class Kept implements AutoCloseable {

  /**
   * Where the memory comes from.
   *
   * @since 0.1.0
   */
  public enum Origin {
    /** Made by this process. */
    NEW,
    /** Kept while no process of the service ran; over a kexec too, where a session was not seen. */
    KEPT,
    /** From a session that the previous kernel left. */
    KEXEC
  }

  private final Keeper keeper;
  private final String name;
  private final MemFd memory;
  private final Origin origin;
  private final String how;
  private final Set<Loss> protectsFrom;
  private final @Nullable Session session;
  private final @Nullable OwnerLock lock;

  /**
   * @param session that preserves the memory, or null
   * @param lock null where the session is it
   */
  Kept(
      Keeper keeper,
      String name,
      MemFd memory,
      Origin origin,
      String how,
      Set<Loss> protectsFrom,
      @Nullable Session session,
      @Nullable OwnerLock lock) {
    this.keeper = keeper;
    this.name = name;
    this.memory = memory;
    this.origin = origin;
    this.how = how;
    this.protectsFrom = protectsFrom;
    this.session = session;
    this.lock = lock;
  }

  /**
   * The name.
   *
   * @return as it was given to the handover
   */
  public String name() {
    return name;
  }

  /**
   * The memory.
   *
   * @return stays this object's
   */
  public MemFd memory() {
    return memory;
  }

  /**
   * Where it comes from.
   *
   * @return NEW for memory that is all zero
   */
  public Origin origin() {
    return origin;
  }

  /**
   * How it came, or why nothing did.
   *
   * @return a sentence's part, as "from systemd's store"
   */
  public String how() {
    return how;
  }

  /**
   * What this memory will be there after.
   *
   * @return unmodifiable
   */
  public Set<Loss> protectsFrom() {
    return Set.copyOf(protectsFrom);
  }

  /**
   * Keeps the memory under another name from now on, and nothing under this one.
   *
   * @param newName as for {@link Handover#make}
   * @return the same memory; this object is closed
   * @throws LuoException as {@link Handover#make}: the holder keeps it under the old name then, and
   *     this object is open still where the holder could not be told
   */
  public Kept rename(String newName) {
    MemFd same = memory.duplicate();
    try {
      discard();
    } catch (Throwable e) {
      Undo.close(e, same); // it is kept under this name still
      throw e;
    }
    try {
      return keeper.keep(newName, same, origin, how);
    } catch (Throwable e) {
      try {
        keeper.keep(name, same, origin, how).close();
      } catch (Throwable again) {
        e.addSuppressed(again);
        Undo.close(e, same);
      }
      throw e;
    }
  }

  /**
   * Has the holder give the memory up: it is freed with the last mapping. Closes this object.
   *
   * @throws LuoException when the holder cannot be told: it keeps the memory, and this object is
   *     open still
   */
  public void discard() {
    keeper.drop(this);
    close();
  }

  @Nullable Session session() {
    return session;
  }

  /**
   * Ends this process's ownership. What the holder keeps, it keeps; where this process is the
   * holder, the memory is given up. Idempotent.
   */
  @Override
  public void close() {
    try (lock;
        memory;
        session) {
      // In the reverse of this order, whatever goes wrong with one.
    }
  }

  static Set<Loss> losses(Set<Loss> losses, boolean kexec) {
    Set<Loss> all = EnumSet.noneOf(Loss.class);
    all.addAll(losses);
    if (kexec) {
      all.add(Loss.KEXEC);
    }
    return all;
  }

  /** Name, memory and origin. */
  @Override
  public String toString() {
    return "'" + name + "' (" + memory + ", " + origin + " " + how + ")";
  }
}
