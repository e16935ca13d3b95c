/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache.torture;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.luo4j.cache.torture.Findings.Kind;

/**
 * The lives of a service, one a round: it opens its cache, checks it, serves with eight threads,
 * and is closed or killed; now and then it comes back with another capacity, and its file system is
 * filled and emptied by others all the time.
 */
final class Soak implements Mode {

  private static final int THREADS = 8;
  private static final int SHAPES = 3;
  private static final int ROUNDS_OF_SHAPES = 200;
  private static final int MOST_MICROS = 400_000;
  private static final int PATIENCE_MILLIS = 30_000;
  private static final int PAGE = 4096;
  private static final long[] CAPACITIES = {64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20};

  /** Of the tmpfs: for a cache, one that is set aside, and others' files. */
  static final long BYTES = 32 << 20;

  private final Path notes;
  private final Path folder;
  private final Path outside;
  private final Jvm.Command command;
  private final SplittableRandom random;
  private final Tally tally = new Tally();
  private final List<Series> shapes = new ArrayList<>();
  private Tenancy service;
  private int epoch;
  private int names;
  private Series shape;

  /** Whether the shape's cache was open last, and no other shape was tried since. */
  private boolean isThere;

  private String how = "";

  /**
   * @param notes a folder for journals and for what the JVMs note
   * @param folder of the cache, as the service sees it
   * @param outside the same, as this process sees it
   * @param command how the service is started
   */
  Soak(Path notes, Path folder, Path outside, Jvm.Command command, long seed) {
    this.notes = notes;
    this.folder = folder;
    this.outside = outside;
    this.command = command;
    this.random = new SplittableRandom(seed);
  }

  @Override
  public Tally tally() {
    return tally;
  }

  @Override
  public String how() {
    return how;
  }

  @Override
  public void round() throws IOException, InterruptedException {
    if (tally.roundsDone() % ROUNDS_OF_SHAPES == 0 || !tally.findings().isEmpty()) {
      newShapes();
    } else if (random.nextInt(3) == 0) {
      resize(shapes.get(random.nextInt(SHAPES)));
    }
    how = "shape " + shape.text();
    if (service == null || !service.isAlive()) {
      service = new Tenancy(notes, "-" + names++ % 8, command, folder, tally);
    }
    if (!live()) {
      service.close();
    }
    tally.roundDone();
  }

  private void newShapes() throws IOException {
    close();
    for (Path place : List.of(notes, outside)) {
      Folders.empty(place);
    }
    shapes.clear();
    // Of different capacities: else one would find another's entries, of which its journal says
    // nothing.
    random
        .ints(0, CAPACITIES.length)
        .distinct()
        .limit(SHAPES)
        .mapToObj(i -> Series.random(random, CAPACITIES[i], THREADS, random.nextBoolean()))
        .forEach(shapes::add);
    shape = shapes.get(0);
    isThere = false;
    epoch = 0;
  }

  private void resize(Series other) {
    if (!other.equals(shape)) {
      shape = other;
      isThere = false;
      tally.count("resized");
    }
  }

  /** False when the service ended by itself, or found something. */
  private boolean live() throws IOException, InterruptedException {
    fill();
    open();
    if (random.nextInt(10) == 0) {
      if (!service.await("attaching")) {
        return false;
      }
      Pause.micros(random.nextInt(30_000));
      tally.count("killed at its start");
      service.drain();
      isThere |= service.phase().equals("attached");
      service.close();
      return true;
    }
    if (!service.await(List.of("no-room", "attached"))) {
      return false;
    }
    if (service.phase().equals("no-room")) {
      tally.count("no room");
      if (isThere) {
        tally.findings().add(Kind.LOST, "no room for what has its room: " + service.lastLine());
        return false;
      }
      Files.deleteIfExists(outside.resolve("filler"));
      open();
      if (!service.await("attached")) {
        return false;
      }
    }
    isThere = true;
    return service.tell("check", "checked") && serve();
  }

  private void open() {
    epoch += 2;
    service.send("open " + shape.text() + " " + epoch + " " + PATIENCE_MILLIS + " " + !isThere);
  }

  private boolean serve() throws IOException, InterruptedException {
    service.send("work " + random.nextLong());
    if (!service.await("working")) {
      return false;
    }
    while (random.nextInt(3) > 0) {
      Pause.micros(random.nextInt(MOST_MICROS));
      fill();
      if (random.nextInt(8) == 0) {
        tally.count("cleared");
        service.send("clear " + (epoch += 2));
        if (!service.await("cleared")) {
          return false;
        }
        service.send("work " + random.nextLong());
        if (!service.await("working")) {
          return false;
        }
      }
    }
    Pause.micros(random.nextInt(MOST_MICROS));
    return end();
  }

  private boolean end() throws IOException, InterruptedException {
    int what = random.nextInt(10);
    if (what < 4) {
      tally.count("killed");
      service.close();
      return true;
    }
    if (what < 6) {
      tally.count("closed when idle");
      service.send("stop");
      if (!service.await("stopped")) {
        return false;
      }
    } else {
      tally.count("closed under load");
    }
    service.send("close");
    if (!service.await(List.of("closing"))) {
      return false;
    }
    if (what == 9) {
      tally.count("killed at its close");
      Pause.micros(random.nextInt(2_000));
      service.close();
      return true;
    }
    if (!service.await("closed")) {
      return false;
    }
    if (random.nextBoolean()) {
      tally.count("restarted");
      service.close();
    }
    return true;
  }

  /** Others fill the file system, or leave some room, or all. */
  private void fill() throws IOException {
    Path filler = outside.resolve("filler");
    int what = random.nextInt(4);
    if (what < 2 || outside.equals(folder)) {
      Files.deleteIfExists(filler);
      return;
    }
    tally.count("filled");
    try (RandomAccessFile target = new RandomAccessFile(filler.toFile(), "rw")) {
      byte[] page = new byte[PAGE];
      target.seek(target.length());
      while (target.length() < BYTES) {
        target.write(page);
      }
    } catch (IOException full) {
      // The file system is full now, which is the aim.
    }
    if (what == 2) {
      try (RandomAccessFile target = new RandomAccessFile(filler.toFile(), "rw")) {
        target.setLength(Math.max(0, target.length() - random.nextInt(16 << 20)));
      }
    }
  }

  @Override
  public void close() throws IOException {
    if (service != null) {
      service.close();
    }
  }
}
