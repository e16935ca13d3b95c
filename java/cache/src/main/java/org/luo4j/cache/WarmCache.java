/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.luo4j.Handover;
import org.luo4j.LiveUpdate;
import org.luo4j.MemoryRegion;

/**
 * A cache outside the heap, in memory that outlives the process: a file of a tmpfs, which a restart
 * of the JVM leaves alone, or a memfd that a holder keeps and a kexec carries over. The time to
 * open it again does not grow with its contents.
 *
 * <p>What {@code put} has returned from is there after SIGKILL, unless it was evicted. Nothing is
 * evicted while live bytes (each entry with a header of 12 bytes, rounded up to 8, and at least
 * {@link Builder#averageEntryBytes}) are at most nine tenths of the capacity. Old entries carry a
 * checksum that is verified when they are read.
 *
 * <p>Memory has one owner: one cache of one process. All of it is allocated by {@link
 * Builder#open}. If it is taken away later, calls throw a {@link MemoryLostException}. After {@link
 * #close} calls throw an {@link IllegalStateException}; {@link #start}, {@link #shape}, {@link
 * #stats} and {@link #memoryBytes} still work.
 *
 * <p>Keys and values are held by value and are not null. Any thread may call any method; lookups
 * take no lock, nor do overwrites by values of the same size; other changes take turns. Loaders and
 * removal listeners are called without a lock, and may use the cache; a loader must not need its
 * own key ({@link #get}). Codecs and clocks must not use caches: changes call them under a lock,
 * and a change that one makes of its own cache then throws an IllegalStateException. An interrupt
 * ends no call: the call does its work, and the flag stays set.
 *
 * @param <K> the keys
 * @param <V> the values
 * @since 0.1.0
 */
public final class WarmCache<K, V> implements AutoCloseable {

  /** How long a change that holds the write lock for long lets others have it first. */
  private static final long MAX_YIELD_NANOS = 1_000_000;

  /**
   * How many live bytes {@link #invalidateAll} removes at once, for a listener: their copies are on
   * the heap until the listener is told.
   */
  private static final long MAX_CLEAR_AT_ONCE = 16 << 20;

  /** How often {@link #invalidateAll} goes through the cache before it removes the rest at once. */
  private static final int MAX_CLEAR_PASSES = 4;

  /** How long {@link #close} waits for functions that read in place. */
  private static final long CLOSE_MILLIS = 1_000;

  private static final long PAUSE_NANOS = 50_000;

  /** How many errors of faults {@link #close} may meet, without a guard. */
  private static final int MAX_FAULTS = 3;

  /** A verification tells its progress after so many slots. */
  private static final int PROGRESS_SLOTS = 1 << 16;

  private final CacheMemory memory;
  private final MemoryRegion region;
  private final Reader reader;
  private final Writer writer;
  private final Codec<K> keys;
  private final Codec<V> values;
  private final Decoder<K, V> decoder;
  private final Loads loads = new Loads();
  private final Computations computations = new Computations();
  private final long expireMillis;
  private final @Nullable RemovalListener<? super K, ? super V> listener;
  private final Start start;
  private final CacheShape shape;
  private final WriteLock write = new WriteLock();
  private final Object closing = new Object();

  /** Guarded by {@link #closing}. */
  private boolean closed;

  /** Whether {@link #close} has found the memory lost, without a guard. Guarded by closing. */
  private boolean lost;

  /** Null unless statistics are recorded. */
  private final @Nullable LongAdder hits;

  private final @Nullable LongAdder misses;

  /** What the change under way removed, or null. Guarded by the write lock. */
  private @Nullable List<Removal> removals;

  /**
   * Whether an Error has ended a change at any point: that of a stack or a heap that has no more.
   * The next thread that has the write lock sets right what it left. Guarded by the write lock.
   */
  private boolean isUnfinished;

  private record Removal(byte[] key, byte[] value, RemovalCause cause) {}

  private WarmCache(Builder<K, V> builder, CacheMemory memory, Opening.Opened opened) {
    this.memory = memory;
    this.keys = builder.keys;
    this.values = builder.values;
    this.expireMillis = builder.expireMillis;
    this.listener = builder.listener;
    this.hits = builder.recordStats ? new LongAdder() : null;
    this.misses = builder.recordStats ? new LongAdder() : null;
    this.decoder = new Decoder<>(keys, values, builder.onDecodeFailure());
    this.region = memory.region();
    this.shape = CacheShape.of(CacheFormat.header(region));
    this.start = opened.start();
    this.writer = opened.writer();
    this.reader = writer.reader();
    if (listener != null) {
      writer.onRemoval(this::removed);
    }
  }

  private void removed(byte[] key, byte[] value, RemovalCause cause) {
    if (removals == null) {
      removals = new ArrayList<>();
    }
    removals.add(new Removal(key, value, cause));
  }

  /**
   * Takes the write lock. To be called just before a try block, without another call in between,
   * which begins with {@link #begin}. Its finally block gives the lock back with {@code write.owner
   * = null}, and calls {@link #afterChange} then.
   *
   * @throws IllegalStateException when the cache is closed, its memory is gone, or this thread has
   *     the lock
   */
  private void lock() {
    if (!write.tryLock()) {
      checkNotInChange();
      // Who has it may be in a codec when the cache is closed, and give it back later, or never.
      while (!write.tryLock(WriteLock.LOOK_MILLIS)) {
        reader.memory.checkOpen();
        if (!reader.memory.isGuarded()) {
          reader.memory.checkSound();
        }
      }
    }
  }

  /** Refuses what codecs, called in the midst of a change, must not do: they would wait for it. */
  private void checkNotInChange() {
    if (write.isHeldByCurrentThread()) {
      throw new CodecUsesCacheException();
    }
  }

  /** Begins a change, under the write lock: sets right what an Error has left before. */
  private void begin() {
    reader.memory.checkOpen();
    if (isUnfinished) {
      writer.finishFailed();
      reader.memory.checkSound();
      isUnfinished = false;
    }
  }

  /**
   * Lets threads that wait for the write lock have it first, for a change that holds it for long or
   * over and over: the lock goes to whoever comes first, and a thread that must wake up is late.
   */
  private void letOthersChange() {
    long end = System.nanoTime() + MAX_YIELD_NANOS;
    while (write.hasWaiters() && System.nanoTime() - end < 0) {
      Thread.yield();
    }
  }

  /** Makes a change under the write lock. */
  private <T> T locked(Supplier<T> change) {
    lock();
    try {
      begin();
      T result = change.get();
      reader.memory.checkSound();
      return result;
    } catch (RuntimeException e) {
      throw soundUnderLock(e);
    } catch (Error e) {
      isUnfinished = true; // first, as there may be no stack for more
      throw soundUnderLock(e);
    } finally {
      List<Removal> told = removals;
      removals = null;
      write.owner = null;
      afterChange(told);
    }
  }

