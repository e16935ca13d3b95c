/* SPDX-License-Identifier: Apache-2.0 */

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;

/** Makes a cache in the file that is its argument: 2000 entries, of which every third expires. */
final class FillCache {

  private FillCache() {}

  public static void main(String[] args) throws IOException {
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(2 << 20)
            .file(Path.of(args[0]))
            .open()) {
      for (int i = 0; i < 2000; i++) {
        byte[] value = ("value " + i).repeat(i % 50).getBytes();
        if (i % 3 == 0) {
          cache.put("key " + i, value, Duration.ofHours(1 + i));
        } else {
          cache.put("key " + i, value);
        }
      }
      if (cache.size() != 2000) {
        throw new IOException("the cache has " + cache.size() + " entries");
      }
    }
  }
}
