/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Bridge;
import org.luo4j.internal.bridge.Errno;
import org.luo4j.internal.bridge.Uninterrupted;
import org.luo4j.internal.emulator.Emulator;
import org.luo4j.internal.select.Selection;

/**
 * The Live Update Orchestrator: creates and retrieves sessions, and makes the memfds that go into
 * them.
 *
 * <pre>{@code
 * LiveUpdate luo = LiveUpdate.open();
 * Session session = luo.createSession("cache");
 * MemFd memory = session.preserveNew(MemFdOptions.named("cache").size(1 << 30), 1);
 * // ... fill memory.map(), hold the session, kexec; in the new kernel:
 * Session arrived = LiveUpdate.open().retrieveSession("cache");
 * MemoryRegion region = arrived.retrieve(1).map();
 * arrived.finish();
 * }</pre>
 *
 * <p>{@code /dev/liveupdate} is held only for the length of a call, as one process at a time may
 * have it open; EBUSY is retried until {@link Builder#deviceTimeout}. A LiveUpdate holds nothing
 * and needs no closing. Any thread may call any method.
 *
 * <p>System properties: {@value #BRIDGE_PROPERTY} (jni, jna or emulator) forces a bridge where none
 * is asked for in code; {@value #EMULATOR_DIR_PROPERTY} places the emulator's state.
 *
 * @since 0.1.0
 */
public final class LiveUpdate {

  /** Forces a bridge: jni, jna or emulator. */
  public static final String BRIDGE_PROPERTY = "luo4j.bridge";

  /** The emulator's state folder. */
  public static final String EMULATOR_DIR_PROPERTY = "luo4j.emulator.dir";

  private static final System.Logger LOG = System.getLogger(LiveUpdate.class.getName());

  /** Whether it was said that files are used without native code. */
  private static final AtomicBoolean FILES_TOLD = new AtomicBoolean();

  /** This JVM's threads queue for the device here, instead of polling against each other. */
  private static final ReentrantLock DEVICE = new ReentrantLock(true);

  private final Bridge bridge;
  private final @Nullable Emulator emulator;
  private final Duration deviceTimeout;
  private final String reason;

  LiveUpdate(Selection selection, Duration deviceTimeout, String reason) {
    this.bridge = Objects.requireNonNull(selection.bridge(), "bridge");
    this.emulator = selection.emulator();
    this.deviceTimeout = deviceTimeout;
    this.reason = reason;
  }

  /**
   * Opens the kernel's orchestrator where there is one, else the emulator, which is logged as a
   * warning with the reasons.
   *
   * @return the orchestrator
   * @throws LuoException.BridgeUnavailable when {@value #BRIDGE_PROPERTY} forces a bridge that does
   *     not work, or the emulator cannot use its folder
   */
  public static LiveUpdate open() {
    return builder().open();
  }

  /**
   * Opens the kernel's orchestrator.
   *
   * @return the orchestrator
   * @throws LuoException.BridgeUnavailable when no native bridge works
   * @throws LuoException.DeviceAbsent when the kernel has no LUO
   * @throws LuoException.PermissionDenied when the process may not use it
   * @throws LuoException when the device cannot be opened for another reason (EIO)
   */
  public static LiveUpdate requireKernel() {
    return builder().provider(Provider.KERNEL).open();
  }

  /**
   * Opens a native bridge, JNI or else JNA, on any Linux. Without LUO memfds work, and calls on
   * sessions say why they do not.
   *
   * @return the orchestrator
   * @throws LuoException.BridgeUnavailable when no native bridge works, or {@value
   *     #BRIDGE_PROPERTY} forces the emulator
   */
  public static LiveUpdate openNative() {
    LiveUpdate luo = nativeBridge(Builder.DEVICE_TIMEOUT);
    if (luo == null) {
      throw Builder.unavailable("no native bridge works", Selection.nativeBridge().refused());
    }
    return luo;
  }

  /**
   * Says what to open.
   *
   * @return a builder with nothing set
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What to open. Not for use by several threads.
   *
   * @since 0.1.0
   */
  public static final class Builder {
    private static final Duration DEVICE_TIMEOUT = Duration.ofSeconds(10);

