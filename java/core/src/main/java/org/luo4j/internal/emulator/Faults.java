/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import java.util.HashMap;
import java.util.Map;

/** The failures that were asked for and have not happened. Its emulator locks. */
final class Faults {

  private record Retrieve(String session, long token) {}

  private final Map<Retrieve, Integer> retrieves = new HashMap<>();
  private int kexec;
  private boolean refused;

  void failRetrieve(String hexName, long token, int errno) {
    retrieves.put(new Retrieve(hexName, token), errno);
  }

  void failKexec(int errno) {
    kexec = errno;
  }

  void refuseIncoming() {
    refused = true;
  }

  /** Whether the device cannot be opened, for good. */
  boolean isIncomingRefused() {
    return refused;
  }

  /** The errno that the first retrieve of a token is to fail with, or 0; asked once. */
  int takeRetrieve(String hexName, long token) {
    Integer errno = retrieves.remove(new Retrieve(hexName, token));
    return errno == null ? 0 : errno;
  }

  /** The errno that the next reboot is to fail with, or 0; asked once. */
  int takeKexec() {
    int errno = kexec;
    kexec = 0;
    return errno;
  }
}
