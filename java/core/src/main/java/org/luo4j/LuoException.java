/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.util.OptionalLong;
import org.luo4j.internal.bridge.Errno;

/**
 * The kernel, or the emulator in its place, refused a call.
 *
 * <p>Root of all failures that have an errno. The nested classes are those on which a caller can
 * act; any other refusal is a plain {@code LuoException}. Misuse of the library itself is an {@link
 * IllegalArgumentException} or, on something closed, an {@link IllegalStateException}.
 *
 * <p>Errno numbers are Linux's (errno(3)), also on the emulator.
 *
 * @since 0.1.0
 */
public class LuoException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** The errno. */
  private final int errno;

  /** The call. */
  private final String operation;

  /** What it was called with. */
  private final String argument;

  /** What to do. */
  private final String remedy;

  LuoException(String operation, int errno, String argument, String remedy) {
    super(
        operation
            + (argument.isEmpty() ? "" : " " + argument)
            + ": "
            + Errno.describe(errno)
            + (remedy.isEmpty() ? "" : ": " + remedy));
    this.errno = errno;
    this.operation = operation;
    this.argument = argument;
    this.remedy = remedy;
  }

  /**
   * The errno.
   *
   * @return Linux's number, 1 to 4095
   */
  public int errno() {
    return errno;
  }

  /**
   * The call that was refused.
   *
   * @return a name as "preserve" or "open device"
   */
  public String operation() {
    return operation;
  }

  /**
   * What the call was made with.
   *
   * @return a text as "fd 7 as token 0x1"; empty when it had nothing
   */
  public String argument() {
    return argument;
  }

  /**
   * What to do about it.
   *
   * @return a sentence, possibly empty
   */
  public String remedy() {
    return remedy;
  }

  /**
   * There is no {@code /dev/liveupdate}: no LUO in the kernel, or not enabled. ENOENT, ENODEV.
   *
   * @since 0.1.0
   */
  public static final class DeviceAbsent extends LuoException {
    private static final long serialVersionUID = 1L;

    DeviceAbsent(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * Another process had {@code /dev/liveupdate} open until the deadline. EBUSY.
   *
   * @since 0.1.0
   */
  public static final class DeviceBusy extends LuoException {
    private static final long serialVersionUID = 1L;

    DeviceBusy(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * Memory that has one owner at a time has another one still. EBUSY. At an agent it is a {@link
   * NameBusy}.
   *
   * @since 0.1.0
   */
  public static sealed class OwnerAlive extends LuoException permits NameBusy {
    private static final long serialVersionUID = 1L;

    /** The owner's process, or 0. */
    private final long pid;

    OwnerAlive(String operation, int errno, String argument, String remedy) {
      this(operation, errno, argument, remedy, 0);
    }

    /** Of an owner that the remedy names, or 0. */
    OwnerAlive(String operation, int errno, String argument, String remedy, long pid) {
      super(operation, errno, argument, remedy);
      this.pid = pid;
    }

    /**
     * Returns this exception for a process that is known to be the owner.
     *
     * @param owner the process, or 0 where it is not known
     * @return an exception that names it, with this one as its cause
     */
    public OwnerAlive ownedBy(long owner) {
      return owner == 0 ? this : named("its owner is process " + owner, owner);
    }

    /**
     * Returns this exception for an owner whose process has another number here, or none: it runs
     * in another PID namespace, such as a container's, or it is not known whether it does.
     *
     * @param owner the process, as the owner numbers it, or 0 where it is not known
     * @return an exception that says so, with this one as its cause; its {@link #pid} is empty
     */
    public OwnerAlive ownedElsewhere(long owner) {
      return owner == 0
          ? this
          : named(
              "its owner calls itself process "
                  + owner
                  + ", perhaps in another PID namespace, such as a container's, where that is not"
                  + " process "
                  + owner
                  + " of this one",
              0);
    }

    private OwnerAlive named(String who, long owner) {
      OwnerAlive named =
          new OwnerAlive(operation(), errno(), argument(), who + ": " + remedy(), owner);
      named.initCause(this);
      return named;
    }

    /**
     * The owner's process, as this process's PID namespace numbers it.
     *
     * @return the number; empty where it is not known, or the owner is in another namespace
     */
    public OptionalLong pid() {
      return pid == 0 ? OptionalLong.empty() : OptionalLong.of(pid);
    }
  }

  /**
   * The process may not do this. EACCES, or EPERM where no seal and no preservation is meant.
   *
   * @since 0.1.0
   */
  public static final class PermissionDenied extends LuoException {
    private static final long serialVersionUID = 1L;

    PermissionDenied(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * An outgoing session of this name exists. EEXIST.
   *
   * @since 0.1.0
   */
  public static final class SessionExists extends LuoException {
    private static final long serialVersionUID = 1L;

    SessionExists(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The previous kernel left no session of this name. ENOENT.
   *
   * @since 0.1.0
   */
  public static final class NoSuchSession extends LuoException {
    private static final long serialVersionUID = 1L;

    NoSuchSession(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The session was retrieved already, by this process or another. EINVAL.
   *
   * @since 0.1.0
   */
  public static final class SessionAlreadyRetrieved extends LuoException {
    private static final long serialVersionUID = 1L;

    SessionAlreadyRetrieved(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The session has no such token, or was finished. ENOENT.
   *
   * @since 0.1.0
   */
  public static final class NoSuchToken extends LuoException {
    private static final long serialVersionUID = 1L;

    NoSuchToken(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The token is taken in this session. EEXIST.
   *
   * @since 0.1.0
   */
  public static final class TokenInUse extends LuoException {
    private static final long serialVersionUID = 1L;

    TokenInUse(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The kernel cannot preserve this kind of file, or not this large. ENOENT, EOPNOTSUPP, EFBIG.
   *
   * @since 0.1.0
   */
  public static final class NotPreservable extends LuoException {
    private static final long serialVersionUID = 1L;

    NotPreservable(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The file is preserved in a session, or was retrieved from one that is not finished. EBUSY.
   *
   * @since 0.1.0
   */
  public static final class AlreadyPreserved extends LuoException {
    private static final long serialVersionUID = 1L;

    AlreadyPreserved(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The memfd's size, or its contents, cannot change: it is preserved, or sealed. EPERM.
   *
   * @since 0.1.0
   */
  public static final class Frozen extends LuoException {
    private static final long serialVersionUID = 1L;

    Frozen(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The call does not fit the session's kind, outgoing or incoming. EINVAL.
   *
   * @since 0.1.0
   */
  public static final class WrongSessionKind extends LuoException {
    private static final long serialVersionUID = 1L;

    WrongSessionKind(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * Another client of the same user has the name, at an {@link Agent}. EBUSY.
   *
   * @since 0.1.0
   */
  public static final class NameBusy extends OwnerAlive {
    private static final long serialVersionUID = 1L;

    /** Of an owner that the remedy names. */
    NameBusy(String operation, int errno, String argument, String remedy, long pid) {
      super(operation, errno, argument, remedy, pid);
    }
  }

  /**
   * No {@link Agent} answered until the deadline: ENOENT, ECONNREFUSED, ECONNRESET, EAGAIN.
   *
   * @since 0.1.0
   */
  public static final class AgentAbsent extends LuoException {
    private static final long serialVersionUID = 1L;

    AgentAbsent(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * The {@link Agent} will not: a limit (ENOSPC), a wrong fd (EINVAL), another user (EPERM).
   *
   * @since 0.1.0
   */
  public static final class AgentRefused extends LuoException {
    private static final long serialVersionUID = 1L;

    AgentRefused(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }

  /**
   * No bridge works, or the one that is forced does not; the causes are suppressed. ENOSYS.
   *
   * @since 0.1.0
   */
  public static final class BridgeUnavailable extends LuoException {
    private static final long serialVersionUID = 1L;

    BridgeUnavailable(String operation, int errno, String argument, String remedy) {
      super(operation, errno, argument, remedy);
    }
  }
}
