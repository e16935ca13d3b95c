/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.cache.Codec;
import org.luo4j.cache.WarmCache;
import org.luo4j.cli.host.Host;

/** The commands as users run them: by scripts/luo, which runs luo.jar in a JVM of its own. */
class LuoJarTest {

  private static final int MINUTES = 5;

  @TempDir Path folder;

  private Run run(Path stdin, String... command) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectInput(stdin.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new IOException("did not end: " + List.of(command));
    }
    return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private Run luo(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(System.getProperty("luo.script")));
    command.addAll(List.of(arguments));
    return run(Path.of("/dev/null"), command.toArray(String[]::new));
  }

  @Test
  void nothingIsMissingInTheJar() throws IOException {
    try (JarFile jar = new JarFile(System.getProperty("luo.jar"))) {
      // From files: of a jar that it reads by URLs the JDK keeps a descriptor.
      for (JarEntry entry : Collections.list(jar.entries())) {
        if (entry.getName().matches("org/luo4j/.*\\.class")) {
          Path file = folder.resolve(entry.getName());
          Files.createDirectories(file.getParent());
          try (InputStream bytes = jar.getInputStream(entry)) {
            Files.copy(bytes, file);
          }
        }
      }
      Set<String> missing = new TreeSet<>();
      for (JavaClass type : new ClassFileImporter().importPath(folder)) {
        type.getDirectDependenciesFromSelf().stream()
            .map(dependency -> dependency.getTargetClass().getBaseComponentType().getName())
            .filter(name -> name.contains(".") && !name.startsWith("java."))
            .filter(name -> jar.getEntry(name.replace('.', '/') + ".class") == null)
            .forEach(name -> missing.add(type.getName() + " needs " + name));
      }
      assertEquals(Set.of(), missing);
    }
  }

  @Test
  void versionAndHelp() throws Exception {
    Run version = luo("--version");
    assertEquals(0, version.exit(), version::toString);
    assertTrue(version.out().matches("(?s)luo [0-9]+\\..*Java.*"), version::toString);
    Run help = luo("cache", "load", "--help");
    assertEquals(0, help.exit(), help::toString);
    assertTrue(help.out().contains("zstd -dc my-service.dump.zst | luo cache load"), help.out());
    assertEquals("", help.err());
  }

  @Test
  void doctorWritesJsonAndEndsWithWhatItFound() throws Exception {
    Run run = luo("doctor", "--json", "--cache-size", "64m");
    JsonNode json = new ObjectMapper().readTree(run.out());
    assertEquals(run.exit(), json.get("summary").get("exit").asInt());
    if (!Host.here().has("/dev/liveupdate")) {
      assertEquals(2, run.exit());
    }
    int counted = 0;
    for (JsonNode check : json.get("checks")) {
      assertTrue(Set.of("ok", "warning", "problem").contains(check.get("state").asText()));
      assertTrue(!check.get("check").asText().isEmpty() && check.get("found").isTextual());
      assertEquals(check.get("state").asText().equals("ok"), check.get("fix").asText().isEmpty());
      counted++;
    }
    JsonNode summary = json.get("summary");
    assertEquals(
        counted,
        summary.get("ok").asInt()
            + summary.get("warnings").asInt()
            + summary.get("problems").asInt());
    Run lines = luo("doctor");
    assertTrue(lines.out().lines().count() > counted / 2, lines::toString);
    assertTrue(lines.out().contains("bridge JNA"), lines.out());
  }

  @Test
  void theJarsManifestAllowsNativeAccess() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Run run =
        run(Path.of("/dev/null"), java, "-jar", System.getProperty("luo.jar"), "doctor", "--json");
    for (JsonNode check : new ObjectMapper().readTree(run.out()).get("checks")) {
      if (check.get("check").asText().equals("JDK")) {
        assertEquals("ok", check.get("state").asText(), run::toString);
        return;
      }
    }
    throw new AssertionError("no line of the JDK: " + run);
  }

  @Test
  void theCompletionScriptIsBash() throws Exception {
    Run script = luo("generate-completion");
    assertEquals(0, script.exit());
    Path file = Files.writeString(folder.resolve("completion"), script.out());
    Run checked = run(Path.of("/dev/null"), "bash", "-n", file.toString());
    assertEquals(new Run(0, "", ""), checked);
    assertTrue(script.out().contains("cache"));
  }

  @Test
  void aCacheGoesThroughAPipe() throws Exception {
    Path file = folder.resolve("cache");
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES).capacity(1 << 20).file(file).open()) {
      for (int i = 0; i < 1000; i++) {
        cache.put("key " + i, new byte[i]);
      }
      Run stat = luo("cache", "stat", "cache");
      assertEquals(0, stat.exit(), stat::toString);
      assertTrue(stat.out().contains("entries        1,000\n"), stat.out());
      assertTrue(
          stat.out().contains("open in process " + ProcessHandle.current().pid()), stat.out());
      Run verify = luo("cache", "verify", "cache");
      assertEquals(2, verify.exit(), verify::toString);
      assertTrue(verify.err().contains("one owner at a time"), verify.err());
    }
    String luo = System.getProperty("luo.script");
    Run run =
        run(
            Path.of("/dev/null"),
            "bash",
            "-o",
            "pipefail",
            "-c",
            "\"$0\" cache dump cache --to - | \"$0\" cache load copy --from -",
            luo);
    assertEquals(0, run.exit(), run::toString);
    assertEquals("", run.out());
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(1 << 20)
            .file(folder.resolve("copy"))
            .open()) {
      assertEquals(999, cache.getIfPresent("key 999").length);
    }
    Run verified = luo("cache", "verify", "copy");
    assertEquals(0, verified.exit(), verified::toString);
    assertEquals("", verified.err());
    assertTrue(luo("cache", "stat", "copy").out().contains("WARM_AFTER_RESTART"));
  }

  @Test
  void selftestReports() throws Exception {
    Run run = luo("selftest", "--bridge", "jna", "--bridge", "emulator");
    assertEquals(0, run.exit(), run::toString);
    assertTrue(run.out().contains("kernel Linux version"), run.out());
    assertTrue(
        run.out().matches("(?s).*jna       MemFd +[1-9][0-9]* passed, 0 failed.*"), run.out());
    assertTrue(
        run.out().matches("(?s).*emulator  Incoming +[1-9][0-9]* passed, 0 failed.*"), run.out());
    assertTrue(run.out().contains("SKIP emulator Socket: the emulator has no sockets"), run.out());
  }

  @Test
  void demoFindsTheCacheWarm() throws Exception {
    Run run = luo("demo");
    assertEquals(0, run.exit(), run::toString);
    assertTrue(run.out().contains(": 0 mismatches"), run.out());
    assertTrue(run.out().contains("WARM_AFTER_KEXEC"), run.out());
  }

  @Test
  void sessionsAreListed() throws Exception {
    Run run = luo("sessions");
    assertEquals(0, run.exit(), run::toString);
    assertTrue(!run.out().isEmpty());
  }
}
