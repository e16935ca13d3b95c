/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.NullArguments;

/** An argument that is null is named. */
class NullArgumentsTest {

  @TempDir Path folder;
  private LiveUpdate luo;
  private final Map<Class<?>, Object> samples = new HashMap<>();

  @BeforeEach
  void open() {
    luo = LiveUpdate.builder().bridge(BridgeType.EMULATOR).emulatorDirectory(folder).open();
    samples.put(String.class, "name");
    samples.put(MemFdOptions.class, MemFdOptions.named("name"));
    samples.put(Duration.class, Duration.ofSeconds(1));
    samples.put(Path.class, folder);
    samples.put(LiveUpdate.class, luo);
    samples.put(Handover.Holder.class, Handover.Holder.PROCESS);
    samples.put(Provider.class, Provider.EMULATOR);
    samples.put(BridgeType.class, BridgeType.EMULATOR);
    samples.put(Consumer.class, (Consumer<Duration>) left -> {});
    samples.put(int.class, -1);
  }

  private void assertNamed(String source, Class<?> type, Callable<?> instance) throws Exception {
    Path file = Path.of("src/main/java/org/luo4j", source);
    assertEquals(List.of(), NullArguments.unnamed(file, type, instance, samples));
  }

  @Test
  void ofHandover() throws Exception {
    assertNamed("Handover.java", Handover.Builder.class, Handover::builder);
    try (Handover handover = Handover.builder().luo(luo).open()) {
      assertNamed("Handover.java", Handover.class, () -> handover);
    }
  }

  @Test
  void ofLiveUpdate() throws Exception {
    assertNamed("LiveUpdate.java", LiveUpdate.Builder.class, LiveUpdate::builder);
    assertNamed("LiveUpdate.java", LiveUpdate.class, () -> luo);
  }
}
