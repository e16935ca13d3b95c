/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import org.luo4j.cache.MemoryLostException;
import org.luo4j.cache.WarmCache;

/** The threads of a {@link Contest} at work, until they are stopped or the cache is taken away. */
final class Workers {

  private final ExecutorService threads;
  private final List<Future<Void>> ends = new ArrayList<>();
  private final List<Worker> workers = new ArrayList<>();
  private final Predicate<Throwable> mayEndBy;
  private volatile boolean stopped;

  /** Begins. */
  Workers(
      WarmCache<Integer, byte[]> cache,
      Contest contest,
      int epoch,
      long seed,
      Predicate<Throwable> ends) {
    this.mayEndBy = ends;
    int count = contest.series().threads();
    threads = Executors.newFixedThreadPool(count);
    for (int thread = 0; thread < count; thread++) {
      workers.add(new Worker(cache, contest, thread, epoch, seed, () -> !stopped, ends));
    }
    workers.forEach(worker -> this.ends.add(threads.submit(worker)));
  }

  /** Whether a call says that the cache was closed: what one may throw that meets its close. */
  static boolean isClosed(Throwable thrown) {
    return thrown instanceof IllegalStateException
        && !(thrown instanceof MemoryLostException)
        && String.valueOf(thrown.getMessage()).contains("the cache is closed");
  }

  /** Stops them after the call that each is at. */
  void stop() {
    stopped = true;
  }

  /** Waits until all have ended; gives the number of their calls. */
  long await() throws InterruptedException {
    threads.shutdown();
    for (Future<Void> end : ends) {
      try {
        end.get();
      } catch (ExecutionException e) {
        if (!mayEndBy.test(e.getCause())) {
          throw new IllegalStateException(e);
        }
      }
    }
    return workers.stream().mapToLong(Worker::calls).sum();
  }
}
