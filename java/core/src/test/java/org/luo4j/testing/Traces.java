/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.reflect.Field;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.luo4j.internal.emulator.Emulator;

/**
 * What this process has in the system at one moment: each thing by a key that tells it from others
 * of its kind, with a text for people.
 *
 * <p>Not counted is what a JVM opens once and keeps: the class path, the JDK, devices of random
 * numbers, its native libraries, and the emulator's process on each state folder.
 */
final class Traces {

  /** What is looked at. */
  enum Kind {
    /** Open file descriptors. */
    FD,
    /** Descriptors of this JVM's processes on emulated machines: sessions and memfds. */
    EMULATED_FD,
    /**
     * Mappings of memfds, of files in a temporary folder or in /dev/shm, and of deleted files; on
     * the emulator the files of memfds, which mappings keep open.
     */
    MAPPING,
    /** POSIX locks and flocks on files. Locks of open files go with their descriptor. */
    LOCK,
    /** Threads that keep the JVM alive, and luo4j's own. */
    THREAD,
    /** Child processes. */
    CHILD,
    /** Entries of java.io.tmpdir, of /dev/shm, and files of the emulator's default folder. */
    FILE
  }

  private static final Path PROC = Path.of("/proc/self");
  private static final Path SHM = Path.of("/dev/shm");
  private static final Path TEMPORARY = Path.of(System.getProperty("java.io.tmpdir"));
  private static final String EMULATOR = "luo4j-emulator-" + System.getProperty("user.name");
  private static final Set<String> CLASS_PATH =
      Set.of(System.getProperty("java.class.path").split(File.pathSeparator));
  private static final String JDK = System.getProperty("java.home") + "/";

  /** The locks that say that an emulated process lives: they are this JVM's until it ends. */
  private static final Pattern EMULATED =
      Pattern.compile(".*/boot-\\d+/p-[0-9a-f-]{36}/alive(\\.guard)?( \\(deleted\\))?");

  /** The bytes of an emulated memfd. */
  private static final Pattern EMULATED_MEMORY =
      Pattern.compile(".*/boot-\\d+/.*/m-\\d+\\.data( \\(deleted\\))?");

  /** The word that names the boot, 8 bytes, which an emulated process maps for as long. */
  private static final Pattern EMULATED_BOOT = Pattern.compile(".*/boot( \\(deleted\\))?");

  /**
   * The inode of the file whose lock the JVM has from its start on. It is known by name, as one
   * look at /proc/locks may miss a lock while others come and go.
   */
  private static final String PERFORMANCE_DATA =
      inode(
          Path.of("/tmp/hsperfdata_" + System.getProperty("user.name"))
              .resolve(Long.toString(ProcessHandle.current().pid())));

  private static final Pattern LIBRARY =
      Pattern.compile(".*(\\.so|\\.jsa|/jna\\d+\\.tmp)( \\(deleted\\))?");

  /** Where libffi, which JNA calls with, has the code of callbacks: a file that has no name. */
  private static final Pattern CALLBACKS =
      Pattern.compile(".*/(ffi[A-Za-z0-9]{6}|#\\d+)( \\(deleted\\))?");

  /** What Jazzer and Lincheck load into the JVM. */
  private static final Pattern TEST_TOOLS =
      Pattern.compile(".*/(jazzer-agent-|byteBuddyAgent|lincheck-bootstrap)\\d+\\.jar");

  private static final Pattern MAPS =
      Pattern.compile("([0-9a-f]+)-([0-9a-f]+) (\\S+) \\S+ (\\S+ \\d+) *(.*)");
  private static final Pattern PID = Pattern.compile("(?<=-)\\d{1,9}(?=-|$)");

  private final Map<Kind, Map<String, String>> all = new EnumMap<>(Kind.class);

  private Traces() {}

