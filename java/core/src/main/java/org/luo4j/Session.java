/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;

/**
 * A LUO session: a named set of files, each under a token, that goes to the next kernel together
 * (kernel/liveupdate/luo_session.c).
 *
 * <p>An outgoing session is created here and preserves files. It, or a duplicate of its fd in
 * another process, must be open when the kexec happens: closing it, or the end of the last process
 * that holds it, un-preserves everything in it. An incoming session was left by the previous
 * kernel; its files are retrieved by token, and {@link #finish} or {@link #close} gives up what was
 * not.
 *
 * <p>Owns its fd until {@link #close}. A Session that is dropped without being closed keeps its fd,
 * and what it preserves, for the life of the process. Any thread may call any method; the kernel
 * runs the calls on one session one after the other.
 *
 * @since 0.1.0
 */
public final class Session implements AutoCloseable {

  /**
   * Which way a session goes.
   *
   * @since 0.1.0
   */
  public enum Kind {
    /** Created in this kernel, for the next one. */
    OUTGOING,
    /** Left by the previous kernel. */
    INCOMING
  }

  private final Descriptor descriptor;
  private final String name;
  private final Kind kind;

  private Session(Bridge bridge, int fd, String name, Kind kind) {
    this.name = name;
    this.kind = kind;
    this.descriptor = new Descriptor(bridge, fd, "session '" + name + "'");
  }

  static Session created(Bridge bridge, int fd, String name) {
    return new Session(bridge, fd, name, Kind.OUTGOING);
  }

  static Session retrieved(Bridge bridge, int fd, String name) {
    return new Session(bridge, fd, name, Kind.INCOMING);
  }

  static Session adopt(Bridge bridge, int fd) {
    String file = bridge.describe(fd);
    String argument = "fd " + fd + (file == null ? "" : " (" + file + ")");
    byte[] field = new byte[Abi.NAME_LENGTH];
    int result = bridge.sessionName(fd, field);
    String name;
    if (result >= 0) {
      name = decode(field);
    } else if (result == -Errno.EINVAL && file != null && file.startsWith(Abi.SESSION_LINK)) {
      // A kernel without GET_NAME shows the name in /proc.
      name = file.substring(Abi.SESSION_LINK.length());
    } else if (result == -Errno.ENOTTY || result == -Errno.EINVAL) {
      throw new LuoException(
          "adopt session", -result, argument, "it is not a LUO session; it stays the caller's");
    } else {
      throw Refusal.ADOPT_SESSION.exception(result, argument);
    }
    // PRESERVE_FD of no file: an outgoing session looks at the file, an incoming one at its kind.
    Kind kind = bridge.preserve(fd, -1, 0) == -Errno.EINVAL ? Kind.INCOMING : Kind.OUTGOING;
    return new Session(bridge, fd, name, kind);
  }

  /**
   * The name.
   *
   * @return 1 to 63 bytes in UTF-8
   */
  public String name() {
    return name;
  }

  /**
   * Which way it goes.
   *
   * @return its kind, which never changes
   */
  public Kind kind() {
    return kind;
  }

  /**
   * The fd's number, to hand it to who shall hold it across the kexec. It stays this object's.
   *
   * @return 0 or more; from 2^20 on the emulator, where it means nothing to the system
   */
  public int fd() {
    return descriptor.number();
  }

  /**
   * Preserves a memfd under a token (LIVEUPDATE_SESSION_PRESERVE_FD).
   *
   * <p>From then on its size is frozen, its memory is allocated and pinned, and writes go on and
   * arrive in the next kernel too. Cheap right after creation and for huge folios; the first time
   * for a filled memfd of ordinary pages it may take seconds for each GiB.
   *
   * @param memfd stays the caller's, who may close it: the session holds the file
   * @param token any 64 bits, unique in the session
   * @throws LuoException.TokenInUse EEXIST
   * @throws LuoException.AlreadyPreserved EBUSY
   * @throws LuoException.NotPreservable ENOENT, EOPNOTSUPP, EFBIG
   * @throws LuoException.WrongSessionKind EINVAL on an incoming session
   * @throws LuoException ENOMEM, ENOSPC
   */
  public void preserve(MemFd memfd, long token) {
    if (memfd.bridge() != bridge()) {
      throw new IllegalArgumentException(
          memfd + " and " + this + " come from different bridges: open both by one LiveUpdate");
    }
    String argument = memfd + " as token " + hex(token);
    descriptor.call(
        Refusal.PRESERVE,
        argument,
        session -> memfd.descriptor().result(fd -> bridge().preserve(session, fd, token)));
  }

