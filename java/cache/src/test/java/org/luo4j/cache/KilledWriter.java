/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * A process that puts, overwrites and removes until it is killed, and tells after each: "key
 * version", version 0 for a removal. A value is its version, over and over.
 */
final class KilledWriter {

  static final int KEYS = 2000;
  static final long CAPACITY = 4 << 20;

  private KilledWriter() {}

  static WarmCache<Integer, byte[]> open(Path file) throws IOException {
    return WarmCache.builder(Codec.INT, Codec.BYTES).capacity(CAPACITY).file(file).open();
  }

  static byte[] value(int version, int longs) {
    ByteBuffer value = ByteBuffer.allocate(8 * longs);
    for (int i = 0; i < longs; i++) {
      value.putLong(version);
    }
    return value.array();
  }

  public static void main(String[] args) throws IOException {
    SplittableRandom random = new SplittableRandom(Long.parseLong(args[1]));
    int version = Integer.parseInt(args[2]);
    try (WarmCache<Integer, byte[]> cache = open(Path.of(args[0]))) {
      System.out.println(cache.start().kind() + " " + cache.size());
      while (true) {
        int key = random.nextInt(KEYS);
        if (random.nextInt(8) == 0) {
          cache.remove(key);
          System.out.println(key + " 0");
        } else {
          cache.put(key, value(++version, 1 + random.nextInt(300)));
          System.out.println(key + " " + version);
        }
      }
    }
  }
}
