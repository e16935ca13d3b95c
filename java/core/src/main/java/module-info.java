/* SPDX-License-Identifier: Apache-2.0 */
/** Linux's Live Update Orchestrator for the JVM. */
module org.luo4j {
  requires com.sun.jna;
  requires org.apache.commons.io;

  exports org.luo4j;
}
