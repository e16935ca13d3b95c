/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jna;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.bridge.Machine;
import org.luo4j.internal.bridge.ProcFd;

/**
 * The bridge over JNA: the C library's functions ({@link LibC}), and the kernel's structures
 * written and read as byte arrays. Needs no library of luo4j's own. Stateless; any thread.
 */
public final class JnaBridge implements Bridge {

  private static final byte[] DEVICE = (Abi.DEVICE + "\0").getBytes();
  private static final byte[] EMPTY_PATH = {0};

  private JnaBridge() {}

  /**
   * Loads JNA, on the first call, and returns the bridge.
   *
   * @throws IOException when JNA is not there or cannot load its own library; then for good, as JNA
   *     is initialised once a class loader
   */
  public static JnaBridge load() throws IOException {
    String reason = Machine.whyNoNativeBridge();
    if (reason != null) {
      throw new IOException("no JNA bridge: " + reason);
    }
    LibC.bind();
    return new JnaBridge();
  }

  @Override
  public String name() {
    return "jna";
  }

  /** The result, or -errno. To be called at once: the errno is the thread's last call's. */
  static long result(long rc) {
    return rc < 0 ? -(long) Native.getLastError() : rc;
  }

  static int result(int rc) {
    return rc < 0 ? -Native.getLastError() : rc;
  }

  @Override
  public int openDevice() {
    return result(LibC.open(DEVICE, LibC.O_RDWR | LibC.O_CLOEXEC));
  }

  @Override
  public int createSession(int device, byte[] name) {
    return sessionCall(device, Abi.CREATE_SESSION, name);
  }

  @Override
  public int retrieveSession(int device, byte[] name) {
    return sessionCall(device, Abi.RETRIEVE_SESSION, name);
  }

  private static int sessionCall(int device, int request, byte[] name) {
    if (name.length != Abi.NAME_LENGTH) {
      return -Errno.EINVAL;
    }
    ByteBuffer argument = argument(Abi.SESSION_STRUCT_BYTES, -1);
    argument.put(Abi.BODY_OFFSET, name);
    int rc = result(LibC.ioctl(device, request, argument.array()));
    return rc < 0 ? rc : argument.getInt(Abi.FD_OFFSET);
  }

  @Override
  public int preserve(int session, int fd, long token) {
    ByteBuffer argument = argument(Abi.FD_STRUCT_BYTES, fd);
    argument.putLong(Abi.BODY_OFFSET, token);
    return result(LibC.ioctl(session, Abi.SESSION_PRESERVE_FD, argument.array()));
  }

  @Override
  public int retrieve(int session, long token) {
    ByteBuffer argument = argument(Abi.FD_STRUCT_BYTES, -1);
    argument.putLong(Abi.BODY_OFFSET, token);
    int rc = result(LibC.ioctl(session, Abi.SESSION_RETRIEVE_FD, argument.array()));
    return rc < 0 ? rc : argument.getInt(Abi.FD_OFFSET);
  }

  @Override
  public int finish(int session) {
    return result(
        LibC.ioctl(session, Abi.SESSION_FINISH, argument(Abi.FINISH_STRUCT_BYTES, 0).array()));
  }

  @Override
  public int sessionName(int session, byte[] name) {
    if (name.length != Abi.NAME_LENGTH) {
      return -Errno.EINVAL;
    }
    ByteBuffer argument = argument(Abi.NAME_STRUCT_BYTES, 0);
    int rc = result(LibC.ioctl(session, Abi.SESSION_GET_NAME, argument.array()));
    if (rc >= 0) {
      argument.get(Abi.BODY_OFFSET, name);
    }
    return rc;
  }

  /** A zeroed structure with its size, and the 32-bit field that follows it in all of them. */
  private static ByteBuffer argument(int bytes, int second) {
    return ByteBuffer.allocate(bytes)
        .order(ByteOrder.nativeOrder())
        .putInt(0, bytes)
        .putInt(Abi.FD_OFFSET, second);
  }

