/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.luo4j.MemoryRegion;

/**
 * A memory that records which words change, in the order of the stores. A store of many words is
 * recorded word by word, so that a state between two of them can be made too. Callers take turns.
 */
final class RecordingMemory extends Memory {

  /** A word of 8 bytes that a store, counted from 0, has changed. */
  record Word(int store, int at, long value) {}

  private final MemoryRegion region;
  private final ByteBuffer now;
  private ByteBuffer seen = ByteBuffer.allocate(0);
  private List<Word> words = new ArrayList<>();
  private boolean recording;
  private int stores;
  private int interruptAt = -1;
  private Runnable interruption = () -> {};

  RecordingMemory(MemoryRegion region) {
    super(region);
    this.region = region;
    this.now = buffer();
  }

  private ByteBuffer buffer() {
    return ByteBuffer.allocate((int) region.size()).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Begins to record. */
  void record() {
    seen = buffer();
    region.get(0, seen.array());
    words = new ArrayList<>();
    stores = 0;
    recording = true;
  }

  /** Runs something right after a store, counted from 0; what it stores is recorded too. */
  void interrupt(int store, Runnable with) {
    interruptAt = store;
    interruption = with;
  }

  /** The words changed since {@link #record}. */
  List<Word> words() {
    return words;
  }

  /** How many stores there were since {@link #record}. */
  int stores() {
    return stores;
  }

  private synchronized void changed() {
    region.get(0, now.array());
    byte[] after = now.array();
    byte[] before = seen.array();
    for (int at = 0; ; at += 8) {
      int different = Arrays.mismatch(before, at, before.length, after, at, after.length);
      if (different < 0) {
        return;
      }
      at += different & -8;
      words.add(new Word(stores, at, now.getLong(at)));
      seen.putLong(at, now.getLong(at));
    }
  }

  private void stored() {
    if (!recording) {
      return;
    }
    changed();
    if (stores++ == interruptAt) {
      interruptAt = -1;
      interruption.run();
    }
  }

  @Override
  void putByte(long offset, byte value) {
    super.putByte(offset, value);
    stored();
  }

  @Override
  void putInt(long offset, int value) {
    super.putInt(offset, value);
    stored();
  }

  @Override
  void putIntRelease(long offset, int value) {
    super.putIntRelease(offset, value);
    stored();
  }

  @Override
  void putLong(long offset, long value) {
    super.putLong(offset, value);
    stored();
  }

  @Override
  void putLongRelease(long offset, long value) {
    super.putLongRelease(offset, value);
    stored();
  }

  @Override
  void putLongVolatile(long offset, long value) {
    super.putLongVolatile(offset, value);
    stored();
  }

  @Override
  boolean compareAndSetLong(long offset, long expected, long value) {
    boolean done = super.compareAndSetLong(offset, expected, value);
    stored();
    return done;
  }

  @Override
  void put(long offset, byte[] source) {
    super.put(offset, source);
    stored();
  }

  @Override
  void copy(long from, long to, long length) {
    super.copy(from, to, length);
    stored();
  }
}
