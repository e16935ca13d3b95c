/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.NativeMapped;
import com.sun.jna.Structure;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.luo4j.testing.JniLibrary;

/**
 * What the jar tells GraalVM's native-image: well formed, about classes that exist, and whole. Each
 * need is found where it arises: in the C sources, the compiled classes and the resources.
 */
class NativeImageMetadataTest {

  private static final String FOLDER = "/META-INF/native-image/org.luo4j/luo4j/";
  private static final Path CLASSES =
      Path.of(System.getProperty("luo4j.build.directory"), "classes");
  private static final Path NATIVE = Path.of(System.getProperty("luo4j.root.directory"), "native");

  /** JNA calls methods, constructors and fields of their subtypes by reflection. */
  private static final List<Class<?>> REFLECTED_BY_JNA =
      List.of(Structure.class, Library.class, Callback.class, NativeMapped.class);

  private static final Pattern FIND_CLASS = Pattern.compile("FindClass\\(env, ([^)]+)\\)");
  private static final Pattern DEFINE =
      Pattern.compile("^#define (\\w+) (\"[^\"]+\")$", Pattern.MULTILINE);
  private static final Pattern OTHER_LOOKUP =
      Pattern.compile(
          "\\b(Get(Static)?(Method|Field)ID|FromReflected\\w+|NewObject\\w*|AllocObject|Throw(New)?)"
              + "\\(");

  private final ObjectMapper json = new ObjectMapper();
  private JsonNode metadata;

  @BeforeEach
  void readTheMetadata() throws Exception {
    metadata = read(FOLDER + "reachability-metadata.json");
  }

  private JsonNode read(String resource) throws Exception {
    try (InputStream in = NativeImageMetadataTest.class.getResourceAsStream(resource)) {
      return json.readTree(in);
    }
  }

  private static Stream<JsonNode> stream(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  /** The classes of the entries that set {@code flag}. */
  private Set<String> typesWith(String flag) {
    return stream(metadata.get("reflection"))
        .filter(entry -> entry.path(flag).asBoolean())
        .map(entry -> entry.get("type").asText())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static List<Path> filesIn(Path folder, Predicate<Path> wanted) throws Exception {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).filter(wanted).toList();
    }
  }

  private static List<Class<?>> mainClasses() throws Exception {
    List<Class<?>> classes = new ArrayList<>();
    for (Path file : filesIn(CLASSES, file -> file.toString().endsWith(".class"))) {
      String name = CLASSES.relativize(file).toString().replace('/', '.').replace(".class", "");
      if (!name.equals("module-info") && !name.endsWith("package-info")) {
        classes.add(Class.forName(name, false, NativeImageMetadataTest.class.getClassLoader()));
      }
    }
    return classes;
  }

  private static boolean hasNatives(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .map(Method::getModifiers)
        .anyMatch(Modifier::isNative);
  }

  @Test
  void fitsTheSchema() throws Exception {
    JsonSchema schema =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V201909)
            .getSchema(read("/org/luo4j/internal/reachability-metadata-schema.json"));

