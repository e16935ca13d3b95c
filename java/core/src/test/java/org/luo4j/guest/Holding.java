/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/** How a program holds its sessions across a kexec: it says that it is ready and does not end. */
public final class Holding {

  private Holding() {}

  /** Makes the file that says so and never returns. */
  public static void forever(Path ready) throws IOException, InterruptedException {
    Files.createFile(ready);
    new CountDownLatch(1).await();
  }
}
