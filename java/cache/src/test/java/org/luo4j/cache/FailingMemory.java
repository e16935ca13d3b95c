/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.luo4j.MemoryRegion;

/**
 * A memory that goes at a chosen access, as the kernel takes it when the file is cut. With a guard
 * all of it then reads 0. Without, an access to it is an error, at once or some accesses later;
 * what is read until then is what the memory held.
 */
final class FailingMemory extends Memory {

  private final MemoryRegion region;
  private final boolean guarded;

  /** Which access, counted from 1, finds the memory gone; 0: none. */
  private int at;

  /** After how many accesses the error of it comes, without a guard. */
  private int late;

  /** What the access throws, once, of memory that is there; or null. */
  private @Nullable Error error;

  private int accesses;
  private boolean gone;

  FailingMemory(MemoryRegion region) {
    super(region);
    this.region = region;
    this.guarded = super.isGuarded();
  }

  /** Counts accesses from here on; 0 has none fail. */
  synchronized void failAt(int access, int late) {
    this.at = access;
    this.late = late;
    this.error = null;
    accesses = 0;
  }

  /** Has an access throw an Error, as where the stack or the heap has ended. */
  synchronized void throwAt(int access, Error thrown) {
    failAt(access, 0);
    error = thrown;
  }

  /** Whether the Error was thrown. */
  synchronized boolean hasThrown() {
    return error != null && accesses >= at;
  }

  synchronized boolean isGone() {
    return gone;
  }

  @Override
  synchronized boolean isSound() {
    return super.isSound() && (guarded || !gone);
  }

  @Override
  ByteBuffer slice(long offset) {
    access();
    return super.slice(offset);
  }

  private synchronized void access() {
    accesses++;
    if (error != null) {
      if (accesses == at) {
        throw error;
      }
      return;
    }
    if (at > 0 && accesses == at) {
      gone = true;
      if (guarded) {
        region.put(0, new byte[(int) region.size()]);
      }
    }
    if (gone && !guarded && accesses >= at + late) {
      throw new InternalError("a fault occurred in an unsafe memory access operation");
    }
  }
}
