/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Abi;
import org.luo4j.internal.bridge.Errno;

/**
 * What an {@link Agent} holds: memfds and sessions under names, each name of one user. Where there
 * is LUO, each memfd is preserved in a session of its own as soon as it is stored, and a manifest
 * in another session tells the agent of the next kernel where everything is.
 *
 * <p>A name has at most one owner, and only its owner changes what it has; no two threads act for
 * one owner at a time. Any thread otherwise.
 */
final class AgentHoldings implements AutoCloseable {

  /** The session with the manifest, and the start of the others' names. */
  static final String SESSION = "luo4j-agent";

  /** The manifest's token, and that of each memfd, in their sessions. */
  private static final long TOKEN = 0;

  private static final int HASH_BYTES = 12;

  /** Who takes a name: a connection. */
  interface Owner {
    int pid();
  }

  /**
   * What one user may have.
   *
   * @param names held or taken
   * @param bytes of memfds, as they are at a store
   */
  record Limits(int names, long bytes) {}

  /** Another owner has the name. */
  static final class Busy extends Exception {
    private static final long serialVersionUID = 1L;

    private final int pid;

    Busy(int pid) {
      super("it is owned by process " + pid);
      this.pid = pid;
    }

    int pid() {
      return pid;
    }
  }

  /** A limit is reached, or what is offered cannot be held. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    private final int errno;

    Refused(int errno, String reason) {
      super(reason);
      this.errno = errno;
    }

    int errno() {
      return errno;
    }
  }

  private record Key(int uid, String name) {
    @Override
    public String toString() {
      return "'" + name + "' of uid " + Integer.toUnsignedString(uid);
    }
  }

  /**
   * What is held under a name.
   *
   * @param memfd null for a session
   * @param session the client's, or that which preserves the memfd, or null
   * @param whyNoKexec empty for what survives one
   */
  private record Thing(@Nullable MemFd memfd, @Nullable Session session, String whyNoKexec) {

    Agent.Kind kind() {
      return memfd == null ? Agent.Kind.SESSION : Agent.Kind.MEMFD;
    }

    Descriptor descriptor() {
      return memfd == null ? preserving().descriptor() : memfd.descriptor();
    }

    /** The session of one that is a session, or that survives a kexec. */
    Session preserving() {
      return Objects.requireNonNull(session, "session");
    }

    long bytes() {
      return memfd == null ? 0 : memfd.size();
    }

    void close() {
      try {
        if (session != null) {
          session.close();
        }
      } finally {
        if (memfd != null) {
          memfd.close();
        }
      }
    }
  }

  /** A name. Guarded by the lock. */
  private static final class Place {
    private @Nullable Owner owner;
    private @Nullable Thing thing;

    /** Bytes that are being stored. */
    private long coming;
  }

  private final LiveUpdate luo;
  private final Limits limits;
  private final Consumer<String> log;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<Key, Place> places = new LinkedHashMap<>();
  private final List<String> report = new ArrayList<>();
  private String whyNoKexec = "";
  private @Nullable Session manifestSession;
  private @Nullable AgentManifest manifest;
  private boolean manifestFull;
  private long made;

  /** Retrieves what the previous kernel left, and preserves it for the next. */
  AgentHoldings(LiveUpdate luo, Limits limits, Consumer<String> log) {
    this.luo = luo;
    this.limits = limits;
    this.log = log;
    List<AgentManifest.Entry> arrived = arrived();
    makeManifest();
    arrived.forEach(this::arrive);
    writeManifest();
  }

  // ---- from kernel to kernel ----

  private List<AgentManifest.Entry> arrived() {
    try (Session session = luo.retrieveSession(SESSION);
        MemFd memfd = session.retrieve(TOKEN)) {
      AgentManifest.Contents contents = AgentManifest.read(memfd);
      contents.problems().forEach(this::note);
      return contents.entries();
    } catch (LuoException.NoSuchSession e) {
      note("a cold start: " + e.getMessage());
    } catch (LuoException.DeviceAbsent | LuoException.PermissionDenied e) {
      // Said when the manifest cannot be made.
    } catch (RuntimeException e) {
      note("what the previous kernel left is lost: " + e.getMessage());
    }
    return List.of();
  }