  /** What to throw for what a call threw: it may have met memory that was gone. */
  private RuntimeException sound(Throwable thrown) {
    Memory memory = reader.memory;
    return memory.told(thrown, thrown instanceof InternalError && !memory.isGuarded());
  }

  private RuntimeException soundUnderLock(Throwable thrown) {
    RuntimeException told = sound(thrown);
    if (told != thrown) {
      removals = null; // they may have been read when the memory was gone
    }
    return told;
  }

  /** To be called when the write lock has been given back, with what was removed under it. */
  private void afterChange(@Nullable List<Removal> removed) {
    write.wake();
    if (removed != null && listener != null) {
      tell(listener, removed);
    }
  }

  /** Tells of each removal, whatever the listener throws. Throws its first Error, at the end. */
  private void tell(RemovalListener<? super K, ? super V> told, List<Removal> list) {
    Error failed = null;
    for (Removal removal : list) {
      try {
        K key = decoder.keyOrNull(removal.key);
        V value = key == null ? null : decoder.valueOrNull(removal.value);
        if (key != null && value != null) {
          told.onRemoval(key, value, removal.cause);
        }
      } catch (Exception e) { // other languages throw checked ones, too
        System.getLogger(WarmCache.class.getName())
            .log(System.Logger.Level.WARNING, "the removal listener failed", e);
      } catch (Error e) {
        failed = failed == null ? e : failed;
      }
    }
    if (failed != null) {
      throw failed;
    }
  }

  /**
   * Says what to open.
   *
   * @param keys how keys become bytes
   * @param values how values become bytes
   * @param <K> the keys
   * @param <V> the values
   * @return a builder with nothing else set
   */
  public static <K, V> Builder<K, V> builder(Codec<K> keys, Codec<V> values) {
    return new Builder<>(
        Objects.requireNonNull(keys, "keys"), Objects.requireNonNull(values, "values"));
  }

  /**
   * Says what to open, where only a cache's shape is known: keys and values are their bytes.
   *
   * @param shape capacity, average entry and codecs; a cache that is made gets its time of creation
   * @return a builder with nothing else set
   */
  public static Builder<byte[], byte[]> builder(CacheShape shape) {
    Objects.requireNonNull(shape, "shape");
    Builder<byte[], byte[]> builder =
        builder(new Codecs.Raw(shape.keyCodec()), new Codecs.Raw(shape.valueCodec()));
    builder.created = shape.created();
    return builder.capacity(shape.capacity()).averageEntryBytes(shape.averageEntryBytes());
  }

  /**
   * Opens the cache that is in a file, whatever its shape; keys and values are their bytes. Takes
   * the ownership, marks the cache open, and finishes the change that a killed process left. The
   * file may belong to another user.
   *
   * @param file a cache's
   * @return the cache, warm
   * @throws org.luo4j.LuoException.OwnerAlive when another cache has the file, at once
   * @throws IOException when the file holds no whole cache; the file is not changed
   * @throws IllegalArgumentException when the path is not of Java's default file system
   */
  public static WarmCache<byte[], byte[]> openAsFound(Path file) throws IOException {
    Builder<byte[], byte[]> builder =
        builder(CacheHeader.read(file).shape())
            .found(file)
            .ownerTimeout(Duration.ZERO)
            .onRefusal(OnRefusal.FAIL);
    builder.foreign = true;
    return builder.open();
  }

  /**
   * Opens the cache that arrived in a session, whatever its shape; keys and values are their bytes.
   * The session's memory is this cache's from then on, and lost when it is closed before a kexec.
   *
   * @param luo who has the session
   * @param name the session's name
   * @return the cache, warm
   * @throws IOException when nothing arrived, or no cache that is whole: it is lost then
   */
  public static WarmCache<byte[], byte[]> openAsFound(LiveUpdate luo, String name)
      throws IOException {
    Objects.requireNonNull(name, "name");
    Handover own = Handover.builder().luo(luo).holder(Handover.Holder.PROCESS).open();
    KeptMemory memory = new KeptMemory(own, true, name, KeptMemory.AS_KEPT);
    CacheShape shape;
    try {
      String where = "session '" + name + "'";
      if (memory.region().size() < CacheFormat.HEADER_BYTES) {
        throw new IOException(
            where + " has " + memory.region().size() + " bytes: that is no cache");
      }
      shape = CacheHeader.of(CacheFormat.header(memory.region()), where).shape();
      if (memory.region().size() != shape.memoryBytes()) {
        throw new IOException(
            where + " has " + memory.region().size() + " bytes, its cache " + shape.memoryBytes());
      }
    } catch (Throwable e) {
      memory.abandon(e);
      throw e;
    }
    Builder<byte[], byte[]> builder = builder(shape).onRefusal(OnRefusal.FAIL);
    return builder.open(builder.opening(layout(shape)), memory);
  }

  private static CacheFormat.Layout layout(CacheShape shape) {
    return CacheFormat.Layout.of(shape.capacity(), shape.averageEntryBytes());
  }

  /**
   * What to open. Not for use by several threads.
   *
   * @param <K> the keys
   * @param <V> the values
   * @since 0.1.0
   */
  public static final class Builder<K, V> {
    private static final int DEFAULT_AVERAGE_ENTRY = 64;

    /** The longest name of a cache at a holder, in characters. */
    private static final int MAX_NAME = 47;

    private final Codec<K> keys;
    private final Codec<V> values;
    private long capacity;
    private @Nullable Integer averageEntry;
    private @Nullable Long created;
    private long expireMillis;
    private @Nullable LongSupplier clock;
    private @Nullable RemovalListener<? super K, ? super V> listener;
    private boolean recordStats;
    private @Nullable OnRefusal onRefusal;
    private @Nullable OnDecodeFailure onDecodeFailure;
    private @Nullable Path file;

    /** Whether the file may be another user's: what is in it is checked in any case. */
    private boolean foreign;

    private @Nullable Handover handover;
    private @Nullable LiveUpdate luo;
    private String name = "";
    private @Nullable Duration ownerTimeout;
    private Function<MemoryRegion, Memory> memories = Memory::new;

    private Builder(Codec<K> keys, Codec<V> values) {
      this.keys = keys;
      this.values = values;
    }

