/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.emulator;

import static org.luo4j.internal.bridge.Errno.EBUSY;
import static org.luo4j.internal.bridge.Errno.EFBIG;
import static org.luo4j.internal.bridge.Errno.EINVAL;
import static org.luo4j.internal.bridge.Errno.ENOMEM;
import static org.luo4j.internal.bridge.Errno.ENOSPC;
import static org.luo4j.internal.bridge.Errno.EOPNOTSUPP;
import static org.luo4j.internal.bridge.Errno.EPERM;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;

/**
 * A memfd. It has one open file for its whole life, so inode and open file are one object here:
 * size, seals and bytes as the inode has them, the position as the open file has it.
 *
 * <p>{@link #allocated} counts the 4 KiB pages that write, fallocate, MADV_POPULATE and preserving
 * have touched, and those pages that were mapped to a view and hold something other than zeros. A
 * page that was only read, or only filled with zeros, through a view is not counted.
 *
 * <p>A hugetlb memfd is one of a machine whose pool of huge pages is empty: it can be made, sized
 * and sealed, and neither mapped nor written.
 */
final class MemFile extends OpenFile {

  static final long PAGE = 4096;

  /** Huge pages of hugetlb, the only size that the machine has. */
  private static final long HUGE_PAGE = 2L << 20;

  /**
   * How far a write goes in one step: a step that would cross a size that must not change is
   * refused whole, and what the steps before it wrote is kept. It is the largest folio of shmem: 2
   * MiB on x86_64 with transparent huge pages in the kernel, a page without them.
   */
  private static final long WRITE_STEP = 2L << 20;

  private static final int ALL_SEALS =
      Abi.F_SEAL_SEAL
          | Abi.F_SEAL_SHRINK
          | Abi.F_SEAL_GROW
          | Abi.F_SEAL_WRITE
          | Abi.F_SEAL_FUTURE_WRITE
          | Abi.F_SEAL_EXEC;
  private static final int WRITE_SEALS = Abi.F_SEAL_WRITE | Abi.F_SEAL_FUTURE_WRITE;

  /** What F_SEAL_EXEC brings along on an executable file. */
  private static final int EXEC_SEALS = Abi.F_SEAL_SHRINK | Abi.F_SEAL_GROW | WRITE_SEALS;

  /** Page numbers go up to UINT_MAX, and eight bytes for each of them up to INT_MAX. */
  private static final long MOST_PAGES = 0xffffffffL;

  private static final long MOST_PINNED = Integer.MAX_VALUE / 8;

  private final String link;
  private final Backing backing;
  private final boolean huge;
  private final boolean executable;
  private final PageRanges allocated = new PageRanges();
  private final PageRanges viewed = new PageRanges();
  private int seals;
  private long size;
  private long position;

  /** Shared mappings that are, or may be made, writable: they keep F_SEAL_WRITE away. */
  private int writableMappings;

  /** Preserved in an outgoing session, or retrieved from an incoming one that is not finished. */
  private boolean heldByLuo;

  /** Preserved in an outgoing session: the size is fixed. */
  private boolean frozen;

  private MemFile(String link, Backing backing, boolean huge, boolean executable, int seals) {
    this.link = link;
    this.backing = backing;
    this.huge = huge;
    this.executable = executable;
    this.seals = seals;
  }

  /** A new memfd, of flags that were checked. */
  static MemFile create(String name, Backing backing, int flags) {
    boolean executable = (flags & Abi.MFD_NOEXEC_SEAL) == 0;
    int seals = Abi.F_SEAL_SEAL;
    if (!executable) {
      seals = Abi.F_SEAL_EXEC;
    } else if ((flags & Abi.MFD_ALLOW_SEALING) != 0) {
      seals = 0;
    }
    boolean huge = (flags & Abi.MFD_HUGETLB) != 0;
    return new MemFile("/memfd:" + name + " (deleted)", backing, huge, executable, seals);
  }

  /**
   * The memfd that the new kernel makes of a preserved one: without a name, executable whatever it
   * was, and with its seals added by the rule that F_SEAL_EXEC brings others along.
   */
  static MemFile retrieved(Backing backing, Manifest.Entry entry) {
    MemFile file = new MemFile("/ (deleted)", backing, false, true, 0);
    file.addSeals(entry.seals());
    file.size = entry.size();
    file.position = entry.position();
    file.allocated.add(0, pages(entry.size()));
    file.heldByLuo = true;
    return file;
  }

  /** How many pages so many bytes are. */
  static long pages(long bytes) {
    return (bytes >>> 12) + ((bytes & (PAGE - 1)) == 0 ? 0 : 1);
  }

