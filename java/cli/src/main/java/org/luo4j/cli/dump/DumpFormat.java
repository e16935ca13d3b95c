/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli.dump;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * A dump: the entries of a cache, version {@value #VERSION}. All numbers are little-endian.
 *
 * <pre>
 *   header     0  u64 magic "LUODUMP1"
 *              8  u32 version        12  u32 0
 *             16  u64 capacity       24  u32 average entry    28  u32 0
 *             32  u32 key codec's name, bytes      36  u32 value codec's name, bytes
 *             40  u64 created, ms since 1970
 *             48  u64 entries that the cache counted when the dump began; for progress only
 *             56  u32 0              60  u32 CRC-32C of bytes 0 to 59
 *             64  key codec's name, value codec's name, in UTF-8
 *             ..  u32 CRC-32C of both
 *             version 1 had at 32 and 36 the hashes of the names, and no names
 *
 *   records    0  u32 mark "ENTR"     4  u32 key length        8  u32 value length
 *             12  u64 the time it expires, ms since 1970; 0 for never
 *             20  u32 CRC-32C of bytes 0 to 19
 *             24  key, value
 *             ..  u32 CRC-32C of bytes 0 to here
 *
 *   end        0  u32 mark "DONE"     4  u32 CRC-32C of all records' bytes
 *              8  u64 records        16  u32 0
 *             20  u32 CRC-32C of bytes 0 to 19
 * </pre>
 *
 * <p>Lengths are believed after their checksum holds, and up to the largest entry that a cache of
 * the capacity takes. Nothing follows the end.
 */
final class DumpFormat {

  static final long MAGIC = 0x3150_4D55_444F_554CL; // "LUODUMP1"
  static final int VERSION = 2;

  /** The version that had the hashes of the codecs' names, in place of lengths, and no names. */
  static final int HASHES = 1;

  static final int ENTRY = 0x5254_4E45; // "ENTR"
  static final int DONE = 0x454E_4F44; // "DONE"

  static final int HEADER_BYTES = 64;
  static final int HEADER_CRC = 60;
  static final int HEAD_BYTES = 24;
  static final int HEAD_CRC = 20;

  static final int VERSION_AT = 8;
  static final int CAPACITY_AT = 16;
  static final int AVERAGE_AT = 24;
  static final int KEY_CODEC_AT = 32;
  static final int VALUE_CODEC_AT = 36;
  static final int CREATED_AT = 40;
  static final int ENTRIES_AT = 48;

  static final int KEY_LENGTH_AT = 4;
  static final int VALUE_LENGTH_AT = 8;
  static final int EXPIRES_AT = 12;

  static final int ALL_CRC_AT = 4;
  static final int RECORDS_AT = 8;

  /** The longest name of a codec, in bytes of UTF-8. */
  static final int MAX_NAME = 1024;

  private DumpFormat() {}

  /** Zeros to be filled in. */
  static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** CRC-32C of the first bytes of a buffer's array. */
  static int crc(ByteBuffer buffer, int bytes) {
    CRC32C crc = new CRC32C();
    crc.update(buffer.array(), 0, bytes);
    return (int) crc.getValue();
  }

  /** The key and value of the largest entry that a cache of a capacity takes. */
  static long largest(long capacity) {
    return capacity / 8;
  }
}