    /**
     * Sets the capacity, of which nine tenths may be live. The memory is larger, for the index and
     * for room to clean in: 1.63 times the capacity with the default {@link #averageEntryBytes},
     * 1.51 times with 1024.
     *
     * @param bytes 64 KiB to 8 TiB. Write {@code 8L << 30} for 8 GiB: {@code 8 << 30} is an int and
     *     overflows
     * @return this
     * @throws IllegalArgumentException for another size
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> capacity(long bytes) {
      CacheShape.checkCapacity(bytes);
      once(capacity == 0, "capacity");
      this.capacity = bytes;
      return this;
    }

    /**
     * Sets the size of an average entry, by which the index is made: an entry counts as at least so
     * many bytes. Larger makes a smaller index.
     *
     * @param bytes 32 to 65536, of key and value and a header of 12 bytes; default 64
     * @return this
     * @throws IllegalArgumentException for another size
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> averageEntryBytes(int bytes) {
      CacheShape.checkAverageEntry(bytes);
      once(averageEntry == null, "averageEntryBytes");
      this.averageEntry = bytes;
      return this;
    }

    /**
     * Places the cache in a file. A new file is created with mode 0600. A file or symbolic link of
     * another user is refused, and so is a file that others may write. A file on a tmpfs, such as
     * /dev/shm, costs no disk.
     *
     * @param file the file; its folder must be there
     * @return this
     * @throws IllegalArgumentException when its name ends in .refused or .swap: those are names of
     *     memory that another cache set aside; or when it is a path of another file system of
     *     Java's than the default one, such as a zip file's
     * @throws IllegalStateException when a file, handover or session was set already
     */
    public Builder<K, V> file(Path file) {
      CacheHeader.checkFileSystem(Objects.requireNonNull(file, "file"));
      checkNotSetAside("file", String.valueOf(file.getFileName()));
      return found(file);
    }

    /** As {@link #file}, whatever its name. */
    private Builder<K, V> found(Path found) {
      oncePlaced();
      this.file = found;
      return this;
    }

    private static void checkNotSetAside(String argument, String name) {
      for (String ending : List.of(CacheMemory.REFUSED, CacheMemory.SWAP)) {
        if (name.endsWith(ending)) {
          throw new IllegalArgumentException(
              argument
                  + " '"
                  + name
                  + "' ends in "
                  + ending
                  + ", as memory does that a cache set aside: take another name");
        }
      }
    }

    /**
     * Places the cache in a memfd that the host's best holder keeps for the service's next process:
     * systemd, an agent, or a LUO session of this process.
     *
     * @param handover stays the caller's, who closes it after the cache
     * @param name as {@link Handover#make} takes it, 47 characters at most
     * @return this
     * @throws IllegalArgumentException when the name is longer, or ends in .refused or .swap
     * @throws IllegalStateException when a file, handover or session was set already, or {@link
     *     #ownerTimeout}
     */
    public Builder<K, V> handover(Handover handover, String name) {
      Objects.requireNonNull(handover, "handover");
      checkName(name);
      oncePlaced();
      checkTimeout(ownerTimeout == null);
      this.handover = handover;
      this.name = name;
      return this;
    }

    /**
     * Places the cache in a memfd that a LUO session of this process carries across a kexec: the
     * process must be alive then.
     *
     * @param luo who makes the session
     * @param name the session's name, as {@link Handover#make} takes it, 47 characters at most
     * @return this
     * @throws IllegalArgumentException when the name is longer, or ends in .refused or .swap
     * @throws IllegalStateException when a file, handover or session was set already
     */
    public Builder<K, V> session(LiveUpdate luo, String name) {
      Objects.requireNonNull(luo, "luo");
      checkName(name);
      oncePlaced();
      this.luo = luo;
      this.name = name;
      return this;
    }

    /** Refuses a name that {@link KeptMemory} cannot append a word to for what it sets aside. */
    private static void checkName(String name) {
      Objects.requireNonNull(name, "name");
      if (name.length() > MAX_NAME) {
        throw new IllegalArgumentException(
            "name '"
                + name
                + "' has "
                + name.length()
                + " characters: a cache's name must have at most "
                + MAX_NAME
                + ", as '.refused' is appended for memory that is set aside: shorten it");
      }
      checkNotSetAside("name", name);
    }

    private void oncePlaced() {
      String placed = file != null ? "file" : handover != null ? "handover" : "session";
      if (file != null || handover != null || luo != null) {
        throw new IllegalStateException(
            placed + " was set already: a cache has one of file, handover and session");
      }
    }

    private static void checkTimeout(boolean fits) {
      if (!fits) {
        throw new IllegalStateException(
            "ownerTimeout does not go with a handover, which has a timeout of its own: set that of"
                + " Handover.builder()");
      }
    }

    /**
     * Sets how long {@link #open} waits while another cache has the file or session, such as that
     * of a process that is ending. Default 10 s. An interrupt does not end the wait. A handover has
     * a timeout of its own.
     *
     * @param timeout 0 to try once, or more
     * @return this
     * @throws IllegalArgumentException when it is negative
     * @throws IllegalStateException when it was set already, or a handover was set
     */
    public Builder<K, V> ownerTimeout(Duration timeout) {
      Objects.requireNonNull(timeout, "timeout");
      if (timeout.isNegative()) {
        throw new IllegalArgumentException("ownerTimeout " + timeout + " must not be negative");
      }
      once(ownerTimeout == null, "ownerTimeout");
      checkTimeout(handover == null);
      this.ownerTimeout = timeout;
      return this;
    }

    /**
     * Sets how long an entry lives after it was put, where {@link WarmCache#put(Object, Object,
     * Duration)} or {@link WarmCache#putUntil} does not say otherwise. Default: for ever.
     *
     * <p>An entry's end is kept within 8.7 years from when the cache was made, or from a later time
     * at which nothing was there that could expire: what would end later ends then.
     *
     * @param age 1 ms to 2920 days; kept in steps of 64 ms, rounded up
     * @return this
     * @throws IllegalArgumentException for another age
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> expireAfterWrite(Duration age) {
      long millis = millis(age);
      once(expireMillis == 0, "expireAfterWrite");
      this.expireMillis = millis;
      return this;
    }

    /**
     * Sets the clock of expiry, which must be the same before and after a restart. When it is set
     * back, the cache's time goes on from where it was: all that the clock goes forward counts,
     * also where that only undoes a step back. Default: the machine's boot clock, and the wall
     * clock for the time that a reboot or a kexec took.
     *
     * @param clock gives ms since 1970; is called by any thread. {@link #open} calls it once, when
     *     it has the memory and before it writes to it; what it throws there reaches the caller
     * @return this
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> clock(LongSupplier clock) {
      once(this.clock == null, "clock");
      this.clock = Objects.requireNonNull(clock, "clock");
      return this;
    }

    /** Sets how the cache gets at its region, for tests of what may happen there. */
    Builder<K, V> memories(Function<MemoryRegion, Memory> memories) {
      this.memories = memories;
      return this;
    }

