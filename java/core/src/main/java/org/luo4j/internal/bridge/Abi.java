/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

/**
 * Numbers of the kernel's interface, the same on x86_64, aarch64 and every other machine with the
 * generic ioctl encoding. {@code native/luo_abi.h} states them again for C, where they are checked
 * against the system's own headers when these are there.
 */
public final class Abi {

  // ---- linux/liveupdate.h ----

  /** The device. */
  public static final String DEVICE = "/dev/liveupdate";

  /** Bytes of a name field, the terminating NUL included. */
  public static final int NAME_LENGTH = 64;

  /** What a session's link in /proc begins with; its name follows. */
  public static final String SESSION_LINK = "anon_inode:[luo_session] ";

  /** _IO(0xBA, nr): no direction and no size in the number. */
  private static final int IOCTL_TYPE = 0xBA << 8;

  public static final int CREATE_SESSION = IOCTL_TYPE | 0x00;
  public static final int RETRIEVE_SESSION = IOCTL_TYPE | 0x01;
  public static final int SESSION_PRESERVE_FD = IOCTL_TYPE | 0x40;
  public static final int SESSION_RETRIEVE_FD = IOCTL_TYPE | 0x41;
  public static final int SESSION_FINISH = IOCTL_TYPE | 0x42;
  public static final int SESSION_GET_NAME = IOCTL_TYPE | 0x43;

  /** u32 size, s32 fd (out), u8 name[64]. Of CREATE_SESSION and RETRIEVE_SESSION. */
  public static final int SESSION_STRUCT_BYTES = 72;

  /** u32 size, s32 fd, u64 token. Of PRESERVE_FD and RETRIEVE_FD. */
  public static final int FD_STRUCT_BYTES = 16;

  /** u32 size, u32 reserved. */
  public static final int FINISH_STRUCT_BYTES = 8;

  /** u32 size, u32 reserved, u8 name[64] (out). */
  public static final int NAME_STRUCT_BYTES = 72;

  /** Where the fd, or the reserved field, lies in each structure. */
  public static final int FD_OFFSET = 4;

  /** Where the name lies in SESSION and NAME structures, and the token in FD structures. */
  public static final int BODY_OFFSET = 8;

  // ---- linux/memfd.h ----

  public static final int MFD_CLOEXEC = 0x1;
  public static final int MFD_ALLOW_SEALING = 0x2;
  public static final int MFD_HUGETLB = 0x4;
  public static final int MFD_NOEXEC_SEAL = 0x8;
  public static final int MFD_EXEC = 0x10;

  /** The base-2 logarithm of a hugetlb page size goes here, 6 bits wide. */
  public static final int MFD_HUGE_SHIFT = 26;

  /** Bytes of a memfd's name, without the terminating NUL (NAME_MAX less "memfd:"). */
  public static final int MEMFD_NAME_MAX = 249;

  // ---- linux/fcntl.h ----

  public static final int F_SEAL_SEAL = 0x1;
  public static final int F_SEAL_SHRINK = 0x2;
  public static final int F_SEAL_GROW = 0x4;
  public static final int F_SEAL_WRITE = 0x8;
  public static final int F_SEAL_FUTURE_WRITE = 0x10;
  public static final int F_SEAL_EXEC = 0x20;
  public static final int FD_CLOEXEC = 1;
  public static final int O_ACCMODE = 3;
  public static final int O_RDWR = 2;

  // ---- stdio.h, linux/falloc.h ----

  public static final int SEEK_SET = 0;
  public static final int SEEK_CUR = 1;
  public static final int SEEK_END = 2;
  public static final int FALLOC_FL_KEEP_SIZE = 0x1;
  public static final int FALLOC_FL_PUNCH_HOLE = 0x2;

  // ---- asm-generic/mman-common.h ----

  public static final int MADV_NORMAL = 0;
  public static final int MADV_RANDOM = 1;
  public static final int MADV_SEQUENTIAL = 2;
  public static final int MADV_WILLNEED = 3;
  public static final int MADV_HUGEPAGE = 14;
  public static final int MADV_NOHUGEPAGE = 15;
  public static final int MADV_DONTDUMP = 16;
  public static final int MADV_POPULATE_READ = 22;
  public static final int MADV_POPULATE_WRITE = 23;
  public static final int MADV_COLLAPSE = 25;

  /** The alignment of mappings: the size of a PMD-mapped huge folio with 4 KiB pages. */
  public static final long MAP_ALIGNMENT = 2L << 20;

  // ---- sys/un.h, net/scm.h ----

  /** Bytes of a Unix socket's address: sun_path, less one for a path's terminating NUL. */
  public static final int ADDRESS_MAX = 107;

  /** File descriptors that the kernel passes with one message. */
  public static final int FDS_MAX = 253;

  private Abi() {}
}
