/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

/**
 * A codec, or a clock, has called the cache that calls it, in the midst of a change. It is the
 * caller's to see: not a value that cannot be decoded.
 */
final class CodecUsesCacheException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  CodecUsesCacheException() {
    super(
        "a codec used the cache that it encodes for, or a clock the cache that it tells the time:"
            + " they are called while the cache is changed, and must not use caches; pass what they"
            + " need in the key or the value");
  }
}
