/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jna;

import static org.luo4j.internal.jna.JnaBridge.result;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.jna.JnaBridge.LibC;

/**
 * The socket calls of {@link Bridge} over the C library. Numbers and structures are those of a
 * 64-bit little-endian Linux with the generic ones, from the headers named. Stateless; any thread.
 *
 * <p>What sendmsg(2) and recvmsg(2) point to lies in one block of memory, for the call only:
 *
 * <pre>
 *    0  struct msghdr       name 0, namelen 8 (u32), iov 16, iovlen 24, control 32, controllen 40,
 *                           flags 48 (u32); the others are 64 bits
 *   56  struct iovec        base 0, length 8
 *   72  struct sockaddr_un  family 0 (u16), path 2
 *  184  struct cmsghdr      length 0, level 8 (u32), type 12 (u32); then up to 253 fds, and padding
 * 1216  the message
 * </pre>
 */
final class UnixSockets {

  // bits/socket.h, bits/socket_type.h, asm-generic/socket.h
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_SEQPACKET = 5;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_PEERCRED = 17;
  private static final int SO_RCVTIMEO = 20;
  private static final int SO_SNDTIMEO = 21;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 0x8;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int SHUT_RDWR = 2;

  /** S_IRUSR | S_IWUSR. */
  private static final int OWNER_ONLY = 0600;

  // struct ucred: pid, uid, gid; struct timeval: seconds, microseconds; struct sockaddr_un
  private static final int UCRED_BYTES = 12;
  private static final int TIMEVAL_BYTES = 16;
  private static final int TIMEVAL_USEC = 8;
  private static final int SUN_PATH = 2;

  // struct msghdr
  private static final int NAME = 0;
  private static final int NAME_LENGTH = 8;
  private static final int IOV = 16;
  private static final int IOV_LENGTH = 24;
  private static final int CONTROL = 32;
  private static final int CONTROL_LENGTH = 40;
  private static final int FLAGS = 48;

  // the block
  private static final int IOVEC = 56;
  private static final int SOCKADDR = 72;
  private static final int CMSG = 184;
  private static final int MESSAGE = 1216;

  // struct cmsghdr
  private static final int CMSG_LEVEL = 8;
  private static final int CMSG_TYPE = 12;
  private static final int CMSG_DATA = 16;

  private UnixSockets() {}

  static int sendTo(byte[] address, byte[] message, int[] fds, long timeoutMillis) {
    byte[] to = sockaddr(address);
    if (to == null) {
      return -Errno.EINVAL;
    }
    int socket = socket(SOCK_DGRAM);
    if (socket < 0) {
      return socket;
    }
    int set = setTimeout(socket, timeoutMillis);
    return closing(socket, set < 0 ? set : send(socket, to, message, fds));
  }

  static int bind(byte[] address) {
    return boundSocket(SOCK_DGRAM, address);
  }

  static int listen(byte[] address, int backlog) {
    int socket = boundSocket(SOCK_SEQPACKET, address);
    if (socket < 0) {
      return socket;
    }
    int done = result(LibC.listen(socket, backlog));
    return done < 0 ? closing(socket, done) : socket;
  }

  private static int boundSocket(int type, byte[] address) {
    byte[] at = sockaddr(address);
    if (at == null) {
      return -Errno.EINVAL;
    }
    int socket = socket(type);
    if (socket < 0) {
      return socket;
    }
    // bind(2) gives the path the mode of the socket's own inode: it is never wider than this.
    int done = result(LibC.fchmod(socket, OWNER_ONLY));
    if (done >= 0) {
      done = result(LibC.bind(socket, at, at.length));
    }
    return done < 0 ? closing(socket, done) : socket;
  }

  static int connect(byte[] address, long timeoutMillis) {
    byte[] to = sockaddr(address);
    if (to == null) {
      return -Errno.EINVAL;
    }
    int socket = socket(SOCK_SEQPACKET);
    if (socket < 0) {
      return socket;
    }
    int done = setTimeout(socket, timeoutMillis);
    if (done >= 0) {
      do {
        done = result(LibC.connect(socket, to, to.length));
      } while (done == -Errno.EINTR);
    }
    return done < 0 ? closing(socket, done) : socket;
  }

  static int accept(int listener) {
    int socket;
    do {
      socket = result(LibC.accept4(listener, 0, 0, SOCK_CLOEXEC));
    } while (socket == -Errno.EINTR);
    return socket;
  }

  static int send(int socket, byte[] message, int[] fds) {
    return send(socket, new byte[0], message, fds);
  }

  private static int send(int socket, byte[] to, byte[] message, int[] fds) {
    if (message.length == 0) {
      return -Errno.EINVAL;
    }
    if (fds.length > Abi.FDS_MAX) {
      return -Errno.E2BIG;
    }
    try (Memory block = new Memory(MESSAGE + (long) message.length)) {
      long start = header(block, message.length);
      block.write(MESSAGE, message, 0, message.length);
      if (to.length > 0) {
        block.write(SOCKADDR, to, 0, to.length);
        block.setLong(NAME, start + SOCKADDR);
        block.setInt(NAME_LENGTH, to.length);
      }
      if (fds.length > 0) {
        int length = CMSG_DATA + fds.length * Integer.BYTES;
        block.setLong(CMSG, length);
        block.setInt(CMSG + CMSG_LEVEL, SOL_SOCKET);
        block.setInt(CMSG + CMSG_TYPE, SCM_RIGHTS);
        block.write(CMSG + CMSG_DATA, fds, 0, fds.length);
        block.setLong(CONTROL, start + CMSG);
        block.setLong(CONTROL_LENGTH, aligned(length));
      }
      long sent;
      do {
        sent = result(LibC.sendmsg(socket, start, MSG_NOSIGNAL));
      } while (sent == -Errno.EINTR);
      return sent < 0 ? (int) sent : 0;
    }
  }

