/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import org.luo4j.internal.bridge.Abi;

/**
 * What {@link MemoryRegion#advise} tells the kernel of a range (madvise(2)).
 *
 * @since 0.1.0
 */
public enum Advice {
  /** Back to the default. */
  NORMAL(Abi.MADV_NORMAL),
  /** Accesses come in no order. */
  RANDOM(Abi.MADV_RANDOM),
  /** Accesses come in order. */
  SEQUENTIAL(Abi.MADV_SEQUENTIAL),
  /** Accesses come soon. */
  WILL_NEED(Abi.MADV_WILLNEED),
  /**
   * Use huge folios (2 MiB with 4 KiB pages) for memory allocated from now on. Needs {@code
   * /sys/kernel/mm/transparent_hugepage/shmem_enabled} to be {@code advise} or more.
   */
  HUGE_PAGES(Abi.MADV_HUGEPAGE),
  /** Use no huge folios. */
  NO_HUGE_PAGES(Abi.MADV_NOHUGEPAGE),
  /** Leave the range out of core dumps. */
  DONT_DUMP(Abi.MADV_DONTDUMP),
  /** Map every page now, as reads would. Linux 5.14 and later. */
  POPULATE_READ(Abi.MADV_POPULATE_READ),
  /** Allocate and map every page now, as writes would. Linux 5.14 and later. */
  POPULATE_WRITE(Abi.MADV_POPULATE_WRITE),
  /** Gather what is allocated into huge folios now. Linux 6.1 and later. */
  COLLAPSE(Abi.MADV_COLLAPSE);

  final int number;

  Advice(int number) {
    this.number = number;
  }
}
