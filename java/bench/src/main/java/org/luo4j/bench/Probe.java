/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.nio.file.Path;
import java.util.List;

/** Tries each operation of a peer on a small store: fails with the reason where it cannot run. */
final class Probe {

  private Probe() {}

  /**
   * Runs in a JVM with the peer's flags.
   *
   * @param args the peer
   */
  public static void main(String[] args) {
    Child.answer(
        () -> {
          tryOut(Peer.named(args[0]), 1000);
          return List.of("ok");
        });
  }

  /** Fills a store of values of 100 bytes, reads it both ways, and closes it. */
  static void tryOut(Peer peer, long entries) throws Exception {
    Path directory = Folders.temporary("probe");
    try {
      StoreSpec spec = new StoreSpec(entries, 100, directory);
      try (Store store = peer.open(spec)) {
        Entries.fill(store, spec);
        Entries.fill(store, spec);
        byte[] key = new byte[Entries.KEY_SIZE];
        long base = Entries.sumBase(spec.valueSize());
        for (long i = 0; i < spec.entries(); i++) {
          Entries.key(i, key);
          Entries.check(store.get(key), i, spec.valueSize());
          if (store.readSum(key) != base + i) {
            throw new IllegalStateException("reads entry " + i + " wrong in place");
          }
        }
        Entries.key(spec.entries(), key);
        if (store.get(key) != null || store.readSum(key) != Store.ABSENT) {
          throw new IllegalStateException("has a value for a key that was never put");
        }
        if (store.size() != spec.entries()) {
          throw new IllegalStateException(
              "says that it has " + store.size() + " entries, not " + spec.entries());
        }
      }
    } finally {
      Folders.delete(directory);
    }
  }
}