    /**
     * Counts hits and misses, for {@link WarmCache#stats}.
     *
     * @return this
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> recordStats() {
      once(!recordStats, "recordStats");
      this.recordStats = true;
      return this;
    }

    /**
     * Sets what becomes of old memory that cannot be used; default {@link OnRefusal#KEEP}.
     *
     * @param onRefusal set it aside, write over it, or fail
     * @return this
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> onRefusal(OnRefusal onRefusal) {
      once(this.onRefusal == null, "onRefusal");
      this.onRefusal = Objects.requireNonNull(onRefusal, "onRefusal");
      return this;
    }

    /**
     * Sets what the cache does with entries that their codecs cannot decode; default {@link
     * OnDecodeFailure#MISS}.
     *
     * @param onDecodeFailure make it a miss, or throw
     * @return this
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> onDecodeFailure(OnDecodeFailure onDecodeFailure) {
      once(this.onDecodeFailure == null, "onDecodeFailure");
      this.onDecodeFailure = Objects.requireNonNull(onDecodeFailure, "onDecodeFailure");
      return this;
    }

    /**
     * Sets who is told of removals.
     *
     * @param listener is called by the thread that caused the removal, without a lock
     * @return this
     * @throws IllegalStateException when it was set already
     */
    public Builder<K, V> removalListener(RemovalListener<? super K, ? super V> listener) {
      once(this.listener == null, "removalListener");
      this.listener = Objects.requireNonNull(listener, "listener");
      return this;
    }

    private OnRefusal onRefusal() {
      return onRefusal == null ? OnRefusal.KEEP : onRefusal;
    }

    private OnDecodeFailure onDecodeFailure() {
      return onDecodeFailure == null ? OnDecodeFailure.MISS : onDecodeFailure;
    }

    private static void once(boolean unset, String name) {
      if (!unset) {
        throw new IllegalStateException(name + " was set already");
      }
    }

    /**
     * Opens the cache: warm with what is there, or cold; {@link WarmCache#start} says which.
     * Allocates all of its memory. An open that fails, whatever it throws, leaves files, and what a
     * holder keeps, as they were: it makes no new file and gives the memory up.
     *
     * @return the cache, to be closed
     * @throws org.luo4j.LuoException.OwnerAlive when the memory has another owner at the end of the
     *     timeout: another process, class loader or cache
     * @throws org.luo4j.LuoException when the holder or the kernel refuses
     * @throws org.luo4j.NoRoomException when the file system, the machine or the cgroup has no room
     *     for the memory; what was set aside is deleted first
     * @throws IOException when the file cannot be opened or is refused; for {@link OnRefusal#FAIL},
     *     when its memory cannot be used
     * @throws IllegalStateException when the capacity, or where to place the cache, is not set, or
     *     a codec's name is not as {@link Codec#name} asks
     */
    public WarmCache<K, V> open() throws IOException {
      checkComplete();
      CacheFormat.Layout layout =
          CacheFormat.Layout.of(
              capacity, averageEntry == null ? DEFAULT_AVERAGE_ENTRY : averageEntry);
      Opening opening = opening(layout); // what a codec throws finds nothing made
      CacheMemory memory = memory(layout.memoryBytes());
      return open(opening, memory);
    }

    private Opening opening(CacheFormat.Layout layout) {
      return new Opening(layout, CodecNames.of(keys, values), created, clock, memories);
    }

    private WarmCache<K, V> open(Opening opening, CacheMemory memory) throws IOException {
      try {
        return new WarmCache<>(this, memory, opening.open(memory, onRefusal()));
      } catch (Throwable e) { // Errors too
        memory.abandon(e);
        throw e;
      }
    }

    private CacheMemory memory(long size) throws IOException {
      Duration timeout = ownerTimeout == null ? Duration.ofSeconds(10) : ownerTimeout;
      if (file != null) {
        return new FileMemory(file, size, timeout, foreign);
      }
      if (handover != null) {
        return new KeptMemory(handover, false, name, size);
      }
      LiveUpdate session = Objects.requireNonNull(luo, "luo");
      Handover own =
          Handover.builder().luo(session).holder(Handover.Holder.PROCESS).timeout(timeout).open();
      return new KeptMemory(own, true, name, size);
    }

    private void checkComplete() {
      String lacking = capacity != 0 ? "" : "capacity is not set: call capacity(bytes)";
      if (file == null && handover == null && luo == null) {
        lacking +=
            (lacking.isEmpty() ? "" : "; ")
                + "where to place the cache is not set: call one of file, handover and session";
      }
      if (!lacking.isEmpty()) {
        throw new IllegalStateException(lacking);
      }
    }
  }

  /**
   * How the cache came up.
   *
   * @return cold or warm, and why
   */
  public Start start() {
    return start;
  }

  /**
   * What the cache was made as.
   *
   * @return its shape
   */
  public CacheShape shape() {
    return shape;
  }

  /**
   * Looks a key up.
   *
   * @param key not null
   * @return its value, or null
   */
  public @Nullable V getIfPresent(K key) {
    byte[] bytes = keyBytes(key);
    V value = find(key, bytes, reader.hash(bytes), true);
    count(value != null);
    return value;
  }

  /** As {@link #getIfPresent}, but counts no hit and no miss. */
  @Nullable V find(K key) {
    byte[] bytes = keyBytes(key);
    return find(key, bytes, reader.hash(bytes), false);
  }

  /** Looks a key up; where its codec throws, a miss is counted if that was asked for. */
  private @Nullable V find(K key, byte[] bytes, long hash, boolean counts) {
    byte[] encoded = reader.get(bytes, hash);
    if (encoded == null) {
      return null;
    }
    V value = decode(encoded, counts);
    if (value == null) {
      removeUndecodable(keyBytes(key).clone(), hash, encoded); // it may use the array of bytes, too
    }
    return value;
  }

  private @Nullable V decode(byte[] encoded, boolean counts) {
    try {
      return decoder.value(encoded);
    } catch (RuntimeException | Error e) {
      if (counts) {
        count(false);
      }
      throw e;
    }
  }

  /** Removes a value that could not be decoded, unless the key has another one by now. */
  private void removeUndecodable(byte[] key, long hash, byte[] failed) {
    byte[] present = reader.get(key, hash);
    if (present == null) {
      return;
    }
    byte[] unchanged = present.clone(); // the codec may have written into what it was given
    if (Arrays.equals(present, failed) || !decoder.canDecodeValue(present)) {
      removeUndecodable(key, hash, seen -> Arrays.equals(seen, unchanged) ? null : seen);
    }
  }

  /** Makes a change that removes an undecodable entry, which no listener is told of. */
  private void removeUndecodable(byte[] key, long hash, Change removal) {
    locked(
        () -> {
          changeLocked(key, hash, removal);
          forgetRemoval(key);
          return true;
        });
  }

  /** Tells no listener of what the change under way removed of a key. */
  private void forgetRemoval(byte[] key) {
    if (removals != null) {
      removals.removeIf(removal -> Arrays.equals(removal.key, key));
    }
  }

  private void count(boolean hit) {
    LongAdder counter = hit ? hits : misses;
    if (counter != null) {
      counter.increment();
    }
  }

