/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

/**
 * The errno numbers that luo4j names, as Linux has them on every machine it runs on
 * (asm-generic/errno-base.h and asm-generic/errno.h).
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int ENOTDIR = 20;
  public static final int EISDIR = 21;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int EFBIG = 27;
  public static final int ENOSPC = 28;
  public static final int ESPIPE = 29;
  public static final int EROFS = 30;
  public static final int EPIPE = 32;
  public static final int ENAMETOOLONG = 36;
  public static final int ENOSYS = 38;
  public static final int ELOOP = 40;
  public static final int EPROTO = 71;
  public static final int EOVERFLOW = 75;
  public static final int ENOTSOCK = 88;
  public static final int EMSGSIZE = 90;
  public static final int EPROTOTYPE = 91;
  public static final int EOPNOTSUPP = 95;
  public static final int EADDRINUSE = 98;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ENOTCONN = 107;
  public static final int ETOOMANYREFS = 109;
  public static final int ECONNREFUSED = 111;

  private Errno() {}

  /** Name and meaning, "EBUSY (device or resource busy)"; "errno 999" for a number without one. */
  public static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM (operation not permitted)";
      case ENOENT -> "ENOENT (no such file or entry)";
      case EINTR -> "EINTR (interrupted system call)";
      case EIO -> "EIO (input/output error)";
      case E2BIG -> "E2BIG (argument too big)";
      case EBADF -> "EBADF (bad file descriptor)";
      case EAGAIN -> "EAGAIN (resource temporarily unavailable)";
      case ENOMEM -> "ENOMEM (cannot allocate memory)";
      case EACCES -> "EACCES (permission denied)";
      case EFAULT -> "EFAULT (bad address)";
      case EBUSY -> "EBUSY (device or resource busy)";
      case EEXIST -> "EEXIST (already exists)";
      case ENODEV -> "ENODEV (no such device)";
      case ENOTDIR -> "ENOTDIR (not a directory)";
      case EISDIR -> "EISDIR (is a directory)";
      case EINVAL -> "EINVAL (invalid argument)";
      case ENFILE -> "ENFILE (too many open files in the system)";
      case EMFILE -> "EMFILE (too many open files in the process)";
      case ENOTTY -> "ENOTTY (inappropriate ioctl for this fd)";
      case EFBIG -> "EFBIG (file too large)";
      case ENOSPC -> "ENOSPC (no space left)";
      case ESPIPE -> "ESPIPE (illegal seek)";
      case EROFS -> "EROFS (read-only file system)";
      case EPIPE -> "EPIPE (broken pipe: the other end is closed)";
      case ENAMETOOLONG -> "ENAMETOOLONG (file name too long)";
      case ELOOP -> "ELOOP (a symbolic link)";
      case ENOSYS -> "ENOSYS (system call not implemented)";
      case EPROTO -> "EPROTO (protocol error)";
      case EOVERFLOW -> "EOVERFLOW (value too large)";
      case ENOTSOCK -> "ENOTSOCK (not a socket)";
      case EMSGSIZE -> "EMSGSIZE (message too long)";
      case EPROTOTYPE -> "EPROTOTYPE (wrong type of socket)";
      case EOPNOTSUPP -> "EOPNOTSUPP (operation not supported)";
      case EADDRINUSE -> "EADDRINUSE (address already in use)";
      case ECONNABORTED -> "ECONNABORTED (connection aborted)";
      case ECONNRESET -> "ECONNRESET (connection reset by the other end)";
      case ENOTCONN -> "ENOTCONN (socket not connected)";
      case ETOOMANYREFS -> "ETOOMANYREFS (too many file descriptors on their way in messages)";
      case ECONNREFUSED -> "ECONNREFUSED (connection refused: nobody listens)";
      default -> "errno " + errno;
    };
  }
}
