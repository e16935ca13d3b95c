/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.charset.StandardCharsets;
import org.luo4j.internal.bridge.Abi;

/**
 * How a memfd is made (memfd_create(2)). Immutable: each method returns a copy.
 *
 * <p>Default: size 0, close-on-exec, sealing allowed, {@link ExecPolicy#EXEC}, ordinary pages.
 *
 * @since 0.1.0
 */
public final class MemFdOptions {

  /**
   * The file's execute bits, and whether they are sealed (Linux 6.3 and later).
   *
   * @since 0.1.0
   */
  public enum ExecPolicy {
    /**
     * MFD_EXEC: the mode has the execute bits, as memfds always had. The default, because such a
     * memfd comes back from a kexec writable.
     */
    EXEC(Abi.MFD_EXEC),
    /**
     * MFD_NOEXEC_SEAL: no execute bits, sealed with {@link Seal#EXEC}. A preserved memfd of this
     * kind comes back from a kexec sealed against every write and resize: the kernel restores it
     * with execute bits, and adding the seal then implies the others.
     */
    NOEXEC_SEAL(Abi.MFD_NOEXEC_SEAL),
    /** Neither flag: the sysctl vm.memfd_noexec decides. */
    SYSTEM(0);

    final int flag;

    ExecPolicy(int flag) {
      this.flag = flag;
    }
  }

  private final String name;
  private final long size;
  private final boolean closeOnExec;
  private final boolean sealing;
  private final ExecPolicy exec;
  private final boolean hugeFolios;
  private final long hugeTlbPageBytes;

  private MemFdOptions(
      String name,
      long size,
      boolean closeOnExec,
      boolean sealing,
      ExecPolicy exec,
      boolean hugeFolios,
      long hugeTlbPageBytes) {
    this.name = name;
    this.size = size;
    this.closeOnExec = closeOnExec;
    this.sealing = sealing;
    this.exec = exec;
    this.hugeFolios = hugeFolios;
    this.hugeTlbPageBytes = hugeTlbPageBytes;
  }

  /**
   * Options with the defaults.
   *
   * @param name what /proc shows; 0 to 249 bytes in UTF-8, no NUL; needs not be unique, and does
   *     not travel across a kexec
   * @return the options
   * @throws IllegalArgumentException when the name is too long or has a NUL
   */
  public static MemFdOptions named(String name) {
    encode(name);
    return new MemFdOptions(name, 0, true, true, ExecPolicy.EXEC, false, 0);
  }

  /**
   * Sets the size.
   *
   * @param bytes 0 or more; pages are allocated when they are first written, or preserved
   * @return a copy
   */
  public MemFdOptions size(long bytes) {
    MemFd.checkSize(bytes);
    return new MemFdOptions(name, bytes, closeOnExec, sealing, exec, hugeFolios, hugeTlbPageBytes);
  }

  /**
   * Sets whether the fd is closed when the process executes another program.
   *
   * @param on false to let children inherit it
   * @return a copy
   */
  public MemFdOptions closeOnExec(boolean on) {
    return new MemFdOptions(name, size, on, sealing, exec, hugeFolios, hugeTlbPageBytes);
  }

  /**
   * Sets whether seals can be added (MFD_ALLOW_SEALING).
   *
   * @param on false to make it with {@link Seal#SEAL}
   * @return a copy
   */
  public MemFdOptions sealing(boolean on) {
    return new MemFdOptions(name, size, closeOnExec, on, exec, hugeFolios, hugeTlbPageBytes);
  }

  /**
   * Sets the execute bits.
   *
   * @param policy the policy; on a kernel before 6.3, which knows no such flag, the memfd is made
   *     without one and that is logged
   * @return a copy
   */
  public MemFdOptions exec(ExecPolicy policy) {
    return new MemFdOptions(name, size, closeOnExec, sealing, policy, hugeFolios, hugeTlbPageBytes);
  }

  /**
   * Allocates the whole size at once in huge folios (2 MiB with 4 KiB pages) as far as the host
   * gives them; where it is set to give none, that is logged. The memfd stays preservable.
   *
   * @return a copy
   * @throws IllegalArgumentException when {@link #hugeTlb} was set
   */
  public MemFdOptions hugeFolios() {
    if (hugeTlbPageBytes != 0) {
      throw conflict();
    }
    return new MemFdOptions(name, size, closeOnExec, sealing, exec, true, 0);
  }

  /**
   * Takes the memory from the hugetlb pool (MFD_HUGETLB). Such a memfd cannot be preserved.
   *
   * @param pageBytes the page size, a power of two of 4 KiB to 2^62 bytes, or 0 for the system's
   *     default
   * @return a copy
   * @throws IllegalArgumentException when it is another number, or {@link #hugeFolios} was set
   */
  public MemFdOptions hugeTlb(long pageBytes) {
    if (hugeFolios) {
      throw conflict();
    }
    if (pageBytes != 0 && (pageBytes < 4096 || Long.bitCount(pageBytes) != 1)) {
      throw new IllegalArgumentException(
          "pageBytes " + pageBytes + " must be 0 or a power of two from 4096");
    }
    return new MemFdOptions(
        name, size, closeOnExec, sealing, exec, false, pageBytes == 0 ? -1 : pageBytes);
  }

  private static IllegalArgumentException conflict() {
    return new IllegalArgumentException(
        "hugeFolios and hugeTlb exclude each other: only hugeFolios can be preserved");
  }

  String name() {
    return name;
  }

  long size() {
    return size;
  }

  boolean wantsHugeFolios() {
    return hugeFolios;
  }

  ExecPolicy exec() {
    return exec;
  }

  /** The MFD_ flags without those of the exec policy. */
  int flags() {
    int flags = (closeOnExec ? Abi.MFD_CLOEXEC : 0) | (sealing ? Abi.MFD_ALLOW_SEALING : 0);
    if (hugeTlbPageBytes != 0) {
      flags |= Abi.MFD_HUGETLB;
      if (hugeTlbPageBytes > 0) {
        flags |= Long.numberOfTrailingZeros(hugeTlbPageBytes) << Abi.MFD_HUGE_SHIFT;
      }
    }
    return flags;
  }

  /** The name as a C string. */
  static byte[] encode(String name) {
    byte[] bytes = (name + "\0").getBytes(StandardCharsets.UTF_8);
    if (bytes.length - 1 > Abi.MEMFD_NAME_MAX || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "name is "
              + (bytes.length - 1)
              + " bytes in UTF-8; it must be 0 to "
              + Abi.MEMFD_NAME_MAX
              + " bytes without a NUL");
    }
    return bytes;
  }
}