  @Override
  void release() {
    backing.close();
    StateFolder.delete(backing.file());
    StateFolder.delete(ProcessDirectory.positionOf(backing.file()));
  }

  /** Closes the bytes' file and leaves it where it is. */
  void abandon() {
    backing.close();
  }

  @Override
  String describe() {
    return link;
  }

  @Override
  int statusFlags() {
    return Abi.O_RDWR | DeviceFile.O_LARGEFILE;
  }

  @Override
  @Nullable MemFile preservable() {
    return huge ? null : this;
  }

  @Override
  MemFile mappable() {
    return this;
  }

  // ---- seals ----

  @Override
  int seals() {
    return seals;
  }

  @Override
  int addSeals(int wanted) {
    int added = wanted;
    if ((added & ~ALL_SEALS) != 0) {
      return -EINVAL;
    }
    if ((seals & Abi.F_SEAL_SEAL) != 0) {
      return -EPERM;
    }
    if ((added & Abi.F_SEAL_EXEC) != 0 && executable) {
      added |= EXEC_SEALS;
    }
    if ((added & ~seals & Abi.F_SEAL_WRITE) != 0) {
      boolean pinned = frozen && size > 0;
      if (writableMappings > 0 || pinned) {
        return -EBUSY;
      }
    }
    seals |= added;
    return 0;
  }

  // ---- size and memory ----

  @Override
  long size() {
    return size;
  }

  @Override
  long allocated() throws IOException {
    countViewed();
    return allocated.count() * PAGE;
  }

  @Override
  int truncate(long newSize) throws IOException {
    if (huge && newSize % HUGE_PAGE != 0) {
      return -EINVAL;
    }
    if ((newSize < size && (seals & Abi.F_SEAL_SHRINK) != 0)
        || (newSize > size && (seals & Abi.F_SEAL_GROW) != 0)) {
      return -EPERM;
    }
    if (newSize != size && frozen) {
      return -EPERM;
    }
    if (newSize <= size) {
      backing.cut(newSize);
      allocated.remove(pages(newSize), Long.MAX_VALUE);
    } else {
      clearGrowth(newSize);
    }
    size = newSize;
    return 0;
  }

  @Override
  int allocate(int mode, long offset, long length) throws IOException {
    if (offset + length < 0) {
      return -EFBIG;
    }
    if ((mode & ~(Abi.FALLOC_FL_KEEP_SIZE | Abi.FALLOC_FL_PUNCH_HOLE)) != 0) {
      return -EOPNOTSUPP;
    }
    if (frozen) {
      return -EPERM;
    }
    long end = offset + length;
    if ((mode & Abi.FALLOC_FL_PUNCH_HOLE) != 0) {
      return punch(offset, end);
    }
    if ((seals & Abi.F_SEAL_GROW) != 0 && end > size) {
      return -EPERM;
    }
    if (end > Long.MAX_VALUE - (PAGE - 1)) {
      return -EFBIG;
    }
    if (huge) {
      return -ENOSPC;
    }
    allocated.add(offset / PAGE, pages(end));
    if ((mode & Abi.FALLOC_FL_KEEP_SIZE) == 0 && end > size) {
      clearGrowth(end);
      size = end;
    }
    return 0;
  }

  private int punch(long offset, long end) throws IOException {
    if ((seals & WRITE_SEALS) != 0) {
      return -EPERM;
    }
    countViewed();
    backing.zero(offset, end);
    allocated.remove(pages(offset), end / PAGE);
    return 0;
  }

  /** Zeroes what a view may have left between the size and a larger one. */
  private void clearGrowth(long newSize) throws IOException {
    if (backing.isViewed()) {
      backing.zero(size, newSize);
    }
  }

  /** Counts the pages of views that hold something. */
  private void countViewed() throws IOException {
    long end = Math.min(pages(size), pages(backing.length()));
    byte[] page = new byte[(int) PAGE];
    List<Map.Entry<Long, Long>> ranges = new ArrayList<>(viewed.ranges().entrySet());
    for (Map.Entry<Long, Long> range : ranges) {
      for (long at = range.getKey(); at < Math.min(range.getValue(), end); at++) {
        if (!allocated.contains(at)) {
          backing.read(at * PAGE, page, page.length);
          if (!Backing.isZero(page, 0, page.length)) {
            allocated.add(at, at + 1);
          }
        }
      }
    }
  }

  // ---- reading and writing ----

  @Override
  boolean isPositioned() {
    return true;
  }

  @Override
  long seek(long offset, int whence) throws IOException {
    long target = offset;
    if (whence == Abi.SEEK_END) {
      target += size;
    } else if (whence == Abi.SEEK_CUR) {
      target += position;
    }
    if (target < 0) {
      return -EINVAL;
    }
    move(target);
    return target;
  }