  @Override
  public int ioctl(int fd, int request, byte[] argument) {
    if (argument.length < 4 || argument.length > 4096) {
      return -Errno.EINVAL;
    }
    int size = ByteBuffer.wrap(argument).order(ByteOrder.nativeOrder()).getInt(0);
    if (Integer.compareUnsigned(size, argument.length) > 0) {
      return -Errno.EFAULT;
    }
    return result(LibC.ioctl(fd, Integer.toUnsignedLong(request), argument));
  }

  @Override
  public int memfdCreate(byte[] name, int flags) {
    return result(LibC.memfd_create(Arrays.copyOf(name, name.length + 1), flags));
  }

  @Override
  public int close(int fd) {
    return result(LibC.close(fd));
  }

  @Override
  public int duplicate(int fd) {
    return result(LibC.fcntl(fd, LibC.F_DUPFD_CLOEXEC, 0));
  }

  @Override
  public int lock(int fd) {
    int flags = descriptorFlags(fd);
    if (flags < 0) {
      return flags;
    }
    byte[] path = ("/proc/self/fd/" + fd + "\0").getBytes(StandardCharsets.US_ASCII);
    int own = result(LibC.open(path, LibC.O_RDWR | LibC.O_CLOEXEC));
    if (own < 0) {
      return own;
    }
    int rc = result(LibC.flock(own, LibC.LOCK_EX | LibC.LOCK_NB));
    if (rc < 0) {
      LibC.close(own);
      return rc;
    }
    return own;
  }

  @Override
  public int descriptorFlags(int fd) {
    return result(LibC.fcntl(fd, LibC.F_GETFD, 0));
  }

  @Override
  public int setDescriptorFlags(int fd, int flags) {
    return result(LibC.fcntl(fd, LibC.F_SETFD, flags));
  }

  @Override
  public int statusFlags(int fd) {
    return result(LibC.fcntl(fd, LibC.F_GETFL, 0));
  }

  @Override
  public int seals(int fd) {
    return result(LibC.fcntl(fd, LibC.F_GET_SEALS, 0));
  }

  @Override
  public int addSeals(int fd, int seals) {
    return result(LibC.fcntl(fd, LibC.F_ADD_SEALS, Integer.toUnsignedLong(seals)));
  }

  @Override
  public long size(int fd) {
    return field(fd, STATUS_SIZE);
  }

  @Override
  public long allocated(int fd) {
    return field(fd, STATUS_ALLOCATED);
  }

  private long field(int fd, int field) {
    long[] fields = new long[STATUS_FIELDS];
    int rc = status(fd, fields);
    return rc < 0 ? rc : fields[field];
  }

  /** By statx(2), whose structure is the same on every machine, as struct stat is not. */
  @Override
  public int status(int fd, long[] fields) {
    if (fields.length != STATUS_FIELDS) {
      return -Errno.EINVAL;
    }
    byte[] bytes = new byte[LibC.STATX_BYTES];
    int rc = result(LibC.statx(fd, EMPTY_PATH, LibC.AT_EMPTY_PATH, LibC.STATX_BASIC_STATS, bytes));
    if (rc < 0) {
      return rc;
    }
    ByteBuffer status = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    fields[STATUS_MODE] = Short.toUnsignedLong(status.getShort(LibC.STATX_MODE));
    fields[STATUS_UID] = Integer.toUnsignedLong(status.getInt(LibC.STATX_UID));
    fields[STATUS_DEVICE] =
        Integer.toUnsignedLong(status.getInt(LibC.STATX_DEV_MAJOR)) << 32
            | Integer.toUnsignedLong(status.getInt(LibC.STATX_DEV_MINOR));
    fields[STATUS_INODE] = status.getLong(LibC.STATX_INO);
    fields[STATUS_SIZE] = status.getLong(LibC.STATX_SIZE);
    fields[STATUS_ALLOCATED] = status.getLong(LibC.STATX_BLOCKS) * 512;
    return 0;
  }

