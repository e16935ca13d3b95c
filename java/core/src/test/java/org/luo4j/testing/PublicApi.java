/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.tree.AnnotationTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExportsTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * What a module's sources lack: {@code @since} on the module, on each exported package and on each
 * type that it shows; {@code @NullMarked} on any package; and where Javadoc says that a method may
 * return null, {@code @Nullable}, and the other way round.
 */
public final class PublicApi {

  private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+\\.\\d+");
  private static final Pattern NULL = Pattern.compile("(?<!not |never )\\bnull\\b");

  private final DocTrees docs;
  private final Set<String> exported = new LinkedHashSet<>();
  private final Set<String> marked = new LinkedHashSet<>();
  private final List<String> lacking = new ArrayList<>();
  private int types;

  private PublicApi(DocTrees docs) {
    this.docs = docs;
  }

  /**
   * Reads sources without compiling them.
   *
   * @param sources the folder with module-info.java
   * @return a sentence for each thing that is lacking, in the order of the alphabet
   */
  public static List<String> lacking(Path sources) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null);
        Stream<Path> files = Files.walk(sources)) {
      List<Path> java = files.filter(file -> file.toString().endsWith(".java")).toList();
      JavacTask task =
          (JavacTask)
              compiler.getTask(
                  null, manager, null, null, null, manager.getJavaFileObjectsFromPaths(java));
      List<CompilationUnitTree> units = new ArrayList<>();
      task.parse().forEach(units::add);
      PublicApi api = new PublicApi(DocTrees.instance(task));
      units.forEach(api::readDeclarations);
      units.forEach(api::readTypes);
      if (api.exported.isEmpty() || api.types == 0) {
        throw new IllegalStateException("nothing is exported by " + sources);
      }
      return api.lacking.stream().sorted().toList();
    }
  }

  /** Reads a module-info or a package-info. */
  private void readDeclarations(CompilationUnitTree unit) {
    TreePath path = new TreePath(unit);
    if (unit.getModule() != null) {
      unit.getModule().getDirectives().stream()
          .filter(ExportsTree.class::isInstance)
          .map(directive -> ((ExportsTree) directive).getPackageName().toString())
          .forEach(exported::add);
      needSince(new TreePath(path, unit.getModule()), "module " + unit.getModule().getName());
    } else if (isPackageInfo(unit)
        && unit.getPackageAnnotations().stream().anyMatch(each -> isNamed(each, "NullMarked"))) {
      marked.add(packageOf(unit));
    }
  }

  private void readTypes(CompilationUnitTree unit) {
    if (unit.getModule() != null) {
      return;
    }
    String name = packageOf(unit);
    if (!marked.contains(name)) {
      marked.add(name);
      lacking.add("package " + name + " is not @NullMarked");
    }
    if (exported.contains(name)) {
      if (isPackageInfo(unit)) {
        needSince(new TreePath(new TreePath(unit), unit.getPackage()), "package " + name);
      }
      new Types().scan(unit, name + ".");
    }
  }

  private static boolean isPackageInfo(CompilationUnitTree unit) {
    return unit.getSourceFile().getName().endsWith("package-info.java");
  }

  private static String packageOf(CompilationUnitTree unit) {
    return unit.getPackageName().toString();
  }

  private static boolean isNamed(AnnotationTree annotation, String name) {
    return annotation.getAnnotationType().toString().endsWith(name);
  }

  private void needSince(TreePath path, String what) {
    String since = blockTags(path, DocTree.Kind.SINCE).replace("@since ", "");
    if (since.isEmpty()) {
      lacking.add(what + " has no @since");
    } else if (!VERSION.matcher(since).matches()) {
      lacking.add(what + " has an @since that is no version: " + since);
    }
  }

  private String blockTags(TreePath path, DocTree.Kind kind) {
    DocCommentTree comment = docs.getDocCommentTree(path);
    StringBuilder found = new StringBuilder();
    if (comment != null) {
      comment.getBlockTags().stream().filter(tag -> tag.getKind() == kind).forEach(found::append);
    }
    return found.toString();
  }

  /** Goes over the types that users see. The parameter is what stands before a type's name. */
  private final class Types extends TreePathScanner<Void, String> {

    @Override
    public Void visitClass(ClassTree type, String prefix) {
      if (!isShown(type.getModifiers())) {
        return null;
      }
      types++;
      String name = prefix + type.getSimpleName();
      needSince(getCurrentPath(), name);
      return super.visitClass(type, name + ".");
    }

    @Override
    public Void visitMethod(MethodTree method, String prefix) {
      if (isShown(method.getModifiers())) {
        String returns = blockTags(getCurrentPath(), DocTree.Kind.RETURN);
        boolean says = NULL.matcher(returns).find();
        boolean is =
            method.getModifiers().getAnnotations().stream()
                    .anyMatch(each -> isNamed(each, "Nullable"))
                || String.valueOf(method.getReturnType()).contains("@Nullable");
        if (says != is) {
          lacking.add(
              prefix
                  + method.getName()
                  + (says ? " is not @Nullable: " : " is @Nullable: ")
                  + returns);
        }
      }
      return null; // a method's own classes are nobody else's
    }

    /**
     * Whether it is public or protected: what an interface has is public unless it says private.
     */
    private boolean isShown(ModifiersTree modifiers) {
      TreePath parent = getCurrentPath().getParentPath();
      Tree.Kind within = parent.getLeaf().getKind();
      boolean inInterface = within == Tree.Kind.INTERFACE || within == Tree.Kind.ANNOTATION_TYPE;
      Set<Modifier> flags = modifiers.getFlags();
      return flags.contains(Modifier.PUBLIC)
          || flags.contains(Modifier.PROTECTED)
          || inInterface && !flags.contains(Modifier.PRIVATE);
    }
  }
}