    private @Nullable Provider provider;
    private @Nullable BridgeType bridge;
    private @Nullable Path emulatorDirectory;
    private @Nullable Duration deviceTimeout;

    private Builder() {}

    /**
     * Asks for the kernel or the emulator, and for nothing else.
     *
     * @param provider who shall answer
     * @return this
     * @throws IllegalStateException when it was set, or {@link #bridge} or {@link
     *     #emulatorDirectory} are for the other provider
     */
    public Builder provider(Provider provider) {
      this.provider = Settings.once(this.provider, provider, "provider");
      return checked();
    }

    /**
     * Asks for a bridge, and for nothing else. JNI and JNA then serve memfds on any Linux; calls on
     * sessions need a kernel with LUO and say so when made.
     *
     * @param bridge how calls shall leave Java
     * @return this
     * @throws IllegalStateException when it was set, or {@link #provider} or {@link
     *     #emulatorDirectory} are for another bridge
     */
    public Builder bridge(BridgeType bridge) {
      this.bridge = Settings.once(this.bridge, bridge, "bridge");
      return checked();
    }

    /**
     * Places the emulator's state, where the emulator is used. JVMs that name one folder share one
     * emulated machine. Default: the property {@value LiveUpdate#EMULATOR_DIR_PROPERTY}, else a
     * folder {@code luo4j-emulator-USER} in {@code java.io.tmpdir}.
     *
     * @param directory a folder that is empty, missing, or an emulator's
     * @return this
     * @throws IllegalStateException when it was set, or the kernel or a native bridge was
     */
    public Builder emulatorDirectory(Path directory) {
      this.emulatorDirectory =
          Settings.once(this.emulatorDirectory, directory, "emulatorDirectory");
      return checked();
    }

    /**
     * How long a call waits while another process has the device open. Default 10 s.
     *
     * @param timeout 0 to try once, or more
     * @return this
     * @throws IllegalStateException when it was set
     */
    public Builder deviceTimeout(Duration timeout) {
      Objects.requireNonNull(timeout, "timeout");
      if (timeout.isNegative()) {
        throw new IllegalArgumentException("deviceTimeout " + timeout + " must not be negative");
      }
      this.deviceTimeout = Settings.once(this.deviceTimeout, timeout, "deviceTimeout");
      return checked();
    }

    private Builder checked() {
      Settings.exclude(
          provider != null
              && bridge != null
              && (provider == Provider.EMULATOR) != (bridge == BridgeType.EMULATOR),
          "provider",
          provider,
          "bridge(" + bridge + ")");
      Settings.exclude(
          emulatorDirectory != null && provider == Provider.KERNEL,
          "provider",
          provider,
          "emulatorDirectory");
      Settings.exclude(
          emulatorDirectory != null && bridge != null && bridge != BridgeType.EMULATOR,
          "bridge",
          bridge,
          "emulatorDirectory");
      return this;
    }

    /**
     * Opens it.
     *
     * @return the orchestrator
     * @throws LuoException as {@link LiveUpdate#open} and {@link LiveUpdate#requireKernel} say
     */
    public LiveUpdate open() {
      Duration timeout = deviceTimeout == null ? DEVICE_TIMEOUT : deviceTimeout;
      BridgeType wanted = bridge;
      String asked = "bridge(" + wanted + ") was asked for";
      if (wanted == null && provider == null) {
        wanted = bridgeProperty();
        asked = "-D" + BRIDGE_PROPERTY + "=" + wanted + " forces it";
      }
      if (wanted == null && provider == Provider.EMULATOR) {
        wanted = BridgeType.EMULATOR;
        asked = "provider(EMULATOR) was asked for";
      }
      if (wanted == BridgeType.EMULATOR) {
        return emulator(timeout, asked, List.of());
      }
      Selection selection = nativeSelection(wanted);
      if (selection.bridge() == null) {
        if (wanted != null || provider == Provider.KERNEL) {
          throw unavailable("no native bridge works", selection.refused());
        }
        return fallBack(timeout, selection.refused());
      }
      String chosen = chosenBecause(selection);
      if (wanted != null && provider == null) {
        return logged(new LiveUpdate(selection, timeout, chosen + ", as " + asked));
      }
      LiveUpdate kernel =
          new LiveUpdate(selection, timeout, chosen + ", as the kernel has " + Abi.DEVICE);
      try {
        kernel.probe();
        return logged(kernel);
      } catch (LuoException e) {
        if (provider == Provider.KERNEL) {
          throw e;
        }
        List<Exception> refused = new ArrayList<>(selection.refused());
        refused.add(e);
        return fallBack(timeout, refused);
      }
    }

