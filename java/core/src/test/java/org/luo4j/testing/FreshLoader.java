/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** A class loader that has luo4j, its libraries and the tests to itself. */
public final class FreshLoader extends URLClassLoader {

  private final Resources resources;

  /** What stands between the loader and the resources it finds. */
  @FunctionalInterface
  public interface Resources {
    InputStream open(String name, InputStream found) throws IOException;
  }

  public FreshLoader() {
    this((name, found) -> found);
  }

  public FreshLoader(Resources resources) {
    this(ChildJvm.classPath(), resources);
  }

  private FreshLoader(List<Path> classPath, Resources resources) {
    super(
        classPath.stream().map(FreshLoader::url).toArray(URL[]::new),
        ClassLoader.getPlatformClassLoader());
    this.resources = resources;
  }

  /** One that lacks the jar of a class. */
  public static FreshLoader without(Class<?> type) {
    List<Path> classPath = new ArrayList<>(ChildJvm.classPath());
    classPath.remove(ChildJvm.location(type));
    return new FreshLoader(classPath, (name, found) -> found);
  }

  /** Runs this loader's own copy of a class. */
  public Object call(Class<? extends Callable<String>> type) throws Exception {
    return ((Callable<?>) loadClass(type.getName()).getConstructor().newInstance()).call();
  }

  @Override
  public InputStream getResourceAsStream(String name) {
    InputStream found = super.getResourceAsStream(name);
    try {
      return found == null ? null : resources.open(name, found);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static URL url(Path path) {
    try {
      return path.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalStateException(e);
    }
  }
}
