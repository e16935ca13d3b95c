/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A cache outside the heap that survives restarts of the JVM and of the kernel.
 *
 * @since 0.1.0
 */
module org.luo4j.cache {
  requires transitive org.luo4j;

  exports org.luo4j.cache;
}
