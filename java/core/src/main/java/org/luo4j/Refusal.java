/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.luo4j.internal.bridge.Errno.EACCES;
import static org.luo4j.internal.bridge.Errno.EBADF;
import static org.luo4j.internal.bridge.Errno.EBUSY;
import static org.luo4j.internal.bridge.Errno.EEXIST;
import static org.luo4j.internal.bridge.Errno.EFBIG;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.EIO;
import static org.luo4j.internal.bridge.Errno.EMFILE;
import static org.luo4j.internal.bridge.Errno.ENODEV;
import static org.luo4j.internal.bridge.Errno.ENOENT;
import static org.luo4j.internal.bridge.Errno.ENOMEM;
import static org.luo4j.internal.bridge.Errno.ENOSPC;
import static org.luo4j.internal.bridge.Errno.ENOSYS;
import static org.luo4j.internal.bridge.Errno.ENOTTY;
import static org.luo4j.internal.bridge.Errno.EOPNOTSUPP;
import static org.luo4j.internal.bridge.Errno.EPERM;

import org.luo4j.internal.bridge.Machine;

/**
 * The one switch from a call and its errno to the exception that says what it means there: the same
 * number means different things to different calls.
 */
enum Refusal {
  OPEN_DEVICE("open device"),
  CREATE_SESSION("create session"),
  RETRIEVE_SESSION("retrieve session"),
  ADOPT_SESSION("adopt session"),
  PRESERVE("preserve"),
  RETRIEVE("retrieve"),
  FINISH("finish"),
  CREATE_MEMFD("memfd_create"),
  ADOPT_MEMFD("adopt memfd"),
  RESIZE("set size"),
  ALLOCATE("allocate"),
  SEAL("add seals"),
  READ("read"),
  WRITE("write"),
  POSITION("position"),
  INSPECT("inspect"),
  DUPLICATE("duplicate"),
  MAP("map"),
  ADVISE("advise"),
  UNMAP("unmap"),
  CLOSE("close"),
  LOCK("lock"),
  NOTIFY("notify systemd"),
  LISTEN("listen"),
  CONNECT("connect"),
  KEXEC("kexec");

  private final String operation;

  Refusal(String operation) {
    this.operation = operation;
  }

  /**
   * The exception for a refused call.
   *
   * @param result the call's negative result
   * @param argument what it was made with, for the message
   */
  LuoException exception(long result, String argument) {
    int errno = (int) -result;
    switch (this) {
      case OPEN_DEVICE:
        return openDevice(errno, argument);
      case CREATE_SESSION:
        if (errno == EEXIST) {
          return new LuoException.SessionExists(
              operation, errno, argument, "choose another name, or close the one that has it");
        }
        break;
      case RETRIEVE_SESSION:
        if (errno == ENOENT) {
          return new LuoException.NoSuchSession(
              operation,
              errno,
              argument,
              "the previous kernel left none of this name: it was not held open at the kexec, or"
                  + " this is a cold boot");
        }
        if (errno == EINVAL) {
          return new LuoException.SessionAlreadyRetrieved(
              operation, errno, argument, "it can be retrieved once a boot: ask who holds it");
        }
        break;
      case PRESERVE:
        return preserve(errno, argument);
      case RETRIEVE:
        if (errno == ENOENT) {
          return new LuoException.NoSuchToken(
              operation, errno, argument, "it was not preserved, or the session is finished");
        }
        if (errno == EINVAL) {
          return wrongKind(
              errno, argument, "only a session retrieved from the previous kernel can");
        }
        break;
      case FINISH:
        if (errno == EINVAL) {
          return wrongKind(
              errno, argument, "only a session retrieved from the previous kernel can");
        }
        break;
      case RESIZE, ALLOCATE, WRITE:
        if (errno == EPERM) {
          return new LuoException.Frozen(
              operation,
              errno,
              argument,
              "the memfd is preserved in a session, which freezes its size, or sealed");
        }
        break;
      case SEAL:
        if (errno == EPERM) {
          return new LuoException.Frozen(
              operation, errno, argument, "the memfd is sealed against further seals");
        }
        if (errno == EBUSY) {
          return new LuoException(
              operation,
              errno,
              argument,
              "WRITE cannot be sealed while a writable mapping or a preservation holds the memory");
        }
        break;
      case MAP:
        if (errno == EPERM || errno == EACCES) {
          return new LuoException.Frozen(
              operation, errno, argument, "the memfd is sealed against writing: map it read-only");
        }
        break;
      case CREATE_MEMFD:
        if (errno == EACCES) {
          return new LuoException.PermissionDenied(
              operation,
              errno,
              argument,
              "the sysctl vm.memfd_noexec=2 allows ExecPolicy.NOEXEC_SEAL only; such a memfd comes"
                  + " back from a kexec sealed against writing");
        }
        if (errno == ENODEV || errno == EINVAL) {
          return new LuoException(
              operation, errno, argument, "this kernel lacks that flag or that huge page size");
        }
        if (errno == EPERM || errno == ENOSYS) {
          return new LuoException.PermissionDenied(
              operation, errno, argument, Machine.MEMFD_REFUSED);
        }
        break;
      case LOCK:
        if (errno == ENOENT || errno == EACCES) {
          return new LuoException(
              operation,
              errno,
              argument,
              "the lock is taken through /proc/self/fd, which this process cannot use: mount /proc"
                  + " (mount -t proc proc /proc) and let this user read it");
        }
        break;
      case LISTEN, CONNECT:
        if (errno == ENOSYS) {
          return new LuoException(
              operation,
              errno,
              argument,
              "the emulator has no sockets: open the LiveUpdate with bridge(JNI) or bridge(JNA)");
        }
        break;
      case NOTIFY:
        return new LuoException(
            operation,
            errno,
            argument,
            "what NOTIFY_SOCKET names does not answer: run in the unit's main process, or set"
                + " NotifyAccess=all in the unit; on the emulator there is no systemd");
      default:
        break;
    }
    return new LuoException(operation, errno, argument, general(errno));
  }

