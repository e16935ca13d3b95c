/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * How a cache came up.
 *
 * @param kind how
 * @param reason why, in a sentence
 * @since 0.1.0
 */
public record Start(Kind kind, String reason) {

  /**
   * How a cache came up.
   *
   * @since 0.1.0
   */
  public enum Kind {
    /** Empty: there was no old memory, or it was refused. */
    COLD,
    /** With what the process before had when it closed the cache. */
    WARM_AFTER_RESTART,
    /** With what the process before had put when it ended without closing the cache. */
    WARM_AFTER_CRASH,
    /** With what was preserved across a kexec. */
    WARM_AFTER_KEXEC
  }

  /**
   * Whether old entries are there.
   *
   * @return true unless cold
   */
  public boolean isWarm() {
    return kind != Kind.COLD;
  }
}
