/* SPDX-License-Identifier: Apache-2.0 */
/** A module that uses luo4j. */
module org.example.outside {
  requires org.luo4j.cache;
}
