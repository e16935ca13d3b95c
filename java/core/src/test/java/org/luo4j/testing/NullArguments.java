/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreeScanner;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * What a class's public methods say when one argument is null: a NullPointerException that names
 * the argument, by the parameter's name or by a word that holds it, as {@code emulatorDirectory}.
 */
public final class NullArguments {

  /** The parameters' names of each method, by its name and their types' simple names. */
  private final Map<String, List<String>> names = new HashMap<>();

  private final Map<Class<?>, Object> samples;
  private final List<String> unnamed = new ArrayList<>();
  private int calls;

  private NullArguments(Map<Class<?>, Object> samples) {
    this.samples = samples;
  }

  /**
   * Calls each public method with each argument null, once.
   *
   * @param source the class's file
   * @param type the class, or a class in it
   * @param instance gives an object for each call
   * @param samples an argument of each type that parameters have
   * @return a sentence for each argument that is not named
   */
  public static List<String> unnamed(
      Path source, Class<?> type, Callable<?> instance, Map<Class<?>, Object> samples)
      throws Exception {
    NullArguments arguments = new NullArguments(samples);
    arguments.readNames(source);
    for (Method method : type.getDeclaredMethods()) {
      if (Modifier.isPublic(method.getModifiers()) && !method.isSynthetic()) {
        arguments.call(method, instance);
      }
    }
    if (arguments.calls == 0) {
      throw new IllegalStateException(type + " has no method with an argument that can be null");
    }
    return arguments.unnamed;
  }

  private void readNames(Path source) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      JavacTask task =
          (JavacTask)
              compiler.getTask(null, manager, null, null, null, manager.getJavaFileObjects(source));
      for (CompilationUnitTree unit : task.parse()) {
        new TreeScanner<Void, Void>() {
          @Override
          public Void visitMethod(MethodTree method, Void none) {
            List<String> parameters =
                method.getParameters().stream().map(each -> each.getName() + "").toList();
            List<String> types =
                method.getParameters().stream().map(each -> simple(each.getType() + "")).toList();
            names.put(method.getName() + "" + types, parameters);
            return super.visitMethod(method, none);
          }
        }.scan(unit, null);
      }
    }
  }

  /**
   * A type's name without its package, its outer class and its arguments; a variable's is Object.
   */
  private static String simple(String type) {
    String name = type.replaceAll("<.*", "").replaceAll(".*[.]", "");
    return name.length() == 1 ? "Object" : name;
  }

  private void call(Method method, Callable<?> instance) throws Exception {
    Class<?>[] types = method.getParameterTypes();
    List<String> simple = new ArrayList<>();
    List<Object> given = new ArrayList<>();
    for (Class<?> type : types) {
      simple.add(type.getSimpleName());
      if (!samples.containsKey(type)) {
        throw new IllegalArgumentException("give a sample of " + type + ", for " + method);
      }
      given.add(samples.get(type));
    }
    List<String> parameters = names.get(method.getName() + simple);
    if (parameters == null) {
      throw new IllegalStateException(method + " is not in the source");
    }
    for (int i = 0; i < types.length; i++) {
      if (!types[i].isPrimitive()) {
        Object[] arguments = given.toArray();
        arguments[i] = null;
        calls++;
        Object on = Modifier.isStatic(method.getModifiers()) ? null : instance.call();
        check(method, parameters.get(i), on, arguments);
      }
    }
  }

  private void check(Method method, String name, Object on, Object[] arguments)
      throws IllegalAccessException {
    String what = method.getName() + " with " + name + " null: ";
    try {
      unnamed.add(what + "nothing was thrown, but given " + method.invoke(on, arguments));
    } catch (InvocationTargetException e) {
      String message = String.valueOf(e.getCause().getMessage());
      if (!(e.getCause() instanceof NullPointerException)
          || !message.toLowerCase(Locale.ROOT).contains(name.toLowerCase(Locale.ROOT))
          || message.startsWith("Cannot ")) {
        unnamed.add(what + e.getCause());
      }
    }
  }
}
