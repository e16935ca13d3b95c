import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Random;
import java.util.zip.CRC32C;

/**
 * A JVM service whose memory is the memfd {@code $STANDIN_FD}. It verifies what is there, tells the service manager
 * in its status what it found, and leaves contents of the next generation. A generation's contents follow from its
 * number, so that old or mixed contents are told from good ones.
 */
final class StandIn {

  private static final long MAGIC = 0x4c554f34_53544e44L;
  private static final int HEADER = 16;

  private StandIn() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    String fd = System.getenv("STANDIN_FD");
    boolean stored = System.getenv("STANDIN_FROM").equals("store");
    String status;
    try (RandomAccessFile file = new RandomAccessFile("/proc/self/fd/" + fd, "rw")) {
      MappedByteBuffer memory = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, file.length());
      long generation = 0;
      if (!stored) {
        status = "cold";
      } else if (memory.getLong(0) != MAGIC) {
        status = "damaged: no magic number";
      } else {
        generation = memory.getLong(8);
        status = crc(memory) == crc(contents(memory.capacity(), generation))
            ? "warm generation " + generation + " from the store"
            : "damaged: not the contents of generation " + generation;
      }
      memory.duplicate().put(contents(memory.capacity(), generation + 1));
    }
    int exit = new ProcessBuilder("systemd-notify", "--ready", "--status=" + status).inheritIO().start().waitFor();
    if (exit != 0) {
      throw new IOException("systemd-notify ended with status " + exit);
    }
    Thread.sleep(Long.MAX_VALUE);
  }

  private static ByteBuffer contents(int size, long generation) {
    ByteBuffer buffer = ByteBuffer.allocate(size);
    new Random(generation).nextBytes(buffer.array());
    return buffer.putLong(0, MAGIC).putLong(8, generation);
  }

  private static long crc(ByteBuffer buffer) {
    CRC32C crc = new CRC32C();
    crc.update(buffer.duplicate().position(HEADER));
    return crc.getValue();
  }
}
