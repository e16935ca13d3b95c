/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.LuoException;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Logged;
import org.luo4j.testing.SystemProperties;

/** A cache's file that is open already: in another class loader, and in another process. */
@EnabledOnOs(OS.LINUX)
class SecondOwnerTest {

  private static final String FILE = "luo4j.test.cache";

  private final SystemProperties properties = new SystemProperties();

  @TempDir Path folder;

  @AfterEach
  void restoreProperties() {
    properties.close();
  }

  private Path file() {
    return folder.resolve("cache");
  }

  private static WarmCache<String, String> open(Path file, Duration timeout) throws IOException {
    return WarmCache.builder(Codec.STRING, Codec.STRING)
        .capacity(1 << 18)
        .file(file)
        .ownerTimeout(timeout)
        .open();
  }

  private static List<Path> classPath() {
    return Stream.concat(
            ChildJvm.classPath().stream(),
            Stream.of(ChildJvm.location(Stranger.class), ChildJvm.location(WarmCache.class)))
        .toList();
  }

  /** Opens the file once: what it finds, or who has it. */
  public static final class Stranger implements Callable<String> {
    @Override
    public String call() throws IOException {
      try (WarmCache<String, String> cache =
          open(Path.of(System.getProperty(FILE)), Duration.ZERO)) {
        return cache.start().kind() + " " + cache.getIfPresent("key");
      } catch (LuoException.OwnerAlive e) {
        return "owner " + e.pid().orElse(0);
      }
    }
  }

  private static String stranger() throws Exception {
    URL[] urls = new URL[classPath().size()];
    for (int i = 0; i < urls.length; i++) {
      urls[i] = classPath().get(i).toUri().toURL();
    }
    try (URLClassLoader loader = new URLClassLoader(urls, ClassLoader.getPlatformClassLoader())) {
      Class<?> type = loader.loadClass(Stranger.class.getName());
      return (String) ((Callable<?>) type.getConstructor().newInstance()).call();
    }
  }

  @Test
  void anotherClassLoaderIsNotTheOwner() throws Exception {
    properties.set(FILE, file());
    try (WarmCache<String, String> cache = open(file(), Duration.ZERO)) {
      cache.put("key", "value");
      for (int i = 0; i < 2; i++) {
        assertEquals("owner " + ProcessHandle.current().pid(), stranger());
        assertEquals("value", cache.getIfPresent("key"));
      }
    }
    assertEquals("WARM_AFTER_RESTART value", stranger());
    try (WarmCache<String, String> cache = open(file(), Duration.ZERO)) {
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  @Test
  void aNewFileIsItsOwnersOnly() throws IOException {
    open(file(), Duration.ZERO).close();
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file())));
  }

  /** Another process, which has the cache until it is told to close it. */
  static final class Owner {
    public static void main(String[] args) throws IOException {
      BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
      try (WarmCache<String, String> cache = open(Path.of(args[0]), Duration.ZERO)) {
        cache.put("key", "value");
        System.out.println(ProcessHandle.current().pid());
        while ("get".equals(in.readLine())) {
          System.out.println(cache.getIfPresent("key"));
        }
      }
      System.out.println("closed");
    }
  }

  private ChildJvm owner() throws IOException {
    return ChildJvm.of(Owner.class).classPath(classPath()).start(file().toString());
  }

  private static void signal(String name, long pid) throws Exception {
    Process kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + pid).start();
    assertEquals(0, kill.waitFor());
  }

  @Test
  void aStoppedProcessStaysTheOwner() throws Exception {
    try (ChildJvm child = owner()) {
      long pid = Long.parseLong(child.readLine());
      signal("STOP", pid);
      LuoException.OwnerAlive busy =
          assertThrows(
              LuoException.OwnerAlive.class, () -> open(file(), Duration.ofMillis(100)).close());
      assertEquals(pid, busy.pid().orElseThrow());
      signal("CONT", pid);
      assertEquals("value", child.ask("get"));
      assertEquals("closed", child.ask("close"));
    }
    try (WarmCache<String, String> cache = open(file(), Duration.ZERO)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      assertEquals("value", cache.getIfPresent("key"));
    }
  }

  @Test
  void whoWaitsGoesOnWhenTheOwnerIsKilled() throws Exception {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (ChildJvm child = owner();
        Logged log = new Logged(WarmCache.class)) {
      String pid = child.readLine();
      Future<String> waiting =
          thread.submit(
              () -> {
                try (WarmCache<String, String> cache = open(file(), Duration.ofMinutes(2))) {
                  return cache.start().kind() + " " + cache.getIfPresent("key");
                }
              });
      Thread.sleep(100);
      assertEquals(false, waiting.isDone());
      child.kill();
      assertEquals("WARM_AFTER_CRASH value", waiting.get());
      String told = log.lines().get(0);
      assertTrue(told.startsWith("INFO waiting for 120 s at most, as "), told);
      assertTrue(told.contains(pid) && told.contains(file().toString()), told);
    } finally {
      thread.shutdown();
    }
  }
}
