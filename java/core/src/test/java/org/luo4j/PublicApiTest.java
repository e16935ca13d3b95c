/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.luo4j.testing.PublicApi;

/** The public API says since when it is there, and what may be null. */
class PublicApiTest {

  @TempDir Path sources;

  @Test
  void nothingIsLacking() throws Exception {
    assertEquals(List.of(), PublicApi.lacking(Path.of("src/main/java")));
  }

  @Test
  void whatIsLackingIsFound() throws Exception {
    write("module-info.java", "/** A module. */ module m { exports a; exports b; }");
    write("a/package-info.java", "/** One. @since 0.1.0 */ @NullMarked package a;");
    write(
        "a/A.java",
        """
        package a;
        /**
         * A type.
         *
         * @since soon
         */
        public class A {
          /** Nested. */
          public interface Nested {
            /** In it. */
            record Inner() {}
          }
          private static class Hidden {}
          /** @return the text, or null */
          public String text() { return null; }
          /** @return the text, not null */
          public @Nullable String other() { return null; }
          /** @return the bytes, or null */
          public byte @Nullable [] bytes() { return null; }
        }
        """);
    write("b/B.java", "package b; class B {}");
    assertEquals(
        List.of(
            "a.A has an @since that is no version: soon",
            "a.A.Nested has no @since",
            "a.A.Nested.Inner has no @since",
            "a.A.other is @Nullable: @return the text, not null",
            "a.A.text is not @Nullable: @return the text, or null",
            "module m has no @since",
            "package a has no @since",
            "package b is not @NullMarked"),
        PublicApi.lacking(sources));
  }

  private void write(String file, String text) throws IOException {
    Path path = sources.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }
}
