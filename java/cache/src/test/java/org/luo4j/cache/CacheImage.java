/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.luo4j.cache.CacheFormat.BUCKET_BYTES;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The bytes of a cache's memory, read as {@link CacheFormat} draws them and not by what the cache
 * reads them with. Keys are ASCII. Whatever the rule of publication forbids is an {@link
 * AssertionError}.
 */
final class CacheImage {

  private final CacheFormat.Layout layout;
  private final ByteBuffer bytes;

  CacheImage(CacheFormat.Layout layout, byte[] bytes) {
    this.layout = layout;
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  CacheImage copy() {
    return new CacheImage(layout, bytes.array().clone());
  }

  CacheFormat.Layout layout() {
    return layout;
  }

  byte[] bytes() {
    return bytes.array();
  }

  long word(long at) {
    return bytes.getLong((int) at);
  }

  void setWord(long at, long value) {
    bytes.putLong((int) at, value);
  }

  void setInt(long at, int value) {
    bytes.putInt((int) at, value);
  }

  int intAt(long at) {
    return bytes.getInt((int) at);
  }

  /** An entry that a slot names. */
  record Item(long place, long slot, int at, String key, byte[] value, int expiry) {}

  /** Every slot, with the whole and live entry that it must name. */
  List<Item> items() {
    List<Item> items = new ArrayList<>();
    for (long place = layout.index();
        place < layout.index() + layout.buckets() * BUCKET_BYTES;
        place += 8) {
      if (word(place) != 0) {
        items.add(item(place));
      }
    }
    return items;
  }

  /** The item of a key. */
  Item item(String key) {
    return items().stream().filter(item -> item.key.equals(key)).findAny().orElseThrow();
  }

  private Item item(long place) {
    long slot = word(place);
    int at = at(place, slot);
    int lengths = intAt(at + 8);
    check(lengths != 0, "slot " + place + " names a filler");
    int keyLength = lengths < 0 ? intAt(at + 12) : lengths >>> 23;
    int valueLength = lengths < 0 ? intAt(at + 16) : lengths & (1 << 23) - 1;
    int keyAt = at + (lengths < 0 ? 20 : 12);
    byte[] key = Arrays.copyOfRange(bytes(), keyAt, keyAt + keyLength);
    byte[] value = Arrays.copyOfRange(bytes(), keyAt + keyLength, keyAt + keyLength + valueLength);
    int expiry = intAt(at + 4);
    check(intAt(at) != 0, "slot " + place + " names a dead entry");
    check(intAt(at) == Entry.check(key, value, expiry), "slot " + place + ": not whole");
    long hash = Entry.hash(key, word(CacheFormat.SEED_AT));
    check(slot >>> 52 == Math.max(1, hash >>> 52), "slot " + place + " has another's tag");
    return new Item(place, slot, at, new String(key, StandardCharsets.US_ASCII), value, expiry);
  }

  /** Where the entry of a slot lies. */
  private int at(long place, long slot) {
    boolean main = (slot >>> 49 & 1) != 0;
    long position = (slot & (1L << 42) - 1) << 3;
    long head = word(main ? CacheFormat.MAIN_HEAD_AT : CacheFormat.SMALL_HEAD_AT);
    long tail = word(main ? CacheFormat.MAIN_TAIL_AT : CacheFormat.SMALL_TAIL_AT);
    check(
        position >= tail && position < head,
        "slot " + place + " names " + position + ", the ring is " + tail + " to " + head);
    long offset = position % (main ? layout.mainBytes() : layout.smallBytes());
    return (int) ((main ? layout.main() : layout.small()) + offset);
  }

  /** What each key has; no key twice. */
  Map<String, byte[]> contents() {
    Map<String, byte[]> contents = new TreeMap<>();
    for (Item item : items()) {
      check(contents.put(item.key, item.value) == null, item.key + " has two slots");
    }
    return contents;
  }

  /** Walks both rings from tail to head. */
  void walk() {
    entries();
  }

  /** While nothing is under way, each entry of a ring that no slot names is dead. */
  void checkDead() {
    Set<Integer> named = items().stream().map(Item::at).collect(Collectors.toSet());
    for (int at : entries()) {
      check(intAt(at) == 0 || named.contains(at), "no slot names what is alive at " + at);
    }
  }

  /** Where the entries of both rings lie. */
  private List<Integer> entries() {
    List<Integer> all = new ArrayList<>();
    walk(CacheFormat.SMALL_TAIL_AT, layout.small(), layout.smallBytes(), all);
    walk(CacheFormat.MAIN_TAIL_AT, layout.main(), layout.mainBytes(), all);
    return all;
  }

  private void walk(int tailAt, long base, long size, List<Integer> all) {
    long head = word(tailAt + CacheFormat.SMALL_HEAD_AT - CacheFormat.SMALL_TAIL_AT);
    long next = word(tailAt);
    check(head - next <= size, "a ring is longer than its memory");
    while (next < head) {
      long left = size - next % size;
      int at = (int) (base + next % size);
      if (left < 16 || intAt(at + 8) == 0) {
        next += left;
      } else {
        int lengths = intAt(at + 8);
        long length =
            lengths < 0
                ? 20L + intAt(at + 12) + intAt(at + 16)
                : 12L + (lengths >>> 23) + (lengths & (1 << 23) - 1);
        next += (length + 7) / 8 * 8;
        all.add(at);
      }
    }
    check(next == head, "a walk of the ring to " + head + " ends at " + next);
  }

  /** The number of entries and the live bytes that the header must hold. */
  void checkCounts() {
    long live = 0;
    List<Item> items = items();
    for (Item item : items) {
      int key = item.key.length();
      long header = key > 255 || key + item.value.length == 0 ? 20 : 12;
      live += Math.max(layout.averageEntry(), (header + key + item.value.length + 7) / 8 * 8);
    }
    check(
        word(CacheFormat.ENTRIES_AT) == items.size() && word(CacheFormat.LIVE_AT) == live,
        "the header counts "
            + word(CacheFormat.ENTRIES_AT)
            + " entries of "
            + word(CacheFormat.LIVE_AT)
            + " bytes, there are "
            + items.size()
            + " of "
            + live);
  }

  /** Nothing may be under way. */
  void checkNothingUnderWay() {
    for (int at :
        new int[] {
          CacheFormat.CHANGE_PLACE_AT, CacheFormat.MOVE_FROM_AT, CacheFormat.CLEARING_AT
        }) {
      check(word(at) == 0, "the record at " + at + " holds " + word(at));
    }
  }

  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
