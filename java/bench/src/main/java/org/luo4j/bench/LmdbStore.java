/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import static org.lmdbjava.EnvFlags.MDB_NORDAHEAD;
import static org.lmdbjava.EnvFlags.MDB_NOSYNC;
import static org.lmdbjava.EnvFlags.MDB_NOTLS;
import static org.lmdbjava.EnvFlags.MDB_WRITEMAP;

import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.Txn;

/** LMDB: a transaction for each put, one read transaction a thread, renewed for each get. */
final class LmdbStore implements Store {

  private static final int PAGE = 4096;

  private final Env<ByteBuffer> env;
  private final Dbi<ByteBuffer> dbi;
  private final int valueSize;
  private final Queue<PerThread> all = new ConcurrentLinkedQueue<>();
  private final ThreadLocal<PerThread> perThread = ThreadLocal.withInitial(PerThread::new);

  LmdbStore(StoreSpec spec) {
    valueSize = spec.valueSize();
    env =
        Env.create()
            .setMapSize(4 * spec.payload() + (256L << 20))
            .setMaxDbs(1)
            .open(spec.directory().toFile(), MDB_WRITEMAP, MDB_NOSYNC, MDB_NOTLS, MDB_NORDAHEAD);
    dbi = env.openDbi("bench", DbiFlags.MDB_CREATE);
  }

  @Override
  public byte[] get(byte[] key) {
    PerThread mine = perThread.get();
    ByteBuffer found = mine.begin(key);
    byte[] value = null;
    if (found != null) {
      value = new byte[found.remaining()];
      found.get(value);
    }
    mine.reader.reset();
    return value;
  }

  @Override
  public long readSum(byte[] key) {
    PerThread mine = perThread.get();
    ByteBuffer found = mine.begin(key);
    long sum = found == null ? ABSENT : Entries.sum(found);
    mine.reader.reset();
    return sum;
  }

  @Override
  public void put(byte[] key, byte[] value) {
    PerThread mine = perThread.get();
    mine.key.clear().put(key).flip();
    mine.value.clear().put(value).flip();
    try (Txn<ByteBuffer> txn = env.txnWrite()) {
      dbi.put(txn, mine.key, mine.value);
      txn.commit();
    }
  }

  @Override
  public long size() {
    try (Txn<ByteBuffer> txn = env.txnRead()) {
      return dbi.stat(txn).entries;
    }
  }

  @Override
  public long memoryBytes() {
    return (env.info().lastPageNumber + 1) * PAGE;
  }

  @Override
  public void close() {
    all.forEach(each -> each.reader.close());
    env.close();
  }

  private final class PerThread {
    final ByteBuffer key = ByteBuffer.allocateDirect(Entries.KEY_SIZE);
    final ByteBuffer value = ByteBuffer.allocateDirect(valueSize);
    final Txn<ByteBuffer> reader = env.txnRead();

    PerThread() {
      reader.reset();
      all.add(this);
    }

    ByteBuffer begin(byte[] bytes) {
      key.clear().put(bytes).flip();
      reader.renew();
      return dbi.get(reader, key);
    }
  }
}