    private static Selection nativeSelection(@Nullable BridgeType wanted) {
      if (wanted == BridgeType.JNI) {
        return Selection.jni();
      }
      return wanted == BridgeType.JNA ? Selection.jna() : Selection.nativeBridge();
    }

    private static @Nullable BridgeType bridgeProperty() {
      String value = System.getProperty(BRIDGE_PROPERTY);
      if (value == null) {
        return null;
      }
      try {
        return BridgeType.valueOf(value.toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "-D" + BRIDGE_PROPERTY + "=" + value + " must be jni, jna or emulator", e);
      }
    }

    private LiveUpdate fallBack(Duration timeout, List<Exception> refused) {
      LiveUpdate luo = emulator(timeout, "the kernel cannot be used", refused);
      LOG.log(
          System.Logger.Level.WARNING,
          "luo4j emulates LUO: nothing will survive a real kexec. " + luo.reason);
      return luo;
    }

    private LiveUpdate emulator(Duration timeout, String why, List<Exception> refused) {
      Path directory = emulatorDirectory;
      if (directory == null) {
        String property = System.getProperty(EMULATOR_DIR_PROPERTY);
        directory =
            property != null
                ? Path.of(property)
                : Path.of(
                    System.getProperty("java.io.tmpdir"),
                    "luo4j-emulator-" + System.getProperty("user.name"));
      }
      try {
        String reason = "the emulator in " + directory + ", as " + why + because(refused);
        return new LiveUpdate(Selection.emulator(directory, refused), timeout, reason);
      } catch (IOException e) {
        List<Exception> all = new ArrayList<>(refused);
        all.add(e);
        throw unavailable("the emulator cannot use " + directory, all);
      }
    }

    private static String chosenBecause(Selection selection) {
      Bridge bridge = Objects.requireNonNull(selection.bridge(), "bridge");
      return "the bridge " + bridge.name().toUpperCase(Locale.ROOT) + because(selection.refused());
    }

    private static String because(List<Exception> refused) {
      StringBuilder text = new StringBuilder();
      for (Exception e : refused) {
        text.append(text.length() == 0 ? " (" : "; ").append(e.getMessage());
      }
      return text.length() == 0 ? "" : text.append(')').toString();
    }

    private static LuoException unavailable(String what, List<Exception> refused) {
      LuoException e =
          new LuoException.BridgeUnavailable("open", Errno.ENOSYS, "", what + because(refused));
      refused.forEach(e::addSuppressed);
      return e;
    }
  }

  /** Opens the device and closes it, to know that it can be: a busy one can. */
  private void probe() {
    int device = bridge.openDevice();
    if (device >= 0) {
      bridge.close(device);
    } else if (device != -Errno.EBUSY) {
      throw Refusal.OPEN_DEVICE.exception(device, Abi.DEVICE);
    }
  }

  /** Why sessions cannot be made or retrieved, in words; null where they can. */
  @Nullable String whyNoDevice() {
    try {
      probe();
      return null;
    } catch (LuoException e) {
      return e.getMessage();
    }
  }

  /**
   * The native bridge, whether the kernel has LUO or not; null where none works, or where {@value
   * #BRIDGE_PROPERTY} forces the emulator.
   */
  static @Nullable LiveUpdate nativeBridge(Duration deviceTimeout) {
    BridgeType forced = Builder.bridgeProperty();
    if (forced == BridgeType.EMULATOR) {
      return null;
    }
    Selection selection = Builder.nativeSelection(forced);
    return selection.bridge() == null
        ? null
        : logged(new LiveUpdate(selection, deviceTimeout, Builder.chosenBecause(selection)));
  }

