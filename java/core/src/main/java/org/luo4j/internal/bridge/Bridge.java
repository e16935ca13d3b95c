/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.bridge;

import java.nio.ByteBuffer;

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
  String describe(int fd);

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

  /** madvise(2) on a part of a mapping: MADV_ numbers of {@link Abi}. */
  int advise(long address, long length, int advice);

  /**
   * A view of a part of a mapping, in native byte order, which does not keep the mapping alive: it
   * must not be used after {@link #unmap}.
   */
  ByteBuffer view(long address, int length);
}
