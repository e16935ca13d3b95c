/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A tmpfs of a small size on a folder, in a mount namespace of its own: other processes do not see
 * it, and it ends with the last process in the namespace.
 */
final class SmallTmpfs implements Closeable {

  private static final List<String> AS_ROOT = List.of("unshare", "-m");
  private static final List<String> AS_USER = List.of("unshare", "-U", "-r", "-m");

  private final boolean asRoot;
  private final Path folder;
  private final Process holder;

  /**
   * Mounts it.
   *
   * @throws IOException when this process may not: the message says what it takes
   */
  SmallTmpfs(Path folder, long bytes) throws IOException {
    this.folder = folder;
    String mount = "mount -t tmpfs -o size=" + bytes + ",mode=0700 tmpfs '" + folder + "'";
    Process started = hold(AS_ROOT, mount);
    this.asRoot = started != null;
    this.holder = asRoot ? started : hold(AS_USER, mount);
    if (holder == null) {
      throw new IOException(
          "cannot mount a tmpfs: it takes root, or user namespaces (sysctl"
              + " kernel.unprivileged_userns_clone), and unshare, nsenter and mount of util-linux");
    }
  }

  /** Starts a process that stays in a new namespace until its stdin ends; null where it cannot. */
  private static Process hold(List<String> unshare, String mount) throws IOException {
    List<String> command = new ArrayList<>(unshare);
    command.addAll(List.of("sh", "-c", mount + " && echo mounted && read -r end"));
    Process process;
    try {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    } catch (IOException noUnshare) {
      return null;
    }
    if ("mounted".equals(process.inputReader().readLine())) {
      return process;
    }
    end(process);
    return null;
  }

  private static void end(Process process) throws IOException {
    process.destroyForcibly();
    process.onExit().join();
    process.getInputStream().close();
    process.getOutputStream().close();
  }

  /** A program that runs its arguments where the tmpfs is. */
  List<String> inside() {
    List<String> program = new ArrayList<>(List.of("nsenter", "-t", "" + holder.pid()));
    program.addAll(asRoot ? List.of("-m") : List.of("-U", "--preserve-credentials", "-m"));
    return program;
  }

  /** The mounted folder, as this process can reach it. */
  Path seenFromOutside() {
    return Path.of("/proc/" + holder.pid() + "/root" + folder);
  }

  @Override
  public void close() throws IOException {
    end(holder);
  }
}
