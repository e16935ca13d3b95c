/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
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
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiles and runs the README's examples, in its order, on the emulator. */
class ReadmeTest {

  private static final Path ROOT =
      Path.of(System.getProperty("luo4j.root.directory", "../..")).toAbsolutePath();
  private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  @TempDir Path folder;

  @BeforeEach
  void emulate() {
    System.setProperty(LiveUpdate.BRIDGE_PROPERTY, "emulator");
    System.setProperty(LiveUpdate.EMULATOR_DIR_PROPERTY, folder.resolve("emulator").toString());
  }

  @AfterEach
  void stopEmulating() {
    System.clearProperty(LiveUpdate.BRIDGE_PROPERTY);
    System.clearProperty(LiveUpdate.EMULATOR_DIR_PROPERTY);
  }

  @Test
  void theExamplesDoWhatTheySay() throws Exception {
    String readme = Files.readString(ROOT.resolve("README.md"));
    int kexec = readme.indexOf("<!-- kexec -->");
    assertTrue(kexec > 0, "the README marks where its examples' kexec is");
    List<String> before = blocks(readme.substring(0, kexec));
    List<String> after = blocks(readme.substring(kexec));
    assertEquals(1, before.size());
    assertEquals(4, after.size());

    assertEquals(
        "cold: the previous kernel left none of this name: it was not held open at the"
            + " kexec, or this is a cold boot\n",
        run(after.get(0)));
    assertEquals("", run(before.get(0)));
    LiveUpdate.open().emulateKexec();
    assertEquals("warm: 42\n", run(after.get(0)));
    assertTrue(run(after.get(1)).startsWith("7 "));
    assertTrue(run(after.get(2)).startsWith("1: the memfd is preserved"));
    assertEquals("", run(after.get(3)));
  }

  @Test
  void theScriptsItNamesExist() throws Exception {
    String readme = Files.readString(ROOT.resolve("README.md"));
    Matcher script = Pattern.compile("scripts/[a-z0-9-]+\\.sh").matcher(readme);
    int found = 0;
    while (script.find()) {
      assertTrue(Files.isExecutable(ROOT.resolve(script.group())), script.group());
      found++;
    }
    assertTrue(found >= 3);
  }

  private static List<String> blocks(String text) {
    List<String> blocks = new ArrayList<>();
    Matcher block = BLOCK.matcher(text);
    while (block.find()) {
      blocks.add(block.group(1));
    }
    return blocks;
  }

  /** The output of a block of statements, compiled against this build alone. */
  private String run(String statements) throws Exception {
    Path directory = Files.createTempDirectory(folder, "example");
    Path source = directory.resolve("Example.java");
    Files.writeString(
        source,
        "import org.luo4j.*;\n"
            + "public class Example {\n"
            + "  public static void main(String[] args) throws Exception {\n"
            + statements
            + "  }\n}\n");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    String classPath =
        Path.of(LiveUpdate.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    boolean compiled =
        compiler
            .getTask(
                messages,
                null,
                null,
                List.of("-cp", classPath, "-d", directory.toString()),
                null,
                compiler.getStandardFileManager(null, null, null).getJavaFileObjects(source))
            .call();
    assertTrue(compiled, () -> messages + "\n" + statements);

    PrintStream out = System.out;
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    try (URLClassLoader loader =
        new URLClassLoader(
            new URL[] {directory.toUri().toURL()}, LiveUpdate.class.getClassLoader())) {
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
