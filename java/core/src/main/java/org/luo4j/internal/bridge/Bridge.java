/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The system calls that luo4j makes, one method each, as numbers.
 *
 * <p>Every {@code int} or {@code long} result is {@code >= 0} on success and {@code -errno} on
 * failure (numbers of {@link Errno}). No method throws for what the kernel refuses, and none
 * interprets a result: the caller reads it in the line after the call. Three implementations answer
 * the same contract test, errno by errno: JNI, JNA and the emulator.
 *
 * <p>Arguments are passed as they are. The caller guarantees what would corrupt memory if it were
 * wrong: buffers are direct, ranges lie within them, addresses come from {@link #map}.
 *
 * <p>Of the socket calls: an address is 1 to 107 bytes, a path without a NUL or after a NUL an
 * abstract name; EINVAL for another. A time limit is in milliseconds, 0 for none, EINVAL for a
 * negative one; a wait that reaches it ends with EAGAIN. A signal does not end a wait, which then
 * starts anew with all of its time. Sockets are close-on-exec. In the emulator, whose fds no real
 * socket could pass, each of these calls is ENOSYS.
 *
 * <p>All methods may be called by any thread. File descriptors belong to the caller, who closes
 * them exactly once.
 */
public interface Bridge {

  /** What the implementation is called in properties and reports: jni, jna or emulator. */
  String name();

  // ---- the device and its sessions: linux/liveupdate.h ----

  /**
   * Opens {@code /dev/liveupdate}, read-write and close-on-exec.
   *
   * @return the device's fd; EBUSY while anyone has it open; ENOENT without LUO; EACCES; EIO when
   *     the kernel could not read what its predecessor left
   */
  int openDevice();

  /**
   * LIVEUPDATE_IOCTL_CREATE_SESSION.
   *
   * @param name the name field, exactly 64 bytes, of which the kernel wants 1 to 63 before a NUL
   * @return the session's fd, close-on-exec; EINVAL for a bad name; EEXIST
   */
  int createSession(int device, byte[] name);

  /**
   * LIVEUPDATE_IOCTL_RETRIEVE_SESSION.
   *
   * @param name the name field, exactly 64 bytes
   * @return the session's fd, close-on-exec; ENOENT; EINVAL when it was retrieved already
   */
  int retrieveSession(int device, byte[] name);

  /**
   * LIVEUPDATE_SESSION_PRESERVE_FD.
   *
   * @return 0; EEXIST for a used token; EBADF; ENOENT for a kind of file that cannot be preserved;
   *     EBUSY for a file that is preserved already; EINVAL on an incoming session; EFBIG; ENOMEM
   */
  int preserve(int session, int fd, long token);

  /**
   * LIVEUPDATE_SESSION_RETRIEVE_FD.
   *
   * @return an fd of the preserved file, close-on-exec; ENOENT for an unknown token; EINVAL on an
   *     outgoing session; the first failure's errno for a token whose retrieve failed once
   */
  int retrieve(int session, long token);

  /**
   * LIVEUPDATE_SESSION_FINISH.
   *
   * @return 0; EINVAL on an outgoing session
   */
  int finish(int session);

  /**
   * LIVEUPDATE_SESSION_GET_NAME.
   *
   * @param name receives the name field, exactly 64 bytes
   * @return 0; EINVAL on a kernel without this call; ENOTTY on an fd that is not a session
   */
  int sessionName(int session, byte[] name);

  /**
   * ioctl(2) with a structure as its argument, copied in and, where the kernel writes it, out.
   *
   * @param argument 4 to 4096 bytes, else EINVAL; the kernel reads as many as its first 32-bit
   *     field says: EFAULT, with no call made, when that exceeds the array's length
   * @return what the kernel returns
   */
  int ioctl(int fd, int request, byte[] argument);

  // ---- file descriptors ----

  /**
   * memfd_create(2).
   *
   * @param name 0 to 249 bytes and a NUL
   * @param flags MFD_ flags of {@link Abi}
   * @return the fd; EINVAL for a flag this kernel does not know; EACCES; ENODEV; ENOMEM
   */
  int memfdCreate(byte[] name, int flags);

  /** close(2). Never retried: the fd is gone whatever the result is. */
  int close(int fd);

  /** fcntl(F_DUPFD_CLOEXEC): a new fd for the same open file. EBADF; EMFILE. */
  int duplicate(int fd);

  /**
   * flock(LOCK_EX | LOCK_NB) on a new open file of the same memfd, as /proc/self/fd opens it: the
   * lock is that file's, whoever else has fds of the memfd, and ends when it is closed.
   *
   * @return the new file's fd, read-write and close-on-exec; EAGAIN while another one has the lock;
   *     EACCES; EBADF; ENOSYS in the emulator
   */
  int lock(int fd);

  /** fcntl(F_GETFD): FD_CLOEXEC (1) or 0. EBADF. */
  int descriptorFlags(int fd);

  /** fcntl(F_SETFD). EBADF. */
  int setDescriptorFlags(int fd, int flags);

  /** fcntl(F_GETFL): access mode and status flags, O_ numbers of the machine. EBADF. */
  int statusFlags(int fd);

  /** fcntl(F_GET_SEALS): F_SEAL_ bits. EINVAL for a file that cannot have seals; EBADF. */
  int seals(int fd);

  /** fcntl(F_ADD_SEALS). EPERM when sealed against it; EBUSY for F_SEAL_WRITE on mapped memory. */
  int addSeals(int fd, int seals);

  /** fstat(2) st_size, in bytes. EBADF. */
  long size(int fd);

  /** fstat(2) st_blocks in bytes: the memory that is allocated to the file. EBADF. */
  long allocated(int fd);

  /** ftruncate(2). EPERM when sealed or preserved; EINVAL for a negative size; EFBIG. */
  int truncate(int fd, long size);

  /** fallocate(2). EPERM when sealed or preserved; EINVAL; ENOSPC; EOPNOTSUPP. */
  int allocate(int fd, int mode, long offset, long length);

  /** lseek(2). EINVAL; ESPIPE; EBADF. */
  long seek(int fd, long offset, int whence);

  /**
   * read(2), or pread(2) at {@code fileOffset >= 0}, into {@code buffer} from its index {@code
   * start}.
   *
   * @return bytes read, fewer than asked at the end of the file
   */
  long read(int fd, ByteBuffer buffer, int start, int length, long fileOffset);

  /**
   * write(2), or pwrite(2) at {@code fileOffset >= 0}.
   *
   * @return bytes written, possibly fewer than asked; EPERM when sealed, or beyond the end of a
   *     preserved file
   */
  long write(int fd, ByteBuffer buffer, int start, int length, long fileOffset);

  /** What the fd is, as /proc/self/fd shows it ("/memfd:name (deleted)"); null when not open. */
  @Nullable String describe(int fd);

  // ---- ordinary files: ENOSYS in the emulator, whose fds are its own ----

  /** The places of the fields of {@link #status}. */
  int STATUS_MODE = 0;

  int STATUS_UID = 1;

  /** The device's major number in the upper half, the minor number in the lower. */
  int STATUS_DEVICE = 2;

  int STATUS_INODE = 3;

  /** In bytes. */
  int STATUS_SIZE = 4;

  /** In bytes. */
  int STATUS_ALLOCATED = 5;

  int STATUS_FIELDS = 6;

  /**
   * open(2), read-write and close-on-exec, without following a symbolic link in the last component
   * (O_NOFOLLOW), without waiting for a FIFO or a device.
   *
   * @param path without a NUL, as the file system has it
   * @param create whether to make the file, with mode 0600 less the umask; it must not exist then
   * @return the fd; ENOENT; EEXIST; ELOOP for a symbolic link; EACCES; EISDIR; EMFILE; ENOSPC;
   *     ENAMETOOLONG from 4096 bytes on
   */
  int openFile(byte[] path, boolean create);

  /**
   * fcntl(F_OFD_SETLK): an exclusive lock on a whole file, which belongs to the open file. No close
   * of another fd of the file ends it; it is in conflict with the locks of {@link
   * java.nio.channels.FileChannel#lock}, this process's included.
   *
   * @return 0; EAGAIN while another open file or process has a lock; EBADF; ENOLCK
   */
  int lockFile(int fd);

  /**
   * Ends the lock that {@link #lock} or {@link #lockFile} has put on an open file (flock(LOCK_UN),
   * F_UNLCK). A close does so only with the last fd of the open file, of which a child that is
   * being started has one until it executes its program.
   *
   * @return 0, also where there is no lock; EBADF; ENOSYS in the emulator
   */
  int unlock(int fd);

  /**
   * fstat(2).
   *
   * @param fields {@link #STATUS_FIELDS} places, else EINVAL
   * @return 0; EBADF
   */
  int status(int fd, long[] fields);

  /** geteuid(2), as an unsigned number: the user whom new files belong to. */
  int userId();

  /** CLOCK_BOOTTIME in milliseconds: it goes on in suspend, and is never set. */
  long bootTime();

  // ---- Unix sockets: unix(7) ----

  /**
   * Sends one SOCK_DGRAM message to an address, as sd_notify(3) does, from a socket that is closed
   * before the call returns. Where $NOTIFY_SOCKET starts with {@code @}, the address starts with 0
   * instead.
   *
   * @param message 1 byte or more, else EINVAL
   * @param fds 0 to 253 to pass along, which stay the caller's; E2BIG for more
   * @return 0; ENOENT or ECONNREFUSED when nobody is there; EPROTOTYPE where it is not a datagram
   *     socket; EMSGSIZE; EBADF for a bad one of {@code fds}; ETOOMANYREFS; EAGAIN; EACCES
   */
  int sendTo(byte[] address, byte[] message, int[] fds, long timeoutMillis);

  /**
   * A SOCK_DGRAM socket that receives what {@link #sendTo} sends to the address. A path is created
   * as by {@link #listen}.
   *
   * @return the socket; the errnos of {@link #listen}
   */
  int bind(byte[] address);

  /**
   * A SOCK_SEQPACKET socket that listens. A path is created, with mode 0600 less the umask, and
   * stays when the socket is closed: the caller deletes it.
   *
   * @param backlog connections that may wait to be accepted
   * @return the socket; EADDRINUSE, also for a path that exists; ENOENT, ENOTDIR or EACCES for the
   *     folder
   */
  int listen(byte[] address, int backlog);

  /**
   * A SOCK_SEQPACKET socket that is connected. The time limit stays with it.
   *
   * @return the socket; ENOENT or ECONNREFUSED when nobody listens; EPROTOTYPE where it is not such
   *     a socket; EAGAIN while the backlog is full; EACCES
   */
  int connect(byte[] address, long timeoutMillis);

  /**
   * accept4(2).
   *
   * @return the connection's socket, without a time limit; EAGAIN; EINVAL after {@link #shutdown}
   *     or where the socket does not listen; EMFILE; EBADF; ENOTSOCK
   */
  int accept(int listener);

  /**
   * Sends one message over a connection, whole or not at all.
   *
   * @param message 1 byte or more, else EINVAL
   * @param fds 0 to 253 to pass along, which stay the caller's; E2BIG for more
   * @return 0; EPIPE or ECONNRESET when the other end is closed; EMSGSIZE; EBADF; ENOTSOCK;
   *     ENOTCONN; ETOOMANYREFS; EAGAIN
   */
  int send(int socket, byte[] message, int[] fds);

  /**
   * Receives one message and the fds with it, which are close-on-exec and the caller's.
   *
   * @param buffer receives the message; EINVAL for an empty array
   * @param fds 0 to 253 places, else E2BIG; receives the fds that came and -1 in all other places,
   *     on failure in all
   * @return the message's length in bytes; 0 at the end of the stream and for an empty message;
   *     EMSGSIZE for a message longer than {@code buffer}, for more fds than {@code fds} or this
   *     process has places for; EAGAIN; ECONNRESET; ENOTCONN; EBADF; ENOTSOCK. Fds that came with
   *     an empty message or with EMSGSIZE are closed, and the message is gone.
   */
  int receive(int socket, byte[] buffer, int[] fds);

  /**
   * getsockopt(SO_PEERCRED): who made the other end of a connection, as it was at its connect or
   * listen.
   *
   * @param pidUidGid receives the process (0 when it has no number here), the user and the group;
   *     0, -1 and -1 for a socket that is not connected; EINVAL for another length than 3
   * @return 0; EBADF; ENOTSOCK
   */
  int peer(int socket, int[] pidUidGid);

  /** The time limit of each accept, receive and send to come. EBADF; ENOTSOCK. */
  int setTimeout(int socket, long timeoutMillis);

  /**
   * shutdown(SHUT_RDWR). Calls that wait on the socket end, as do later ones: accept with EINVAL,
   * receive with 0 once nothing is left to receive, send with EPIPE. EBADF; ENOTSOCK.
   */
  int shutdown(int socket);

  // ---- memory ----

  /**
   * mmap(2), shared, at an address that is a multiple of 2 MiB so that huge folios can be mapped.
   *
   * @param offset a multiple of the page size
   * @param length 1 to 2^47 bytes
   * @return the address; EACCES or EPERM for a writable mapping of a sealed file; EINVAL; ENOMEM
   */
  long map(int fd, long offset, long length, boolean writable);

  /** munmap(2) of a whole mapping that {@link #map} made with the same length. */
  int unmap(long address, long length);

  /**
   * Puts private zero pages in place of a mapping, at once for all threads. The memory behind it is
   * given up; what is still read there is 0, what is written is nobody's. The range stays mapped
   * until {@link #unmap}.
   *
   * @return 0; ENOMEM; ENOSYS in the emulator
   */
  int revoke(long address, long length);

  /**
   * Guards a mapping against SIGBUS: where a page of it cannot be had, as its file was cut short,
   * its disk fails or memory ran out, the whole mapping is revoked as by {@link #revoke}, and the
   * access goes on. Ends with {@link #unguard}, to be called before {@link #unmap}.
   *
   * @return 0; ENOSPC for more than 1024 mappings of this JVM; ENOSYS over JNA and in the emulator
   */
  int guard(long address, long length);

  /** Ends the guard of the mapping that starts at an address. EINVAL if there is none; ENOSYS. */
  int unguard(long address);

  /** madvise(2) on a part of a mapping: MADV_ numbers of {@link Abi}. */
  int advise(long address, long length, int advice);

  /**
   * A view of a part of a mapping, in native byte order, which does not keep the mapping alive: it
   * must not be used after {@link #unmap}.
   */
  ByteBuffer view(long address, int length);
}
