/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Set;

/**
 * The main class of a child JVM that makes one call of the API over and over on the emulator, with
 * a line of output before each, until it is killed: {@code ApiLoop CALL FOLDER}.
 */
final class ApiLoop {

  /** The calls of the API. */
  enum Call {
    OPEN,
    CREATE_SESSION,
    RETRIEVE_SESSION,
    ADOPT_SESSION,
    DUPLICATE_SESSION,
    PRESERVE,
    PRESERVE_NEW,
    RETRIEVE,
    FINISH,
    CLOSE_SESSION,
    CREATE_MEMFD,
    ADOPT_MEMFD,
    SET_SIZE,
    ALLOCATE,
    PUNCH_HOLE,
    ADD_SEALS,
    POSITION,
    READ,
    WRITE,
    MAP,
    ACCESS,
    CLOSE_MEMFD,
    KEXEC
  }

  private static final MemFdOptions MEMFD = MemFdOptions.named("loop").size(100_000);
  private static final int BURST = 20;

  private final Path folder;
  private LiveUpdate luo;
  private int count;

  private ApiLoop(Path folder) {
    this.folder = folder;
    this.luo = Emulated.in(folder);
  }

  public static void main(String[] args) {
    ApiLoop loop = new ApiLoop(Path.of(args[1]));
    Call call = Call.valueOf(args[0]);
    while (true) {
      loop.burst(call);
    }
  }

  private static void next() {
    System.out.println("next");
  }

  /** A name that no session of this machine has. */
  private String name() {
    return "loop-" + count++;
  }

  private void kexec() {
    luo.emulateKexec();
    luo = Emulated.in(folder);
  }

  /** Makes what the call needs, makes the call a number of times, and gives everything up. */
  private void burst(Call call) {
    switch (call) {
      case OPEN -> {
        next();
        Emulated.in(folder.resolveSibling("other-" + count++));
      }
      case CREATE_SESSION, CLOSE_SESSION, DUPLICATE_SESSION -> {
        Session[] sessions = new Session[BURST];
        for (int i = 0; i < BURST; i++) {
          if (call == Call.CREATE_SESSION) {
            next();
          }
          sessions[i] = luo.createSession(name());
        }
        for (Session session : sessions) {
          if (call != Call.CREATE_SESSION) {
            next();
          }
          session.duplicate().close();
          session.close();
        }
      }
      case RETRIEVE_SESSION, FINISH, RETRIEVE -> incoming(call);
      case ADOPT_SESSION -> {
        try (Session session = luo.createSession(name())) {
          next();
          luo.adoptSession(session.duplicate().fd()).close();
        }
      }
      case PRESERVE, PRESERVE_NEW -> {
        try (Session session = luo.createSession(name())) {
          for (int token = 0; token < BURST; token++) {
            if (call == Call.PRESERVE) {
              MemFd memfd = luo.createMemFd(MEMFD);
              next();
              session.preserve(memfd, token);
              memfd.close();
            } else {
              next();
              session.preserveNew(MEMFD, token).close();
            }
          }
        }
      }
      case KEXEC -> {
        luo.createSession(name()).preserveNew(MEMFD, 1);
        next();
        kexec();
      }
      default -> memfd(call);
    }
  }

  private void incoming(Call call) {
    String first = name();
    int from = count;
    for (int i = 0; i < BURST; i++) {
      luo.createSession(name()).preserveNew(MEMFD, 1);
    }
    luo.createSession(first);
    kexec();
    for (int i = from; i < from + BURST; i++) {
      if (call == Call.RETRIEVE_SESSION) {
        next();
      }
      Session session = luo.retrieveSession("loop-" + i);
      if (call == Call.RETRIEVE) {
        next();
      }
      session.retrieve(1).close();
      if (call == Call.FINISH) {
        next();
      }
      session.finish();
      session.close();
    }
  }

  private void memfd(Call call) {
    if (call == Call.CREATE_MEMFD) {
      next();
    }
    MemFd memfd = luo.createMemFd(MEMFD);
    ByteBuffer buffer = ByteBuffer.allocateDirect(50_000);
    for (int i = 0; i < BURST; i++) {
      if (call != Call.CREATE_MEMFD && call != Call.CLOSE_MEMFD) {
        next();
      }
      buffer.clear();
      switch (call) {
        case ADOPT_MEMFD -> luo.adoptMemFd(memfd.duplicate().fd()).close();
        case SET_SIZE -> memfd.setSize(50_000 + i * 5_000L);
        case ALLOCATE -> memfd.allocate(i * 5_000L, 5_000);
        case PUNCH_HOLE -> memfd.punchHole(i * 4096L, 4096);
        case ADD_SEALS -> memfd.addSeals(Set.of(Seal.GROW));
        case POSITION -> memfd.position(i);
        case READ -> memfd.read(i, buffer);
        case WRITE -> memfd.write(i, buffer);
        case MAP -> memfd.map().close();
        case ACCESS -> {
          try (MemoryRegion region = memfd.map()) {
            region.putLongVolatile(8L * i, i);
          }
        }
        default -> {}
      }
    }
    if (call == Call.CLOSE_MEMFD) {
      next();
    }
    memfd.close();
  }
}