  @Override
  public int openFile(byte[] path, boolean create) {
    if (path.length >= LibC.PATH_MAX) {
      return -Errno.ENAMETOOLONG;
    }
    int flags =
        LibC.O_RDWR | LibC.O_CLOEXEC | LibC.O_NONBLOCK | LibC.O_NOCTTY | Machine.noFollowFlag();
    return result(
        LibC.open(
            Arrays.copyOf(path, path.length + 1),
            create ? flags | LibC.O_CREAT | LibC.O_EXCL : flags,
            0600));
  }

  @Override
  public int lockFile(int fd) {
    return setLock(fd, LibC.F_WRLCK);
  }

  @Override
  public int unlock(int fd) {
    int rc = result(LibC.flock(fd, LibC.LOCK_UN));
    return rc < 0 ? rc : setLock(fd, LibC.F_UNLCK);
  }

  private static int setLock(int fd, short type) {
    ByteBuffer whole = ByteBuffer.allocateDirect(LibC.FLOCK_BYTES).order(ByteOrder.nativeOrder());
    whole.putShort(0, type);
    int rc = result(LibC.fcntl(fd, LibC.F_OFD_SETLK, address(whole, 0, LibC.FLOCK_BYTES)));
    Reference.reachabilityFence(whole);
    return rc;
  }

  @Override
  public int userId() {
    return LibC.geteuid();
  }

  @Override
  public long bootTime() {
    byte[] bytes = new byte[16];
    int rc = result(LibC.clock_gettime(LibC.CLOCK_BOOTTIME, bytes));
    if (rc < 0) {
      return rc;
    }
    ByteBuffer time = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    return time.getLong(0) * 1000 + time.getLong(8) / 1_000_000;
  }

  @Override
  public int truncate(int fd, long size) {
    return result(LibC.ftruncate(fd, size));
  }

  @Override
  public int allocate(int fd, int mode, long offset, long length) {
    return result(LibC.fallocate(fd, mode, offset, length));
  }

  @Override
  public long seek(int fd, long offset, int whence) {
    return result(LibC.lseek(fd, offset, whence));
  }

  @Override
  public long read(int fd, ByteBuffer buffer, int start, int length, long fileOffset) {
    long to = address(buffer, start, length);
    if (to == 0) {
      return -Errno.EFAULT;
    }
    return result(
        fileOffset < 0 ? LibC.read(fd, to, length) : LibC.pread(fd, to, length, fileOffset));
  }

  @Override
  public long write(int fd, ByteBuffer buffer, int start, int length, long fileOffset) {
    long from = address(buffer, start, length);
    if (from == 0) {
      return -Errno.EFAULT;
    }
    return result(
        fileOffset < 0 ? LibC.write(fd, from, length) : LibC.pwrite(fd, from, length, fileOffset));
  }

  /** The address of {@code buffer[start]}; 0 when it is not direct or too short. */
  private static long address(ByteBuffer buffer, int start, int length) {
    if (!buffer.isDirect()
        || start < 0
        || length < 0
        || (long) start + length > buffer.capacity()) {
      return 0;
    }
    return Pointer.nativeValue(Native.getDirectBufferPointer(buffer)) + start;
  }

  @Override
  public int sendTo(byte[] address, byte[] message, int[] fds, long timeoutMillis) {
    return UnixSockets.sendTo(address, message, fds, timeoutMillis);
  }

  @Override
  public int bind(byte[] address) {
    return UnixSockets.bind(address);
  }

  @Override
  public int listen(byte[] address, int backlog) {
    return UnixSockets.listen(address, backlog);
  }

  @Override
  public int connect(byte[] address, long timeoutMillis) {
    return UnixSockets.connect(address, timeoutMillis);
  }

  @Override
  public int accept(int listener) {
    return UnixSockets.accept(listener);
  }

  @Override
  public int send(int socket, byte[] message, int[] fds) {
    return UnixSockets.send(socket, message, fds);
  }

  @Override
  public int receive(int socket, byte[] buffer, int[] fds) {
    return UnixSockets.receive(socket, buffer, fds);
  }

  @Override
  public int peer(int socket, int[] pidUidGid) {
    return UnixSockets.peer(socket, pidUidGid);
  }