  private LuoException openDevice(int errno, String argument) {
    switch (errno) {
      case ENOENT, ENODEV:
        return new LuoException.DeviceAbsent(
            operation,
            errno,
            argument,
            "the kernel has no LUO or it is not enabled: it needs Linux 6.19 or later with"
                + " CONFIG_LIVEUPDATE, and kho=on liveupdate=on on its command line");
      case EBUSY:
        return new LuoException.DeviceBusy(
            operation,
            errno,
            argument,
            "one process at a time may have it open: find it with fuser, or wait longer");
      case EACCES, EPERM:
        return new LuoException.PermissionDenied(
            operation, errno, argument, "the device is root's: run as root or change its mode");
      case EIO:
        return new LuoException(
            operation,
            errno,
            argument,
            "the kernel could not read what its predecessor left (see dmesg); only a reboot helps");
      default:
        return new LuoException(operation, errno, argument, general(errno));
    }
  }

  private LuoException preserve(int errno, String argument) {
    switch (errno) {
      case EEXIST:
        return new LuoException.TokenInUse(
            operation, errno, argument, "choose another token: it is taken in this session");
      case ENOENT:
        return new LuoException.NotPreservable(
            operation, errno, argument, "the kernel preserves memfds only, and not hugetlb ones");
      case EOPNOTSUPP:
        return new LuoException.NotPreservable(
            operation, errno, argument, "the memfd has seals that this kernel cannot preserve");
      case EFBIG:
        return new LuoException.NotPreservable(
            operation, errno, argument, "a preserved memfd has at most 2^32 - 1 pages (16 TiB)");
      case EBUSY:
        return new LuoException.AlreadyPreserved(
            operation,
            errno,
            argument,
            "the file is preserved in a session, or was retrieved from one that must be finished"
                + " first");
      case EINVAL:
        return wrongKind(errno, argument, "only a session created in this kernel can");
      default:
        return new LuoException(operation, errno, argument, general(errno));
    }
  }

  private LuoException wrongKind(int errno, String argument, String rule) {
    return new LuoException.WrongSessionKind(operation, errno, argument, rule);
  }

  private static String general(int errno) {
    return switch (errno) {
      case EBADF -> "the fd is not open";
      case EMFILE -> "raise the process's limit of open files (ulimit -n)";
      case ENOMEM -> "there is not enough memory for it";
      case ENOSPC -> "there is no space left for it";
      case ENOTTY -> "the fd is not of the kind that this call is for";
      default -> "";
    };
  }
}