  /**
   * The native bridge for ordinary files; null where none works, which is logged once, or where
   * {@value #BRIDGE_PROPERTY} forces the emulator.
   *
   * @throws LuoException.BridgeUnavailable when the property forces a bridge that does not work
   */
  static @Nullable Bridge fileBridge() {
    BridgeType forced = Builder.bridgeProperty();
    if (forced == BridgeType.EMULATOR) {
      return null;
    }
    Selection selection = Builder.nativeSelection(forced);
    if (selection.bridge() == null && forced != null) {
      throw Builder.unavailable(
          BRIDGE_PROPERTY + "=" + forced + " does not work", selection.refused());
    }
    if (selection.bridge() == null && FILES_TOLD.compareAndSet(false, true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "luo4j uses files without native code"
              + Builder.because(selection.refused())
              + ": lookups are slower, memory goes with a garbage collection, and a file's lock ends"
              + " when anything else in this JVM opens and closes the file");
    }
    return selection.bridge();
  }

  private static LiveUpdate logged(LiveUpdate luo) {
    LOG.log(System.Logger.Level.DEBUG, () -> "luo4j uses " + luo.reason);
    return luo;
  }

  /**
   * Creates an outgoing session (LIVEUPDATE_IOCTL_CREATE_SESSION).
   *
   * @param name 1 to 63 bytes in UTF-8, no NUL, unique among the outgoing sessions of the machine
   * @return the session, close-on-exec, to be held open until the kexec
   * @throws LuoException.SessionExists EEXIST
   * @throws LuoException.DeviceAbsent ENOENT
   * @throws LuoException.DeviceBusy EBUSY until the deadline
   * @throws LuoException.PermissionDenied EACCES
   * @throws IllegalArgumentException for a bad name
   */
  public Session createSession(String name) {
    byte[] field = Session.encode(name);
    int fd =
        onDevice(
            Refusal.CREATE_SESSION,
            "'" + name + "'",
            device -> bridge.createSession(device, field));
    return Session.created(bridge, fd, name);
  }

  /**
   * Retrieves an incoming session (LIVEUPDATE_IOCTL_RETRIEVE_SESSION). Each can be retrieved once.
   *
   * @param name what it was created as, before the kexec
   * @return the session, close-on-exec, to be finished and closed
   * @throws LuoException.NoSuchSession ENOENT: a cold start
   * @throws LuoException.SessionAlreadyRetrieved EINVAL
   * @throws LuoException.DeviceAbsent ENOENT
   * @throws LuoException.DeviceBusy EBUSY until the deadline
   * @throws LuoException.PermissionDenied EACCES
   * @throws IllegalArgumentException for a bad name
   */
  public Session retrieveSession(String name) {
    byte[] field = Session.encode(name);
    int fd =
        onDevice(
            Refusal.RETRIEVE_SESSION,
            "'" + name + "'",
            device -> bridge.retrieveSession(device, field));
    return Session.retrieved(bridge, fd, name);
  }

  /**
   * Takes over a session's fd that this process inherited or was sent. The device is not needed.
   *
   * @param fd an open fd of a session; becomes the Session's, unless this throws
   * @return the session, of the kind that it is
   * @throws LuoException EBADF; ENOTTY or EINVAL when it is not a session
   */
  public Session adoptSession(int fd) {
    checkFd(fd);
    return Session.adopt(bridge, fd);
  }

  /**
   * Makes a memfd (memfd_create(2)).
   *
   * @param options name, size and the rest
   * @return the memfd, to be closed by the caller
   * @throws LuoException EINVAL or ENODEV for what this kernel lacks; EMFILE; ENOMEM
   * @throws LuoException.PermissionDenied EACCES where vm.memfd_noexec=2
   */
  public MemFd createMemFd(MemFdOptions options) {
    return MemFd.create(bridge, Objects.requireNonNull(options, "options"));
  }

