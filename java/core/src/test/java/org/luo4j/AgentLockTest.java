/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.JniLibrary;
import org.luo4j.testing.OpenResources;

/**
 * One agent has a socket, whatever else opens and closes its lock file; and which files it takes.
 */
class AgentLockTest {

  @TempDir Path folder;

  private Path socket;
  private Path lock;

  @BeforeEach
  void nameTheSocket() {
    socket = folder.resolve("agent.sock");
    lock = folder.resolve("agent.sock.lock");
  }

  private static LiveUpdate luo(BridgeType bridge) {
    if (bridge == BridgeType.JNI) {
      JniLibrary.assumeBuilt();
    }
    return LiveUpdate.builder().bridge(bridge).open();
  }

  private Agent start(LiveUpdate luo) throws IOException {
    return Agent.builder(luo).socket(socket).start();
  }

  /** Another process that wants the socket. */
  static final class Other {
    private Other() {}

    public static void main(String[] arguments) {
      LiveUpdate luo = LiveUpdate.builder().bridge(BridgeType.valueOf(arguments[0])).open();
      try (Agent agent = Agent.builder(luo).socket(Path.of(arguments[1])).start()) {
        System.out.println("STARTED " + agent);
      } catch (IOException | IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  private void assertOtherProcessIsRefused(BridgeType bridge) throws Exception {
    ChildJvm.Ended other = ChildJvm.of(Other.class).run(bridge.name(), socket.toString());
    assertEquals(1, other.linesWith("another agent has " + lock).size(), other::toString);
  }

  @ParameterizedTest
  @EnumSource(names = {"JNI", "JNA"})
  void theLockIsKeptWhateverThisProcessDoesWithTheFile(BridgeType bridge) throws Exception {
    LiveUpdate luo = luo(bridge);
    try (Agent agent = start(luo)) {
      assertOtherProcessIsRefused(bridge);
      assertThrows(IllegalStateException.class, () -> start(luo));
      Files.readAllBytes(lock);
      Files.copy(lock, folder.resolve("copy"));
      Files.newOutputStream(lock).close();
      assertOtherProcessIsRefused(bridge);
      assertTrue(Files.exists(socket), agent::toString);
    }
    start(luo).close();
  }

  @Test
  void aRefusedAgentLeavesNothingOpen() throws Exception {
    LiveUpdate luo = luo(BridgeType.JNI);
    try (Agent agent = start(luo)) {
      assertEquals(1, agent.report().size());
      List<String> before = OpenResources.now(folder.toString());
      for (int i = 0; i < 3; i++) {
        assertThrows(IllegalStateException.class, () -> start(luo));
      }
      assertEquals(before, OpenResources.now(folder.toString()));
    }
  }

  @Test
  void anAgentThatCannotListenLeavesNothing() throws Exception {
    LiveUpdate luo = luo(BridgeType.JNI);
    Files.writeString(socket, "a file");
    List<String> before = OpenResources.now(folder.toString());
    assertThrows(IOException.class, () -> start(luo));
    assertEquals(before, OpenResources.now(folder.toString()));
    Files.delete(socket);
    start(luo).close();
  }

  private String refusal() {
    IOException refused = assertThrows(IOException.class, () -> start(luo(BridgeType.JNI)).close());
    return refused.getMessage();
  }

  @Test
  void aLockFileThatOthersCanWriteIsRefused() throws Exception {
    Files.createFile(lock);
    Files.setPosixFilePermissions(lock, PosixFilePermissions.fromString("rw-rw----"));
    assertTrue(refusal().contains("run chmod 600"), refusal());
  }

  @Test
  void aLockFileOfAnotherUserIsRefused() throws Exception {
    Files.createFile(lock);
    assumeRoot(lock);
    Files.setAttribute(lock, "unix:uid", 4711);
    assertTrue(refusal().contains("belongs to uid 4711"), refusal());
  }

  @Test
  void aLockFileThatIsALinkIsRefused() throws Exception {
    Path target = Files.createFile(folder.resolve("target"));
    Files.createSymbolicLink(lock, target);
    assertTrue(refusal().contains("is no file"), refusal());
  }

  @Test
  void aFolderOfAnotherUserIsRefused() throws Exception {
    Path theirs = Files.createDirectory(folder.resolve("theirs"));
    assumeRoot(theirs);
    Files.setAttribute(theirs, "unix:uid", 4711);
    socket = theirs.resolve("agent.sock");
    assertTrue(refusal().contains("belongs to uid 4711"), refusal());
  }

  @Test
  void aFolderThatIsALinkIsRefused() throws Exception {
    Path real = Files.createDirectory(folder.resolve("real"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);
    socket = link.resolve("agent.sock");
    assertTrue(refusal().contains("is a symbolic link"), refusal());
  }

  @Test
  void aNewLockFileIsItsOwnersOnly() throws Exception {
    start(luo(BridgeType.JNI)).close();
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(lock)));
  }

  private static void assumeRoot(Path own) throws IOException {
    assumeTrue((Integer) Files.getAttribute(own, "unix:uid") == 0, "needs root to chown a file");
  }
}
