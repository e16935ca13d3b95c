/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.E2BIG;
import static org.luo4j.internal.bridge.Errno.EFAULT;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.EMFILE;
import static org.luo4j.internal.bridge.Errno.ENOTTY;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.luo4j.internal.bridge.Abi;

/**
 * The kernel's side of the six ioctls: which number is refused with what, in the kernel's order,
 * and how the structures are read and written. Stateless.
 */
final class Ioctl {

  private static final int NR_MASK = 0xff;
  private static final int MOST_BYTES = 4096;

  private Ioctl() {}

  /** A structure with its size field set, zero otherwise. */
  static ByteBuffer structure(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder()).putInt(0, bytes);
  }

  /** What the bridge refuses before it makes the call, or 0. */
  static int refuse(byte[] argument) {
    if (argument.length < Integer.BYTES || argument.length > MOST_BYTES) {
      return -EINVAL;
    }
    int size = fields(argument).getInt(0);
    return Integer.compareUnsigned(size, argument.length) > 0 ? -EFAULT : 0;
  }

  static int onDevice(Kernel kernel, int request, byte[] argument) throws IOException {
    int nr = request & NR_MASK;
    if (nr > (Abi.RETRIEVE_SESSION & NR_MASK)) {
      return -EINVAL;
    }
    if (request != Abi.CREATE_SESSION && request != Abi.RETRIEVE_SESSION) {
      return -ENOTTY;
    }
    int wrong = check(argument, Abi.SESSION_STRUCT_BYTES);
    if (wrong != 0) {
      return wrong;
    }
    if (kernel.fds().isFull()) {
      return -EMFILE;
    }
    byte[] name = Arrays.copyOfRange(argument, Abi.BODY_OFFSET, Abi.BODY_OFFSET + Abi.NAME_LENGTH);
    int fd =
        request == Abi.CREATE_SESSION
            ? OutgoingSession.create(kernel, name)
            : IncomingSession.retrieve(kernel, name);
    return returnFd(argument, fd);
  }

  static int onSession(Kernel kernel, Session session, int request, byte[] argument)
      throws IOException {
    int nr = request & NR_MASK;
    if (nr < (Abi.SESSION_PRESERVE_FD & NR_MASK) || nr > (Abi.SESSION_GET_NAME & NR_MASK)) {
      return -EINVAL;
    }
    switch (request) {
      case Abi.SESSION_PRESERVE_FD:
        return preserve(kernel, session, argument);
      case Abi.SESSION_RETRIEVE_FD:
        return retrieveFd(kernel, session, argument);
      case Abi.SESSION_FINISH:
        return finish(session, argument);
      case Abi.SESSION_GET_NAME:
        return name(session, argument);
      default:
        return -ENOTTY;
    }
  }

  private static int preserve(Kernel kernel, Session session, byte[] argument) throws IOException {
    if (!(session instanceof OutgoingSession outgoing)) {
      return -EINVAL;
    }
    int wrong = check(argument, Abi.FD_STRUCT_BYTES);
    if (wrong != 0) {
      return wrong;
    }
    ByteBuffer fields = fields(argument);
    OpenFile file = kernel.fds().file(fields.getInt(Abi.FD_OFFSET));
    return outgoing.preserve(file, fields.getLong(Abi.BODY_OFFSET));
  }

  private static int retrieveFd(Kernel kernel, Session session, byte[] argument)
      throws IOException {
    if (!(session instanceof IncomingSession incoming)) {
      return -EINVAL;
    }
    int wrong = check(argument, Abi.FD_STRUCT_BYTES);
    if (wrong != 0) {
      return wrong;
    }
    if (kernel.fds().isFull()) {
      return -EMFILE;
    }
    return returnFd(argument, incoming.retrieveFile(fields(argument).getLong(Abi.BODY_OFFSET)));
  }

  private static int finish(Session session, byte[] argument) throws IOException {
    if (!(session instanceof IncomingSession incoming)) {
      return -EINVAL;
    }
    int wrong = check(argument, Abi.FINISH_STRUCT_BYTES);
    if (wrong != 0) {
      return wrong;
    }
    if (fields(argument).getInt(Abi.FD_OFFSET) != 0) {
      return -EINVAL;
    }
    incoming.finish();
    return 0;
  }

  private static int name(Session session, byte[] argument) {
    int wrong = check(argument, Abi.NAME_STRUCT_BYTES);
    if (wrong != 0) {
      return wrong;
    }
    if (fields(argument).getInt(Abi.FD_OFFSET) != 0) {
      return -EINVAL;
    }
    byte[] field = Manifest.nameField(session.hexName());
    System.arraycopy(field, 0, argument, Abi.BODY_OFFSET, field.length);
    return 0;
  }

  /** Whether the size field is one that the kernel takes for a structure of so many bytes. */
  private static int check(byte[] argument, int bytes) {
    int size = fields(argument).getInt(0);
    if (Integer.compareUnsigned(size, bytes) < 0) {
      return -EINVAL;
    }
    for (int i = bytes; i < size; i++) {
      if (argument[i] != 0) {
        return -E2BIG;
      }
    }
    return 0;
  }

  private static int returnFd(byte[] argument, int fd) {
    if (fd < 0) {
      return fd;
    }
    fields(argument).putInt(Abi.FD_OFFSET, fd);
    return 0;
  }

  private static ByteBuffer fields(byte[] argument) {
    return ByteBuffer.wrap(argument).order(ByteOrder.nativeOrder());
  }
}