  /** Opens what the JDK opens once, with the first channel, and keeps. */
  static void openWhatStays() {
    try {
      Path file = Files.createTempFile("luo4j-traces-", "");
      try (FileChannel channel = FileChannel.open(file)) {
        assert channel.isOpen();
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new IllegalStateException("no channel can be opened", e);
    }
    for (ProtocolFamily family : StandardProtocolFamily.values()) {
      try (SocketChannel socket = SocketChannel.open(family)) {
        assert socket.isOpen();
      } catch (IOException | UnsupportedOperationException none) {
        // This kernel has no such sockets, so nothing of them stays.
        assert family != StandardProtocolFamily.UNIX : none;
      }
    }
  }

  /** Whether this system shows what a process has. */
  static boolean canBeSeen() {
    return Files.isReadable(PROC.resolve("fd")) && Files.isReadable(PROC.resolve("maps"));
  }

  /** Whether others may put files into java.io.tmpdir: then nobody can tell whose they are. */
  static boolean isTemporaryFolderShared() {
    try {
      return Files.getPosixFilePermissions(TEMPORARY).contains(PosixFilePermission.OTHERS_WRITE);
    } catch (IOException | UnsupportedOperationException unknown) {
      return true;
    }
  }

  static Traces now() {
    Traces traces = new Traces();
    for (Kind kind : Kind.values()) {
      traces.all.put(kind, of(kind));
    }
    return traces;
  }

  /** What is there of a kind now: key and text. */
  static Map<String, String> of(Kind kind) {
    try {
      return switch (kind) {
        case FD -> descriptors();
        case EMULATED_FD -> emulatedDescriptors();
        case MAPPING -> mappings();
        case LOCK -> locks();
        case THREAD -> threads();
        case CHILD -> children();
        case FILE -> files();
      };
    } catch (IOException | ReflectiveOperationException e) {
      throw new IllegalStateException(kind + " cannot be read", e);
    }
  }

  /** What is there of a kind now and was not when this was made: key and text. */
  Map<String, String> since(Kind kind) {
    Map<String, String> now = new TreeMap<>(of(kind));
    now.keySet().removeAll(all.get(kind).keySet());
    if (kind == Kind.FILE) {
      now.keySet().removeIf(file -> file.startsWith(SHM + "/") && !isOwn(Path.of(file)));
    }
    return now;
  }

  /** Counts things as having been there. */
  void add(Kind kind, Map<String, String> things) {
    all.get(kind).putAll(things);
  }

  private static Map<String, String> descriptors() {
    Map<String, String> found = new HashMap<>();
    for (String number : list(PROC.resolve("fd"))) {
      String target = target(number);
      if (!target.isEmpty() && !isKept(target) && !EMULATED_MEMORY.matcher(target).matches()) {
        found.put(number + " " + target, "fd " + number + " -> " + target);
      }
    }
    return found;
  }

  /** Where a descriptor points to; empty when it is closed by now. A socket with its address. */
  private static String target(String number) {
    try {
      String target = Files.readSymbolicLink(PROC.resolve("fd").resolve(number)).toString();
      return target.startsWith("socket:[") ? target + socketPath(target) : target;
    } catch (IOException closed) {
      return "";
    }
  }

  /** The path that a Unix socket is bound to, after a space; or nothing. */
  private static String socketPath(String target) throws IOException {
    String inode = target.substring("socket:[".length(), target.length() - 1);
    for (String line : read(PROC.resolve("net/unix"))) {
      String[] words = line.split(" +");
      if (words.length > 7 && words[6].equals(inode)) {
        return " " + words[7];
      }
    }
    return "";
  }

  private static boolean isKept(String target) {
    return CLASS_PATH.contains(target)
        || target.contains("/.java_pid") // where the JVM listens for tools such as jcmd
        || target.endsWith(".so (deleted)") // the JNA of a class loader, which lets go with it
        || target.startsWith(JDK)
        || target.startsWith("/dev/") && target.endsWith("random")
        || CALLBACKS.matcher(target).matches()
        || TEST_TOOLS.matcher(target).matches()
        || EMULATED.matcher(target).matches();
  }

  private static Map<String, String> emulatedDescriptors() throws ReflectiveOperationException {
    Class<?> processes = Class.forName("org.luo4j.internal.select.EmulatorProcesses");
    Map<String, String> found = new HashMap<>();
    synchronized (processes) {
      for (Map.Entry<?, ?> process : ((Map<?, ?>) read(processes, null, "OPEN")).entrySet()) {
        Emulator emulator = (Emulator) process.getValue();
        if (emulator.isAlive()) {
          Object table = read(Emulator.class, emulator, "fds");
          Map<?, ?> fds = (Map<?, ?>) read(table.getClass(), table, "descriptors");
          synchronized (emulator) {
            fds.forEach(
                (fd, descriptor) ->
                    found.put(
                        System.identityHashCode(descriptor) + " " + fd + " " + process.getKey(),
                        "emulated fd " + fd + " in " + process.getKey()));
          }
        }
      }
    }
    return found;
  }

  private static Object read(Class<?> type, Object object, String field)
      throws ReflectiveOperationException {
    Field found = type.getDeclaredField(field);
    found.setAccessible(true);
    return found.get(object);
  }

  /** The bytes are part of the key, as a file that is mapped once more is one mapping more. */
  private static Map<String, String> mappings() throws IOException {
    Map<String, Long> bytes = new HashMap<>();
    for (String line : read(PROC.resolve("maps"))) {
      Matcher map = MAPS.matcher(line);
      if (map.matches() && isWatched(map.group(5))) {
        long length = Long.parseLong(map.group(2), 16) - Long.parseLong(map.group(1), 16);
        bytes.merge(map.group(5) + " (device and inode " + map.group(4) + ")", length, Long::sum);
      }
    }
    Map<String, String> found = new HashMap<>();
    bytes.forEach(
        (file, length) -> found.put(length + file, "mapping of " + length + " bytes of " + file));
    for (String number : list(PROC.resolve("fd"))) {
      String target = target(number);
      if (EMULATED_MEMORY.matcher(target).matches()) {
        found.put(number + " " + target, "emulated memory, fd " + number + " -> " + target);
      }
    }
    return found;
  }

  private static boolean isWatched(String file) {
    boolean watched =
        file.startsWith("/memfd:")
            || file.startsWith(SHM + "/")
            || file.startsWith(TEMPORARY + "/")
            || file.endsWith(" (deleted)");
    return watched
        && !LIBRARY.matcher(file).matches()
        && !CALLBACKS.matcher(file).matches()
        && !TEST_TOOLS.matcher(file).matches()
        && !EMULATED_BOOT.matcher(file).matches()
        && !file.startsWith("/tmp/hsperfdata_");
  }

  /** Lines like {@code 1: POSIX ADVISORY WRITE 4711 08:01:1234 0 EOF}. */
  private static Map<String, String> locks() throws IOException {
    String pid = Long.toString(ProcessHandle.current().pid());
    Map<String, String> found = new HashMap<>();
    Map<String, String> names = null;
    for (String line : read(Path.of("/proc/locks"))) {
      String[] words = line.trim().split("\\s+");
      if (words.length > 7 && words[4].equals(pid)) {
        names = names == null ? namesOfInodes() : names;
        String inode = words[5].substring(words[5].lastIndexOf(':') + 1);
        String name = names.getOrDefault(inode, "a file without a descriptor");
        if (!EMULATED.matcher(name).matches() && !inode.equals(PERFORMANCE_DATA)) {
          String lock = String.join(" ", List.of(words).subList(1, words.length));
          found.put(lock, "lock " + lock + " on " + name);
        }
      }
    }
    return found;
  }

  /** Empty where there is no such file. */
  private static String inode(Path file) {
    try {
      return Files.getAttribute(file, "unix:ino").toString();
    } catch (IOException | UnsupportedOperationException none) {
      return "";
    }
  }

  private static Map<String, String> namesOfInodes() {
    Map<String, String> names = new HashMap<>();
    for (String number : list(PROC.resolve("fd"))) {
      try {
        Object inode = Files.getAttribute(PROC.resolve("fd").resolve(number), "unix:ino");
        names.put(inode.toString(), target(number));
      } catch (IOException closed) {
        // Nothing is locked by way of it.
      }
    }
    return names;
  }

  private static Map<String, String> threads() {
    ThreadGroup root = Thread.currentThread().getThreadGroup();
    while (root.getParent() != null) {
      root = root.getParent();
    }
    Thread[] threads = new Thread[root.activeCount() * 2 + 16];
    int count = root.enumerate(threads);
    Map<String, String> found = new HashMap<>();
    for (int i = 0; i < count; i++) {
      Thread thread = threads[i];
      String name = thread.getName();
      if (!thread.isDaemon() || name.startsWith("luo")) {
        String key = "thread " + thread.getId() + " " + name;
        found.put(key, (thread.isDaemon() ? "daemon " : "") + key);
      }
    }
    return found;
  }

  private static Map<String, String> children() {
    Map<String, String> found = new HashMap<>();
    ProcessHandle.current()
        .children()
        .forEach(
            child ->
                found.put(
                    Long.toString(child.pid()),
                    "child process " + child.pid() + " " + child.info().commandLine().orElse("")));
    return found;
  }

  /** Those of /dev/shm with the path only: whose they are is asked of what is new. */
  private static Map<String, String> files() throws IOException {
    Map<String, String> found = new HashMap<>();
    if (!isTemporaryFolderShared()) {
      for (String name : list(TEMPORARY)) {
        String file = TEMPORARY + "/" + name;
        if (!name.equals(EMULATOR) && !TEST_TOOLS.matcher(file).matches()) {
          found.put(file, "file " + file);
        }
      }
      addTree(TEMPORARY.resolve(EMULATOR), found);
    }
    for (String name : list(SHM)) {
      found.put(SHM + "/" + name, "file " + SHM + "/" + name);
    }
    return found;
  }

  /** The files below a folder that are not directories. */
  private static void addTree(Path folder, Map<String, String> found) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            boolean keeps = file.getParent().equals(folder); // the folder's own: marker, lock, boot
            if (!keeps && !EMULATED.matcher(file.toString()).matches()) {
              found.put(file.toString(), "file " + file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException gone) {
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /**
   * Whether an entry of /dev/shm, which all processes share, is this one's: its name has the pid
   * that it is of, after a hyphen, or it appeared while no other JVM of this user was there.
   */
  private static boolean isOwn(Path path) {
    try {
      Object owner = Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      if (!owner.equals(Files.getAttribute(PROC, "unix:uid"))) {
        return false;
      }
    } catch (IOException gone) {
      return false;
    }
    Matcher number = PID.matcher(path.getFileName().toString());
    while (number.find()) {
      long pid = Long.parseLong(number.group());
      if (pid == ProcessHandle.current().pid()) {
        return true;
      }
      if (ProcessHandle.of(pid).isPresent()) {
        return false;
      }
    }
    return !areOtherJvmsHere();
  }

  /** Whether JVMs run that are neither ancestors nor descendants of this one. */
  private static boolean areOtherJvmsHere() {
    Set<ProcessHandle> own = new HashSet<>();
    for (Optional<ProcessHandle> each = Optional.of(ProcessHandle.current());
        each.isPresent();
        each = each.get().parent()) {
      own.add(each.get());
    }
    ProcessHandle.current().descendants().forEach(own::add);
    return ProcessHandle.allProcesses()
        .filter(process -> !own.contains(process))
        .anyMatch(process -> process.info().command().orElse("").endsWith("/java"));
  }

  private static List<String> list(Path folder) {
    String[] names = folder.toFile().list();
    return names == null ? List.of() : List.of(names);
  }

  /** Reads a file of /proc, whose size is said to be 0. An interrupt does not matter. */
  private static List<String> read(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      byte[] bytes = new byte[1 << 16];
      int length = 0;
      int count;
      while ((count = in.read(bytes, length, bytes.length - length)) > 0) {
        length += count;
        if (length == bytes.length) {
          bytes = Arrays.copyOf(bytes, 2 * length);
        }
      }
      return new String(bytes, 0, length, StandardCharsets.UTF_8).lines().toList();
    }
  }
}