  /**
   * Looks a key up and reads its value in place, without a copy.
   *
   * @param key not null
   * @param function is given the value as a read-only little-endian buffer, which must not be used
   *     after the call; should be short, as the cache cannot use given-up memory again meanwhile;
   *     must not change a cache. A value over 512 MiB is copied. Where it runs for over a second,
   *     puts that need the memory that it holds are dropped, and the values that their keys had are
   *     removed: {@link CacheStats#droppedPuts}
   * @param <R> what the function gives
   * @return what the function gave, or null where the key has no value
   */
  public <R> @Nullable R read(K key, Function<? super ByteBuffer, ? extends @Nullable R> function) {
    Objects.requireNonNull(function, "function");
    byte[] bytes = keyBytes(key);
    boolean[] hit = hits == null ? null : new boolean[1];
    R result =
        reader.read(
            bytes,
            reader.hash(bytes),
            hit == null
                ? function
                : value -> {
                  hit[0] = true;
                  count(true); // also when the function throws
                  return function.apply(value);
                });
    if (hit != null && !hit[0]) {
      count(false);
    }
    return result;
  }

  /**
   * Reads every entry and verifies its checksum; a damaged one is removed and counted. Lookups and
   * changes go on meanwhile.
   *
   * @return what was found
   */
  public Verification verify() {
    return verify((done, total) -> {});
  }

  /**
   * As {@link #verify()}, with progress.
   *
   * @param progress is told now and then, and at the end
   * @return what was found
   */
  public Verification verify(Verification.Progress progress) {
    return walk(true, null, progress);
  }

  /**
   * As {@link #verify(Verification.Progress)}, but a damaged entry stays as it is.
   *
   * @param progress is told now and then, and at the end
   * @return what was found
   */
  public Verification check(Verification.Progress progress) {
    return walk(false, null, progress);
  }

  /**
   * As {@link #check}, and gives each entry that is whole and has not expired to a visitor. One
   * that is put or replaced meanwhile may be missed or given twice.
   *
   * @param visitor is called by this thread, and may use the cache
   * @param progress is told now and then, and at the end
   * @return what was found, expired entries included
   */
  public Verification visit(
      EntryVisitor<? super K, ? super V> visitor, Verification.Progress progress) {
    return walk(false, Objects.requireNonNull(visitor, "visitor"), progress);
  }

  private Verification walk(
      boolean drop,
      @Nullable EntryVisitor<? super K, ? super V> visitor,
      Verification.Progress progress) {
    Objects.requireNonNull(progress, "progress");
    long slots = reader.index.slots();
    long entries = 0;
    long bytes = 0;
    long damaged = 0;
    long told = 0;
    try {
      for (long place = reader.nextSlot(0); place >= 0; place = reader.nextSlot(place + 8)) {
        long found = reader.verify(place);
        if (found > 0) {
          entries++;
          bytes += found;
          Reader.Copy copy = visitor == null ? null : reader.entryAt(place);
          Map.Entry<K, V> entry = copy == null ? null : decode(copy);
          if (visitor != null && copy != null && entry != null) {
            visitor.visit(
                entry.getKey(),
                entry.getValue(),
                copy.expiry() == 0 ? 0 : reader.clock.wallOf(copy.expiry()));
          }
        } else if (found < 0 && (!drop || dropDamaged(place))) {
          damaged++;
        }
        if (reader.index.slotsBefore(place) - told >= PROGRESS_SLOTS) {
          told = reader.index.slotsBefore(place);
          progress.at(told, slots);
        }
      }
      if (drop && damaged == 0) {
        locked(
            () -> {
              writer.recountIfUnsure();
              return true;
            });
      }
    } finally {
      if (damaged > 0 && drop) {
        recount(); // whatever was thrown
      }
    }
    progress.at(slots, slots);
    return new Verification(entries, bytes, damaged);
  }

  /** Nobody knows what damaged entries counted as. */
  private void recount() {
    locked(
        () -> {
          writer.recount();
          return true;
        });
  }

  private boolean dropDamaged(long place) {
    return locked(() -> writer.dropDamaged(place));
  }

  /**
   * Looks a key up; where it has no value, calls a loader and puts what it returns.
   *
   * <p>One thread at a time loads a key. Others that want the key wait, and get what the load gave;
   * where the loader returned null or threw, each of them tries itself, with its own loader. Loads
   * of different keys run side by side, and a loader may get other keys. The wait cannot be
   * interrupted: the flag stays set.
   *
   * <p>A loader must not wait for another thread's work, such as an executor's, that gets the same
   * key: that waits for the loader, which is not noticed, and both hang. Of two loaders that wait
   * for each other's keys, which is noticed, one gets the exception; the other tries itself, and
   * may go on.
   *
   * <p>What another thread puts while the loader runs stays, and is what this call returns. {@link
   * #close} does not wait for loaders: the value of one that returns after it is given to its
   * caller and to those who wait, and is not put.
   *
   * @param key not null
   * @param loader gives the value, or null for none. What it throws reaches the caller, and nothing
   *     is put
   * @return the value, or null where the loader gave none
   * @throws IllegalStateException when the loader needs its own key: directly, through loaders of
   *     other keys, or through another thread that waits for this one. The message names the key
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public @Nullable V get(K key, Function<? super K, ? extends @Nullable V> loader) {
    Objects.requireNonNull(loader, "loader");
    byte[] bytes = keyBytes(key);
    long hash = reader.hash(bytes);
    V present = find(key, bytes, hash, true);
    if (present == null) {
      return load(key, keyBytes(key).clone(), hash, loader);
    }
    count(true);
    return present;
  }

  /** Loads a key, or waits for the thread that does. */
  private @Nullable V load(
      K key, byte[] bytes, long hash, Function<? super K, ? extends @Nullable V> loader) {
    Loads.Load load = new Loads.Load(bytes, hash);
    try {
      checkNotInChange();
      Loads.checkStack();
      for (Loads.Load other = loads.begin(load); other != null; other = loads.begin(load)) {
        byte[] given = loads.await(other, key);
        V value = given == null ? null : decode(given, false);
        if (value != null) {
          count(true);
          return value;
        }
      }
    } catch (RuntimeException | Error e) {
      if (reader.memory.isOpen()) {
        count(false);
      }
      throw e;
    }
    byte[] shared = null;
    try {
      V present = find(key, bytes, hash, true);
      count(present != null);
      if (present != null) {
        return present;
      }
      V loaded = loader.apply(key);
      if (loaded == null) {
        return null;
      }
      byte[] encoded = checked(bytes, loaded).clone(); // other threads decode it
      V other = putLoaded(bytes, hash, encoded);
      if (other != null) {
        return other;
      }
      shared = encoded;
      return loaded;
    } finally {
      loads.end(load, shared);
    }
  }

