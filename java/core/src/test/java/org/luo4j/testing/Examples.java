/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Finds, compiles and runs the Java examples of a page. */
public final class Examples {

  private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  private Examples() {}

  /** The blocks of Java, in their order. */
  public static List<String> blocks(String text) {
    List<String> blocks = new ArrayList<>();
    Matcher block = BLOCK.matcher(text);
    while (block.find()) {
      blocks.add(block.group(1));
    }
    return blocks;
  }

  /**
   * The output of a block of statements, compiled against this build alone.
   *
   * @param folder where to compile
   * @param parts a class of each part of the build, whose package is imported
   */
  public static String run(Path folder, List<Class<?>> parts, String statements) throws Exception {
    Path directory = Files.createTempDirectory(folder, "example");
    Path source = directory.resolve("Example.java");
    Files.writeString(
        source,
        parts.stream()
                .map(part -> "import " + part.getPackageName() + ".*;\n")
                .collect(Collectors.joining())
            + "public class Example {\n"
            + "  public static void main(String[] args) throws Exception {\n"
            + statements
            + "  }\n}\n");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    List<String> classPath = new ArrayList<>();
    for (Class<?> part : parts) {
      classPath.add(
          Path.of(part.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
    }
    boolean compiled =
        compiler
            .getTask(
                messages,
                null,
                null,
                List.of(
                    "-cp", String.join(File.pathSeparator, classPath), "-d", directory.toString()),
                null,
                compiler.getStandardFileManager(null, null, null).getJavaFileObjects(source))
            .call();
    assertTrue(compiled, () -> messages + "\n" + statements);

    PrintStream out = System.out;
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {directory.toUri().toURL()}, parts.get(0).getClassLoader())) {
      System.setOut(new PrintStream(captured, true, StandardCharsets.UTF_8));
      loader
          .loadClass("Example")
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    } catch (InvocationTargetException e) {
      throw new AssertionError(statements, e.getCause());
    } finally {
      System.setOut(out);
    }
    return captured.toString(StandardCharsets.UTF_8);
  }
}
