/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.luo4j.Handover;
import org.luo4j.Kept;
import org.luo4j.MemFdOptions;
import org.luo4j.MemoryRegion;

/**
 * A memfd that a handover's holder keeps for the service's next process. The handover sees to its
 * one owner.
 */
final class KeptMemory implements CacheMemory {

  /** For a size: that of the memory that is kept, of which there must be some. */
  static final long AS_KEPT = -1;

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  private final Handover handover;

  /** Whether the handover is closed with this. */
  private final boolean owns;

  private final String name;
  private final MemFdOptions options;
  private final long boot = boot();
  private Kept kept;
  private @Nullable Kept aside;
  private MemoryRegion region;
  private Start origin;

  /**
   * Takes over what is kept under the name, or makes it; one of another size is refused.
   *
   * @throws IOException when something that was kept aside is in the way; for {@link
   *     OnRefusal#FAIL} when the memory has another size, or none is kept for {@link #AS_KEPT}
   */
  KeptMemory(Handover handover, boolean owns, String name, long size, OnRefusal onRefusal)
      throws IOException {
    this.handover = handover;
    this.owns = owns;
    this.name = name;
    this.options = MemFdOptions.named(name).size(Math.max(size, 0)).hugeFolios();
    try {
      if (size == AS_KEPT) {
        kept = handover.find(name).orElseThrow(() -> new IOException(handover.whyNothing(name)));
      } else {
        aside = handover.find(asideName()).orElse(null);
        kept = handover.open(name, options);
      }
      region = kept.memory().map();
      origin = found();
      if (origin.isWarm() && size != AS_KEPT && region.size() != size) {
        String reason =
            "what is kept under '"
                + name
                + "' has "
                + region.size()
                + " bytes, a cache of this capacity "
                + size;
        if (onRefusal == OnRefusal.FAIL) {
          throw new IOException(reason);
        }
        if (onRefusal == OnRefusal.KEEP) {
          reason += "; " + setAside();
        } else {
          region.close();
          kept.discard();
          makeNew();
        }
        origin = new Start(Start.Kind.COLD, reason);
      }
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  public MemoryRegion region() {
    return region;
  }

  @Override
  public Start origin() {
    return origin;
  }

  private Start found() {
    Start.Kind kind =
        switch (kept.origin()) {
          case NEW -> Start.Kind.COLD;
          case KEXEC -> Start.Kind.WARM_AFTER_KEXEC;
          case KEPT -> isOfThisBoot() ? Start.Kind.WARM_AFTER_RESTART : Start.Kind.WARM_AFTER_KEXEC;
        };
    return new Start(kind, kept.how());
  }

  /** Systemd and an agent hand the same memfd back after a restart and after a kexec. */
  private boolean isOfThisBoot() {
    long last = region.size() < CacheFormat.HEADER_BYTES ? 0 : region.getLong(CacheFormat.BOOT_AT);
    return last == 0 || boot == 0 || last == boot;
  }

  @Override
  public void opened() {
    region.putLong(CacheFormat.BOOT_AT, boot);
  }

  private static long boot() {
    try {
      byte[] id = Files.readAllBytes(BOOT_ID);
      return Entry.hash(new String(id, StandardCharsets.US_ASCII).strip().getBytes(), 0);
    } catch (IOException e) {
      return 0; // no Linux: a kexec is told by its session
    }
  }

  private String asideName() {
    return name + ".refused";
  }

  @Override
  public String setAside() throws IOException {
    if (aside != null) {
      throw new IOException(
          "what is kept under '"
              + name
              + "' cannot be used and '"
              + asideName()
              + "' is kept already from another time: open with onRefusal(REPLACE)");
    }
    region.close();
    aside = kept.rename(asideName());
    makeNew();
    return "it is kept as '" + asideName() + "'";
  }

  private void makeNew() {
    kept = handover.make(name, options);
    region = kept.memory().map();
  }

  @Override
  public boolean discardAside() {
    if (aside == null) {
      return false;
    }
    aside.discard();
    aside = null;
    return true;
  }

  @Override
  public void close() {
    // Of a constructor that fails some are null.
    if (region != null) {
      region.close();
    }
    if (kept != null) {
      kept.close();
    }
    if (aside != null) {
      aside.close();
    }
    if (owns) {
      handover.close();
    }
  }
}