    assertEquals(Set.of(), schema.validate(metadata));
  }

  @Test
  void namesClassesThatExist() throws Exception {
    Set<String> existing =
        mainClasses().stream().map(Class::getName).collect(Collectors.toCollection(TreeSet::new));
    Set<String> named = new TreeSet<>(metadata.findValuesAsText("type"));
    named.addAll(metadata.findValuesAsText("typeReached"));

    assertFalse(named.isEmpty());
    named.removeAll(existing);
    assertEquals(Set.of(System.class.getName()), named);
  }

  @Test
  void listsTheClassesThatTheLibraryFinds() throws Exception {
    Set<String> found = new TreeSet<>();
    for (Path file : filesIn(NATIVE, file -> file.toString().endsWith(".c"))) {
      String source = Files.readString(file);
      Matcher lookup = FIND_CLASS.matcher(source);
      while (lookup.find()) {
        if (lookup.group(1).equals("name")) {
          continue; // what the Java side names: JniBridge, wherever it was relocated to
        }
        found.add(literal(lookup.group(1), source).replace("\"", "").replace('/', '.'));
      }
    }

    assertEquals(found, typesWith("jniAccessible"));
  }

  /** A string literal, or what the macro of that name is. */
  private static String literal(String argument, String source) {
    return DEFINE
        .matcher(source)
        .results()
        .filter(define -> define.group(1).equals(argument))
        .map(define -> define.group(2))
        .findFirst()
        .orElse(argument);
  }

  @Test
  void theLibraryLooksUpClassesAndOneMethod() throws Exception {
    Set<String> lookups = new TreeSet<>();
    for (Path file : filesIn(NATIVE, file -> file.toString().endsWith(".c"))) {
      OTHER_LOOKUP
          .matcher(Files.readString(file))
          .results()
          .forEach(match -> lookups.add(file.getFileName() + ": " + match.group(1)));
    }

    assertEquals(Set.of("luo_jni.c: GetStaticMethodID"), lookups);
    JsonNode method = metadata.findValue("methods").get(0);
    String source = Files.readString(NATIVE.resolve("luo_jni.c"));
    assertTrue(source.contains('"' + method.get("name").asText() + '"'), method.toString());
    assertEquals(
        String.class,
        System.class.getMethod(method.get("name").asText(), String.class).getReturnType());
  }

  /**
   * RegisterNatives, which both bridges' methods are bound by, needs no entry; the lookup of the
   * class by the library, or of its methods by JNA, does.
   */
  @Test
  void listsEveryClassWithNativeMethods() throws Exception {
    Set<String> overJni = new TreeSet<>();
    Set<String> overJna = new TreeSet<>();
    for (Class<?> type : mainClasses()) {
      boolean isReflected = REFLECTED_BY_JNA.stream().anyMatch(base -> base.isAssignableFrom(type));
      if (hasNatives(type) || isReflected) {
        (type.getPackageName().endsWith(".jna") ? overJna : overJni).add(type.getName());
      }
    }

    overJni.add(System.class.getName());
    assertEquals(overJni, typesWith("jniAccessible"));
    assertEquals(overJna, typesWith("allDeclaredMethods"));
  }

  @Test
  void includesEveryResource() throws Exception {
    JniLibrary.assumeBuilt();
    Set<String> resources = new TreeSet<>();
    for (Path file : filesIn(CLASSES, file -> !file.toString().endsWith(".class"))) {
      String name = CLASSES.relativize(file).toString();
      if (!name.startsWith("META-INF/")) {
        resources.add(name);
      }
    }

    assertFalse(resources.isEmpty());
    for (String glob : metadata.findValuesAsText("glob")) {
      assertTrue(resources.removeIf(name -> matches(glob, name)), glob + " matches no resource");
    }
    assertEquals(Set.of(), resources);
  }

  private static boolean matches(String glob, String name) {
    return FileSystems.getDefault().getPathMatcher("glob:" + glob).matches(Path.of(name));
  }

  /** The older files are for GraalVM before 25, which does not know all of the newer one. */
  @Test
  void olderFilesSayTheSame() throws Exception {
    ArrayNode jni = json.createArrayNode();
    ArrayNode reflection = json.createArrayNode();
    for (JsonNode entry : metadata.get("reflection")) {
      boolean isJni = entry.has("jniAccessible");
      ObjectNode older = (isJni ? jni : reflection).addObject();
      older.set("condition", olderCondition(entry));
      older.put("name", entry.get("type").asText());
      if (!isJni) {
        older.put("allDeclaredMethods", true);
      }
      if (entry.has("methods")) {
        older.set("methods", entry.get("methods"));
      }
    }
    ObjectNode resources = json.createObjectNode();
    ArrayNode includes = resources.putObject("resources").putArray("includes");
    for (JsonNode entry : metadata.get("resources")) {
      String pattern = entry.get("glob").asText().replace(".", "\\.").replace("*", "[^/]*");
      includes.addObject().put("pattern", pattern).set("condition", olderCondition(entry));
    }

    assertEquals(jni, read(FOLDER + "jni-config.json"));
    assertEquals(reflection, read(FOLDER + "reflect-config.json"));
    assertEquals(resources, read(FOLDER + "resource-config.json"));
  }

  private JsonNode olderCondition(JsonNode entry) {
    return json.createObjectNode()
        .put("typeReachable", entry.get("condition").get("typeReached").asText());
  }
}
