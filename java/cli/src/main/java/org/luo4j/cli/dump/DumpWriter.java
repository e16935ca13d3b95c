/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.dump;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.luo4j.cache.CacheShape;

/** Writes a dump. The stream stays the caller's, to be flushed and closed. One thread. */
public final class DumpWriter {

  private final OutputStream out;
  private final CRC32C all = new CRC32C();
  private long records;

  /** Writes the header. */
  public DumpWriter(OutputStream out, CacheShape shape, long entries) throws IOException {
    this.out = out;
    byte[] keyCodec = shape.keyCodec().getBytes(StandardCharsets.UTF_8);
    byte[] valueCodec = shape.valueCodec().getBytes(StandardCharsets.UTF_8);
    ByteBuffer header =
        DumpFormat.buffer(DumpFormat.HEADER_BYTES)
            .putLong(0, DumpFormat.MAGIC)
            .putInt(DumpFormat.VERSION_AT, DumpFormat.VERSION)
            .putLong(DumpFormat.CAPACITY_AT, shape.capacity())
            .putInt(DumpFormat.AVERAGE_AT, shape.averageEntryBytes())
            .putInt(DumpFormat.KEY_CODEC_AT, keyCodec.length)
            .putInt(DumpFormat.VALUE_CODEC_AT, valueCodec.length)
            .putLong(DumpFormat.CREATED_AT, shape.created())
            .putLong(DumpFormat.ENTRIES_AT, entries);
    header.putInt(DumpFormat.HEADER_CRC, DumpFormat.crc(header, DumpFormat.HEADER_CRC));
    out.write(header.array());
    int bytes = keyCodec.length + valueCodec.length;
    ByteBuffer names = DumpFormat.buffer(bytes + 4).put(keyCodec).put(valueCodec);
    out.write(names.putInt(DumpFormat.crc(names, bytes)).array());
  }

  /** Writes an entry; {@code expires} in ms since 1970, 0 for never. */
  public void write(byte[] key, byte[] value, long expires) throws IOException {
    ByteBuffer head =
        DumpFormat.buffer(DumpFormat.HEAD_BYTES)
            .putInt(0, DumpFormat.ENTRY)
            .putInt(DumpFormat.KEY_LENGTH_AT, key.length)
            .putInt(DumpFormat.VALUE_LENGTH_AT, value.length)
            .putLong(DumpFormat.EXPIRES_AT, expires);
    head.putInt(DumpFormat.HEAD_CRC, DumpFormat.crc(head, DumpFormat.HEAD_CRC));
    CRC32C crc = new CRC32C();
    crc.update(head.array());
    crc.update(key, 0, key.length);
    crc.update(value, 0, value.length);
    byte[] check = DumpFormat.buffer(4).putInt(0, (int) crc.getValue()).array();
    for (byte[] part : new byte[][] {head.array(), key, value, check}) {
      all.update(part, 0, part.length);
      out.write(part);
    }
    records++;
  }

  /** Writes the end; gives the number of records. */
  public long end() throws IOException {
    ByteBuffer end =
        DumpFormat.buffer(DumpFormat.HEAD_BYTES)
            .putInt(0, DumpFormat.DONE)
            .putInt(DumpFormat.ALL_CRC_AT, (int) all.getValue())
            .putLong(DumpFormat.RECORDS_AT, records);
    out.write(end.putInt(DumpFormat.HEAD_CRC, DumpFormat.crc(end, DumpFormat.HEAD_CRC)).array());
    return records;
  }
}
