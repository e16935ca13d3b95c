/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.internal.bridge.Machine;
import org.luo4j.testing.ChildJvm;
import org.luo4j.testing.Jdk;
import org.luo4j.testing.JniLibrary;

/**
 * Files that are not the library, or not all of it, are refused by name and never end the JVM. What
 * is damaged inside a whole file cannot be told: there is no checksum in it.
 */
class DamagedLibraryTest {

  private static final int PAGE = 4096;
  private static final int HEADER_BYTES = 64;
  private static final int MACHINE_OFFSET = 18;

  /** With another number of segments it may work: the last ones are not needed to load it. */
  private static final int NUMBER_OF_SEGMENTS_OFFSET = 56;

  private static final long SEED = 20260102;

  /** Of the ELF header, what the dynamic loader does not look at: entry, sections, flags, sizes. */
  private static final boolean[] UNREAD = new boolean[HEADER_BYTES];

  static {
    Arrays.fill(UNREAD, 24, 32, true);
    Arrays.fill(UNREAD, 40, 54, true);
    Arrays.fill(UNREAD, 58, 64, true);
  }

  @TempDir Path temporary;

  private byte[] library;

  @BeforeAll
  static void needTheLibrary() {
    JniLibrary.assumeBuilt();
  }

  @BeforeEach
  void readTheLibrary() throws Exception {
    library = Files.readAllBytes(LibraryCopy.to(temporary.resolve("whole.so")));
  }

  /** Tries the files in one child JVM; what it says of each, by file name. */
  private Map<String, String> load(Map<String, byte[]> files) throws Exception {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Files.write(temporary.resolve(file.getKey()), file.getValue());
    }
    ChildJvm.Ended ended =
        ChildJvm.of(LoadFiles.class)
            .flags(Jdk.current().nativeAccess("ALL-UNNAMED"))
            .property("luo4j.test.folder", temporary)
            .run(files.keySet().toArray(String[]::new));
    assertEquals(0, ended.exit(), ended::toString);
    Map<String, String> answers = new LinkedHashMap<>();
    for (String name : files.keySet()) {
      answers.put(name, ended.answer(name + ": "));
    }
    return answers;
  }

  private void assertRefused(Map<String, byte[]> files) throws Exception {
    load(files).forEach(this::assertRefused);
  }

  private void assertRefused(String name, String answer) {
    assertTrue(answer.startsWith("refused: "), name + " " + answer);
    assertTrue(answer.contains(temporary.resolve(name).toString()), name + " " + answer);
  }

  @Test
  void aWholeLibraryWorks() throws Exception {
    assertEquals(Map.of("copy.so", "works over jni"), load(Map.of("copy.so", library)));
  }

  @Test
  void whatIsNoLibraryIsRefused() throws Exception {
    Random random = new Random(SEED);
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("empty.so", new byte[0]);
    files.put("one-byte.so", new byte[] {0x7F});
    files.put("zeros.so", new byte[library.length]);
    files.put("text.so", "not found\n".repeat(100).getBytes());
    for (int length : new int[] {1, 63, 64, 65, PAGE, 100_000}) {
      byte[] bytes = new byte[length];
      random.nextBytes(bytes);
      files.put("random-" + length + ".so", bytes);
      byte[] withHeader = bytes.clone();
      System.arraycopy(library, 0, withHeader, 0, Math.min(length, 16));
      files.put("random-with-magic-" + length + ".so", withHeader);
    }
    assertRefused(files);
  }

  /** Without the check of ElfFile, most of these are a SIGBUS in the dynamic loader. */
  @Test
  void aLibraryThatIsCutShortIsRefused() throws Exception {
    long needed = endOfSegments();
    assertTrue(needed > 2 * PAGE && needed <= library.length, "segments end at " + needed);
    Random random = new Random(SEED);
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (int length = 0; length < needed; length += PAGE) {
      files.put("cut-" + length + ".so", Arrays.copyOf(library, length));
    }
    for (int i = 0; i < 20; i++) {
      int length = random.nextInt((int) needed);
      files.put("cut-" + length + ".so", Arrays.copyOf(library, length));
    }
    for (int length : new int[] {HEADER_BYTES - 1, HEADER_BYTES, (int) needed - 1}) {
      files.put("cut-" + length + ".so", Arrays.copyOf(library, length));
    }
    assertRefused(files);
  }

  /** Only the section headers and what they describe are missing, which loading does not need. */
  @Test
  void aLibraryThatIsCutBehindItsSegmentsWorks() throws Exception {
    byte[] cut = Arrays.copyOf(library, (int) endOfSegments());
    assertEquals(Map.of("cut.so", "works over jni"), load(Map.of("cut.so", cut)));
  }

  @Test
  void aLibraryOfAnotherMachineIsRefusedWithBothNumbers() throws Exception {
    boolean here = Machine.platform().contains("-x86_64");
    byte[] other = library.clone();
    other[MACHINE_OFFSET] = (byte) (here ? 183 : 62);
    other[MACHINE_OFFSET + 1] = 0;
    String answer = load(Map.of("other.so", other)).get("other.so");
    assertRefused("other.so", answer);
    assertTrue(answer.contains("ELF machine " + (here ? 183 : 62)), answer);
    assertTrue(answer.contains(Machine.platform() + " is " + (here ? 62 : 183)), answer);
  }

  /** musl's C library is libc.so, which glibc's loader does not find, or finds a linker script. */
  @Test
  void aLibraryForMuslIsRefusedWithThePlatformToUse() throws Exception {
    assumeFalse(Machine.isMusl(), "this JVM runs on musl");
    String bytes = new String(library, StandardCharsets.ISO_8859_1);
    byte[] other =
        bytes.replace("libc.so.6\0", "libc.so\0\0\0").getBytes(StandardCharsets.ISO_8859_1);
    String answer = load(Map.of("musl.so", other)).get("musl.so");
    assertRefused("musl.so", answer);
    assertTrue(answer.contains("built for musl, and this JVM runs on glibc"), answer);
    assertTrue(answer.contains("use the library for " + Machine.platform()), answer);
  }

  @Test
  void aFlippedBitInTheElfHeaderIsRefusedWhereItMatters() throws Exception {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (int bit = 0; bit < HEADER_BYTES * 8; bit++) {
      byte[] flipped = library.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      files.put("flip-" + bit + ".so", flipped);
    }
    Map<String, String> answers = load(files);
    for (int bit = 0; bit < HEADER_BYTES * 8; bit++) {
      String name = "flip-" + bit + ".so";
      boolean works = answers.get(name).equals("works over jni");
      if (UNREAD[bit / 8]) {
        assertTrue(works, name + " " + answers.get(name));
      } else if (bit / 8 < NUMBER_OF_SEGMENTS_OFFSET || !works) {
        assertRefused(name, answers.get(name));
      }
    }
  }

  /** Where the last byte of any segment lies in the file. */
  private long endOfSegments() throws IOException {
    ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
    int table = (int) elf.getLong(32);
    long end = 0;
    for (int i = 0; i < elf.getShort(56); i++) {
      int header = table + i * elf.getShort(54);
      end = Math.max(end, elf.getLong(header + 8) + elf.getLong(header + 32));
    }
    return end;
  }
}
