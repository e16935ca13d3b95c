/* SPDX-License-Identifier: Apache-2.0 */
package org.example;

import java.io.IOException;
import org.luo4j.cache.guest.WarmCacheService;

/** What the unit of {@code examples/systemd} runs: a service with a cache of 32 MiB. */
public final class WarmService {

  private WarmService() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    WarmCacheService.main(new String[] {"--name", "warm-cache", "--mib", "32"});
  }
}
