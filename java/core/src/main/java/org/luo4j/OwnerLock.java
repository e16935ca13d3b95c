/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.time.Duration;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * The lock of a memory's one owner, on an open file of its own (flock(2)): the system drops it when
 * the process ends, whoever else has the memory.
 */
final class OwnerLock implements AutoCloseable {

  private static final long PAUSE = 10_000_000;

  private final Descriptor file;

  private OwnerLock(Descriptor file) {
    this.file = file;
  }

  /**
   * Waits until the memory has no other owner.
   *
   * @throws LuoException.OwnerAlive when it has one still, after {@code timeout}
   */
  static OwnerLock of(MemFd memory, String name, Duration timeout) {
    Bridge bridge = memory.bridge();
    OwnerWait wait = new OwnerWait(timeout, PAUSE);
    while (true) {
      long own = memory.descriptor().result(bridge::lock);
      if (own >= 0) {
        return new OwnerLock(new Descriptor(bridge, (int) own, "lock of '" + name + "'"));
      }
      if (own != -Errno.EAGAIN) {
        throw Refusal.LOCK.exception(own, "'" + name + "'");
      }
      if (!wait.goesOn(name, () -> words(Owners.ofLock(memory)))) {
        throw alive(name, "waited " + timeout, Owners.ofLock(memory));
      }
    }
  }

  static String words(Owners.Owner owner) {
    return owner.words().isEmpty()
        ? "another process, or another part of this one,"
        : owner.words();
  }

  /** What is thrown when the memory has an owner still. */
  static LuoException alive(String name, String how, Owners.Owner owner) {
    return new LuoException.OwnerAlive(
        "own",
        Errno.EBUSY,
        "'" + name + "'",
        words(owner) + " has it open (" + how + "): end it first, or give this one another name",
        owner.pid());
  }

  @Override
  public void close() {
    file.closeAndUnlock();
  }
}
