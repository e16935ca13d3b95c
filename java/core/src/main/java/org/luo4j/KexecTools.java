/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.Uninterrupted;

/** kexec(8) of kexec-tools, and sync(1). */
final class KexecTools implements KexecCommand {

  private static final int LOAD_SECONDS = 300;
  private static final int SYNC_SECONDS = 60;
  private static final int EXECUTE_SECONDS = 60;
  private static final int OUTPUT_MAX = 1000;
  private static final String USUAL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  private final @Nullable Path program;

  /** With the program that is given, or where that is null the one on PATH. */
  KexecTools(@Nullable Path program) {
    this.program = program;
  }

  @Override
  public void load(Agent.Update update) throws IOException {
    List<String> command = new ArrayList<>(List.of(kexec(), "-l", "-s"));
    update.initrd().ifPresent(initrd -> command.add("--initrd=" + initrd));
    command.add(
        update.commandLine().map(line -> "--command-line=" + line).orElse("--reuse-cmdline"));
    command.add(update.kernel().toString());
    run(command, LOAD_SECONDS);
  }

  @Override
  public void sync() throws IOException {
    run(List.of(found("sync")), SYNC_SECONDS);
  }

  @Override
  public void execute() throws IOException {
    // -x after -e: network interfaces stay up, for the case that there is no kexec.
    List<String> command = List.of(kexec(), "-e", "-x");
    run(command, EXECUTE_SECONDS);
    throw new IOException(String.join(" ", command) + " ended with 0 and there was no kexec");
  }

  private String kexec() throws IOException {
    if (program == null) {
      return found("kexec");
    }
    if (!Files.isExecutable(program)) {
      throw new IOException("no program " + program + ": install kexec-tools, or name its kexec");
    }
    return program.toString();
  }

  private static String found(String name) throws IOException {
    Map<String, String> environment = System.getenv();
    String path = environment.getOrDefault("PATH", USUAL_PATH) + ":" + USUAL_PATH;
    for (String folder : path.split(File.pathSeparator)) {
      Path file = Path.of(folder, name);
      if (file.isAbsolute() && Files.isExecutable(file) && !Files.isDirectory(file)) {
        return file.toString();
      }
    }
    throw new IOException("no program " + name + " on PATH: install kexec-tools and coreutils");
  }

  private static void run(List<String> command, int seconds) throws IOException {
    String line = String.join(" ", command);
    Path output = Files.createTempFile("luo4j-kexec-", ".out");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectInput(new File("/dev/null"))
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      try {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        if (!Uninterrupted.until(end, left -> process.waitFor(left, TimeUnit.NANOSECONDS))) {
          throw new IOException(line + " did not end in " + seconds + " s, and was killed");
        }
      } finally {
        process.destroyForcibly();
      }
      if (process.exitValue() != 0) {
        throw new IOException(line + " ended with " + process.exitValue() + ": " + said(output));
      }
    } finally {
      Files.deleteIfExists(output);
    }
  }

  private static String said(Path output) throws IOException {
    byte[] bytes = Files.readAllBytes(output);
    String text = new String(bytes, 0, Math.min(bytes.length, OUTPUT_MAX)).strip();
    return text.isEmpty() ? "it said nothing" : text.replaceAll("\\s*\\R\\s*", "; ");
  }
}
