/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/** The wall clock of child JVMs, which can be set while they run. That of the machine stays. */
final class WallClock {

  private final Path offset;
  private final Path library;

  /**
   * Makes one that shows the machine's time.
   *
   * @param folder for the clock's files
   * @throws IOException when it cannot be built: it takes a C compiler
   */
  WallClock(Path folder) throws IOException, InterruptedException {
    offset = folder.resolve("wall-clock");
    library = folder.resolve("wall-clock.so");
    Path source = folder.resolve("wall-clock.c");
    try (InputStream in = WallClock.class.getResourceAsStream("wall_clock.c")) {
      Files.copy(in, source);
    }
    Path messages = folder.resolve("cc");
    int exit;
    try {
      exit =
          new ProcessBuilder(
                  "cc", "-shared", "-fPIC", "-O1", "-o", library.toString(), source.toString())
              .redirectErrorStream(true)
              .redirectOutput(messages.toFile())
              .start()
              .waitFor();
    } catch (IOException e) {
      throw new IOException("cannot set a JVM's clock: it takes a C compiler, cc", e);
    }
    if (exit != 0) {
      throw new IOException("cannot build a clock: " + Files.readString(messages));
    }
    set(0);
  }

  /** Starts JVMs with it. */
  Jvm.Command command() {
    return new Jvm.Command(
        List.of(),
        List.of("-XX:TieredStopAtLevel=1"),
        Map.of("LD_PRELOAD", library.toString(), "WALL_CLOCK", offset.toString()));
  }

  /** Makes it show the machine's time and so many milliseconds more. */
  void set(long millis) throws IOException {
    try (FileChannel channel =
        FileChannel.open(offset, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(
          ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(millis).flip(), 0);
    }
  }
}
