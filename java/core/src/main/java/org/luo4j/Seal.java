/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.EnumSet;
import java.util.Set;
import org.luo4j.internal.bridge.Abi;

/**
 * What a memfd can be sealed against, for good (fcntl(2), "File Sealing").
 *
 * <p>Seals that a memfd has when it is preserved travel with it from Linux 7.2 on; those added
 * later do not.
 *
 * @since 0.1.0
 */
public enum Seal {
  /** No further seals. */
  SEAL(Abi.F_SEAL_SEAL),
  /** The size cannot be reduced. */
  SHRINK(Abi.F_SEAL_SHRINK),
  /** The size cannot be increased. */
  GROW(Abi.F_SEAL_GROW),
  /** The contents cannot change; refused with EBUSY while a writable mapping exists. */
  WRITE(Abi.F_SEAL_WRITE),
  /** As WRITE, but writable mappings that exist go on working. */
  FUTURE_WRITE(Abi.F_SEAL_FUTURE_WRITE),
  /** The execute bits of the file's mode cannot change. */
  EXEC(Abi.F_SEAL_EXEC);

  private final int bit;

  Seal(int bit) {
    this.bit = bit;
  }

  static int bits(Set<Seal> seals) {
    int bits = 0;
    for (Seal seal : seals) {
      bits |= seal.bit;
    }
    return bits;
  }

  /** The seals of a mask; bits of seals that are newer than this library are left out. */
  static Set<Seal> of(int bits) {
    EnumSet<Seal> seals = EnumSet.noneOf(Seal.class);
    for (Seal seal : values()) {
      if ((bits & seal.bit) != 0) {
        seals.add(seal);
      }
    }
    return seals;
  }
}
