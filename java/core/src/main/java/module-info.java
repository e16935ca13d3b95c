/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Linux's Live Update Orchestrator for the JVM.
 *
 * @since 0.1.0
 */
module org.luo4j {
  requires com.sun.jna;
  requires org.apache.commons.io;
  requires static transitive org.jspecify;

  exports org.luo4j;
}