  private void makeManifest() {
    try {
      manifestSession = luo.createSession(SESSION);
      MemFdOptions options = MemFdOptions.named(SESSION).size(AgentManifest.BYTES);
      manifest = new AgentManifest(manifestSession.preserveNew(options, TOKEN));
    } catch (RuntimeException e) {
      whyNoKexec = "the agent cannot use LUO: " + e.getMessage();
      note("nothing will survive a kexec, only restarts of its owner: " + whyNoKexec);
      if (manifestSession != null) {
        manifestSession.close();
        manifestSession = null;
      }
    }
  }

  private void arrive(AgentManifest.Entry entry) {
    Key key = new Key(entry.uid(), entry.name());
    try {
      Session session = luo.retrieveSession(entry.session());
      Thing thing;
      if (entry.kind() == Agent.Kind.SESSION) {
        thing = new Thing(null, session, "it is an incoming session: its owner retrieves from it");
      } else {
        thing = preserved(key, finished(session, entry.token()));
      }
      Place place = new Place();
      place.thing = thing;
      places.put(key, place);
      String but = thing.whyNoKexec.isEmpty() ? "" : "; it will not survive the next one: ";
      note("arrived: " + thing.kind() + " " + key + but + thing.whyNoKexec);
    } catch (RuntimeException e) {
      note("lost: " + entry.kind() + " " + key + ": " + e.getMessage());
    }
  }

  /** The memfd out of a session, which is closed. */
  private static MemFd finished(Session session, long token) {
    try (session) {
      MemFd memfd = session.retrieve(token);
      try {
        session.finish();
        return memfd;
      } catch (Throwable e) {
        Undo.close(e, memfd);
        throw e;
      }
    }
  }

  private void note(String line) {
    report.add(line);
    log.accept(line);
  }

  /** What arrived, what did not and why, and why nothing can: a sentence each. */
  List<String> report() {
    return List.copyOf(report);
  }

  /** Why no memfd survives a kexec; empty where they do. */
  String whyNoKexec() {
    return whyNoKexec;
  }

  /** The memfd with a session of its own, or with the reason why it has none. */
  private Thing preserved(Key key, MemFd memfd) {
    if (!whyNoKexec.isEmpty()) {
      return new Thing(memfd, null, whyNoKexec);
    }
    Session session = null;
    try {
      session = luo.createSession(sessionName(key));
      session.preserve(memfd, TOKEN);
      return new Thing(memfd, session, "");
    } catch (RuntimeException e) {
      Undo.close(e, session);
      return new Thing(memfd, null, String.valueOf(e.getMessage()));
    }
  }

  private String sessionName(Key key) {
    long number;
    lock.lock();
    try {
      number = made++;
    } finally {
      lock.unlock();
    }
    return sessionName(key.uid, number, key.name);
  }

  /** A session's name for a memfd: unique by its number, with as much of the rest as fits. */
  static String sessionName(int uid, long number, String name) {
    String start = SESSION + "." + Integer.toUnsignedString(uid) + "." + number + ".";
    return start.length() + name.length() < Abi.NAME_LENGTH ? start + name : start + hash(name);
  }

  private static String hash(String name) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(name.getBytes(StandardCharsets.UTF_8));
      StringBuilder hex = new StringBuilder("~");
      for (int i = 0; i < HASH_BYTES; i++) {
        hex.append(String.format("%02x", digest[i]));
      }
      return hex.toString();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** With the lock held. */
  private void writeManifest() {
    if (manifest == null) {
      return;
    }
    List<AgentManifest.Entry> entries = new ArrayList<>();
    places.forEach(
        (key, place) -> {
          Thing thing = place.thing;
          if (thing != null && thing.whyNoKexec.isEmpty()) {
            entries.add(
                new AgentManifest.Entry(
                    key.uid, key.name, thing.kind(), thing.preserving().name(), TOKEN));
          }
        });
    manifestFull = !manifest.write(entries);
  }