  /**
   * Takes over a memfd's fd that this process inherited or was sent.
   *
   * @param fd an open fd of a memfd; becomes the MemFd's, unless this throws
   * @return the memfd
   * @throws LuoException EBADF; EINVAL when it is not a memfd
   */
  public MemFd adoptMemFd(int fd) {
    checkFd(fd);
    return MemFd.adopt(bridge, fd);
  }

  private static void checkFd(int fd) {
    if (fd < 0) {
      throw new IllegalArgumentException("fd " + fd + " must be 0 or more");
    }
  }

  /**
   * Plays the reboot into a new kernel, on the emulator only. Sessions that any process holds open
   * are carried over. All that this JVM holds of the old kernel is dead from then on (EBADF), as
   * after a kexec there is no such process; open a new LiveUpdate to be a process of the new
   * kernel.
   *
   * @throws UnsupportedOperationException on the kernel: rebooting a host is not a library's affair
   * @throws LuoException when the update is cancelled (a failing freeze, no space); everything goes
   *     on as before then
   */
  public void emulateKexec() {
    if (emulator == null) {
      throw new UnsupportedOperationException(
          "emulateKexec is the emulator's; to update this host, hold the sessions open and call"
              + " reboot(LINUX_REBOOT_CMD_KEXEC), as kexec -e does");
    }
    int result = emulator.kexec();
    if (result < 0) {
      throw Refusal.KEXEC.exception(result, "");
    }
  }

  /**
   * Who answers.
   *
   * @return KERNEL, also where a native bridge was asked for on a kernel without LUO
   */
  public Provider provider() {
    return emulator == null ? Provider.KERNEL : Provider.EMULATOR;
  }

  /** How this library's own classes make calls. */
  Bridge system() {
    return bridge;
  }

  /**
   * How calls leave Java.
   *
   * @return the bridge
   */
  public BridgeType bridge() {
    return BridgeType.valueOf(bridge.name().toUpperCase(Locale.ROOT));
  }

  /**
   * What was chosen, and why what comes before it in the order JNI, JNA, emulator was not.
   *
   * @return one line
   */
  public String describe() {
    return provider() + " through " + reason;
  }

  /** As {@link #describe}. */
  @Override
  public String toString() {
    return "LiveUpdate[" + describe() + "]";
  }

  /** A call on the device's fd. */
  @FunctionalInterface
  private interface DeviceCall {
    int on(int device);
  }

  /** Holds the device for one call. */
  private int onDevice(Refusal refusal, String argument, DeviceCall call) {
    long deadline = System.nanoTime() + nanos(deviceTimeout);
    lockDevice(deadline);
    try {
      int device = openDevice(deadline);
      int result;
      try {
        result = call.on(device);
      } finally {
        bridge.close(device);
      }
      if (result < 0) {
        throw refusal.exception(result, argument);
      }
      return result;
    } finally {
      DEVICE.unlock();
    }
  }

  private void lockDevice(long deadline) {
    if (!Uninterrupted.until(deadline, left -> DEVICE.tryLock(left, TimeUnit.NANOSECONDS))) {
      throw busy("another thread of this JVM uses it, waited " + deviceTimeout);
    }
  }

  private int openDevice(long deadline) {
    long pause = 100_000;
    while (true) {
      int device = bridge.openDevice();
      if (device >= 0) {
        return device;
      }
      if (device != -Errno.EBUSY) {
        throw Refusal.OPEN_DEVICE.exception(device, Abi.DEVICE);
      }
      if (deadline - System.nanoTime() <= 0) {
        throw busy("waited " + deviceTimeout);
      }
      Uninterrupted.pause(Math.min(pause, Math.max(1, deadline - System.nanoTime())));
      pause = Math.min(pause * 2, 20_000_000);
    }
  }

  private LuoException busy(String how) {
    return Refusal.OPEN_DEVICE.exception(-Errno.EBUSY, Abi.DEVICE + " (" + how + ")");
  }

  /** A duration for a deadline, however long it is. */
  static long nanos(Duration duration) {
    // At most half of what fits, so that a deadline is always later than now.
    Duration longest = Duration.ofNanos(Long.MAX_VALUE / 2);
    return (duration.compareTo(longest) > 0 ? longest : duration).toNanos();
  }
}
