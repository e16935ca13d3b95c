/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Restart: a JVM fills a store and ends; a new JVM opens it and gets one value, then 100,000 at
 * random. The clock runs from the call that opens the store. Peers take turns; each repetition
 * fills afresh.
 */
final class RestartBenchmark {

  private static final Set<String> OPTIONS =
      Set.of("peers", "entries", "value-size", "gets", "repetitions", "ending", "output");

  private RestartBenchmark() {}

  /**
   * Runs it; the options are in {@code OPTIONS}. The ending is {@code close}, or {@code halt} for a
   * JVM that ends without closing its store.
   */
  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, OPTIONS);
    String ending = arguments.get("ending", "close");
    if (!ending.equals("close") && !ending.equals("halt")) {
      throw new IllegalArgumentException("--ending is close or halt");
    }
    try (Session session = new Session(Path.of(arguments.get("output")), "restart.log")) {
      List<Peer> peers = session.working(arguments.peers(Peer::restart));
      for (int i = 0; i < arguments.number("repetitions", 3); i++) {
        for (Peer peer : Session.rotated(peers, i)) {
          restart(session, arguments, peer, ending, i);
        }
      }
    }
  }

  private static void restart(
      Session session, Arguments arguments, Peer peer, String ending, int repetition)
      throws IOException, InterruptedException {
    String entries = arguments.get("entries", "1048576");
    String valueSize = arguments.get("value-size", "1024");
    Path directory = Folders.temporary("restart");
    List<String> flags = new ArrayList<>(Child.HEAP);
    flags.addAll(peer.jvmFlags());
    List<String> common = List.of(peer.label(), entries, valueSize, directory.toString());
    try {
      List<String> fill = new ArrayList<>(common);
      fill.add(ending);
      List<String> filled = Child.run(flags, Filler.class, fill, session.log);
      long bytes = Folders.bytes(directory);
      List<String> open = new ArrayList<>(common);
      open.add(arguments.get("gets", "100000"));
      open.add("" + System.nanoTime());
      List<String> opened = Child.run(flags, Opener.class, open, session.log);
      session.say(
          "%s after %s: first value %.1f ms after open, %s values %.1f ms",
          peer.label(),
          ending,
          millis(opened.get(1)) + millis(opened.get(2)),
          arguments.get("gets", "100000"),
          millis(opened.get(1)) + millis(opened.get(2)) + millis(opened.get(3)));
      List<Object> row = new ArrayList<>(List.of(peer.label(), entries, valueSize, ending));
      row.add(repetition);
      row.addAll(filled);
      row.add(bytes);
      row.addAll(opened);
      Tsv.append(session.output, Tsv.RESTART, row.toArray());
    } catch (Child.ChildException e) {
      session.failed(peer, "restart after " + ending, e.getMessage());
    } finally {
      Folders.delete(directory);
    }
  }

  private static double millis(String nanos) {
    return Long.parseLong(nanos) / 1e6;
  }

  private static StoreSpec spec(String[] args) {
    return new StoreSpec(Long.parseLong(args[1]), Integer.parseInt(args[2]), Path.of(args[3]));
  }

  /** The first JVM. */
  static final class Filler {
    private Filler() {}

    /**
     * Fills a store; answers the nanoseconds of filling and of closing.
     *
     * @param args peer, entries, bytes of a value, folder, ending
     */
    public static void main(String[] args) {
      Child.answer(
          () -> {
            StoreSpec spec = spec(args);
            long start = System.nanoTime();
            Store store = Peer.named(args[0]).open(spec);
            Entries.fill(store, spec);
            long filled = System.nanoTime();
            if (args[4].equals("close")) {
              store.close();
            }
            return List.of(filled - start, System.nanoTime() - filled);
          });
    }
  }

  /** The second JVM. */
  static final class Opener {
    private Opener() {}

    /**
     * Opens a store and gets values; answers the nanoseconds from the parent's clock to the open
     * call, of the open call, of the first get, of the other gets; the store's size, and how many
     * gets found no value or a wrong one.
     *
     * @param args peer, entries, bytes of a value, folder, gets, the parent's clock
     */
    public static void main(String[] args) {
      Child.answer(
          () -> {
            StoreSpec spec = spec(args);
            Peer peer = Peer.named(args[0]);
            long gets = Long.parseLong(args[4]);
            Random random = new Random(System.nanoTime());
            byte[] key = new byte[Entries.KEY_SIZE];
            long wrong = 0;
            long index = (long) (random.nextDouble() * spec.entries());
            Entries.key(index, key);
            long start = System.nanoTime();
            Store store = peer.open(spec);
            long opened = System.nanoTime();
            byte[] value = store.get(key);
            long first = System.nanoTime();
            wrong += isRight(value, index, spec) ? 0 : 1;
            for (long i = 1; i < gets; i++) {
              index = (long) (random.nextDouble() * spec.entries());
              Entries.key(index, key);
              wrong += isRight(store.get(key), index, spec) ? 0 : 1;
            }
            long last = System.nanoTime();
            return List.of(
                start - Long.parseLong(args[5]),
                opened - start,
                first - opened,
                last - first,
                store.size(),
                wrong);
          });
    }

    private static boolean isRight(byte[] value, long index, StoreSpec spec) {
      return value != null && value.length == spec.valueSize() && Entries.index(value) == index;
    }
  }
}