  /** Puts what a loader gave, unless the cache is closed; the value that is there and stays. */
  private @Nullable V putLoaded(byte[] bytes, long hash, byte[] encoded) {
    try {
      return change(bytes, hash, present -> present == null ? encoded : present);
    } catch (IllegalStateException e) {
      if (reader.memory.isOpen()) {
        throw e;
      }
      return null;
    }
  }

  /**
   * Puts a value.
   *
   * @param key not null
   * @param value not null
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public void put(K key, V value) {
    put(key, value, expireMillis);
  }

  /**
   * Puts a value that lives for a time of its own. The time is this value's, not the key's: what
   * {@link #put(Object, Object)}, {@link #replace} and the map's {@code compute}, {@code
   * computeIfPresent}, {@code merge} and {@code replaceAll} put in its place lives as long as
   * {@link Builder#expireAfterWrite} says, or for ever, also where it is the same value.
   *
   * @param key not null
   * @param value not null
   * @param age 1 ms to 2920 days
   */
  public void put(K key, V value, Duration age) {
    put(key, value, millis(age));
  }

  /**
   * Puts a value that lives until a time.
   *
   * @param key not null
   * @param value not null
   * @param expires ms since 1970, kept in steps of 64 ms since the cache was created, rounded up; 0
   *     for never. What is more than 8.7 years away may end sooner: {@link
   *     Builder#expireAfterWrite}
   * @return false when that time is past, and nothing was put
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public boolean putUntil(K key, V value, long expires) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    while (true) {
      long base = reader.clock.base();
      int expiry = expires == 0 ? 0 : at(expires);
      if (expires != 0 && expiry == 0) {
        return false;
      }
      if (putExpiring(key, value, expiry, base)) {
        return true;
      }
    }
  }

  private int at(long expires) {
    try {
      while (reader.clock.isUsedUp()) {
        renewBase();
      }
      return reader.clock.at(expires);
    } catch (InternalError e) {
      throw sound(e);
    }
  }

  private static long millis(Duration age) {
    Objects.requireNonNull(age, "age");
    if (age.compareTo(Duration.ofMillis(1)) < 0 || age.compareTo(Duration.ofDays(2920)) > 0) {
      throw new IllegalArgumentException("age " + age + " must be 1 ms to 2920 days");
    }
    return age.toMillis();
  }

  private void put(K key, V value, long ageMillis) {
    long base;
    do {
      base = ageMillis == 0 ? 0 : reader.clock.base();
    } while (!putExpiring(key, value, expiry(ageMillis), base));
  }

  /** Puts a value; false, and nothing is put, where the clock has another base by now. */
  private boolean putExpiring(K key, V value, int expiry, long base) {
    byte[] bytes = keyBytes(key);
    byte[] encoded = checked(bytes, value);
    if (encoded == bytes) { // the codec of both uses one array again and again
      encoded = encoded.clone();
      bytes = keyBytes(key);
    }
    computations.checkChange(bytes);
    long hash = reader.hash(bytes);
    int check = Entry.check(bytes, encoded, expiry);
    Overwrites.Result overwritten =
        listener == null
            ? overwrite(bytes, hash, encoded, expiry, base, check)
            : Overwrites.Result.NOT_HERE;
    return overwritten == Overwrites.Result.DONE
        || putLocked(
            bytes, hash, encoded, expiry, base, check, overwritten == Overwrites.Result.NOT_YET);
  }

  /** As putExpiring, under the write lock; begins periods where an overwrite waits for them. */
  private boolean putLocked(
      byte[] bytes, long hash, byte[] encoded, int expiry, long base, int check, boolean isLate) {
    lock();
    try {
      begin();
      if (expiry != 0 && base != reader.clock.base()) {
        return false;
      }
      if (isLate && writer.newPeriod()) {
        writer.newPeriod();
      }
      writer.put(bytes, hash, encoded, expiry, check);
      reader.memory.checkSound();
      return true;
    } catch (RuntimeException e) {
      throw soundUnderLock(e);
    } catch (Error e) {
      isUnfinished = true; // first, as there may be no stack for more
      throw soundUnderLock(e);
    } finally {
      List<Removal> told = removals;
      removals = null;
      write.owner = null;
      afterChange(told);
    }
  }

  private Overwrites.Result overwrite(
      byte[] bytes, long hash, byte[] encoded, int expiry, long base, int check) {
    try {
      return writer.overwrites().tryPut(bytes, hash, encoded, expiry, base, check);
    } catch (InternalError e) {
      throw sound(e);
    }
  }

  private byte[] checked(byte[] key, V value) {
    byte[] encoded = valueBytes(value);
    if (key.length > Entry.MOST_KEY) {
      throw new IllegalArgumentException(
          "a key of "
              + key.length
              + " bytes is larger than "
              + Entry.MOST_KEY
              + ": make it shorter");
    }
    if (Entry.bytes(key.length, encoded.length) > writer.largestEntry()) {
      throw new IllegalArgumentException(
          "an entry of "
              + key.length
              + " + "
              + encoded.length
              + " bytes is larger than "
              + writer.largestEntry()
              + ", an eighth of the capacity: raise the capacity");
    }
    return encoded;
  }

  private int expiry(long ageMillis) {
    try {
      int expiry = ageMillis == 0 ? 0 : reader.clock.after(ageMillis);
      while (ageMillis != 0 && expiry == 0) {
        renewBase();
        expiry = reader.clock.after(ageMillis);
      }
      return expiry;
    } catch (InternalError e) {
      throw sound(e);
    }
  }

  /** Has expiry count from now on, where nothing can have one any more. */
  private void renewBase() {
    if (write.isHeldByCurrentThread()) {
      writer.renewBase();
    } else {
      locked(
          () -> {
            writer.renewBase();
            return true;
          });
    }
  }

  /**
   * Puts a value where the key has none; atomically.
   *
   * @param key not null
   * @param value not null
   * @return the value that was there and stays, or null
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public @Nullable V putIfAbsent(K key, V value) {
    byte[] bytes = encode(key, value);
    return change(key, present -> present == null ? bytes : present);
  }

  /**
   * Puts a value where the key has one; atomically.
   *
   * @param key not null
   * @param value not null
   * @return the value that was there, or null: then nothing was put
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public @Nullable V replace(K key, V value) {
    byte[] bytes = encode(key, value);
    return change(key, present -> present == null ? null : bytes);
  }

  /**
   * Puts a value where the key has a given one, of the same bytes; atomically.
   *
   * @param key not null
   * @param oldValue not null
   * @param newValue not null
   * @return whether it was put
   * @throws IllegalArgumentException when the entry is larger than an eighth of the capacity
   */
  public boolean replace(K key, V oldValue, V newValue) {
    byte[] wanted = encode(Objects.requireNonNull(oldValue, "oldValue"));
    byte[] bytes = encode(key, Objects.requireNonNull(newValue, "newValue"));
    boolean[] done = new boolean[1];
    changeBytes(
        key,
        present -> {
          done[0] = present != null && Arrays.equals(present, wanted);
          return done[0] ? bytes : present;
        });
    return done[0];
  }