  static int receive(int socket, byte[] buffer, int[] fds) {
    if (fds.length > Abi.FDS_MAX) {
      return -Errno.E2BIG;
    }
    Arrays.fill(fds, -1);
    if (buffer.length == 0) {
      return -Errno.EINVAL;
    }
    // All fds that can come are taken, so that the kernel's rounding of the room decides nothing.
    try (Memory block = new Memory(MESSAGE + (long) buffer.length)) {
      long start = header(block, buffer.length);
      block.setLong(CONTROL, start + CMSG);
      block.setLong(CONTROL_LENGTH, MESSAGE - CMSG);
      long received;
      do {
        received = result(LibC.recvmsg(socket, start, MSG_CMSG_CLOEXEC));
      } while (received == -Errno.EINTR);
      if (received < 0) {
        return (int) received;
      }
      int[] passed = passed(block);
      boolean isCut =
          (block.getInt(FLAGS) & (MSG_TRUNC | MSG_CTRUNC)) != 0 || passed.length > fds.length;
      if (isCut || received == 0) {
        for (int fd : passed) {
          LibC.close(fd);
        }
        return isCut ? -Errno.EMSGSIZE : 0;
      }
      block.read(MESSAGE, buffer, 0, (int) received);
      System.arraycopy(passed, 0, fds, 0, passed.length);
      return (int) received;
    }
  }

  /** Clears the block but for the message, and sets the message's place; the block's address. */
  private static long header(Memory block, int messageLength) {
    long start = Pointer.nativeValue(block);
    block.setMemory(0, MESSAGE, (byte) 0);
    block.setLong(IOV, start + IOVEC);
    block.setLong(IOV_LENGTH, 1);
    block.setLong(IOVEC, start + MESSAGE);
    block.setLong(IOVEC + Long.BYTES, messageLength);
    return start;
  }

  /** The fds of a received message. */
  private static int[] passed(Memory block) {
    int[] passed = {};
    long end = CMSG + block.getLong(CONTROL_LENGTH);
    long part = CMSG;
    while (part + CMSG_DATA <= end && block.getLong(part) >= CMSG_DATA) {
      long length = block.getLong(part);
      if (block.getInt(part + CMSG_LEVEL) == SOL_SOCKET
          && block.getInt(part + CMSG_TYPE) == SCM_RIGHTS) {
        int more = (int) (length - CMSG_DATA) / Integer.BYTES;
        passed = Arrays.copyOf(passed, passed.length + more);
        block.read(part + CMSG_DATA, passed, passed.length - more, more);
      }
      part += aligned(length);
    }
    return passed;
  }

  /** The next multiple of 8, where a control message starts. */
  private static long aligned(long length) {
    return (length + 7) & -8;
  }

  static int peer(int socket, int[] pidUidGid) {
    if (pidUidGid.length != UCRED_BYTES / Integer.BYTES) {
      return -Errno.EINVAL;
    }
    byte[] peer = new byte[UCRED_BYTES];
    int got =
        result(LibC.getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, new int[] {UCRED_BYTES}));
    if (got >= 0) {
      ByteBuffer.wrap(peer).order(ByteOrder.nativeOrder()).asIntBuffer().get(pidUidGid);
    }
    return got;
  }

  static int setTimeout(int socket, long timeoutMillis) {
    if (timeoutMillis < 0) {
      return -Errno.EINVAL;
    }
    byte[] limit =
        ByteBuffer.allocate(TIMEVAL_BYTES)
            .order(ByteOrder.nativeOrder())
            .putLong(0, timeoutMillis / 1000)
            .putLong(TIMEVAL_USEC, timeoutMillis % 1000 * 1000)
            .array();
    int set = result(LibC.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, limit, TIMEVAL_BYTES));
    return set < 0
        ? set
        : result(LibC.setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, limit, TIMEVAL_BYTES));
  }

  static int shutdown(int socket) {
    return result(LibC.shutdown(socket, SHUT_RDWR));
  }

  private static int socket(int type) {
    return result(LibC.socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  }

  /** Closes a socket that its maker does not return; the maker's result. */
  private static int closing(int socket, int result) {
    LibC.close(socket);
    return result;
  }

  /** The address in the kernel's form, or null where it is none. */
  private static byte @Nullable [] sockaddr(byte[] address) {
    if (address.length < 1 || address.length > Abi.ADDRESS_MAX) {
      return null;
    }
    boolean isPath = address[0] != 0;
    if (isPath) {
      for (byte b : address) {
        if (b == 0) {
          return null;
        }
      }
    }
    // Each byte counts in an abstract name, so only a path has one more, its NUL.
    ByteBuffer to = ByteBuffer.allocate(SUN_PATH + address.length + (isPath ? 1 : 0));
    to.order(ByteOrder.nativeOrder()).putShort((short) AF_UNIX).put(address);
    return to.array();
  }
}
