/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The order in which what an open has changed is changed back. */
class OpenUndoTest {

  private final OpenUndo undo = new OpenUndo();
  private final List<String> back = new ArrayList<>();

  @Test
  void whatWasMadeIsChangedBackFromTheLastToTheFirstWhenTheOpenFails() throws IOException {
    undo.add(() -> back.add("first"));
    undo.step(
        () -> undo.step(() -> {}, () -> back.add("part of the second")), () -> back.add("second"));
    undo.step(() -> {}, () -> back.add("third"));
    assertEquals(List.of(), back);
    Error failure = new OutOfMemoryError();
    undo.run(failure);
    undo.run(failure);
    assertEquals(List.of("third", "part of the second", "second", "first"), back);
    assertEquals(0, failure.getSuppressed().length);
  }

  /** Once, and nothing of what was made before. */
  @Test
  void aStepThatFailsIsChangedBackAtOnce() throws IOException {
    undo.step(() -> {}, () -> back.add("first"));
    for (Throwable failure : List.of(new IOException(), new OutOfMemoryError())) {
      OpenUndo.Step part =
          () -> {
            undo.step(() -> {}, () -> back.add("part"));
            if (failure instanceof IOException e) {
              throw e;
            }
            throw (Error) failure;
          };
      assertSame(
          failure, assertThrows(Throwable.class, () -> undo.step(part, () -> back.add("step"))));
      assertEquals(List.of("part", "step"), back);
      back.clear();
    }
    undo.run(new IOException());
    assertEquals(List.of("first"), back);
  }

  /** Also where the JVM has one OutOfMemoryError for all. */
  @Test
  void whatGoesWrongMeanwhileStopsNothingAndIsSuppressed() {
    Error failure = new OutOfMemoryError();
    IOException other = new IOException();
    undo.add(() -> back.add("first"));
    undo.add(
        () -> {
          throw other;
        });
    undo.add(
        () -> {
          throw failure;
        });
    undo.run(failure);
    assertEquals(List.of("first"), back);
    assertEquals(List.of(other), List.of(failure.getSuppressed()));
  }
}
