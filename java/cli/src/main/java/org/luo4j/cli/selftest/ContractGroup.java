/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.selftest;

import org.jspecify.annotations.Nullable;

/** A class of the contract suite, and what it needs. */
public enum ContractGroup {
  MEMFD("MemFd", Needs.NOTHING),
  SOCKET("Socket", Needs.SOCKETS),
  DEVICE("Device", Needs.DEVICE),
  SESSION("Session", Needs.DEVICE),
  INCOMING("Incoming", Needs.KEXEC);

  /** What a native bridge needs for a group, or the emulator lacks for it. */
  private enum Needs {
    NOTHING,
    SOCKETS,
    DEVICE,
    KEXEC
  }

  private final String name;
  private final Needs needs;

  ContractGroup(String name, Needs needs) {
    this.name = name;
    this.needs = needs;
  }

  String testClass() {
    return "org.luo4j.contract." + name + "ContractTest";
  }

  /** Why it cannot run over a bridge on a host; null when it can. */
  @Nullable String skipped(String bridge, boolean hasDevice) {
    if (bridge.equals("emulator")) {
      return needs == Needs.SOCKETS ? "the emulator has no sockets" : null;
    }
    return switch (needs) {
      case NOTHING, SOCKETS -> null;
      case DEVICE ->
          hasDevice ? null : "the kernel's LUO does not answer, see above; luo doctor says more";
      case KEXEC -> "needs what the kernel before has left: scripts/kernel-test.sh runs it";
    };
  }

  @Override
  public String toString() {
    return name;
  }
}
