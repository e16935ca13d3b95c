/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/** Ways to damage a cache's bytes. Knows of the format only that a header comes first. */
final class Damage {

  /** The first bytes, where a header lies, and a page that may be all header. */
  private static final int HEADER = 512;

  private static final int PAGE = 4096;

  private final SplittableRandom random;
  private byte[] bytes;
  private Contest.Outside kind = Contest.Outside.DAMAGED;

  private Damage(byte[] bytes, SplittableRandom random) {
    this.bytes = bytes;
    this.random = random;
  }

  /** Damages a copy of the bytes. */
  static Damage random(byte[] original, SplittableRandom random) {
    Damage damage = new Damage(original.clone(), random);
    int times = 1 + (random.nextInt(3) == 0 ? random.nextInt(8) : 0);
    for (int i = 0; i < times; i++) {
      damage.once();
    }
    int checksumAt = headerChecksumAt(original);
    if (random.nextBoolean()
        && !Arrays.equals(original, 0, checksumAt, damage.bytes, 0, checksumAt)) {
      putHeaderChecksum(damage.bytes, checksumAt);
      damage.kind = Contest.Outside.FORGED;
    }
    if (random.nextInt(12) == 0) {
      damage.bytes = Arrays.copyOf(damage.bytes, damage.otherLength());
    }
    return damage;
  }

  /** The damaged bytes, perhaps more or fewer than there were. */
  byte[] bytes() {
    return bytes;
  }

  Contest.Outside kind() {
    return kind;
  }

  /**
   * Where the header has the CRC-32C of all the bytes before it; 0 where it has none, as then a
   * checksum cannot be put right.
   */
  static int headerChecksumAt(byte[] bytes) {
    ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    CRC32C crc = new CRC32C();
    for (int at = 4; at + 4 <= Math.min(bytes.length, PAGE); at += 4) {
      crc.update(bytes, at - 4, 4);
      if ((int) crc.getValue() == words.getInt(at)) {
        return at;
      }
    }
    return 0;
  }

  static void putHeaderChecksum(byte[] bytes, int at) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, at);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, (int) crc.getValue());
  }

  private void once() {
    switch (random.nextInt(10)) {
      case 0 -> flip(1 + random.nextInt(64), 0, bytes.length);
      case 1 -> flip(1 + random.nextInt(4), 0, HEADER);
      case 2, 3 -> flipUsed(1 + random.nextInt(8));
      case 4 -> random(place(), 1 + random.nextInt(longest()));
      case 5 -> Arrays.fill(bytes, place(), bytes.length, (byte) 0);
      case 6 -> zero(place(), 1 + random.nextInt(longest()));
      case 7 -> copy(used(), used());
      case 8 -> add(used());
      default -> add(random.nextInt(HEADER / 8) * 8);
    }
  }

  /** Mostly short. */
  private int longest() {
    return random.nextInt(4) == 0 ? bytes.length : 64;
  }

  private int place() {
    return random.nextInt(random.nextInt(3) == 0 ? PAGE : bytes.length);
  }

  private void flip(int bits, int from, int to) {
    for (int i = 0; i < bits; i++) {
      bytes[from + random.nextInt(to - from)] ^= (byte) (1 << random.nextInt(8));
    }
  }

  private void flipUsed(int bits) {
    for (int i = 0; i < bits; i++) {
      bytes[used() + random.nextInt(8)] ^= (byte) (1 << random.nextInt(8));
    }
  }

  /** A word that is in use, after the header: of the index, often, as that comes first. */
  private int used() {
    int words = bytes.length / 8;
    int limit = random.nextBoolean() ? words : words / 4;
    int first = PAGE / 8 + random.nextInt(limit - PAGE / 8);
    for (int word = first; word < words; word++) {
      if (ByteBuffer.wrap(bytes).getLong(word * 8) != 0) {
        return word * 8;
      }
    }
    return first * 8;
  }

  private void random(int at, int length) {
    for (int i = at; i < Math.min(bytes.length, at + length); i++) {
      bytes[i] = (byte) random.nextInt();
    }
  }

  private void zero(int at, int length) {
    Arrays.fill(bytes, at, Math.min(bytes.length, at + length), (byte) 0);
  }

  /** A write that went to another place. */
  private void copy(int from, int to) {
    int words = random.nextInt(3) == 0 ? 1 + random.nextInt(longest() / 8) : 1;
    int length = Math.min(words * 8, bytes.length - Math.max(from, to));
    System.arraycopy(bytes, from, bytes, to, length);
  }

  /** A number that is off by a little, or by a lot. */
  private void add(int at) {
    ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long delta = (random.nextInt(64) - 32L) << random.nextInt(random.nextBoolean() ? 8 : 58);
    words.putLong(at, words.getLong(at) + delta);
  }

  private int otherLength() {
    return switch (random.nextInt(4)) {
      case 0 -> 0;
      case 1 -> random.nextInt(bytes.length);
      case 2 -> bytes.length / PAGE * PAGE - PAGE * random.nextInt(4);
      default -> bytes.length + 1 + random.nextInt(2 * PAGE);
    };
  }
}
