/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EFAULT;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.ENOMEM;
import static org.luo4j.internal.bridge.Errno.EOVERFLOW;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;

/**
 * The mappings of an emulated process. Their addresses are made up: they stand for ranges of memfds
 * and are never dereferenced. Mappings never touch each other. Its emulator locks.
 */
final class AddressSpace {

  private static final long FIRST = 1L << 46;
  private static final long LIMIT = 1L << 47;

  private static final int MADV_DONTNEED = 4;
  private static final int MADV_DONTFORK = 10;
  private static final int MADV_DOFORK = 11;
  private static final int MADV_DODUMP = 17;
  private static final int MADV_COLD = 20;
  private static final int MADV_PAGEOUT = 21;

  private record Mapping(
      long address, long length, MemFile file, long offset, boolean writable, boolean mayWrite) {

    long end() {
      return address + roundUp(length, MemFile.PAGE);
    }
  }

  private final TreeMap<Long, Mapping> mappings = new TreeMap<>();

  /** Maps a range of a memfd whose offset and length were checked. */
  long map(MemFile file, long offset, long length, boolean writable) {
    if (length > LIMIT - FIRST) {
      return -ENOMEM;
    }
    if (offset < 0 || offset > Long.MAX_VALUE - roundUp(length, MemFile.PAGE)) {
      return -EOVERFLOW;
    }
    long address = FIRST;
    for (Mapping mapping : mappings.values()) {
      if (address + length + Abi.MAP_ALIGNMENT <= mapping.address) {
        break;
      }
      address = roundUp(mapping.end(), Abi.MAP_ALIGNMENT) + Abi.MAP_ALIGNMENT;
    }
    if (address + length > LIMIT) {
      return -ENOMEM;
    }
    int begun = file.beginMapping(offset, writable);
    if (begun < 0) {
      return begun;
    }
    mappings.put(address, new Mapping(address, length, file, offset, writable, begun == 1));
    return address;
  }

  int unmap(long address, long length) throws IOException {
    Mapping mapping = mappings.get(address);
    if (mapping == null || mapping.length != length) {
      return -EINVAL;
    }
    mappings.remove(address);
    mapping.file.endMapping(mapping.mayWrite);
    return 0;
  }

  int advise(long address, long length, int advice) {
    if (!isKnown(advice) || address % MemFile.PAGE != 0 || length < 0) {
      return -EINVAL;
    }
    long end = address + roundUp(length, MemFile.PAGE);
    if (length == 0) {
      return 0;
    }
    Mapping mapping = find(address);
    if (mapping == null || end > mapping.end()) {
      return -ENOMEM;
    }
    if (advice == Abi.MADV_POPULATE_WRITE && !mapping.writable) {
      return -EINVAL;
    }
    if (advice == Abi.MADV_POPULATE_READ || advice == Abi.MADV_POPULATE_WRITE) {
      long offset = mapping.offset + (address - mapping.address);
      return mapping.file.populate(offset, end - address) ? 0 : -EFAULT;
    }
    return 0;
  }

  /** A view of a part of one mapping; read-only when the mapping is. */
  ByteBuffer view(long address, int length) throws IOException {
    Mapping mapping = find(address);
    if (mapping == null || length < 0 || address + length > mapping.end()) {
      throw new IllegalArgumentException(
          length + " bytes at 0x" + Long.toHexString(address) + " do not lie in a mapping");
    }
    long offset = mapping.offset + (address - mapping.address);
    return mapping.file.view(offset, length, mapping.writable);
  }

  /** The memfds that are mapped, some of them more than once. */
  Iterable<MemFile> files() {
    return mappings.values().stream().map(Mapping::file).toList();
  }

  /** Forgets all mappings and releases nothing. */
  void clear() {
    mappings.clear();
  }

  private @Nullable Mapping find(long address) {
    Map.Entry<Long, Mapping> entry = mappings.floorEntry(address);
    return entry == null || address >= entry.getValue().end() ? null : entry.getValue();
  }

  private static boolean isKnown(int advice) {
    switch (advice) {
      case Abi.MADV_NORMAL:
      case Abi.MADV_RANDOM:
      case Abi.MADV_SEQUENTIAL:
      case Abi.MADV_WILLNEED:
      case MADV_DONTNEED:
      case MADV_DONTFORK:
      case MADV_DOFORK:
      case Abi.MADV_HUGEPAGE:
      case Abi.MADV_NOHUGEPAGE:
      case Abi.MADV_DONTDUMP:
      case MADV_DODUMP:
      case MADV_COLD:
      case MADV_PAGEOUT:
      case Abi.MADV_POPULATE_READ:
      case Abi.MADV_POPULATE_WRITE:
      case Abi.MADV_COLLAPSE:
        return true;
      default:
        return false;
    }
  }

  private static long roundUp(long value, long unit) {
    return (value + unit - 1) / unit * unit;
  }
}