  /**
   * Preserve at birth: makes a memfd and preserves it before it is filled, so that nothing is left
   * to do when the update comes.
   *
   * @param options of the memfd; its size must be final, as preserving freezes it
   * @param token any 64 bits, unique in the session
   * @return the memfd, to be closed by the caller
   * @throws LuoException as {@link #preserve} and {@link LiveUpdate#createMemFd} do; nothing stays
   *     behind then
   */
  public MemFd preserveNew(MemFdOptions options, long token) {
    MemFd memfd = MemFd.create(bridge(), options);
    try {
      preserve(memfd, token);
      return memfd;
    } catch (Throwable e) {
      Undo.close(e, memfd);
      throw e;
    }
  }

  /**
   * Retrieves the file of a token (LIVEUPDATE_SESSION_RETRIEVE_FD), in any order. Asking again
   * gives another fd of the same open file.
   *
   * @param token what it was preserved under
   * @return the memfd, nameless, close-on-exec, to be closed by the caller; contents, size,
   *     position and (Linux 7.2 and later) seals are those that it had
   * @throws LuoException.NoSuchToken ENOENT
   * @throws LuoException.WrongSessionKind EINVAL on an outgoing session
   * @throws LuoException the errno of the first failure, for a token whose retrieve failed once: it
   *     is lost
   */
  public MemFd retrieve(long token) {
    int fd =
        (int)
            descriptor.call(
                Refusal.RETRIEVE,
                "token " + hex(token),
                session -> bridge().retrieve(session, token));
    return MemFd.retrieved(
        bridge(), fd, "memfd of token " + hex(token) + " from session '" + name + "'");
  }

  /**
   * Gives up the kernel's hold on the session's files (LIVEUPDATE_SESSION_FINISH). Those that were
   * retrieved live on by their fds, and can be preserved again; those that were not are lost.
   *
   * @throws LuoException.WrongSessionKind EINVAL on an outgoing session
   */
  public void finish() {
    descriptor.call(Refusal.FINISH, "", session -> bridge().finish(session));
  }

  /**
   * A second fd for the same session, for another holder. The session ends when the last is closed.
   *
   * @return a Session of its own, close-on-exec, to be closed by the caller
   */
  public Session duplicate() {
    int fd = (int) descriptor.call(Refusal.DUPLICATE, "", fd0 -> bridge().duplicate(fd0));
    return new Session(bridge(), fd, name, kind);
  }

  /**
   * Closes the fd, once the calls that use it have returned. Idempotent. The last fd of an outgoing
   * session un-preserves its files; that of an incoming one finishes it.
   */
  @Override
  public void close() {
    descriptor.close();
  }

  /**
   * Whether {@link #close} has not been called.
   *
   * @return true while the fd is held
   */
  public boolean isOpen() {
    return descriptor.isOpen();
  }

  private Bridge bridge() {
    return descriptor.bridge();
  }

  Descriptor descriptor() {
    return descriptor;
  }

  /** Kind, name and fd. */
  @Override
  public String toString() {
    return (kind == Kind.INCOMING ? "incoming " : "outgoing ") + descriptor;
  }

  private static String hex(long token) {
    return "0x" + Long.toHexString(token);
  }

  /** A name as the kernel's field of 64 bytes. */
  static byte[] encode(String name) {
    Objects.requireNonNull(name, "name");
    byte[] bytes;
    try {
      ByteBuffer encoded =
          StandardCharsets.UTF_8
              .newEncoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .encode(CharBuffer.wrap(name));
      bytes = new byte[encoded.remaining()];
      encoded.get(bytes);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("name '" + name + "' is not valid Unicode: " + e, e);
    }
    if (bytes.length == 0 || bytes.length >= Abi.NAME_LENGTH || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "name '"
              + name.replace('\0', '?')
              + "' is "
              + bytes.length
              + " bytes in UTF-8; a session's name must be 1 to "
              + (Abi.NAME_LENGTH - 1)
              + " bytes without a NUL: shorten it");
    }
    return Arrays.copyOf(bytes, Abi.NAME_LENGTH);
  }

  private static String decode(byte[] field) {
    int length = 0;
    while (length < field.length && field[length] != 0) {
      length++;
    }
    return new String(field, 0, length, StandardCharsets.UTF_8);
  }
}
