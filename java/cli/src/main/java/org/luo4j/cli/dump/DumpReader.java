/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.dump;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.luo4j.cache.CacheShape;
import org.luo4j.cache.EntryVisitor;
import org.luo4j.cache.Verification;

/**
 * Reads a dump that may hold anything: what is not as {@link DumpFormat} says is an IOException
 * that names the place. The stream stays the caller's. One thread.
 */
public final class DumpReader {

  private static final int PROGRESS_RECORDS = 1 << 10;

  private final InputStream in;
  private final CacheShape shape;
  private final long entries;
  private final CRC32C all = new CRC32C();
  private long position;
  private long records;

  /** Reads the header. */
  public DumpReader(InputStream in) throws IOException {
    this.in = in;
    ByteBuffer header = DumpFormat.buffer(DumpFormat.HEADER_BYTES).put(0, read(64, "the header"));
    if (header.getLong(0) != DumpFormat.MAGIC) {
      throw new IOException("this is no dump: it does not begin with LUODUMP1");
    }
    if (header.getInt(DumpFormat.HEADER_CRC) != DumpFormat.crc(header, DumpFormat.HEADER_CRC)) {
      throw new IOException("the dump's header is damaged: its checksum does not hold");
    }
    int version = header.getInt(DumpFormat.VERSION_AT);
    if (version != DumpFormat.VERSION && version != DumpFormat.HASHES) {
      throw new IOException(
          "the dump is of version "
              + Integer.toUnsignedString(version)
              + ", not "
              + DumpFormat.VERSION
              + " or "
              + DumpFormat.HASHES);
    }
    entries = header.getLong(DumpFormat.ENTRIES_AT);
    String[] codecs = version == DumpFormat.HASHES ? hashes(header) : names(header);
    try {
      shape =
          new CacheShape(
              header.getLong(DumpFormat.CAPACITY_AT),
              header.getInt(DumpFormat.AVERAGE_AT),
              codecs[0],
              codecs[1],
              header.getLong(DumpFormat.CREATED_AT));
    } catch (IllegalArgumentException e) {
      throw new IOException("the dump's header: " + e.getMessage(), e);
    }
  }

  /** The codecs of a dump of version 1, as {@link CacheShape} has them where names are unknown. */
  private static String[] hashes(ByteBuffer header) {
    return new String[] {
      String.format("0x%08x", header.getInt(DumpFormat.KEY_CODEC_AT)),
      String.format("0x%08x", header.getInt(DumpFormat.VALUE_CODEC_AT))
    };
  }

  private String[] names(ByteBuffer header) throws IOException {
    int keyCodec = nameLength(header, DumpFormat.KEY_CODEC_AT);
    int valueCodec = nameLength(header, DumpFormat.VALUE_CODEC_AT);
    int bytes = keyCodec + valueCodec;
    ByteBuffer names = DumpFormat.buffer(bytes + 4).put(0, read(bytes + 4, "the codecs' names"));
    if (names.getInt(bytes) != DumpFormat.crc(names, bytes)) {
      throw damaged("the codecs' names", DumpFormat.HEADER_BYTES, "their checksum does not hold");
    }
    return new String[] {
      new String(names.array(), 0, keyCodec, StandardCharsets.UTF_8),
      new String(names.array(), keyCodec, valueCodec, StandardCharsets.UTF_8)
    };
  }

  private static int nameLength(ByteBuffer header, int at) throws IOException {
    int length = header.getInt(at);
    if (length < 0 || length > DumpFormat.MAX_NAME) {
      throw damaged(
          "the header",
          at,
          "a codec's name of " + Integer.toUnsignedString(length) + " bytes is too long");
    }
    return length;
  }

  /** What the cache was made as. */
  public CacheShape shape() {
    return shape;
  }

  /**
   * Reads all records and the end.
   *
   * @param visitor is given each record that is whole, before the next is read
   * @return how many there were
   * @throws IOException at the first thing that is wrong
   */
  public long read(EntryVisitor<byte[], byte[]> visitor, Verification.Progress progress)
      throws IOException {
    while (readRecord(visitor)) {
      if (records % PROGRESS_RECORDS == 0) {
        progress.at(records, Math.max(entries, records + 1));
      }
    }
    progress.at(1, 1);
    return records;
  }

  private boolean readRecord(EntryVisitor<byte[], byte[]> visitor) throws IOException {
    long start = position;
    String what = "record " + (records + 1);
    ByteBuffer head =
        DumpFormat.buffer(DumpFormat.HEAD_BYTES).put(0, read(DumpFormat.HEAD_BYTES, what));
    if (head.getInt(DumpFormat.HEAD_CRC) != DumpFormat.crc(head, DumpFormat.HEAD_CRC)) {
      throw damaged(what, start, "the checksum of its first 20 bytes does not hold");
    }
    if (head.getInt(0) == DumpFormat.DONE) {
      end(head, start);
      return false;
    }
    if (head.getInt(0) != DumpFormat.ENTRY) {
      throw damaged(what, start, "it is neither an entry nor the end");
    }
    int keyLength = head.getInt(DumpFormat.KEY_LENGTH_AT);
    int valueLength = head.getInt(DumpFormat.VALUE_LENGTH_AT);
    long expires = head.getLong(DumpFormat.EXPIRES_AT);
    if (keyLength < 0
        || valueLength < 0
        || (long) keyLength + valueLength > DumpFormat.largest(shape.capacity())) {
      throw damaged(
          what,
          start,
          "a key of "
              + Integer.toUnsignedString(keyLength)
              + " and a value of "
              + Integer.toUnsignedString(valueLength)
              + " bytes are more than a cache of "
              + shape.capacity()
              + " takes");
    }
    if (expires < 0) {
      throw damaged(what, start, "it expires at " + expires + ", before 1970");
    }
    byte[] key = read(keyLength, what);
    byte[] value = read(valueLength, what);
    ByteBuffer check = DumpFormat.buffer(4).put(0, read(4, what));
    CRC32C crc = new CRC32C();
    crc.update(head.array());
    crc.update(key);
    crc.update(value);
    if ((int) crc.getValue() != check.getInt(0)) {
      throw damaged(what, start, "its checksum does not hold");
    }
    for (byte[] part : new byte[][] {head.array(), key, value, check.array()}) {
      all.update(part);
    }
    records++;
    visitor.visit(key, value, expires);
    return true;
  }

  private void end(ByteBuffer head, long start) throws IOException {
    if (head.getLong(DumpFormat.RECORDS_AT) != records) {
      throw damaged(
          "the end",
          start,
          "it counts " + head.getLong(DumpFormat.RECORDS_AT) + " records, there are " + records);
    }
    if (head.getInt(DumpFormat.ALL_CRC_AT) != (int) all.getValue()) {
      throw damaged("the end", start, "the checksum of all records does not hold");
    }
    if (in.read() >= 0) {
      throw damaged("the end", start, "something follows it");
    }
  }

  /** Reads as it comes: a length that lies makes no large array. */
  private byte[] read(int length, String what) throws IOException {
    byte[] bytes = in.readNBytes(length);
    position += bytes.length;
    if (bytes.length < length) {
      throw new IOException(
          "the dump is cut off in " + what + ", at byte " + position + ": it has no end");
    }
    return bytes;
  }

  private static IOException damaged(String what, long at, String why) {
    return new IOException("the dump is damaged at " + what + ", byte " + at + ": " + why);
  }
}
