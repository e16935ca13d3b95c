/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.nio.ByteBuffer;
import java.util.concurrent.Callable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.jna.JnaBridge;
import org.luo4j.internal.jni.JniBridge;

/** Writes to a memfd by call and reads it through a mapping, in whatever class loader it is. */
public final class RoundTrip {

  private static final long VALUE = 0x1122_3344_5566_7788L;

  private RoundTrip() {}

  /** The name of the bridge that did it. */
  public static String over(Bridge bridge) {
    int fd = (int) ok(bridge.memfdCreate(new byte[] {'r', 0}, Abi.MFD_CLOEXEC));
    ok(bridge.truncate(fd, 8));
    ByteBuffer buffer = ByteBuffer.allocateDirect(8).putLong(0, VALUE);
    ok(bridge.write(fd, buffer, 0, 8, 0));
    long address = ok(bridge.map(fd, 0, 8, false));
    long seen = bridge.view(address, 8).order(buffer.order()).getLong(0);
    ok(bridge.unmap(address, 8));
    ok(bridge.close(fd));
    if (seen != VALUE) {
      throw new AssertionError(bridge.name() + " read " + Long.toHexString(seen));
    }
    return bridge.name();
  }

  private static long ok(long result) {
    if (result < 0) {
      throw new AssertionError("errno " + -result);
    }
    return result;
  }

  /** Over JNI. */
  public static final class Jni implements Callable<String> {
    @Override
    public String call() throws Exception {
      return over(JniBridge.load());
    }
  }

  /** Over JNA. */
  public static final class Jna implements Callable<String> {
    @Override
    public String call() throws Exception {
      return over(JnaBridge.load());
    }
  }
}