  /**
   * Removes a key that has a given value, of the same bytes; atomically.
   *
   * @param key not null
   * @param value not null
   * @return whether it was removed
   */
  public boolean remove(K key, V value) {
    byte[] wanted = encode(value);
    return removeBytes(keyBytes(key), wanted);
  }

  /** Removes a key that has a value of these bytes; whether it was removed. */
  private boolean removeBytes(byte[] key, byte[] wanted) {
    boolean[] done = new boolean[1];
    changeBytes(
        key,
        present -> {
          done[0] = present != null && Arrays.equals(present, wanted);
          return done[0] ? null : present;
        });
    return done[0];
  }

  /**
   * Removes a key.
   *
   * @param key not null
   * @return whether it had an entry
   */
  public boolean remove(K key) {
    byte[] bytes = keyBytes(key);
    computations.checkChange(bytes);
    long hash = reader.hash(bytes);
    return locked(() -> writer.remove(bytes, hash, RemovalCause.EXPLICIT));
  }

  /**
   * The cache as a map, whose changes are the cache's. Atomic as {@link ConcurrentMap} says; values
   * are compared by their bytes; iteration is weakly consistent and copies each entry. {@code
   * computeIfAbsent} is {@link #get} and counts as that does; no other method of the map counts a
   * hit or a miss, as in Caffeine. {@code containsKey} decodes the value, so that it says of each
   * key what {@code get} says.
   *
   * <p>A function of {@code compute}, {@code computeIfPresent}, {@code merge} or {@code replaceAll}
   * is called without a lock, and again where another thread has overwritten the value that it was
   * given. It may look up all keys and change other keys, each time that it is called. A call by
   * which it would change its own key throws an {@link IllegalStateException} that names the key,
   * and changes nothing; what the function changed of other keys before stays. ({@code clear} and
   * {@link #invalidateAll} remove its own key too: then it is called again, without a value.)
   *
   * @return a view
   */
  public ConcurrentMap<K, V> asMap() {
    return new CacheMap<>(this);
  }

  // ---- what the map is made of ----

  /** Begins a function's call, in which this thread's changes of the key throw. */
  Computations.Computation beginComputation(K key) {
    return computations.begin(key, keyBytes(key));
  }

  /** Ends what {@link #beginComputation} began. */
  void endComputation(Computations.Computation computation) {
    computations.end(computation);
  }

  /** A change that is made of what is there, at once. */
  interface Change {
    /**
     * What to do; asked again where the key's value has been overwritten meanwhile.
     *
     * @param present the bytes of the value, or null
     * @return the bytes of the new value; null to remove; {@code present} itself to leave it
     */
    byte @Nullable [] of(byte @Nullable [] present);
  }

  /**
   * Makes a change and returns the value that was there before, or null. A value that cannot be
   * decoded counts as none, and is not changed where that throws.
   */
  @Nullable V change(K key, Change change) {
    byte[] bytes = keyBytes(key).clone(); // the codec is asked for the value while they are needed
    return change(bytes, reader.hash(bytes), change);
  }

  private @Nullable V change(byte[] bytes, long hash, Change change) {
    computations.checkChange(bytes);
    @Nullable Object[] before = new @Nullable Object[1];
    boolean[] failed = new boolean[1];
    Change decoding =
        present -> {
          byte[] value = change.of(present); // before the codec may write into its array
          before[0] = present == null ? null : decoder.value(present);
          failed[0] = present != null && before[0] == null;
          return failed[0] ? change.of(null) : value;
        };
    locked(
        () -> {
          changeLocked(bytes, hash, decoding);
          if (failed[0]) {
            forgetRemoval(bytes);
          }
          return true;
        });
    @SuppressWarnings("unchecked")
    @Nullable V decoded = (V) before[0];
    return decoded;
  }

  /** Makes a change. */
  void changeBytes(K key, Change change) {
    changeBytes(keyBytes(key), change);
  }

  private void changeBytes(byte[] bytes, Change change) {
    computations.checkChange(bytes);
    locked(
        () -> {
          changeLocked(bytes, reader.hash(bytes), change);
          return true;
        });
  }

  /** Makes a change. Callers must hold the write lock. */
  private void changeLocked(byte[] bytes, long hash, Change change) {
    boolean done = false;
    while (!done) {
      long period = reader.pins.period();
      long slot = writer.slotOf(bytes, hash);
      byte[] present = reader.get(bytes, hash);
      byte[] value = change.of(present);
      if (value == null) {
        done = writer.tryRemove(bytes, hash, slot);
      } else if (value != present) {
        int expiry = expiry(expireMillis);
        int check = Entry.check(bytes, value, expiry);
        done = writer.tryPutOrDrop(bytes, hash, value, expiry, check, slot, period);
      } else {
        done = true;
      }
    }
  }

  /** A copy of the bytes of a value that fits beside the key. */
  byte[] encode(K key, V value) {
    return checked(keyBytes(key), value).clone();
  }

  /** A copy of the bytes of a value, whatever their number. */
  byte[] encode(V value) {
    return valueBytes(value).clone();
  }

  /** The bytes of a value, in an array that the codec may use again when it is called again. */
  byte[] valueBytes(V value) {
    byte[] bytes = values.encode(Objects.requireNonNull(value, "value"));
    return Codecs.notNull(bytes, "encode", "values", values);
  }

  /** The bytes of a key, as {@link #valueBytes}. */
  private byte[] keyBytes(K key) {
    byte[] bytes = keys.encode(Objects.requireNonNull(key, "key"));
    return Codecs.notNull(bytes, "encode", "keys", keys);
  }

  long nextSlot(long at) {
    return reader.nextSlot(at);
  }

  /** The entry of a slot, or null. */
  Map.@Nullable Entry<K, V> entryAt(long at) {
    Reader.Copy entry = reader.entryAt(at);
    return entry == null ? null : decode(entry);
  }

  /**
   * Removes the entry of a slot where a predicate accepts it, unless its value is another by then.
   *
   * @return whether it was removed
   */
  boolean removeAt(long at, Predicate<? super Map.Entry<K, V>> filter) {
    Reader.Copy entry = reader.entryAt(at);
    if (entry == null) {
      return false;
    }
    byte[] bytes = entry.key().clone(); // a codec may keep the arrays that it is given
    byte[] wanted = entry.value().clone();
    Map.Entry<K, V> found = decode(entry);
    return found != null && filter.test(found) && removeBytes(bytes, wanted);
  }

