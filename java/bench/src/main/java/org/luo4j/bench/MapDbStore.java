/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import org.mapdb.DB;
import org.mapdb.DBMaker;
import org.mapdb.HTreeMap;
import org.mapdb.Serializer;

/** MapDB's hash map, in direct memory or in a mapped file; without transactions. */
final class MapDbStore implements Store {

  private final DB db;
  private final HTreeMap<byte[], byte[]> map;

  MapDbStore(StoreSpec spec, boolean mapped) {
    db =
        mapped
            ? DBMaker.fileDB(spec.directory().resolve("mapdb.db").toFile()).fileMmapEnable().make()
            : DBMaker.memoryDirectDB().make();
    map =
        db.hashMap("bench", Serializer.BYTE_ARRAY, Serializer.BYTE_ARRAY)
            .counterEnable()
            .createOrOpen();
  }

  @Override
  public byte[] get(byte[] key) {
    return map.get(key);
  }

  @Override
  public void put(byte[] key, byte[] value) {
    map.put(key, value);
  }

  @Override
  public long size() {
    return map.sizeLong();
  }

  @Override
  public void close() {
    db.close();
  }
}