  @Override
  public int setTimeout(int socket, long timeoutMillis) {
    return UnixSockets.setTimeout(socket, timeoutMillis);
  }

  @Override
  public int shutdown(int socket) {
    return UnixSockets.shutdown(socket);
  }

  @Override
  public long map(int fd, long offset, long length, boolean writable) {
    if (length <= 0) {
      return -Errno.EINVAL;
    }
    if (length > Long.MAX_VALUE - Abi.MAP_ALIGNMENT) {
      return -Errno.ENOMEM;
    }
    // Reserve address space with room to align, map the file over the aligned part, drop the rest.
    long reserved = length + Abi.MAP_ALIGNMENT;
    long base = result(LibC.mmap(0, reserved, LibC.PROT_NONE, LibC.MAP_RESERVE, -1, 0));
    if (base < 0) {
      return base;
    }
    long aligned = (base + Abi.MAP_ALIGNMENT - 1) & -Abi.MAP_ALIGNMENT;
    int protection = LibC.PROT_READ | (writable ? LibC.PROT_WRITE : 0);
    long map =
        result(
            LibC.mmap(aligned, length, protection, LibC.MAP_SHARED | LibC.MAP_FIXED, fd, offset));
    if (map < 0) {
      LibC.munmap(base, reserved);
      return map;
    }
    long page = LibC.getpagesize();
    long end = (aligned + length + page - 1) & -page;
    if (aligned > base) {
      LibC.munmap(base, aligned - base);
    }
    if (base + reserved > end) {
      LibC.munmap(end, base + reserved - end);
    }
    return aligned;
  }

  @Override
  public int unmap(long address, long length) {
    return result(LibC.munmap(address, length));
  }

  @Override
  public int revoke(long address, long length) {
    long zero =
        result(
            LibC.mmap(
                address,
                length,
                LibC.PROT_READ | LibC.PROT_WRITE,
                LibC.MAP_RESERVE | LibC.MAP_FIXED,
                -1,
                0));
    return zero < 0 ? (int) zero : 0;
  }

  /** A signal handler cannot be Java code. */
  @Override
  public int guard(long address, long length) {
    return -Errno.ENOSYS;
  }

  @Override
  public int unguard(long address) {
    return -Errno.ENOSYS;
  }

  @Override
  public int advise(long address, long length, int advice) {
    return result(LibC.madvise(address, length, advice));
  }

