/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Caffeine, on the heap; with a snapshot, written on close and read on open. */
final class CaffeineStore implements Store {

  private static final int BUFFER = 1 << 20;

  private final Cache<HeapKey, byte[]> cache;
  private final Path snapshot;

  CaffeineStore(StoreSpec spec, boolean withSnapshot) {
    cache = Caffeine.newBuilder().maximumSize(spec.entries() * 11 / 10).build();
    snapshot = withSnapshot ? spec.directory().resolve("caffeine.snapshot") : null;
    if (withSnapshot && Files.exists(snapshot)) {
      load();
    }
  }

  @Override
  public byte[] get(byte[] key) {
    return cache.getIfPresent(new HeapKey(key));
  }

  @Override
  public void put(byte[] key, byte[] value) {
    cache.put(new HeapKey(key.clone()), value.clone());
  }

  @Override
  public long size() {
    cache.cleanUp();
    return cache.estimatedSize();
  }

  @Override
  public void close() {
    if (snapshot != null) {
      save();
    }
    cache.invalidateAll();
  }

  private void save() {
    try (DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(snapshot), BUFFER))) {
      out.writeLong(size());
      for (var entry : cache.asMap().entrySet()) {
        out.writeInt(entry.getKey().bytes.length);
        out.write(entry.getKey().bytes);
        out.writeInt(entry.getValue().length);
        out.write(entry.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void load() {
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(snapshot), BUFFER))) {
      for (long left = in.readLong(); left > 0; left--) {
        byte[] key = new byte[in.readInt()];
        in.readFully(key);
        byte[] value = new byte[in.readInt()];
        in.readFully(value);
        cache.put(new HeapKey(key), value);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
