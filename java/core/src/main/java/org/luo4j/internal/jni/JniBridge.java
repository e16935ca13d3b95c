/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.ProcFd;

/**
 * The bridge over JNI: each method is the function of {@code native/luo_jni.c} with its name. The
 * library's {@code JNI_OnLoad} binds them; it is loaded once a class loader. Stateless; any thread.
 */
public final class JniBridge implements Bridge {

  /** What {@link #bridgeVersion} answers in a library that fits this class. */
  private static final int VERSION = 3;

  /**
   * The address of the table of guarded mappings in hexadecimal. A JVM has one for all class
   * loaders that have loaded the library: see native/luo_guard.h.
   */
  private static final String GUARDS_PROPERTY = "luo4j.guards.1";

  /** One lock for all class loaders: an interned string is the JVM's. */
  private static final Object GUARDS_LOCK = GUARDS_PROPERTY.intern();

  private JniBridge() {}

  /**
   * Loads the library, on the first call, and returns the bridge.
   *
   * @throws IOException when no library could be loaded, with every attempt as a suppressed cause
   */
  public static JniBridge load() throws IOException {
    NativeLibrary.load();
    int version = bridgeVersion();
    if (version != VERSION) {
      throw new IOException(
          "the loaded libluo4j.so is of bridge version "
              + version
              + ", this jar wants "
              + VERSION
              + ": use the library of the same release, or unset -D"
              + NativeLibrary.PATH_PROPERTY);
    }
    return new JniBridge();
  }

  @Override
  public String name() {
    return "jni";
  }

  @Override
  public @Nullable String describe(int fd) {
    return ProcFd.describe(fd);
  }

  @Override
  public ByteBuffer view(long address, int length) {
    return bufferAt(address, length).order(ByteOrder.nativeOrder());
  }

  @Override
  public int guard(long address, long length) {
    synchronized (GUARDS_LOCK) {
      int result = useGuards();
      return result < 0 ? result : guardMapping(address, length);
    }
  }

  @Override
  public int unguard(long address) {
    synchronized (GUARDS_LOCK) {
      int result = unguardMapping(address);
      if (result == 1) {
        // A signal handler that is not luo4j's calls the library's: its code must stay.
        System.getProperties().put(GUARDS_PROPERTY + ".kept." + this, JniBridge.class);
        return 0;
      }
      return result;
    }
  }

  /** Uses the JVM's table of guards, or makes it. */
  private static int useGuards() {
    String known = System.getProperty(GUARDS_PROPERTY);
    if (known != null) {
      return guardUse(Long.parseUnsignedLong(known, 16));
    }
    long made = guardTable();
    if (made < 0) {
      return (int) made;
    }
    System.setProperty(GUARDS_PROPERTY, Long.toHexString(made));
    return guardUse(made);
  }

  private static native long guardTable();

  private static native int guardUse(long table);

  private static native int guardMapping(long address, long length);

  private static native int unguardMapping(long address);

  private static native int bridgeVersion();

  private static native ByteBuffer bufferAt(long address, int length);

  @Override
  public native int openDevice();

  @Override
  public native int createSession(int device, byte[] name);

  @Override
  public native int retrieveSession(int device, byte[] name);

  @Override
  public native int preserve(int session, int fd, long token);

  @Override
  public native int retrieve(int session, long token);

  @Override
  public native int finish(int session);

  @Override
  public native int sessionName(int session, byte[] name);

  @Override
  public native int ioctl(int fd, int request, byte[] argument);

  @Override
  public native int memfdCreate(byte[] name, int flags);

  @Override
  public native int close(int fd);

  @Override
  public native int duplicate(int fd);

  @Override
  public native int lock(int fd);

  @Override
  public native int descriptorFlags(int fd);

  @Override
  public native int setDescriptorFlags(int fd, int flags);

  @Override
  public native int statusFlags(int fd);

  @Override
  public native int seals(int fd);

  @Override
  public native int addSeals(int fd, int seals);

  @Override
  public native long size(int fd);

  @Override
  public native long allocated(int fd);

  @Override
  public native int truncate(int fd, long size);

  @Override
  public native int allocate(int fd, int mode, long offset, long length);

  @Override
  public native long seek(int fd, long offset, int whence);

  @Override
  public native long read(int fd, ByteBuffer buffer, int start, int length, long fileOffset);

  @Override
  public native long write(int fd, ByteBuffer buffer, int start, int length, long fileOffset);

  @Override
  public native int openFile(byte[] path, boolean create);

  @Override
  public native int lockFile(int fd);

  @Override
  public native int unlock(int fd);

  @Override
  public native int status(int fd, long[] fields);

  @Override
  public native int userId();

  @Override
  public native long bootTime();

  @Override
  public native int sendTo(byte[] address, byte[] message, int[] fds, long timeoutMillis);

  @Override
  public native int bind(byte[] address);

  @Override
  public native int listen(byte[] address, int backlog);

  @Override
  public native int connect(byte[] address, long timeoutMillis);

  @Override
  public native int accept(int listener);

  @Override
  public native int send(int socket, byte[] message, int[] fds);

  @Override
  public native int receive(int socket, byte[] buffer, int[] fds);

  @Override
  public native int peer(int socket, int[] pidUidGid);

  @Override
  public native int setTimeout(int socket, long timeoutMillis);

  @Override
  public native int shutdown(int socket);

  @Override
  public native long map(int fd, long offset, long length, boolean writable);

  @Override
  public native int unmap(long address, long length);

  @Override
  public native int revoke(long address, long length);

  @Override
  public native int advise(long address, long length, int advice);
}
