/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * What {@link WarmCache#verify} found.
 *
 * @param entries whole entries
 * @param bytes their bytes, headers included
 * @param damaged slots or entries that were damaged and are removed
 * @since 0.1.0
 */
public record Verification(long entries, long bytes, long damaged) {

  /**
   * Is told how far a verification is.
   *
   * @since 0.1.0
   */
  @FunctionalInterface
  public interface Progress {

    /**
     * So far.
     *
     * @param done units of work done
     * @param total units of work in all
     */
    void at(long done, long total);
  }

  /**
   * Whether nothing was damaged.
   *
   * @return true when all is whole
   */
  public boolean isClean() {
    return damaged == 0;
  }
}
