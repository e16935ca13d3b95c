/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.commons.io.FileUtils;
import picocli.CommandLine.Command;

/** luo demo. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description = {
      "Shows a cache that one JVM fills and another finds warm under a new kernel.",
      "",
      "JVM 1 puts every class file of its JDK into a WarmCache; the kernel is replaced; JVM 2 opens the"
          + " cache by the same call and compares each entry. Here the emulator plays the kernel, in a folder"
          + " of its own that is removed; scripts/demo.sh --kernel replaces a real one in a virtual machine."
    },
    footer = {"", "Example:", "  luo demo"})
final class DemoCommand implements Callable<Integer> {

  private static final String DEMO = "org.luo4j.cache.demo.Demo";

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path state = Files.createTempDirectory("luo-demo-");
    try {
      int exit = run(state, "fill");
      return exit == 0 ? run(state, "check") : exit;
    } finally {
      FileUtils.deleteDirectory(state.toFile());
    }
  }

  private static int run(Path state, String what) throws IOException, InterruptedException {
    return JavaCommand.of(
            DEMO,
            List.of("luo4j.bridge=emulator", "luo4j.emulator.dir=" + state.resolve("emulator")),
            List.of(what))
        .inheritIO()
        .start()
        .waitFor();
  }
}