  /**
   * Preserves the memfds that are held only, as their first attempt failed.
   *
   * @return a sentence for each name that would not survive a kexec
   */
  List<String> preserveAll() {
    List<String> left = new ArrayList<>();
    lock.lock();
    try {
      places.forEach(
          (key, place) -> {
            Thing thing = place.thing;
            if (thing == null || thing.whyNoKexec.isEmpty()) {
              return;
            }
            Thing now = thing.memfd == null ? thing : preserved(key, thing.memfd);
            place.thing = now;
            if (!now.whyNoKexec.isEmpty()) {
              left.add(key + " will not survive: " + now.whyNoKexec);
            }
          });
      writeManifest();
    } finally {
      lock.unlock();
    }
    return left;
  }

  /** Makes a call while no name changes hands or contents. */
  <T> T still(Callable<T> call) throws Exception {
    lock.lock();
    try {
      return call.call();
    } finally {
      lock.unlock();
    }
  }

  // ---- what clients ask ----

  /** Sends what is held: its fd is open meanwhile. */
  @FunctionalInterface
  interface Sending {
    int send(Agent.Kind kind, boolean survivesKexec, @Nullable Descriptor held);
  }

  /**
   * Makes an owner a name's, and hands it what is held there, which goes on being held.
   *
   * @return what sending returned
   */
  int take(int uid, String name, Owner owner, Sending sending) throws Busy, Refused {
    Thing thing;
    lock.lock();
    try {
      thing = own(new Key(uid, name), owner).thing;
    } finally {
      lock.unlock();
    }
    return thing == null
        ? sending.send(Agent.Kind.NOTHING, false, null)
        : sending.send(thing.kind(), thing.whyNoKexec.isEmpty(), thing.descriptor());
  }

  /** With the lock held. */
  private Place own(Key key, Owner owner) throws Busy, Refused {
    Place place = places.get(key);
    if (place != null && place.owner != null && place.owner != owner) {
      throw new Busy(place.owner.pid());
    }
    if (place == null) {
      int names = 0;
      for (Key each : places.keySet()) {
        names += each.uid == key.uid ? 1 : 0;
      }
      if (names >= limits.names) {
        throw new Refused(
            Errno.ENOSPC,
            "uid "
                + Integer.toUnsignedString(key.uid)
                + " has "
                + names
                + " names, as many as it may: drop one, or raise the agent's maxNamesPerUid");
      }
      place = new Place();
      places.put(key, place);
    }
    place.owner = owner;
    return place;
  }

  /**
   * Holds a memfd in place of what the name had. One that is the name's already goes on as it is.
   *
   * @param memfd becomes this object's, unless this throws
   * @return why it does not survive a kexec; empty where it does
   */
  String store(int uid, String name, MemFd memfd, Owner owner) throws Busy, Refused {
    Key key = new Key(uid, name);
    long size = memfd.size();
    Place place;
    lock.lock();
    try {
      checkBytes(key, size);
      place = own(key, owner);
      Thing old = place.thing;
      if (old != null && old.memfd != null && isSame(old.memfd, memfd)) {
        memfd.close();
        return old.whyNoKexec;
      }
      place.coming = size;
    } finally {
      lock.unlock();
    }
    // Preserving may take seconds: others go on meanwhile.
    return replace(place, preserved(key, memfd));
  }

  /**
   * Holds a session in place of what the name had.
   *
   * @param session becomes this object's, unless this throws
   */
  String store(int uid, String name, Session session, Owner owner) throws Busy, Refused {
    if (session.kind() != Session.Kind.OUTGOING || session.name().startsWith(SESSION)) {
      throw new Refused(
          Errno.EINVAL,
          session
              + " cannot be held: it must be one created in this kernel, and not named "
              + SESSION);
    }
    Place place;
    lock.lock();
    try {
      place = own(new Key(uid, name), owner);
    } finally {
      lock.unlock();
    }
    return replace(place, new Thing(null, session, whyNoKexec));
  }

  private String replace(Place place, Thing thing) {
    Thing stays = thing;
    Thing old;
    lock.lock();
    try {
      old = place.thing;
      place.coming = 0;
      place.thing = thing;
      writeManifest();
      if (manifestFull) {
        if (thing.memfd != null && thing.session != null) {
          thing.session.close();
        }
        stays =
            new Thing(
                thing.memfd,
                thing.memfd == null ? thing.session : null,
                "the agent's manifest is full: drop other names");
        place.thing = stays;
        writeManifest();
      }
    } finally {
      lock.unlock();
    }
    if (old != null) {
      try {
        old.close();
      } catch (RuntimeException e) {
        log.accept("what a name had before cannot be closed: " + e); // the new is held
      }
    }
    return stays.whyNoKexec;
  }

