/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.concurrent.ConcurrentHashMap;

/** ConcurrentHashMap: keeps a copy of what is put, hands out its own array or a copy. */
final class ChmStore implements Store {

  private final ConcurrentHashMap<HeapKey, byte[]> map;
  private final boolean copyOnGet;

  ChmStore(StoreSpec spec, boolean copyOnGet) {
    this.map = new ConcurrentHashMap<>(Math.toIntExact(spec.entries()));
    this.copyOnGet = copyOnGet;
  }

  @Override
  public byte[] get(byte[] key) {
    byte[] value = map.get(new HeapKey(key));
    return copyOnGet && value != null ? value.clone() : value;
  }

  @Override
  public void put(byte[] key, byte[] value) {
    map.put(new HeapKey(key.clone()), value.clone());
  }

  @Override
  public long readSum(byte[] key) {
    byte[] value = map.get(new HeapKey(key));
    return value == null ? ABSENT : Entries.sum(value);
  }

  @Override
  public long size() {
    return map.mappingCount();
  }

  @Override
  public void close() {
    map.clear();
  }
}