  @Override
  long read(ByteBuffer buffer, int start, int length, long at) throws IOException {
    long from = at >= 0 ? at : position;
    if (length < 0 || from + length < 0) {
      return -EINVAL;
    }
    int count = (int) Math.max(0, Math.min(length, size - from));
    if (count > 0) {
      backing.read(from, buffer, start, count);
    }
    if (at < 0) {
      move(from + count);
    }
    return count;
  }

  @Override
  long write(ByteBuffer buffer, int start, int length, long at) throws IOException {
    long from = at >= 0 ? at : position;
    if (huge || length < 0 || from + length < 0) {
      return -EINVAL;
    }
    if (length == 0) {
      return 0;
    }
    int count = (int) (writableTo(from, from + length) - from);
    if (count == 0) {
      return -EPERM;
    }
    try {
      if (from > size) {
        clearGrowth(from);
      }
      backing.write(from, buffer, start, count);
    } catch (IOException e) {
      return -ENOSPC;
    }
    size = Math.max(size, from + count);
    allocated.add(from / PAGE, pages(from + count));
    if (at < 0) {
      move(from + count);
    }
    return count;
  }

  /** Where a write from one offset to another has to stop. */
  private long writableTo(long from, long to) {
    if ((seals & WRITE_SEALS) != 0) {
      return from;
    }
    boolean fixed = frozen || (seals & Abi.F_SEAL_GROW) != 0;
    if (!fixed || to <= size) {
      return to;
    }
    return Math.max(from, size / WRITE_STEP * WRITE_STEP);
  }

  private void move(long target) throws IOException {
    if (target != position) {
      position = target;
      if (frozen) {
        savePosition();
      }
    }
  }

  // ---- mapping ----

  /**
   * Begins a mapping.
   *
   * @return 1 when it stands in the way of F_SEAL_WRITE, 0 when it does not, or -errno
   */
  int beginMapping(long offset, boolean writable) {
    if (writable && (seals & WRITE_SEALS) != 0) {
      return -EPERM;
    }
    if (huge) {
      return offset % HUGE_PAGE != 0 ? -EINVAL : -ENOMEM;
    }
    get();
    if ((seals & WRITE_SEALS) != 0) {
      return 0;
    }
    writableMappings++;
    return 1;
  }

  void endMapping(boolean mayWrite) throws IOException {
    if (mayWrite) {
      writableMappings--;
    }
    put();
  }

  /** A view of a range, which may go beyond the end: what is written there is lost. */
  ByteBuffer view(long offset, int length, boolean writable) throws IOException {
    ByteBuffer view = backing.view(offset, length, writable);
    viewed.add(offset / PAGE, pages(offset + length));
    return view;
  }

  /** Touches the pages of a range that must lie within the file. */
  boolean populate(long offset, long length) {
    if (pages(offset + length) > pages(size)) {
      return false;
    }
    allocated.add(offset / PAGE, pages(offset + length));
    return true;
  }

  // ---- live update ----

  boolean isHeldByLuo() {
    return heldByLuo;
  }

  /** Fixes the size, allocates and pins all pages, and saves the position from now on. */
  int freeze() throws IOException {
    long pages = pages(size);
    if (pages > MOST_PAGES) {
      return -EFBIG;
    }
    if (pages > MOST_PINNED) {
      return -ENOMEM;
    }
    savePosition();
    allocated.add(0, pages);
    heldByLuo = true;
    frozen = true;
    return 0;
  }

  void unfreeze() {
    heldByLuo = false;
    frozen = false;
    StateFolder.delete(ProcessDirectory.positionOf(backing.file()));
  }

  /** Says that the incoming session which it came from is finished. */
  void letGo() {
    heldByLuo = false;
  }

  /** Size and seals as of now; the position is saved beside the bytes. */
  Manifest.Entry entry(long token) {
    return new Manifest.Entry(token, size, seals, 0, backing.file().getFileName().toString());
  }

  private void savePosition() throws IOException {
    Path file = ProcessDirectory.positionOf(backing.file());
    try (RandomAccessFile out = StateFolder.writable(file)) {
      out.write(ByteBuffer.allocate(Long.BYTES).putLong(position).array());
    }
  }

  /** The position that was saved beside a memfd's bytes. */
  static long savedPosition(Path data) throws IOException {
    byte[] bytes = StateFolder.readAll(ProcessDirectory.positionOf(data));
    if (bytes.length != Long.BYTES) {
      throw new IOException(data + " is damaged: its position is not there");
    }
    return ByteBuffer.wrap(bytes).getLong();
  }
}
