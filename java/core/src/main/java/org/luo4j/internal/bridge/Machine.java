/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The machine this JVM runs on, and whether the native bridges may be used on it: Linux, 64 bits,
 * and the generic encoding of ioctl numbers, which ppc, mips, sparc and alpha do not have.
 */
public final class Machine {

  /** What to do about a JVM that lets neither JNI nor JNA load their libraries (JEP 472). */
  public static final String NATIVE_ACCESS_DENIED =
      "this JVM denies native access: start it with --enable-native-access=ALL-UNNAMED, or"
          + " =org.luo4j,com.sun.jna when luo4j is on the module path";

  /** What to do about a memfd_create that is EPERM or ENOSYS. */
  public static final String MEMFD_REFUSED =
      "a seccomp filter, as a container's, refuses memfd_create(2), or the kernel is older than"
          + " 3.17: allow memfd_create in the filter's profile (docker run --security-opt"
          + " seccomp=PROFILE)";

  public static final String STATX_REFUSED =
      "a seccomp filter, as an old container's, refuses statx(2): allow statx in the filter's"
          + " profile (docker run --security-opt seccomp=PROFILE), or use JNI, which does without";

  private Machine() {}

  /**
   * "linux-x86_64", "linux-aarch64-musl", ...: the name of the folder that a jar's library is in.
   * Where no C library is named it is the system's usual one, glibc on Linux.
   */
  public static String platform() {
    return osName() + "-" + archName() + (isMusl() ? "-musl" : "");
  }

  /** Whether this JVM's C library is musl. */
  public static boolean isMusl() {
    return osName().equals("linux") && CLibrary.isMusl();
  }

  /** Null when the native bridges may be used, else why not. */
  public static @Nullable String whyNoNativeBridge() {
    if (!osName().equals("linux")) {
      return "this is " + System.getProperty("os.name") + ": LUO and memfds are Linux's";
    }
    return switch (archName()) {
      case "x86_64", "aarch64", "riscv64", "loongarch64" -> null;
      default ->
          "the machine "
              + System.getProperty("os.arch")
              + " is not among those with known ioctl numbers"
              + " (x86_64, aarch64, riscv64, loongarch64)";
    };
  }

  /** O_NOFOLLOW of open(2): the generic number, or that of Arm. */
  public static int noFollowFlag() {
    return archName().equals("aarch64") ? 0x8000 : 0x20000;
  }

  private static String osName() {
    String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return name.startsWith("linux") ? "linux" : name.replaceAll("[^a-z0-9]", "");
  }

  private static String archName() {
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return arch.equals("amd64") ? "x86_64" : arch;
  }
}