  /** The key and value of an entry; null, and the entry removed, when they cannot be decoded. */
  private Map.@Nullable Entry<K, V> decode(Reader.Copy entry) {
    byte[] bytes = entry.key().clone(); // a codec may keep the array that it is given
    K key = decoder.key(entry.key());
    V value = key == null ? null : decoder.value(entry.value());
    if (key != null && value != null) {
      return Map.entry(key, value);
    }
    long hash = reader.hash(bytes);
    if (key == null) {
      byte[] sameValue = entry.value();
      removeUndecodable(bytes, hash, present -> Arrays.equals(present, sameValue) ? null : present);
    } else {
      removeUndecodable(bytes, hash, entry.value());
    }
    return null;
  }

  /**
   * Removes everything. A removal listener is told of each entry once: as {@link
   * RemovalCause#EXPLICIT}, or as EXPIRED when its time was over. What other threads put meanwhile
   * is removed and told, or stays.
   */
  public void invalidateAll() {
    checkNotInChange();
    if (listener != null) {
      // In parts, as the heap may not have room for copies of all.
      for (int pass = 0;
          pass < MAX_CLEAR_PASSES && reader.liveBytes() > MAX_CLEAR_AT_ONCE;
          pass++) {
        removeAll();
      }
    }
    letOthersChange();
    locked(
        () -> {
          if (listener != null) {
            for (long place = nextSlot(0); place >= 0; place = nextSlot(place)) {
              place = writer.removeSome(place);
            }
          }
          writer.clear();
          return true;
        });
  }

  /** Removes each entry, unless other threads move it in the index. */
  private void removeAll() {
    for (long place = nextSlot(0); place >= 0; place = nextSlot(place)) {
      long from = place;
      letOthersChange();
      place = locked(() -> writer.removeSome(from));
    }
  }

  /**
   * How many entries there are. One that has expired counts until it is removed, replaced, or met
   * by the cleaning; lookups that meet it leave it there.
   *
   * @return 0 or more
   */
  public long size() {
    return reader.entries();
  }

  /**
   * The memory that the cache takes, all of it allocated: the capacity, room to clean in, and the
   * index. Works after {@link #close} too.
   *
   * @return bytes
   */
  public long memoryBytes() {
    return region.size();
  }

  /**
   * What the live entries count as, of which nine tenths of the capacity may be there.
   *
   * @return bytes
   */
  public long liveBytes() {
    return reader.liveBytes();
  }

  /**
   * Counts since the cache was opened. Works after {@link #close} too.
   *
   * @return a snapshot
   */
  public CacheStats stats() {
    return new CacheStats(
        hits == null ? 0 : hits.sum(),
        misses == null ? 0 : misses.sum(),
        writer.evictions(),
        reader.corrupt.sum(),
        decoder.failures(),
        writer.dropped());
  }

  /**
   * Deletes the old memory that was refused and set aside, when this cache was opened or before.
   * Call it after a change that old values must not come back from: memory that is taken back has
   * the values that it had when it was set aside.
   *
   * @return whether there was any
   * @throws IOException when it cannot be deleted: the reason says what it is and what to do
   * @throws IllegalStateException when the cache is closed; nothing is deleted
   */
  public boolean discardRefused() throws IOException {
    synchronized (closing) {
      if (closed) {
        throw Memory.closed();
      }
      return memory.discardAside();
    }
  }

  /**
   * Closes the cache. Its memory stays for the next open; that of a session of this process is
   * given up. When this returns, no thread of this process touches the memory any more.
   *
   * <p>Calls that are under way end first, or throw an {@link IllegalStateException}, as later
   * calls do. This waits for changes, in which a codec may run, then for functions that {@link
   * #read} called, for {@value #CLOSE_MILLIS} ms each at most. Then it takes the memory away: a
   * buffer that such a function has reads zeros, and the call throws when the function returns.
   * Without native code {@code read} gives functions a copy, and changes are waited for without
   * limit, as {@link #discardRefused} always is. Loaders, computations of {@link #asMap} and
   * listeners are not waited for: what a computation gives later is not put, and its call throws.
   * Idempotent.
   *
   * @throws UncheckedIOException when the operating system refuses; the cache is closed then
   */
  @Override
  public void close() {
    for (int faults = 0; ; faults++) {
      try {
        closeOnce();
        return;
      } catch (InternalError e) {
        // Without a guard the JVM throws the error of a fault at any later point, once: the memory
        // is gone, which the next open sees.
        if (reader.memory.isGuarded() || faults == MAX_FAULTS) {
          throw e;
        }
      }
    }
  }

  /**
   * Whether threads may have ended, by the error of a fault, without giving back what they held.
   */
  private boolean isLost() {
    try {
      return !reader.memory.isGuarded() && !reader.memory.isSound();
    } catch (InternalError e) {
      return true;
    }
  }

  private void closeOnce() {
    synchronized (closing) {
      if (closed) {
        return;
      }
      boolean locked = lockToClose();
      try {
        reader.pins.end();
        lost = lost || isLost();
        if (!lost) {
          reader.awaitOverwrites();
          awaitReads();
        }
        // Without the lock a change is under way, as in a process that is killed: the next open
        // finishes it.
        if (locked && !lost && reader.memory.isOpen() && reader.memory.isSound()) {
          reader.clock.store();
          region.putLongVolatile(CacheFormat.STATE_AT, CacheFormat.CLOSED);
        }
        Thread.yield(); // here the JVM tells of an access to memory that was gone, if ever
      } catch (InternalError e) {
        if (reader.memory.isGuarded()) {
          throw e;
        }
      } finally {
        reader.memory.close();
        try {
          memory.close();
          closed = true;
        } catch (IOException e) {
          closed = true;
          throw new UncheckedIOException(e);
        } finally {
          if (locked) {
            List<Removal> told = removals;
            removals = null;
            write.owner = null;
            afterChange(told);
          }
        }
      }
    }
  }

  /**
   * Takes the write lock, for {@value #CLOSE_MILLIS} ms at most where the memory can be taken from
   * a codec that runs under it.
   */
  private boolean lockToClose() {
    try {
      if (!reader.memory.isGuarded()) {
        lock();
      } else if (!write.tryLock(CLOSE_MILLIS)) {
        return false;
      }
    } catch (IllegalStateException | InternalError gone) {
      return false;
    }
    try {
      begin();
      return true;
    } catch (IllegalStateException | InternalError gone) {
      write.owner = null;
      return false;
    } catch (Error e) {
      write.owner = null;
      throw e;
    }
  }

  /**
   * Waits until no thread reads that has a pin. Those that run a user's function in place may take
   * any time: the memory can be taken from them, where reading in place is done at all.
   */
  private void awaitReads() {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_MILLIS);
    boolean interrupted = false;
    while (!reader.pins.isQuiet() && !(reader.memory.isGuarded() && System.nanoTime() - end > 0)) {
      interrupted |= Thread.interrupted(); // which would make the pause none
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