  /** With the lock held. */
  private void checkBytes(Key key, long size) throws Refused {
    long sum = size;
    for (Map.Entry<Key, Place> each : places.entrySet()) {
      if (each.getKey().uid == key.uid && !each.getKey().equals(key)) {
        Place place = each.getValue();
        sum += place.coming + (place.thing == null ? 0 : place.thing.bytes());
      }
    }
    if (size > limits.bytes || sum < 0 || sum > limits.bytes) {
      throw new Refused(
          Errno.ENOSPC,
          "uid "
              + Integer.toUnsignedString(key.uid)
              + " would have "
              + sum
              + " bytes held, more than "
              + limits.bytes
              + ": drop a name, or raise the agent's limit (luo agent --max-memory, maxBytesPerUid)");
    }
  }

  /** Whether two fds are of one file; false where the system does not say. */
  private static boolean isSame(MemFd a, MemFd b) {
    Object key = fileKey(a);
    return key != null && key.equals(fileKey(b));
  }

  private static @Nullable Object fileKey(MemFd memfd) {
    try {
      Path path = Path.of("/proc/self/fd/" + memfd.fd());
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      return null;
    }
  }

  /**
   * Gives up what is held under a name, and the name.
   *
   * @return what it was
   */
  Agent.Kind drop(int uid, String name, Owner owner) throws Busy {
    Key key = new Key(uid, name);
    Thing old;
    lock.lock();
    try {
      Place place = places.get(key);
      if (place == null) {
        return Agent.Kind.NOTHING;
      }
      if (place.owner != null && place.owner != owner) {
        throw new Busy(place.owner.pid());
      }
      places.remove(key);
      writeManifest();
      old = place.thing;
    } finally {
      lock.unlock();
    }
    if (old == null) {
      return Agent.Kind.NOTHING;
    }
    old.close();
    return old.kind();
  }

  /** Gives up an owner's names; what is held there stays. */
  void leave(Owner owner) {
    lock.lock();
    try {
      places
          .values()
          .removeIf(
              place -> {
                if (place.owner == owner) {
                  place.owner = null;
                  place.coming = 0;
                }
                return place.owner == null && place.thing == null;
              });
    } finally {
      lock.unlock();
    }
  }

  /** Who has a name. */
  Set<Owner> owners() {
    Set<Owner> owners = new HashSet<>();
    lock.lock();
    try {
      for (Place place : places.values()) {
        if (place.owner != null) {
          owners.add(place.owner);
        }
      }
    } finally {
      lock.unlock();
    }
    return owners;
  }

  /** What is held, or taken, by one user or, with {@code all}, by any. */
  List<Agent.Held> list(int uid, boolean all) {
    List<Agent.Held> list = new ArrayList<>();
    lock.lock();
    try {
      places.forEach(
          (key, place) -> {
            if (all || key.uid == uid) {
              list.add(held(key, place));
            }
          });
    } finally {
      lock.unlock();
    }
    return list;
  }

  private static Agent.Held held(Key key, Place place) {
    int owner = place.owner == null ? 0 : place.owner.pid();
    Thing thing = place.thing;
    if (thing == null) {
      return new Agent.Held(key.uid, key.name, Agent.Kind.NOTHING, false, 0, owner, "");
    }
    boolean survives = thing.whyNoKexec.isEmpty();
    return new Agent.Held(
        key.uid, key.name, thing.kind(), survives, thing.bytes(), owner, thing.whyNoKexec);
  }

  /** Closes everything: what is preserved no longer is. */
  @Override
  public void close() {
    lock.lock();
    try {
      for (Place place : places.values()) {
        if (place.thing != null) {
          place.thing.close();
        }
      }
      places.clear();
      if (manifest != null) {
        manifest.close();
        manifest = null;
      }
      if (manifestSession != null) {
        manifestSession.close();
        manifestSession = null;
      }
    } finally {
      lock.unlock();
    }
  }
}