  @Override
  public ByteBuffer view(long address, int length) {
    return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.nativeOrder());
  }

  @Override
  public @Nullable String describe(int fd) {
    return ProcFd.describe(fd);
  }

  /**
   * The C library of a 64-bit Linux: long is int64_t, size_t and off_t are passed as long. The
   * variadic ones (ioctl, fcntl) take their arguments as fixed ones do on all machines that {@link
   * Machine} admits. Numbers from the headers named.
   */
  static final class LibC {

    // asm-generic/fcntl.h and linux/fcntl.h
    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_NOCTTY = 0x100;
    static final int O_NONBLOCK = 0x800;
    static final int O_CLOEXEC = 0x80000;
    static final int PATH_MAX = 4096;

    /** struct flock of 64-bit machines: short type and whence, long start, length, int pid. */
    static final int FLOCK_BYTES = 32;

    static final short F_WRLCK = 1;
    static final short F_UNLCK = 2;
    static final int F_OFD_SETLK = 37;
    static final int CLOCK_BOOTTIME = 7;
    static final int LOCK_EX = 2;
    static final int LOCK_NB = 4;
    static final int LOCK_UN = 8;
    static final int F_GETFD = 1;
    static final int F_SETFD = 2;
    static final int F_GETFL = 3;
    static final int F_DUPFD_CLOEXEC = 1030;
    static final int F_ADD_SEALS = 1033;
    static final int F_GET_SEALS = 1034;
    static final int AT_EMPTY_PATH = 0x1000;

    // linux/stat.h
    static final int STATX_BASIC_STATS = 0x7ff;
    static final int STATX_BYTES = 256;
    static final int STATX_UID = 20;
    static final int STATX_MODE = 28;
    static final int STATX_INO = 32;
    static final int STATX_SIZE = 40;
    static final int STATX_BLOCKS = 48;
    static final int STATX_DEV_MAJOR = 136;
    static final int STATX_DEV_MINOR = 140;

    // asm-generic/mman-common.h
    static final int PROT_NONE = 0;
    static final int PROT_READ = 1;
    static final int PROT_WRITE = 2;
    static final int MAP_SHARED = 1;
    static final int MAP_FIXED = 0x10;

    /** MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE. */
    static final int MAP_RESERVE = 0x2 | 0x20 | 0x4000;

    private static final List<String> NAMES =
        List.of(
            "open",
            "geteuid",
            "clock_gettime",
            "close",
            "ioctl",
            "memfd_create",
            "fcntl",
            "flock",
            "statx",
            "ftruncate",
            "fallocate",
            "lseek",
            "read",
            "pread",
            "write",
            "pwrite",
            "mmap",
            "munmap",
            "madvise",
            "getpagesize",
            "socket",
            "fchmod",
            "bind",
            "listen",
            "connect",
            "accept4",
            "sendmsg",
            "recvmsg",
            "getsockopt",
            "setsockopt",
            "shutdown");

    /**
     * By their names; none before {@link #bind}. Not bound as native methods: JNA would keep a
     * global reference to each, and so their class loader for ever.
     */
    private static volatile Map<String, Function> functions = Map.of();

    /** What stopped JNA, which later attempts would meet only as "could not initialize class". */
    private static @Nullable IOException refusal;

    static synchronized void bind() throws IOException {
      if (functions.isEmpty() && refusal == null) {
        try {
          NativeLibrary process = NativeLibrary.getProcess();
          functions =
              NAMES.stream()
                  .collect(Collectors.toUnmodifiableMap(name -> name, name -> find(process, name)));
        } catch (IllegalCallerException | Error e) {
          if (e instanceof VirtualMachineError) {
            throw e;
          }
          refusal = new IOException(whyUnavailable(e), e);
        }
      }
      if (refusal != null) {
        throw new IOException(refusal.getMessage(), refusal);
      }
    }

    /**
     * JNA throws a plain Error for a library of another release, else the kinds of LinkageError.
     */
    static String whyUnavailable(Throwable thrown) {
      Throwable root = thrown;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      if (root instanceof ClassNotFoundException
          && String.valueOf(root.getMessage()).startsWith("java.util.logging.")) {
        return "JNA needs the module java.logging, which this Java lacks ("
            + root
            + "): add it to the image (jlink --add-modules java.logging)";
      }
      if (root instanceof ClassNotFoundException) {
        return "JNA is not there ("
            + root
            + "): add net.java.dev.jna:jna to the class path or the module path";
      }
      if (root.toString().contains(IllegalCallerException.class.getName())) {
        return Machine.NATIVE_ACCESS_DENIED;
      }
      if (root.toString().contains("Error looking up")) {
        return "this JVM's C library lacks a function ("
            + root.toString().strip()
            + "): JNA needs glibc 2.28 or musl 1.2.5, or later ones; use JNI, which needs less";
      }
      // The words of musl's loader.
      if (root.toString().contains("symbol not found")) {
        return "JNA's jar has libraries for glibc only, and this JVM runs on musl ("
            + root.toString().strip()
            + "): set -Djna.boot.library.path to the folder of a libjnidispatch.so of this JNA's"
            + " release for musl, as Alpine's package java-jna-native installs it in /usr/lib";
      }
      String folder = System.getProperty("jna.tmpdir");
      return "JNA could not load its own library: "
          + root.toString().strip()
          + "; is the folder that it writes it to ("
          + (folder != null
              ? folder
              : "JNA/temp in $XDG_CACHE_HOME or ~/.cache, else "
                  + System.getProperty("java.io.tmpdir"))
          + ") full, unwritable or mounted noexec? Set -Djna.tmpdir to one that is not, or"
          + " -Djna.boot.library.path to the folder of an installed libjnidispatch.so of this JNA's"
          + " release";
    }

    /**
     * A function that does not hold its library: as long as there is one, JNA has a thread, which
     * keeps the class loader.
     */
    private static Function find(NativeLibrary process, String name) {
      return Function.getFunction(process.getGlobalVariableAddress(name));
    }

    private static int intOf(String name, Object... arguments) {
      return function(name).invokeInt(arguments);
    }

    private static long longOf(String name, Object... arguments) {
      return function(name).invokeLong(arguments);
    }

    private static Function function(String name) {
      return Objects.requireNonNull(functions.get(name), name);
    }

    static int open(byte[] path, int flags) {
      return intOf("open", path, flags);
    }

    static int open(byte[] path, int flags, int mode) {
      return intOf("open", path, flags, mode);
    }

    static int geteuid() {
      return intOf("geteuid");
    }

    static int clock_gettime(int clock, byte[] time) {
      return intOf("clock_gettime", clock, time);
    }

    static int close(int fd) {
      return intOf("close", fd);
    }

    static int ioctl(int fd, long request, byte[] argument) {
      return intOf("ioctl", fd, request, argument);
    }

    static int memfd_create(byte[] name, int flags) {
      return intOf("memfd_create", name, flags);
    }

    static int fcntl(int fd, int command, long argument) {
      return intOf("fcntl", fd, command, argument);
    }

    static int flock(int fd, int operation) {
      return intOf("flock", fd, operation);
    }

    static int statx(int fd, byte[] path, int flags, int mask, byte[] fields) {
      return intOf("statx", fd, path, flags, mask, fields);
    }

    static int ftruncate(int fd, long size) {
      return intOf("ftruncate", fd, size);
    }

    static int fallocate(int fd, int mode, long offset, long length) {
      return intOf("fallocate", fd, mode, offset, length);
    }

    static long lseek(int fd, long offset, int whence) {
      return longOf("lseek", fd, offset, whence);
    }

    static long read(int fd, long address, long length) {
      return longOf("read", fd, address, length);
    }

    static long pread(int fd, long address, long length, long offset) {
      return longOf("pread", fd, address, length, offset);
    }

    static long write(int fd, long address, long length) {
      return longOf("write", fd, address, length);
    }

    static long pwrite(int fd, long address, long length, long offset) {
      return longOf("pwrite", fd, address, length, offset);
    }

    static long mmap(long address, long length, int protection, int flags, int fd, long offset) {
      return longOf("mmap", address, length, protection, flags, fd, offset);
    }

    static int munmap(long address, long length) {
      return intOf("munmap", address, length);
    }

    static int madvise(long address, long length, int advice) {
      return intOf("madvise", address, length, advice);
    }

    static int getpagesize() {
      return intOf("getpagesize");
    }

    static int socket(int domain, int type, int protocol) {
      return intOf("socket", domain, type, protocol);
    }

    static int fchmod(int fd, int mode) {
      return intOf("fchmod", fd, mode);
    }

    static int bind(int fd, byte[] address, int length) {
      return intOf("bind", fd, address, length);
    }

    static int listen(int fd, int backlog) {
      return intOf("listen", fd, backlog);
    }

    static int connect(int fd, byte[] address, int length) {
      return intOf("connect", fd, address, length);
    }

    static int accept4(int fd, long address, long length, int flags) {
      return intOf("accept4", fd, address, length, flags);
    }

    static long sendmsg(int fd, long message, int flags) {
      return longOf("sendmsg", fd, message, flags);
    }

    static long recvmsg(int fd, long message, int flags) {
      return longOf("recvmsg", fd, message, flags);
    }

    static int getsockopt(int fd, int level, int option, byte[] value, int[] length) {
      return intOf("getsockopt", fd, level, option, value, length);
    }

    static int setsockopt(int fd, int level, int option, byte[] value, int length) {
      return intOf("setsockopt", fd, level, option, value, length);
    }

    static int shutdown(int fd, int how) {
      return intOf("shutdown", fd, how);
    }
  }
}
